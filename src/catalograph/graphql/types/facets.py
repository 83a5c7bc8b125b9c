"""Facets, unknown filter values and search suggestions of a list of models."""

from typing import Any

import strawberry

from catalograph.catalogue.facets import count_facets
from catalograph.catalogue.matching import match_search
from catalograph.catalogue.search import parse_search
from catalograph.catalogue.suggestion import find_unknown_values
from catalograph.errors import UpstreamUnavailableError
from catalograph.graphql.context import Info
from catalograph.graphql.types.connections import ModelConnectionSource

_MOST_FIRST = "Largest count first, then by value."


@strawberry.federation.type(
    description="Number of models in the list that have a value.", shareable=True
)
class FacetCount:
    """The count of one value."""

    value: str | None = strawberry.field(
        description=(
            "The value in the form that filters take. Null: models without any value."
        )
    )
    label: str | None = strawberry.field(
        description="Display name. Null when the catalogue has none for the value."
    )
    count: int = strawberry.field(description="Number of models, 1 or more.")


def _counts(meaning: str) -> list[FacetCount]:
    field: list[FacetCount] = strawberry.field(
        description=f"Number of models by {meaning}. {_MOST_FIRST}"
    )
    return field


@strawberry.federation.type(
    description=(
        "Counts for a sidebar, over the whole list, not the page. Each "
        "dimension ignores its own filter and applies the search and all "
        "other filters, so it shows what selecting another value would give."
    ),
    shareable=True,
)
class ModelFacets:
    """Counts in all dimensions of a list of models."""

    providers: list[FacetCount] = _counts("provider")
    organisations: list[FacetCount] = _counts("organisation")
    endpoints: list[FacetCount] = _counts(
        "endpoint, ignoring `filter.endpoints` and `filter.excludeEndpoints`"
    )
    input_modalities: list[FacetCount] = _counts("input modality")
    output_modalities: list[FacetCount] = _counts("output modality")
    statuses: list[FacetCount] = _counts(
        "status, ignoring `filter.statuses` and the `include…` flags"
    )
    parameters: list[FacetCount] = _counts(
        "request parameter, ignoring `filter.parameters` and `filter.allParameters`"
    )
    availability: list[FacetCount] = _counts(
        "availability, as names of the enum `Availability`"
    )
    variants: list[FacetCount] = _counts("variant")


@strawberry.federation.type(
    description="A filter value that the catalogue does not have.", shareable=True
)
class UnknownFilterValue:
    """A mistyped filter value, with a suggestion."""

    field: str = strawberry.field(
        description="Field of the filter, such as `providers`."
    )
    value: str = strawberry.field(description="The value in the filter.")
    suggestion: str | None = strawberry.field(
        description=(
            "A similar value that the catalogue has; for an alias, the "
            "model's id. Null when no value is similar."
        )
    )


async def load_facets(root: strawberry.Parent[Any], info: Info) -> Any:
    """Count the facets of a list."""
    connection: ModelConnectionSource = root
    request = connection.listing.request
    index = info.context.loaders.index
    if index is None:
        raise UpstreamUnavailableError(detail="facets without an index")
    await info.context.time_slice.yield_if_due()
    return count_facets(
        index, request.filter, search=request.search, fixed=request.fixed
    )


async def load_unknown_values(root: strawberry.Parent[Any], info: Info) -> Any:
    """Find the filter values that the catalogue does not have."""
    connection: ModelConnectionSource = root
    index = info.context.loaders.index
    if index is None:
        raise UpstreamUnavailableError(detail="unknown values without an index")
    context, asked = info.context, connection.listing.request.filter
    found = find_unknown_values(index, asked, context.speller)
    return [one async for one in context.time_slice.iterate(found)]


def find_search_suggestion(root: strawberry.Parent[Any], info: Info) -> str | None:
    """Suggest another search where one has found nothing."""
    connection: ModelConnectionSource = root
    request = connection.listing.request
    index = info.context.loaders.index
    if index is None or request.search is None:
        return None
    words = parse_search(request.search)
    if match_search(index, request.search):
        return None
    # This takes a few milliseconds. The index caches it, as lists below several parents have
    # the same search.
    return index.suggest_search(words)
