"""Endpoint, and lists of endpoints."""

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
    from catalograph.graphql.types.model import ModelConnection
    from catalograph.graphql.types.provider import Provider


def find_providers(root: strawberry.Parent[Any], info: Info) -> Any:
    """Find the providers that serve anything on an endpoint."""
    endpoint: records.Endpoint = root
    index = info.context.loaders.index
    return () if index is None else index.providers_of(endpoint.endpoint_id)


@strawberry.federation.type(
    keys=["id", "endpointId"],
    description=(
        "A kind of API call on which models are served, such as `chat.completions`."
    ),
)
class Endpoint(Node):
    """Read from `records.Endpoint`."""

    endpoint_id: str = strawberry.field(
        description="Natural id; singular and plural spellings are different endpoints."
    )
    public_path: str | None = strawberry.field(
        metadata=needs(Need.ENDPOINTS),
        description=(
            "Path in the public API, such as `/v1/embeddings`. Null when the "
            "catalogue does not say."
        ),
    )
    collection: str | None = strawberry.field(
        metadata=needs(Need.ENDPOINTS),
        description=(
            "Kind of API, such as `text` or `images`. Null when the catalogue does not say."
        ),
    )
    aliases: list[str] = strawberry.field(
        description=(
            "Other names of the same kind of call, sorted; may be empty. In "
            "filters and look-ups, an alias that is not itself an endpoint "
            "of the catalogue means this endpoint."
        )
    )
    providers: list[
        Annotated["Provider", strawberry.lazy("catalograph.graphql.types.provider")]
    ] = strawberry.field(
        resolver=find_providers,
        metadata=needs(Need.INDEX),
        directives=[assume_size(10)],
        description=(
            "Providers that serve any model on this endpoint, distinct, ordered by id."
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
            "The models served on this endpoint. `filter.endpoints` must not "
            "be set here. Null when the list could not be loaded; `errors` "
            "says why."
        ),
    )

    @classmethod
    def is_type_of(cls, source: object, _info: object) -> bool:
        """Tell an endpoint from the other nodes."""
        return isinstance(source, records.Endpoint)


@strawberry.federation.type(
    description="An endpoint in a list, with its position.", shareable=True
)
class EndpointEdge:
    """Read from `connections.EdgeSource`."""

    cursor: str = strawberry.field(
        description="Opaque position in the list, for `after` and `before`."
    )
    node: Endpoint = strawberry.field(description="The endpoint.")


@strawberry.federation.type(
    description="A page of the list of endpoints, ordered by id.", shareable=True
)
class EndpointConnection:
    """Read from `connections.EntityConnectionSource`."""

    edges: list[EndpointEdge] = strawberry.field(
        description="The endpoints of the page with their cursors, in list order."
    )
    nodes: list[Endpoint] = strawberry.field(
        description="The endpoints of the page, in list order."
    )
    page_info: PageInfo = strawberry.field(
        description="Position of the page in the list."
    )
    total_count: int = strawberry.field(
        description="Number of endpoints in the whole list."
    )
    limit: int = strawberry.field(
        description="Maximum number of endpoints on the page."
    )
    offset: int = strawberry.field(
        description=(
            "Index of the first edge in the list, from 0, also when paging by cursor."
        )
    )
