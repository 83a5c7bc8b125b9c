import datetime
import subprocess
import sys

import msgspec
import pytest

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.records import Endpoint, Organisation, Provider
from support.catalogues import RECORDED, build_index, build_model, build_recorded_index


def test_a_model_is_found_by_id_or_alias() -> None:
    model = build_model("openai/gpt-5-2025", aliases=["openai/gpt-5", "gpt-5"])
    index = build_index([build_model("meta/llama"), model])

    assert index.find_model("openai/gpt-5-2025") is model
    assert index.find_model("gpt-5") is model
    assert index.find_model("OPENAI/gpt-5") is model
    assert index.find_model("openai/gpt") is None
    assert index.find_model_by_id("gpt-5") is None
    assert index.find_model_by_alias("openai/gpt-5-2025") is None


def test_an_id_wins_over_an_alias() -> None:
    new = build_model("lab/new", aliases=["lab/old"])
    old = build_model("lab/old")

    assert build_index([new, old]).find_model("lab/old") is old


def test_an_alias_of_two_models_is_the_first_ones() -> None:
    first = build_model("lab/a", aliases=["x"])
    second = build_model("lab/b", aliases=["x"])

    assert build_index([first, second]).find_model("x") is first


def test_a_later_record_of_one_id_is_dropped() -> None:
    first, other = build_model("lab/a", name="first"), build_model("lab/b")

    index = build_index([first, other, build_model("lab/a", name="second")])

    assert index.models == (first, other)


def test_positions_are_places_in_the_upstreams_order() -> None:
    index = build_index([build_model("z/z"), build_model("a/a")])

    assert [index.find_position(i) for i in ("z/z", "a/a", "b/b")] == [0, 1, None]


def test_entities_are_distinct_and_ordered_by_id() -> None:
    index = build_index(
        [
            build_model(
                "x/1", organisation="b", rows=[("q", "responses"), ("Z", "batch")]
            ),
            build_model("x/2", organisation="a", rows=[("q", "batch")]),
            build_model("x/3", organisation="b", providers=["p"], endpoints=["chat"]),
        ]
    )

    assert [o.organisation_id for o in index.organisations] == ["a", "b"]
    assert [p.provider_id for p in index.providers] == ["Z", "p", "q"]
    assert [e.endpoint_id for e in index.endpoints] == ["batch", "chat", "responses"]
    assert index.find_organisation("b") == Organisation(organisation_id="b", name="B")
    assert index.find_provider("q") == Provider(provider_id="q", name="Q")
    assert index.find_endpoint("chat") == Endpoint(endpoint_id="chat")
    assert index.find_organisation("B") is None
    assert index.find_provider("Q") is None
    assert index.find_endpoint("Chat") is None


def test_an_entity_is_described_by_the_first_record_with_a_name() -> None:
    bare = Organisation(organisation_id="lab")
    named = Organisation(organisation_id="lab", name="Lab", country_code="FR")

    index = build_index(
        [
            build_model("lab/a", organisation=bare),
            build_model("lab/b", organisation=named),
        ]
    )

    assert index.organisations == (named,)


def test_providers_and_endpoints_know_each_other_through_rows() -> None:
    index = build_index(
        [
            build_model("x/1", rows=[("b", "responses"), ("a", "batch")]),
            build_model("x/2", rows=[("b", "batch")]),
        ]
    )

    assert [e.endpoint_id for e in index.endpoints_of("a")] == ["batch"]
    assert [e.endpoint_id for e in index.endpoints_of("b")] == ["batch", "responses"]
    assert [p.provider_id for p in index.providers_of("batch")] == ["a", "b"]
    assert [p.provider_id for p in index.providers_of("responses")] == ["b"]
    assert index.endpoints_of("nobody") == ()
    assert index.providers_of("nothing") == ()


def test_without_rows_each_listed_provider_is_taken_to_serve_each_endpoint() -> None:
    index = build_index(
        [
            build_model("x/1", providers=["a", "b"], endpoints=["chat", "batch"]),
            build_model("x/2", providers=["c"]),
        ]
    )

    assert [e.endpoint_id for e in index.endpoints_of("b")] == ["batch", "chat"]
    assert [p.provider_id for p in index.providers_of("chat")] == ["a", "b"]
    assert index.endpoints_of("c") == ()


def test_version_is_a_hash_of_the_records_alone() -> None:
    models = [build_model("lab/a", released="2024-05-05"), build_model("lab/b")]
    index = CatalogueIndex.build(models, as_of_s=1.0)

    assert index.version == CatalogueIndex.build(models, as_of_s=2.0).version
    assert index.as_of_s == 1.0
    changed = msgspec.structs.replace(models[0], release_date=datetime.date(2024, 5, 6))
    assert build_index([changed, models[1]]).version != index.version
    assert build_index(models[::-1]).version != index.version


def test_version_is_the_same_in_another_process() -> None:
    script = (
        "from catalograph.catalogue.index import CatalogueIndex as C;"
        "from catalograph.catalogue.records import Model;"
        "print(C.build([Model(model_id='lab/a')], as_of_s=0).version)"
    )

    versions = {
        subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(versions) == 1


def test_an_empty_catalogue_is_a_catalogue() -> None:
    index = build_index([])

    assert (index.models, index.providers, index.endpoints) == ((), (), ())
    assert index.find_model("x") is None


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")
def test_the_recorded_catalogue_has_its_recorded_figures() -> None:
    index = build_recorded_index("sectioned", "all")

    assert len(index.models) == 613
    assert len(index.organisations) == 25
    assert len(index.endpoints) == 14
    assert sum(bool(model.aliases) for model in index.models) == 14
    assert sum(model.is_routable for model in index.models) == 114
