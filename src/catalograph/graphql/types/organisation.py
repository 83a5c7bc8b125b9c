"""Organisation, and lists of organisations."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from catalograph.catalogue import records
from catalograph.graphql.run.needs import Need, needs
from catalograph.graphql.types.connections import PageInfo
from catalograph.graphql.types.list_cost import PAGE
from catalograph.graphql.types.lists import load_models
from catalograph.graphql.types.node import Node

if TYPE_CHECKING:
    from catalograph.graphql.types.model import ModelConnection


@strawberry.federation.type(
    keys=["id", "organisationId"],
    description="A maker of models.",
)
class Organisation(Node):
    """Read from `records.Organisation`."""

    organisation_id: str = strawberry.field(
        description="Natural id, the part of a `modelId` before the slash."
    )
    name: str | None = strawberry.field(
        description="Display name. Null when the catalogue gives none."
    )
    country_code: str | None = strawberry.field(
        metadata=needs(Need.ORGANISATIONS),
        description="Country of the organisation, ISO 3166 alpha-2. Null when not known.",
    )
    description: str | None = strawberry.field(
        metadata=needs(Need.ORGANISATIONS),
        description="A short description. Null when the catalogue gives none.",
    )
    colour: str | None = strawberry.field(
        metadata=needs(Need.ORGANISATIONS),
        description=(
            "Colour for charts and badges, `#rrggbb`. Null when the catalogue "
            "gives none."
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
            "The models this organisation made. `filter.organisations` must "
            "not be set here. Null when the list could not be loaded; "
            "`errors` says why."
        ),
    )

    @classmethod
    def is_type_of(cls, source: object, _info: object) -> bool:
        """Tell an organisation from the other nodes."""
        return isinstance(source, records.Organisation)


@strawberry.federation.type(
    description="An organisation in a list, with its position.", shareable=True
)
class OrganisationEdge:
    """Read from `connections.EdgeSource`."""

    cursor: str = strawberry.field(
        description="Opaque position in the list, for `after` and `before`."
    )
    node: Organisation = strawberry.field(description="The organisation.")


@strawberry.federation.type(
    description="A page of the list of organisations, ordered by id.", shareable=True
)
class OrganisationConnection:
    """Read from `connections.EntityConnectionSource`."""

    edges: list[OrganisationEdge] = strawberry.field(
        description="The organisations of the page with their cursors, in list order."
    )
    nodes: list[Organisation] = strawberry.field(
        description="The organisations of the page, in list order."
    )
    page_info: PageInfo = strawberry.field(
        description="Position of the page in the list."
    )
    total_count: int = strawberry.field(
        description="Number of organisations in the whole list."
    )
    limit: int = strawberry.field(
        description="Maximum number of organisations on the page."
    )
    offset: int = strawberry.field(
        description=(
            "Index of the first edge in the list, from 0, also when paging by cursor."
        )
    )
