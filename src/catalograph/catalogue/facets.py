"""Facets: for each value that a filter could add, the number of models it would leave."""

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
    """One value of a dimension, and the length of the list filtered by it.

    Attributes:
        value: The value, as a filter accepts it; None counts the models without a value.
        label: Display name; None if the catalogue has none.
        count: Number of models, at least 1.
    """

    value: str | None
    label: str | None
    count: int


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of each dimension, highest first, then by value with None last.

    Attributes:
        input_modalities: In the first spelling that the catalogue uses.
        output_modalities: In the first spelling that the catalogue uses.
        statuses: By name of the status; the label is the upstream's most frequent word.
        parameters: By name. A name that is also an alias of other parameters counts the
            models with those parameters, too.
        availability: By name of the availability.
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

    The filters on a dimension do not apply to its own counts. Several fields may filter one
    dimension: the include flags and `statuses` filter statuses, `endpoints` and
    `exclude_endpoints` filter endpoints, and each modality has an any-of and an all-of list.

    Args:
        index: The catalogue.
        filter: Which models. If a parent object fixes a dimension, it holds the parent's id.
        search: See `select`.
        fixed: Name of the dimension that a parent object fixes: `providers`,
            `organisations` or `endpoints`; None at the root. The filter by the parent also
            applies to the counts of this dimension. `exclude_endpoints` does not.
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
        """Find the models that match the search and all filters except those on offerings."""
        matched = self._found
        for dimension, mask in self._matched:
            if leaving_out is None or dimension != leaving_out:
                matched &= mask
        return matched

    def _count_rows(self, dimension: str) -> Iterable[tuple[str | None, int]]:
        """Count the models of which one offering has the value and satisfies all other filters."""
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
            # A filter also finds a value by its alias, so aliases are counted as well.
            mask = index.postings.find_values(dimension, value)
            counted = rows.find_ends(mask & narrowed) & ends
            if excluded:
                counted &= ~rows.find_ends(mask & excluded)
            yield value, counted.bit_count()

    def _keep_fixed(self, dimension: str) -> ModelsFilter:
        """Drop the filters on a dimension, except the one that the parent fixes."""
        own = {
            name: ()
            for name, field in FIELDS.items()
            if field.dimension == dimension and name != dimension
        }
        return msgspec.structs.replace(self._asked, **own)
