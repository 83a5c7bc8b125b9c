"""Provider, and lists of providers."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from catalograph.catalogue import records
from catalograph.graphql.context import Info
from catalograph.graphql.run.needs import Need, needs
from catalograph.graphql.types.connections import PageInfo
from catalograph.graphql.types.list_cost import PAGE, assume_size
from catalograph.graphql.types.lists import load_models
from catalograph.graphql.types.node import Node

if TYPE_CHECKING:
    from catalograph.graphql.types.endpoint import Endpoint
    from catalograph.graphql.types.model import ModelConnection


def find_endpoints(root: strawberry.Parent[Any], info: Info) -> Any:
    """Find the endpoints a provider serves anything on."""
    provider: records.Provider = root
    index = info.context.loaders.index
    return () if index is None else index.endpoints_of(provider.provider_id)


@strawberry.federation.type(
    keys=["id", "providerId"],
    description="A service that offers models through an API.",
)
class Provider(Node):
    """Read from `records.Provider`."""

    provider_id: str = strawberry.field(description="Natural id, such as `openai`.")
    name: str | None = strawberry.field(
        description="Display name. Null when the catalogue does not describe the provider."
    )
    link: str | None = strawberry.field(
        metadata=needs(Need.PROVIDERS),
        description="Address of the provider's website. Null when not known.",
    )
    country_code: str | None = strawberry.field(
        metadata=needs(Need.PROVIDERS),
        description="Country of the provider, ISO 3166 alpha-2. Null when not known.",
    )
    description: str | None = strawberry.field(
        metadata=needs(Need.PROVIDERS),
        description="A short description. Null when the catalogue gives none.",
    )
    endpoints: list[
        Annotated["Endpoint", strawberry.lazy("catalograph.graphql.types.endpoint")]
    ] = strawberry.field(
        resolver=find_endpoints,
        metadata=needs(Need.INDEX),
        directives=[assume_size(5)],
        description=(
            "Endpoints on which the provider serves any model, distinct, ordered by id."
        ),
    )

    models: (
        Annotated["ModelConnection", strawberry.lazy("catalograph.graphql.types.model")]
        | None
    ) = strawberry.field(
        resolver=load_models,
        metadata=needs(Need.INDEX),
        directives=[PAGE],
        description=(
            "The models this provider serves. `filter.providers` must not be "
            "set here. Null when the list could not be loaded; `errors` says "
            "why."
        ),
    )

    @classmethod
    def is_type_of(cls, source: object, _info: object) -> bool:
        """Tell a provider from the other nodes."""
        return isinstance(source, records.Provider)


@strawberry.federation.type(
    description="A provider in a list, with its position.", shareable=True
)
class ProviderEdge:
    """Read from `connections.EdgeSource`."""

    cursor: str = strawberry.field(
        description="Opaque position in the list, for `after` and `before`."
    )
    node: Provider = strawberry.field(description="The provider.")


@strawberry.federation.type(
    description="A page of the list of providers, ordered by id.", shareable=True
)
class ProviderConnection:
    """Read from `connections.EntityConnectionSource`."""

    edges: list[ProviderEdge] = strawberry.field(
        description="The providers of the page with their cursors, in list order."
    )
    nodes: list[Provider] = strawberry.field(
        description="The providers of the page, in list order."
    )
    page_info: PageInfo = strawberry.field(
        description="Position of the page in the list."
    )
    total_count: int = strawberry.field(
        description="Number of providers in the whole list."
    )
    limit: int = strawberry.field(
        description="Maximum number of providers on the page."
    )
    offset: int = strawberry.field(
        description=(
            "Index of the first edge in the list, from 0, also when paging by cursor."
        )
    )
