"""Offering: one provider serves one model on one endpoint."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from catalograph.catalogue import records
from catalograph.graphql.context import Info
from catalograph.graphql.run.needs import Need, needs
from catalograph.graphql.scalars import DateTime, Decimal
from catalograph.graphql.types.availability import Availability
from catalograph.graphql.types.endpoint import Endpoint
from catalograph.graphql.types.list_cost import assume_size
from catalograph.graphql.types.node import Node
from catalograph.graphql.types.price import (
    Cost,
    PriceList,
    find_cost,
    find_currency,
    find_input_price,
    find_output_price,
)
from catalograph.graphql.types.provider import Provider

if TYPE_CHECKING:
    from catalograph.graphql.types.model import Model
    from catalograph.graphql.types.parameter import Parameter


def find_model(root: strawberry.Parent[Any], info: Info) -> Any:
    """Find the model of an offering; it was loaded together with the offering."""
    offering: records.Offering = root
    return info.context.loaders.find_model(offering.model_id)


@strawberry.federation.type(
    keys=["id"], description="This provider serves this model on this endpoint."
)
class Offering(Node):
    """Read from `records.Offering`."""

    model: Annotated["Model", strawberry.lazy("catalograph.graphql.types.model")] = (
        strawberry.field(resolver=find_model, description="What is served.")
    )
    provider: Provider = strawberry.field(description="Who serves it.")
    endpoint: Endpoint = strawberry.field(description="By which kind of call.")
    provider_model_slug: str | None = strawberry.field(
        description="The provider's own name of the model. Null when not given."
    )
    is_routable: bool = strawberry.field(
        description="Whether the gateway behind the catalogue routes calls this way now."
    )
    input_modalities: list[str] = strawberry.field(
        description="What this offering takes; may differ from the model's. May be empty."
    )
    output_modalities: list[str] = strawberry.field(
        description="What this offering gives; may differ from the model's. May be empty."
    )
    effective_from: DateTime | None = strawberry.field(
        description="First instant the offering holds, UTC. Null: it always has."
    )
    effective_to: DateTime | None = strawberry.field(
        description="Instant at which the offering ends, UTC. Null: no end is known."
    )

    status: Availability | None = strawberry.field(
        description=(
            "Whether calls are served this way now. Null when the catalogue does not say."
        )
    )
    status_reason: str | None = strawberry.field(
        description=(
            "The catalogue's word for why the status is what it is, such as "
            "`provider_disabled`. Null when it gives none."
        )
    )
    parameters: list[
        Annotated["Parameter", strawberry.lazy("catalograph.graphql.types.parameter")]
    ] = strawberry.field(
        directives=[assume_size(10)],
        description=(
            "What a request to this provider may contain, by name, whichever of its "
            "endpoints for this model takes it; may be empty."
        ),
    )

    price_lists: list[PriceList] = strawberry.field(
        metadata=needs(Need.PRICES),
        directives=[assume_size(2)],
        description=(
            "Its prices by tier, the standard one first; empty when the catalogue lists none."
        ),
    )
    input_price: Decimal | None = strawberry.field(
        resolver=find_input_price,
        metadata=needs(Need.PRICES),
        description=(
            "What a million input text tokens cost by the standard list now, in `currency`: "
            "at the lowest step where the price depends on the length of the input, and at "
            "the present hour where it depends on that. 0 is free of charge; null: there is "
            "no such price, or input and output are priced in different currencies."
        ),
    )
    output_price: Decimal | None = strawberry.field(
        resolver=find_output_price,
        metadata=needs(Need.PRICES),
        description=(
            "What a million output text tokens cost; otherwise as `inputPrice`."
        ),
    )
    currency: str | None = strawberry.field(
        resolver=find_currency,
        metadata=needs(Need.PRICES),
        description=(
            "Currency of `inputPrice` and `outputPrice`, ISO 4217. Null when there is neither."
        ),
    )
    cost: Cost | None = strawberry.field(
        resolver=find_cost,
        metadata=needs(Need.PRICES),
        description=(
            "What a usage costs by the standard list, without taxes and fees. Null: part of "
            "the usage has no price here, or its parts are priced in different currencies."
        ),
    )

    @classmethod
    def is_type_of(cls, source: object, _info: object) -> bool:
        """Tell an offering from the other nodes."""
        return isinstance(source, records.Offering)
