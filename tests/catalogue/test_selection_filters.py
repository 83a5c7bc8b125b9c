"""Random filters and searches give the same results as a plain loop over the models."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.records import Model
from catalograph.catalogue.selection import FacetCount, count_facets, select
from support.catalogues import (
    DATASETS,
    RECORDED,
    build_index,
    build_recorded_index,
)
from support.naive import found, passes
from support.strategies import SEARCHES, catalogues, filters

recorded_filters = filters(
    providers=("azure", "openai", "google-vertex", "groq", "unlisted-host"),
    organisations=("openai", "google", "meta", "synthetic"),
    endpoints=("batch", "chat.completions", "responses", "made.up"),
    modalities=("text", "image", "audio", "Video", "moderation"),
    model_ids=("synthetic/null-all", "openai/gpt-5-2-2025-12-11", "openai/gpt-5"),
    days=("2024-05-05", "2025-08-07", "2025-12-02"),
)


def list_ids(
    index: CatalogueIndex, asked: ModelsFilter, search: str | None
) -> list[str]:
    selection = select(index, asked, search=search)
    models = selection.window(0, 10_000)
    assert selection.total == len(models)
    return [model.model_id for model in models]


@given(catalogue=catalogues(), asked=filters())
@settings(max_examples=150, deadline=None)
def test_random_filters_over_random_catalogues(
    catalogue: list[Model], asked: ModelsFilter
) -> None:
    seen = list_ids(build_index(catalogue), asked, None)

    assert seen == [model.model_id for model in catalogue if passes(model, asked)]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")
@pytest.mark.parametrize("shape", ["sectioned", "flat"])
@pytest.mark.parametrize("dataset", DATASETS)
@given(asked=recorded_filters)
@settings(max_examples=40, deadline=None)
def test_random_filters_over_recorded_catalogues(
    asked: ModelsFilter, shape: str, dataset: str
) -> None:
    index = build_recorded_index(shape, dataset)

    seen = list_ids(index, asked, None)

    assert seen == [model.model_id for model in index.models if passes(model, asked)]


@given(
    catalogue=catalogues(),
    asked=st.just(EVERYTHING) | filters(),
    search=st.sampled_from(SEARCHES),
)
@settings(max_examples=100, deadline=None)
def test_searches_find_what_has_all_their_words(
    catalogue: list[Model], asked: ModelsFilter, search: str
) -> None:
    index = build_index(catalogue)

    seen = list_ids(index, asked, search)

    # Matches of misspelt words, providers and abilities come in addition.
    everywhere = list_ids(index, EVERYTHING, search)
    assert {m.model_id for m in catalogue if found(m, search)} <= set(everywhere)
    assert seen == [
        model_id
        for model_id in everywhere
        if any(m.model_id == model_id and passes(m, asked) for m in catalogue)
    ]


OWN_LISTS = {
    "providers": ("providers",),
    "organisations": ("organisations",),
    "endpoints": ("endpoints", "exclude_endpoints"),
    "input_modalities": ("input_modalities", "all_input_modalities"),
    "output_modalities": ("output_modalities", "all_output_modalities"),
    "parameters": ("parameters", "all_parameters"),
    "variants": ("variants",),
}
HAS_NONE: dict[str, Callable[[Model], bool]] = {
    "providers": lambda model: not model.providers,
    "organisations": lambda model: model.organisation is None,
    "endpoints": lambda model: not model.endpoints,
    "input_modalities": lambda model: not model.input_modalities,
    "output_modalities": lambda model: not model.output_modalities,
    "parameters": lambda model: not model.parameters,
    "variants": lambda model: model.variant is None,
}
VALUES: dict[str, Callable[[Model], Iterable[str]]] = {
    "providers": lambda model: [p.provider_id for p in model.providers],
    "organisations": lambda model: (
        [model.organisation.organisation_id] if model.organisation else []
    ),
    "endpoints": lambda model: [e.endpoint_id for e in model.endpoints],
    "input_modalities": lambda model: model.input_modalities,
    "output_modalities": lambda model: model.output_modalities,
    "parameters": lambda model: [one.name for one in model.parameters],
    "variants": lambda model: [model.variant] if model.variant else [],
}


def count_naively(
    catalogue: list[Model], asked: ModelsFilter, ids: Collection[str], dimension: str
) -> Counter[str | None]:
    """Count each value by the length of the list that is filtered by it."""
    without_own = msgspec.structs.replace(
        asked, **dict.fromkeys(OWN_LISTS[dimension], ())
    )
    counts: Counter[str | None] = Counter()
    spellings: dict[str, str] = {}
    for model in catalogue:
        for value in VALUES[dimension](model):
            folded = value.lower() if "modalities" in dimension else value
            spellings.setdefault(folded, value)
    for value in spellings.values():
        narrowed = msgspec.structs.replace(
            without_own, **{OWN_LISTS[dimension][0]: (value,)}
        )
        counts[value] = sum(
            passes(m, narrowed) and m.model_id in ids for m in catalogue
        )
    counts[None] = sum(
        HAS_NONE[dimension](m) and passes(m, without_own) and m.model_id in ids
        for m in catalogue
    )
    return +counts


def strip_labels(facets: tuple[FacetCount, ...]) -> Counter[str | None]:
    return Counter({facet.value: facet.count for facet in facets})


@given(
    catalogue=catalogues(),
    asked=filters(),
    search=st.just("") | st.sampled_from(SEARCHES),
)
@settings(max_examples=100, deadline=None)
def test_facets_count_what_one_more_box_would_give(
    catalogue: list[Model], asked: ModelsFilter, search: str
) -> None:
    index = build_index(catalogue)
    ids = list_ids(index, EVERYTHING, search)

    all_facets = count_facets(index, asked, search=search)

    for dimension in OWN_LISTS:
        facets = getattr(all_facets, dimension)
        assert strip_labels(facets) == count_naively(
            catalogue, asked, ids, dimension
        ), dimension
        assert facets == tuple(
            sorted(facets, key=lambda f: (-f.count, f.value is None, f.value or ""))
        ), dimension


@given(catalogue=catalogues(), asked=filters())
@settings(max_examples=50, deadline=None)
def test_statuses_are_counted_without_flags_and_statuses(
    catalogue: list[Model], asked: ModelsFilter
) -> None:
    without_own = msgspec.structs.replace(
        asked,
        statuses=(),
        include_rumoured=True,
        include_deprecated=True,
        include_retired=True,
    )

    facets = count_facets(build_index(catalogue), asked)

    assert strip_labels(facets.statuses) == Counter(
        model.status and model.status.name
        for model in catalogue
        if passes(model, without_own)
    )
