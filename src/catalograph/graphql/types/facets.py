"""Counts and help beside a list of models."""

from typing import Any

import strawberry

from catalograph.catalogue.facets import count_facets
from catalograph.catalogue.matching import match_search
from catalograph.catalogue.search import parse_search
from catalograph.catalogue.suggestion import find_unknown_values
from catalograph.errors import UpstreamUnavailableError
from catalograph.graphql.context import Info
from catalograph.graphql.types.connections import ModelConnectionSource

_MOST_FIRST = "Most first, then by value."


@strawberry.federation.type(
    description="How many models of the list have a value.", shareable=True
)
class FacetCount:
    """One line of a sidebar."""

    value: str | None = strawberry.field(
        description="As a filter takes it. Null: models that have no value at all."
    )
    label: str | None = strawberry.field(
        description="For people. Null when the catalogue has no display name for the value."
    )
    count: int = strawberry.field(description="Models, at least one.")


def _counts(meaning: str) -> list[FacetCount]:
    field: list[FacetCount] = strawberry.field(
        description=f"Models by {meaning}, without this dimension's own filter. {_MOST_FIRST}"
    )
    return field


@strawberry.federation.type(
    description=(
        "Counts for a sidebar, over the whole list and not the page. Each dimension is "
        "counted under the search and all filters but its own, so that it shows what one "
        "more box would give."
    ),
    shareable=True,
)
class ModelFacets:
    """All dimensions of a list of models."""

    providers: list[FacetCount] = _counts("provider")
    organisations: list[FacetCount] = _counts("organisation")
    endpoints: list[FacetCount] = _counts(
        "endpoint; `endpoints` and `excludeEndpoints` are both its own"
    )
    input_modalities: list[FacetCount] = _counts("what they take")
    output_modalities: list[FacetCount] = _counts("what they give")
    statuses: list[FacetCount] = _counts(
        "status; `statuses` and the `include…` flags are all its own"
    )
    parameters: list[FacetCount] = _counts(
        "what a request may contain; `parameters` and `allParameters` are both its own"
    )
    availability: list[FacetCount] = _counts("availability, by the enum's names")
    variants: list[FacetCount] = _counts("variant")


@strawberry.federation.type(
    description="A value of a filter that the catalogue does not hold.", shareable=True
)
class UnknownFilterValue:
    """A mistyped filter value, with a suggestion."""

    field: str = strawberry.field(
        description="Field of the filter, such as `providers`."
    )
    value: str = strawberry.field(description="The value as it was given.")
    suggestion: str | None = strawberry.field(
        description=(
            "A value close to it that the catalogue holds; for an alias, the model's id. "
            "Null when nothing is close."
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
    """Find the values of a list's filter that mean nothing."""
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
    # It is work of a few milliseconds, and the same below every parent.
    return index.suggest_search(words)
