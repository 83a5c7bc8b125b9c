"""Checks whether the upstream applied a filter to the page that it returned.

An upstream that no longer knows a parameter ignores it silently and answers with models
that do not match. Each model of the page is compared with the filter. If a page lacks a
section, the record in the index replaces it. The length of the list is compared with the
index, too. Both comparisons need an index.
"""

import itertools
from collections.abc import Iterable
from typing import Final

import msgspec

from catalograph.catalogue.filter import (
    DIMENSIONS,
    EVERYTHING,
    FIELDS,
    ROW_DIMENSIONS,
    Kind,
    ModelsFilter,
    fold_value,
    list_rows,
)
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.matching import match_filter
from catalograph.catalogue.query import ModelsPage
from catalograph.catalogue.records import Model

_MAX_IGNORED: Final = 2
"""Filter fields that may be ignored at once: the number of sets to try grows exponentially."""


def is_used(asked: ModelsFilter, name: str) -> bool:
    """Whether the filter field `name` restricts the list."""
    return name in asked.used


def find_ignored_by_itself(asked: ModelsFilter, page: ModelsPage) -> str | None:
    """Name a filter field that was ignored, judging by the page alone; None if none was."""
    for name in page.ignored_filters:
        if is_used(asked, name):
            return name
    return _find_contradiction(asked, page, None)


def find_ignored(
    asked: ModelsFilter, page: ModelsPage, index: CatalogueIndex
) -> str | None:
    """Name a filter field that was ignored, judging by page and index; None if none was.

    A field was ignored if a model of the page contradicts it, or if the list is as long as
    it would be without the field.
    """
    dimension = _find_contradiction(asked, page, index)
    if dimension is not None:
        return dimension
    if page.total == match_filter(index, asked).bit_count():
        return None
    # The length is wrong: find the smallest set of fields whose removal explains it.
    used = [name for name in FIELDS if name in asked.used]
    for size in range(1, min(len(used), _MAX_IGNORED) + 1):
        for names in itertools.combinations(used, size):
            nothing = {name: getattr(EVERYTHING, name) for name in names}
            rest = msgspec.structs.replace(asked, **nothing)
            if page.total == match_filter(index, rest).bit_count():
                return names[0]
    return None


def is_proved(asked: ModelsFilter, page: ModelsPage) -> bool:
    """Whether a page without contradictions proves that the whole list is filtered.

    It does if it is the whole list, and has the sections that the filter compares.
    """
    of_gateway = asked.providers or asked.endpoints or asked.exclude_endpoints
    of_data = asked.input_modalities or asked.output_modalities
    return (
        page.offset == 0
        and len(page.models) == page.total
        and (page.sections.gateway or not of_gateway)
        and (page.sections.data or not of_data)
    )


def _find_contradiction(
    asked: ModelsFilter, page: ModelsPage, index: CatalogueIndex | None
) -> str | None:
    """Name a filter field that a model of the page contradicts; None if none does.

    Sections that the page lacks are taken from the index.
    """
    for model in page.models:
        known = index.find_model_by_id(model.model_id) if index is not None else None
        if dimension := _find_contradicted(asked, model, known):
            return dimension
    return None


def _find_contradicted(
    asked: ModelsFilter, model: Model, known: Model | None
) -> str | None:
    """Name the first field that `model`, or the index's record of it, contradicts."""
    whole = msgspec.structs.replace(
        model,
        data=model.data or (known.data if known else None),
        gateway=model.gateway or (known.gateway if known else None),
    )
    for name, field in FIELDS.items():
        if name not in asked.used or field.dimension in ROW_DIMENSIONS:
            continue
        value = getattr(asked, name)
        if field.contradicts is not None:
            if field.contradicts(value, whole):
                return name
        elif field.dimension is not None:
            held = DIMENSIONS[field.dimension].read(whole)
            if held is not None and not _satisfies(field.kind, value, held):
                return name
    return None if whole.gateway is None else _find_contradicted_by_rows(asked, whole)


def _find_contradicted_by_rows(asked: ModelsFilter, model: Model) -> str | None:
    """Name a filter field that the offerings of a model contradict; None if none does.

    One offering must satisfy all fields together, so the rows are narrowed field by field,
    and the field that leaves no row is named.
    """
    rows = list_rows(model)
    for name, field in FIELDS.items():
        dimension = field.dimension
        if dimension not in ROW_DIMENSIONS or field.kind is Kind.NONE:
            continue
        value = getattr(asked, name)
        if value:
            rows = [
                row for row in rows if _satisfies(field.kind, value, row[dimension])
            ]
            if not rows:
                return name
    # With a filter of providers, only their own rows exclude a model; see `match_rows`.
    providers = asked.providers
    for name, field in FIELDS.items():
        if field.kind is Kind.NONE and field.dimension in ROW_DIMENSIONS:
            for row in list_rows(model):
                if providers and not _satisfies(Kind.ANY, providers, row["providers"]):
                    continue
                if not _satisfies(
                    Kind.NONE, getattr(asked, name), row[field.dimension]
                ):
                    return name
    return None


def _satisfies(kind: Kind, asked: Iterable[object], held: Iterable[str]) -> bool:
    """Compare without case, as the most lenient version of the upstream does."""
    values = {value.casefold() for value in held}
    wanted = [(fold_value(one) or "").casefold() for one in asked]
    if kind is Kind.ALL:
        return values.issuperset(wanted)
    return values.isdisjoint(wanted) == (kind is Kind.NONE)
