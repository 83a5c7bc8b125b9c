import time

import msgspec
import pytest

from catalograph.catalogue.filter import EVERYTHING, ModelsFilter, normalise
from catalograph.catalogue.records import Organisation
from catalograph.catalogue.selection import (
    UnknownValue,
    find_unknown_values,
    select,
)
from support.catalogues import build_index, build_model

CATALOGUE = build_index(
    [
        build_model(
            "openai/gpt-5-2025-08-07",
            aliases=["openai/gpt-5", "Bare-Alias"],
            organisation=Organisation(organisation_id="openai", name="OpenAI"),
            inputs=["Text", "image"],
            outputs=["text", "moderation"],
            rows=[("google-vertex", "chat.completions"), ("openai", "batch")],
        ),
        build_model("openai/gpt-4o-2024-11-20", organisation="openai"),
        build_model("openai/gpt-4o-2024-05-13", organisation="openai"),
        build_model(
            "z-ai/glm-4-6",
            organisation=Organisation(organisation_id="z-ai", name="Zhipu"),
        ),
    ]
)


def test_known_values_are_not_named() -> None:
    asked = ModelsFilter(
        providers=("openai",),
        organisations=("z-ai",),
        endpoints=("batch",),
        exclude_endpoints=("chat.completions",),
        input_modalities=("IMAGE", "text"),
        output_modalities=("Moderation",),
        all_input_modalities=("TEXT",),
        all_output_modalities=("text",),
        model_ids=("z-ai/glm-4-6",),
    )

    assert not list(find_unknown_values(CATALOGUE, asked))
    assert not list(find_unknown_values(CATALOGUE, EVERYTHING))


def test_lists_come_as_the_graph_declares_them_then_by_value() -> None:
    asked = ModelsFilter(
        all_output_modalities=("q",),
        all_input_modalities=("q",),
        model_ids=("q",),
        output_modalities=("q",),
        input_modalities=("q",),
        exclude_endpoints=("q",),
        endpoints=("q",),
        organisations=("q",),
        providers=("z", "a"),
    )

    unknown = tuple(find_unknown_values(CATALOGUE, asked))

    assert [(entry.field, entry.value) for entry in unknown] == [
        ("providers", "a"),
        ("providers", "z"),
        ("organisations", "q"),
        ("endpoints", "q"),
        ("excludeEndpoints", "q"),
        ("inputModalities", "q"),
        ("outputModalities", "q"),
        ("modelIds", "q"),
        ("allInputModalities", "q"),
        ("allOutputModalities", "q"),
    ]
    assert {entry.suggestion for entry in unknown} == {None}


@pytest.mark.parametrize(
    ("field", "asked", "suggestion"),
    [
        pytest.param("providers", "OpenAI", "openai", id="other case"),
        pytest.param("providers", "opnai", "openai", id="close spelling"),
        pytest.param("providers", "nobody", None, id="nothing close"),
        pytest.param("providers", "openai" * 20, None, id="longer than any id"),
        pytest.param("organisations", "zhipu", "z-ai", id="display name"),
        pytest.param("endpoints", "chat.completion", "chat.completions", id="singular"),
        pytest.param("exclude_endpoints", "BATCH", "batch", id="excluded endpoint"),
        pytest.param("input_modalities", "imge", "image", id="modality"),
        pytest.param("input_modalities", "txt", "Text", id="the catalogue's spelling"),
        pytest.param("input_modalities", "moderation", None, id="of outputs only"),
        pytest.param(
            "model_ids",
            "BARE-ALIAS",
            "openai/gpt-5-2025-08-07",
            id="alias's other case",
        ),
        pytest.param("model_ids", "Z-AI/GLM-4-6", "z-ai/glm-4-6", id="id's other case"),
        pytest.param("model_ids", "z-ai/glm-4.6", "z-ai/glm-4-6", id="separators"),
        pytest.param("model_ids", "glm-4-6", "z-ai/glm-4-6", id="no organisation"),
        pytest.param(
            "model_ids", "openai/gpt-4o", "openai/gpt-4o-2024-11-20", id="no day"
        ),
        pytest.param(
            "model_ids", "opnai/gpt-4o", "openai/gpt-4o-2024-11-20", id="id's spelling"
        ),
        pytest.param("model_ids", "nobody/nothing", None, id="no model"),
        pytest.param("model_ids", "+++", None, id="no words"),
    ],
)
def test_suggestion(field: str, asked: str, suggestion: str | None) -> None:
    asked_filter = msgspec.structs.replace(EVERYTHING, **{field: (asked,)})

    unknown = tuple(find_unknown_values(CATALOGUE, asked_filter))

    assert [(entry.value, entry.suggestion) for entry in unknown] == [
        (asked, suggestion)
    ]


def test_an_alias_is_known() -> None:
    asked = ModelsFilter(model_ids=("openai/gpt-5",))

    assert list(find_unknown_values(CATALOGUE, asked)) == []
    assert [m.model_id for m in select(CATALOGUE, asked).window(0, 9)] == [
        "openai/gpt-5-2025-08-07"
    ]


def test_the_closest_of_many_that_share_words_is_suggested() -> None:
    index = build_index(build_model(f"lab/model-{i}-large") for i in range(500))

    asked = ModelsFilter(model_ids=("lab/modl-321-large",))

    unknown = list(find_unknown_values(index, asked))

    assert unknown == [
        UnknownValue("modelIds", "lab/modl-321-large", "lab/model-321-large")
    ]


def test_hostile_values_cost_little() -> None:
    """All values of a filter share one bound on the work."""
    index = build_index(
        build_model(f"lab/model-{i}-of-many", rows=[(f"host-{i}", "chat")])
        for i in range(2000)
    )
    asked = ModelsFilter(
        providers=normalise(f"hots-{i}" for i in range(1000)),
        model_ids=(
            *normalise(f"lab/modle-{i}-of-mny" for i in range(1000)),
            "x" * 10**5,
        ),
    )

    started = time.process_time()
    unknown = tuple(find_unknown_values(index, asked))

    assert len(unknown) == 2001
    assert time.process_time() - started < 5
