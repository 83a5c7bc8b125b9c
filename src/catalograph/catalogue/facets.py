"""Facets: the number of models for each further choice of a filter."""

from collections.abc import Iterable

import msgspec

from catalograph.catalogue.filter import (
    DIMENSIONS,
    FIELDS,
    ROW_DIMENSIONS,
    ModelsFilter,
)
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.matching import (
    find_excluded_rows,
    find_rows,
    match_field,
    match_rows,
    match_search,
)


class FacetCount(msgspec.Struct, frozen=True):
    """One value of a dimension, and the length of the list with this value alone.

    Attributes:
        value: As a filter takes it; None for the models that have none.
        label: Display name; None where there is none.
        count: At least 1.
    """

    value: str | None
    label: str | None
    count: int


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of each dimension: most first, then by value; among equals None last.

    Attributes:
        input_modalities: In the spelling the catalogue used first.
        output_modalities: As above.
        statuses: By name of the status; the label is the upstream's most frequent word.
        parameters: By name. One that is also an alias of others counts them, too.
        availability: By name.
    """

    providers: tuple[FacetCount, ...]
    organisations: tuple[FacetCount, ...]
    endpoints: tuple[FacetCount, ...]
    input_modalities: tuple[FacetCount, ...]
    output_modalities: tuple[FacetCount, ...]
    statuses: tuple[FacetCount, ...]
    parameters: tuple[FacetCount, ...] = ()
    availability: tuple[FacetCount, ...] = ()
    variants: tuple[FacetCount, ...] = ()


def count_facets(
    index: CatalogueIndex,
    filter: ModelsFilter,  # noqa: A002 - the word of the contract
    *,
    search: str | None = None,
    fixed: str | None = None,
) -> Facets:
    """Count each value of each dimension under the search and all other filters.

    A dimension's own filters are left out. The own filters of statuses are the include
    flags and `statuses`, those of endpoints both endpoint lists, those of a modality both
    lists of it.

    Args:
        index: The catalogue.
        filter: Which models; where a parent fixes a dimension, with the parent's id.
        search: As for `select`.
        fixed: Name of the dimension that a parent fixes: `providers`, `organisations`
            or `endpoints`. Its filter stays, and its values are counted under it. Of the
            two endpoint lists, `endpoints` stays.
    """
    counter = _Counter(index, filter, search=search, fixed=fixed)
    return Facets(**{name: counter.count(name) for name in Facets.__struct_fields__})


class _Counter:
    def __init__(
        self,
        index: CatalogueIndex,
        asked: ModelsFilter,
        *,
        search: str | None,
        fixed: str | None,
    ) -> None:
        self._index = index
        self._asked = asked
        self._fixed = fixed
        self._found = match_search(index, search)
        self._matched = [
            (FIELDS[name].dimension, match_field(index, name, getattr(asked, name)))
            for name in asked.used
            if FIELDS[name].dimension not in ROW_DIMENSIONS
        ]
        self._in_rows = match_rows(index, asked)

    def count(self, dimension: str) -> tuple[FacetCount, ...]:
        counts = (
            self._count_rows(dimension)
            if dimension in ROW_DIMENSIONS
            else self._count_models(dimension)
        )
        find_spelling = self._index.postings.find_spelling
        find_label = DIMENSIONS[dimension].label
        facets = [
            FacetCount(
                find_spelling(dimension, value),
                None if value is None else find_label(self._index, value),
                count,
            )
            for value, count in counts
            if count
        ]
        facets.sort(
            key=lambda facet: (-facet.count, facet.value is None, facet.value or "")
        )
        return tuple(facets)

    def _count_models(self, dimension: str) -> Iterable[tuple[str | None, int]]:
        own = None if dimension == self._fixed else dimension
        matched = self._match_models(leaving_out=own) & self._in_rows
        for value, mask in self._index.postings.masks[dimension].items():
            yield value, (mask & matched).bit_count()

    def _match_models(self, *, leaving_out: str | None = None) -> int:
        """Find the models under the search and the filters that are not on offerings."""
        matched = self._found
        for dimension, mask in self._matched:
            if leaving_out is None or dimension != leaving_out:
                matched &= mask
        return matched

    def _count_rows(self, dimension: str) -> Iterable[tuple[str | None, int]]:
        """Count by rows: one offering has the value and satisfies the other filters."""
        index, asked = self._index, self._asked
        rows = index.postings.rows
        if dimension == self._fixed:
            asked = self._keep_fixed(dimension)
        matched = self._match_models()
        if dimension == "providers" and dimension != self._fixed:
            # A model is excluded if this provider itself serves it on an excluded endpoint.
            excluded = find_excluded_rows(index, asked)
        else:
            own = None if dimension == self._fixed else dimension
            matched &= match_rows(index, asked, leaving_out=own)
            excluded = 0
        narrowed = find_rows(index, asked, leaving_out=dimension)
        if dimension == self._fixed == "providers":
            # Rows of other providers of the same models count, on any endpoint.
            narrowed = rows.everything
        ends = rows.spread(matched)
        for value in rows.masks[dimension]:
            # Under another parameter's alias, too, if it is one: as the filter finds it.
            mask = index.postings.find_values(dimension, value)
            counted = rows.find_ends(mask & narrowed) & ends
            if excluded:
                counted &= ~rows.find_ends(mask & excluded)
            yield value, counted.bit_count()

    def _keep_fixed(self, dimension: str) -> ModelsFilter:
        """Drop the dimension's own filters, except the one that a parent fixes."""
        own = {
            name: ()
            for name, field in FIELDS.items()
            if field.dimension == dimension and name != dimension
        }
        return msgspec.structs.replace(self._asked, **own)
