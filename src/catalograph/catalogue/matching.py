"""Evaluates filters and searches over the postings, with the upstream's semantics."""

from collections.abc import Collection
from functools import reduce
from operator import and_, or_
from typing import Any, Final, cast

from catalograph.catalogue.filter import (
    FIELDS,
    ROW_DIMENSIONS,
    FilterField,
    Kind,
    ModelsFilter,
    fold_value,
)
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.search import Matches, parse_search

_ROW_FIELDS: Final = {
    name: field for name, field in FIELDS.items() if field.dimension in ROW_DIMENSIONS
}
_MODEL_FIELDS: Final = {
    name: field for name, field in FIELDS.items() if name not in _ROW_FIELDS
}


def match_filter(index: CatalogueIndex, asked: ModelsFilter) -> int:
    """Find the models that match a whole filter."""
    matched = match_rows(index, asked)
    for name in asked.used:
        if name in _MODEL_FIELDS:
            matched &= match_field(index, name, getattr(asked, name))
    return matched


def match_field(index: CatalogueIndex, name: str, value: Any) -> int:
    """Find the models that match one filter field, which must not be one on offerings."""
    field = FIELDS[name]
    if field.match is not None:
        return field.match(index, value)
    everything = index.postings.everything
    return everything & _combine(index, field, value, everything)


def find_rows(
    index: CatalogueIndex, asked: ModelsFilter, *, leaving_out: str | None = None
) -> int:
    """Find the rows that satisfy all filters on offerings together, except exclusions.

    Args:
        index: The catalogue.
        asked: The filter.
        leaving_out: A dimension whose filters are not applied; None applies all.
    """
    rows = index.postings.rows.everything
    for name, field in _ROW_FIELDS.items():
        value = getattr(asked, name)
        if value and field.kind is not Kind.NONE and field.dimension != leaving_out:
            rows &= _combine(index, field, value, rows)
    return rows


def find_excluded_rows(index: CatalogueIndex, asked: ModelsFilter) -> int:
    """Find the rows on excluded endpoints, whichever provider they belong to."""
    rows = 0
    for name, field in _ROW_FIELDS.items():
        if field.kind is Kind.NONE:
            rows |= _match_any(index, field.dimension or "", getattr(asked, name))
    return rows


def match_rows(
    index: CatalogueIndex, asked: ModelsFilter, *, leaving_out: str | None = None
) -> int:
    """Find the models whose offerings satisfy all filters on offerings.

    One offering must satisfy all of them. If the filter names providers, only their
    offerings exclude a model: a model that another provider serves on an excluded endpoint
    still matches.
    """
    rows = index.postings.rows
    found = find_rows(index, asked, leaving_out=leaving_out)
    matched = (
        index.postings.everything if found == rows.everything else rows.collapse(found)
    )
    if leaving_out == "endpoints" or not asked.exclude_endpoints:
        return matched
    excluded = find_excluded_rows(index, asked)
    if asked.providers and leaving_out != "providers":
        excluded &= _match_any(index, "providers", asked.providers)
    return matched & ~rows.collapse(excluded)


def _match_any(index: CatalogueIndex, dimension: str, values: Collection[Any]) -> int:
    """Find the models or rows with any of the values; unknown values match nothing."""
    find_values = index.postings.find_values
    return reduce(or_, (find_values(dimension, fold_value(one)) for one in values), 0)


def _combine(
    index: CatalogueIndex, field: FilterField, values: Collection[Any], everything: int
) -> int:
    dimension = field.dimension or ""
    if field.kind is Kind.ALL:
        return reduce(
            and_, (_match_any(index, dimension, (one,)) for one in values), everything
        )
    matched = _match_any(index, dimension, values)
    return everything & ~matched if field.kind is Kind.NONE else matched


def find_matches(index: CatalogueIndex, search: str | None) -> Matches | None:
    """Find the models that match a search, best first; None if there is no search."""
    words = parse_search(search)
    if not words:
        return None
    matches = index.recent.get(words)
    if matches is None:
        matches = index.words.find(words)
        index.recent.put(words, matches)
    return cast("Matches", matches)


def match_search(index: CatalogueIndex, search: str | None) -> int:
    """Find the models that match a search; all models if there is no search."""
    matches = find_matches(index, search)
    if matches is None:
        return index.postings.everything
    return reduce(or_, (mask for _, mask in matches), 0)
