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
    find_offering_prices,
    price_field,
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
    keys=["id"], description="A model as a provider serves it on an endpoint."
)
class Offering(Node):
    """Read from `records.Offering`."""

    model: Annotated["Model", strawberry.lazy("catalograph.graphql.types.model")] = (
        strawberry.field(resolver=find_model, description="The model that is served.")
    )
    provider: Provider = strawberry.field(description="The provider that serves it.")
    endpoint: Endpoint = strawberry.field(description="The kind of API call.")
    provider_model_slug: str | None = strawberry.field(
        description=(
            "The provider's own name of the model. Null when the catalogue gives none."
        )
    )
    is_routable: bool = strawberry.field(
        description=(
            "Whether the gateway behind the catalogue can route calls to this "
            "offering now."
        )
    )
    input_modalities: list[str] = strawberry.field(
        description=(
            "Modalities of the input, which may differ from the model's; may be empty."
        )
    )
    output_modalities: list[str] = strawberry.field(
        description=(
            "Modalities of the output, which may differ from the model's; may be empty."
        )
    )
    effective_from: DateTime | None = strawberry.field(
        description=(
            "Instant from which the offering is valid, UTC. Null: no start is given."
        )
    )
    effective_to: DateTime | None = strawberry.field(
        description="Instant at which the offering ends, UTC. Null: no end is known."
    )

    status: Availability | None = strawberry.field(
        description=(
            "Whether the offering can be called now. Null when the catalogue "
            "does not say."
        )
    )
    status_reason: str | None = strawberry.field(
        description=(
            "The catalogue's reason for the status, such as "
            "`provider_disabled`. Null when it gives none."
        )
    )
    parameters: list[
        Annotated["Parameter", strawberry.lazy("catalograph.graphql.types.parameter")]
    ] = strawberry.field(
        directives=[assume_size(10)],
        description=(
            "Request parameters that the provider supports for this model on "
            "any of its endpoints, ordered by name; may be empty."
        ),
    )

    price_lists: list[PriceList] = strawberry.field(
        metadata=needs(Need.PRICES),
        directives=[assume_size(2)],
        description=(
            "Prices by tier, the standard tier first; empty when the "
            "catalogue lists none."
        ),
    )
    input_price: Decimal | None = price_field(
        lambda offering, at: find_offering_prices(offering, at).input,
        Need.PRICES,
        description=(
            "Price of a million input text tokens in the standard list, in "
            "`currency`: for the shortest input if it depends on the length "
            "of the input, and for the current time if it depends on the "
            "hour. 0 is free of charge. Null when there is no such price, or "
            "when input and output have different currencies."
        ),
    )
    output_price: Decimal | None = price_field(
        lambda offering, at: find_offering_prices(offering, at).output,
        Need.PRICES,
        description=(
            "Price of a million output text tokens; otherwise like `inputPrice`."
        ),
    )
    currency: str | None = price_field(
        lambda offering, at: find_offering_prices(offering, at).currency,
        Need.PRICES,
        description=(
            "Currency of `inputPrice` and `outputPrice`, ISO 4217. Null when there is neither."
        ),
    )
    cost: Cost | None = strawberry.field(
        resolver=find_cost,
        metadata=needs(Need.PRICES),
        description=(
            "Cost of a usage in the standard list, without taxes and fees. "
            "Null when part of the usage has no price, or when its parts "
            "have different currencies."
        ),
    )

    @classmethod
    def is_type_of(cls, source: object, _info: object) -> bool:
        """Tell an offering from the other nodes."""
        return isinstance(source, records.Offering)
