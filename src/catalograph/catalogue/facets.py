"""How many models each further choice would give."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.matching import (
    match_input_modalities,
    match_organisations,
    match_output_modalities,
    match_rest,
    match_rows,
    match_search,
    match_statuses,
)
from catalograph.catalogue.query import ModelsFilter


class FacetCount(msgspec.Struct, frozen=True):
    """One value of a dimension, and the models a list with this value alone would have.

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
    """

    providers: tuple[FacetCount, ...]
    organisations: tuple[FacetCount, ...]
    endpoints: tuple[FacetCount, ...]
    input_modalities: tuple[FacetCount, ...]
    output_modalities: tuple[FacetCount, ...]
    statuses: tuple[FacetCount, ...]


_Match = Callable[[CatalogueIndex, ModelsFilter], int]

_MATCH_BY_DIMENSION: Mapping[str, _Match] = {
    "organisations": match_organisations,
    "input_modalities": match_input_modalities,
    "output_modalities": match_output_modalities,
    "statuses": match_statuses,
}


def count_facets(
    index: CatalogueIndex,
    filter: ModelsFilter,  # noqa: A002 - the word of the contract
    *,
    search: str | None = None,
    fixed: str | None = None,
) -> Facets:
    """Count each value of each dimension under the search and all other filters.

    Of a dimension's own filter nothing counts: the include flags and `statuses` are
    that of statuses, both endpoint lists that of endpoints, both lists of a modality
    that of the modality.

    Args:
        index: The catalogue.
        filter: Which models; where a parent fixes a dimension, with the parent's id.
        search: As for `select`.
        fixed: Name of the dimension that a parent fixes: `providers`, `organisations`
            or `endpoints`. Its filter stays, and its values are counted under it; with
            endpoints it is the list of wanted ones that stays.
    """
    return _Counter(index, filter, search=search, fixed=fixed).count()


class _Counter:
    def __init__(
        self,
        index: CatalogueIndex,
        models_filter: ModelsFilter,
        *,
        search: str | None,
        fixed: str | None,
    ) -> None:
        self._index = index
        self._filter = models_filter
        self._fixed = fixed
        self._match_rows = partial(match_rows, index)
        self._unfaceted = match_rest(index, models_filter) & match_search(index, search)
        self._matched = {
            dimension: match(index, models_filter)
            for dimension, match in _MATCH_BY_DIMENSION.items()
        }
        self._rows = self._match_rows(
            models_filter.providers,
            models_filter.endpoints,
            models_filter.exclude_endpoints,
        )

    def count(self) -> Facets:
        postings = self._index.postings
        find_provider = self._index.find_provider
        find_organisation = self._index.find_organisation
        return Facets(
            providers=_sort_counts(
                (value, getattr(find_provider(value or ""), "name", None), count)
                for value, count in self._count_providers()
            ),
            organisations=_sort_counts(
                (value, getattr(find_organisation(value or ""), "name", None), count)
                for value, count in self._count("organisations", postings.organisations)
            ),
            endpoints=_sort_counts(
                (value, None, count) for value, count in self._count_endpoints()
            ),
            input_modalities=_sort_counts(
                (value and postings.input_spellings[value], None, count)
                for value, count in self._count(
                    "input_modalities", postings.input_modalities
                )
            ),
            output_modalities=_sort_counts(
                (value and postings.output_spellings[value], None, count)
                for value, count in self._count(
                    "output_modalities", postings.output_modalities
                )
            ),
            statuses=_sort_counts(
                (value, postings.status_labels.get(value or ""), count)
                for value, count in self._count("statuses", postings.statuses)
            ),
        )

    def _match_others(self, dimension: str) -> int:
        """Find the models under all filters but those on rows and the dimension's own."""
        matched = self._unfaceted
        for name, mask in self._matched.items():
            if name != dimension or name == self._fixed:
                matched &= mask
        return matched

    def _count(
        self, dimension: str, masks: Mapping[str | None, int]
    ) -> Iterable[tuple[str | None, int]]:
        matched = self._match_others(dimension) & self._rows
        for value, mask in masks.items():
            yield value, (mask & matched).bit_count()

    def _count_providers(self) -> Iterable[tuple[str | None, int]]:
        masks = self._index.postings.providers
        matched = self._match_others("providers")
        is_fixed = self._fixed == "providers"
        if is_fixed:
            matched &= self._rows
        wanted, excluded = self._filter.endpoints, self._filter.exclude_endpoints
        is_plain = is_fixed or not (wanted or excluded)
        for value, mask in masks.items():
            if is_plain:
                narrowed = mask
            elif value is None:
                narrowed = mask & self._match_rows((), wanted, excluded)
            else:
                # One row must satisfy both: that of this very provider.
                narrowed = self._match_rows((value,), wanted, excluded)
            yield value, (narrowed & matched).bit_count()

    def _count_endpoints(self) -> Iterable[tuple[str | None, int]]:
        masks = self._index.postings.endpoints
        providers = self._filter.providers
        wanted = self._filter.endpoints if self._fixed == "endpoints" else ()
        matched = self._match_others("endpoints")
        matched &= self._match_rows(providers, wanted, ())
        for value, mask in masks.items():
            narrowed = mask
            if providers and value is not None:
                narrowed = self._match_rows(providers, (value,), ())
            yield value, (narrowed & matched).bit_count()


def _sort_counts(
    counts: Iterable[tuple[str | None, str | None, int]],
) -> tuple[FacetCount, ...]:
    facets = [FacetCount(*count) for count in counts if count[2]]
    facets.sort(
        key=lambda facet: (-facet.count, facet.value is None, facet.value or "")
    )
    return tuple(facets)
