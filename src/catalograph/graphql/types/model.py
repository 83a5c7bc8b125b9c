"""Model, and lists of models."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

from catalograph.catalogue import records
from catalograph.graphql.run.needs import Need, needs
from catalograph.graphql.scalars import Date
from catalograph.graphql.types.connections import PageInfo
from catalograph.graphql.types.facets import (
    ModelFacets,
    UnknownFilterValue,
    find_facets,
    find_unknown,
)
from catalograph.graphql.types.filter import ModelStatus
from catalograph.graphql.types.list_cost import FACETS, assume_size
from catalograph.graphql.types.node import Node

if TYPE_CHECKING:
    from catalograph.graphql.types.endpoint import Endpoint
    from catalograph.graphql.types.offering import Offering
    from catalograph.graphql.types.organisation import Organisation
    from catalograph.graphql.types.provider import Provider

_TYPES = "catalograph.graphql.types"
_NO_DATE = "Null when the catalogue does not say."


def find_offerings(
    root: strawberry.Parent[Any],
    providers: Annotated[
        list[str] | None,
        strawberry.argument(
            description="Only those of these providers, by `providerId`. Null or empty: all."
        ),
    ] = UNSET,
    endpoints: Annotated[
        list[str] | None,
        strawberry.argument(
            description="Only those on these endpoints, by `endpointId`. Null or empty: all."
        ),
    ] = UNSET,
) -> Any:
    """Pick the offerings of a model."""
    model: records.Model = root
    return [
        offering
        for offering in model.offerings
        if (not providers or offering.provider.provider_id in providers)
        and (not endpoints or offering.endpoint.endpoint_id in endpoints)
    ]


@strawberry.federation.type(
    keys=["id", "modelId"],
    description=(
        "An AI model. It has the same data whichever way it was reached: a filter says "
        "which models are listed, never what they look like."
    ),
)
class Model(Node):
    """Read from `records.Model`."""

    model_id: str = strawberry.field(
        description="Natural id, `organisation/name`; what the catalogue and `model` call it."
    )
    name: str | None = strawberry.field(
        description="Display name; not unique. Null when the catalogue gives none."
    )
    status: ModelStatus | None = strawberry.field(
        description="Where the model is in its life. Null when the catalogue gives none."
    )
    status_label: str | None = strawberry.field(
        description="The catalogue's own word for the status. Null when it gives none."
    )
    release_date: Date | None = strawberry.field(
        description=f"Day the model was released. {_NO_DATE}"
    )
    announcement_date: Date | None = strawberry.field(
        description=f"Day the model was announced. {_NO_DATE}"
    )
    deprecation_date: Date | None = strawberry.field(
        description=f"Day from which its maker advises against the model. {_NO_DATE}"
    )
    retirement_date: Date | None = strawberry.field(
        description=f"Day from which its maker no longer offers the model. {_NO_DATE}"
    )
    organisation: (
        Annotated["Organisation", strawberry.lazy(f"{_TYPES}.organisation")] | None
    ) = strawberry.field(
        description="Who made the model. Null when the catalogue does not know."
    )
    aliases: list[str] = strawberry.field(
        description="Other ids that `model(modelId:)` takes for this model; may be empty."
    )
    input_modalities: list[str] = strawberry.field(
        description=(
            "What the model takes, such as `text` or `image`. Empty when the catalogue "
            "does not say."
        )
    )
    output_modalities: list[str] = strawberry.field(
        description=(
            "What the model gives, such as `text` or `audio`. Empty when the catalogue "
            "does not say."
        )
    )
    is_routable: bool = strawberry.field(
        description="Whether the gateway behind the catalogue can route the model now."
    )
    endpoints: list[Annotated["Endpoint", strawberry.lazy(f"{_TYPES}.endpoint")]] = (
        strawberry.field(
            description="Kinds of call the model can be reached by, distinct; may be empty.",
            directives=[assume_size(5)],
        )
    )
    providers: list[Annotated["Provider", strawberry.lazy(f"{_TYPES}.provider")]] = (
        strawberry.field(
            description="Who serves the model, distinct, by name; may be empty.",
            directives=[assume_size(5)],
        )
    )
    offerings: list[Annotated["Offering", strawberry.lazy(f"{_TYPES}.offering")]] = (
        strawberry.field(
            resolver=find_offerings,
            metadata=needs(Need.GATEWAY),
            directives=[assume_size(10)],
            description=(
                "Who serves the model on which endpoint, one each; may be empty. Empty "
                "also where the catalogue gives no endpoint per provider."
            ),
        )
    )

    @classmethod
    def is_type_of(cls, source: object, _info: object) -> bool:
        """Tell a model from the other nodes."""
        return isinstance(source, records.Model)


@strawberry.federation.type(
    description="A model in a list, and where it stands there.", shareable=True
)
class ModelEdge:
    """Read from `connections.EdgeSource`."""

    cursor: str = strawberry.field(
        description="Opaque; finds this place again for `after` and `before`."
    )
    node: Model = strawberry.field(description="The model.")


@strawberry.federation.type(description="A page of a list of models.", shareable=True)
class ModelConnection:
    """Read from `connections.ModelConnectionSource`."""

    edges: list[ModelEdge] = strawberry.field(
        description="The models of the page with their cursors, in list order."
    )
    nodes: list[Model] = strawberry.field(
        description="The models of the page, in list order."
    )
    page_info: PageInfo = strawberry.field(
        description="Where the page stands in the list."
    )
    total_count: int = strawberry.field(
        description="Models in the whole list, under its filter and search."
    )
    limit: int = strawberry.field(description="Most models the page could have.")
    offset: int = strawberry.field(
        description="Index of the first edge in the list, from 0; under cursors too."
    )
    facets: ModelFacets | None = strawberry.field(
        resolver=find_facets,
        metadata=needs(Need.INDEX),
        directives=[FACETS],
        description="Counts by value over the whole list. Null only where counting failed.",
    )
    unknown_filter_values: list[UnknownFilterValue] = strawberry.field(
        resolver=find_unknown,
        metadata=needs(Need.INDEX),
        description=(
            "Values of the filter that the catalogue does not hold, with what may have "
            "been meant; empty when it holds them all."
        ),
    )
