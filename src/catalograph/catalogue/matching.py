"""What a filter means, as sets of positions. The semantics are the upstream's own."""

from collections.abc import Collection, Iterable, Mapping
from functools import partial, reduce
from operator import and_, or_
from typing import cast

from catalograph.catalogue.bitset import build_mask
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.query import ModelsFilter
from catalograph.catalogue.search import Matches, fold_words

_Masks = Mapping[str | None, int]


def match_any(masks: _Masks, values: Iterable[str]) -> int:
    """Find the models that have any of the values; unknown ones match nothing."""
    return reduce(or_, (masks.get(value, 0) for value in values), 0)


def match_filter(index: CatalogueIndex, models_filter: ModelsFilter) -> int:
    """Find the models that pass a whole filter."""
    return (
        match_rows(
            index,
            models_filter.providers,
            models_filter.endpoints,
            models_filter.exclude_endpoints,
        )
        & match_organisations(index, models_filter)
        & match_input_modalities(index, models_filter)
        & match_output_modalities(index, models_filter)
        & match_statuses(index, models_filter)
        & match_rest(index, models_filter)
    )


def match_rows(
    index: CatalogueIndex,
    providers: Collection[str],
    endpoints: Collection[str],
    exclude_endpoints: Collection[str],
) -> int:
    """Find the models whose provider rows satisfy the three filters on rows together.

    With providers, both endpoint filters look at the rows of those providers alone; a
    model that another provider serves at an excluded endpoint stays.
    """
    postings = index.postings
    matched = postings.everything
    if not providers:
        if endpoints:
            matched = match_any(postings.endpoints, endpoints)
        return matched & ~match_any(postings.endpoints, exclude_endpoints)
    rows = [
        pairs
        for provider in providers
        if (pairs := postings.endpoints_by_provider.get(provider)) is not None
    ]
    if endpoints:
        matched = reduce(or_, (match_any(pairs, endpoints) for pairs in rows), 0)
    else:
        matched = match_any(postings.providers, providers)
    excluded = (match_any(pairs, exclude_endpoints) for pairs in rows)
    return matched & ~reduce(or_, excluded, 0)


def match_organisations(index: CatalogueIndex, models_filter: ModelsFilter) -> int:
    """Find the models of the organisations asked for."""
    if not models_filter.organisations:
        return index.postings.everything
    return match_any(index.postings.organisations, models_filter.organisations)


def match_input_modalities(index: CatalogueIndex, models_filter: ModelsFilter) -> int:
    """Find the models by what they take themselves, whatever their rows say."""
    return _match_modalities(
        index,
        index.postings.input_modalities,
        models_filter.input_modalities,
        models_filter.all_input_modalities,
    )


def match_output_modalities(index: CatalogueIndex, models_filter: ModelsFilter) -> int:
    """Find the models by what they give themselves, whatever their rows say."""
    return _match_modalities(
        index,
        index.postings.output_modalities,
        models_filter.output_modalities,
        models_filter.all_output_modalities,
    )


def match_statuses(index: CatalogueIndex, models_filter: ModelsFilter) -> int:
    """Find the models that `statuses` and the three include flags let through."""
    postings = index.postings
    matched = postings.everything
    if models_filter.statuses:
        names = (status.name for status in models_filter.statuses)
        matched = match_any(postings.statuses, names)
    for word, is_included in (
        ("rumoured", models_filter.include_rumoured),
        ("deprecated", models_filter.include_deprecated),
        ("retired", models_filter.include_retired),
    ):
        if not is_included:
            matched &= ~postings.status_words.get(word, 0)
    return matched


def match_rest(index: CatalogueIndex, models_filter: ModelsFilter) -> int:
    """Find the models that pass the filters no facet belongs to."""
    postings = index.postings
    matched = postings.everything
    if models_filter.model_ids:
        positions = map(index.find_position, models_filter.model_ids)
        matched &= build_mask(
            [position for position in positions if position is not None],
            len(index.models),
        )
    if models_filter.is_routable is not None:
        routable = postings.routable
        matched &= routable if models_filter.is_routable else ~routable
    first, last = models_filter.released_from, models_filter.released_to
    if first is not None or last is not None:
        matched &= postings.find_released(first, last)
    return matched


def find_matches(index: CatalogueIndex, search: str | None) -> Matches | None:
    """Find the models that match a search, best first; None where there is no word."""
    words = fold_words(search or "")
    if not words:
        return None
    return cast(
        "Matches",
        index.recent.find_or_build(words, partial(index.words.find, words)),
    )


def match_search(index: CatalogueIndex, search: str | None) -> int:
    """Find the models that match a search; all of them where there is no word."""
    matches = find_matches(index, search)
    if matches is None:
        return index.postings.everything
    return reduce(or_, (mask for _, mask in matches), 0)


def _match_modalities(
    index: CatalogueIndex, masks: _Masks, any_of: Iterable[str], all_of: Iterable[str]
) -> int:
    matched = index.postings.everything
    if any_of:
        matched = match_any(masks, (modality.lower() for modality in any_of))
    needed = (masks.get(modality.lower(), 0) for modality in all_of)
    return reduce(and_, needed, matched)
