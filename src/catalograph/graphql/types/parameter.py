"""Parameter: something a request to a model may contain."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from catalograph.graphql.types.list_cost import assume_size

if TYPE_CHECKING:
    from catalograph.graphql.types.provider import Provider

_UNSAID = "Null when the catalogue does not say."


@strawberry.federation.type(
    description=(
        "A request parameter. Under a model it combines the details of all "
        "offerings; under an offering it has those of this offering."
    ),
    shareable=True,
)
class Parameter:
    """Read from `records.Parameter`."""

    name: str = strawberry.field(
        description="Natural id within the model, such as `temperature`."
    )
    type: str | None = strawberry.field(
        description=f"Type in the catalogue's words, such as `number` or `enum`. {_UNSAID}"
    )
    values: list[str] = strawberry.field(
        description=(
            "Allowed values, as text, in the catalogue's order. Empty when "
            "the catalogue lists none."
        )
    )
    default: str | None = strawberry.field(
        description=f"Default value, as text. {_UNSAID}"
    )
    minimum: float | None = strawberry.field(description=f"Minimum value. {_UNSAID}")
    maximum: float | None = strawberry.field(description=f"Maximum value. {_UNSAID}")
    aliases: list[str] = strawberry.field(
        description="Other names, which filters accept, too; may be empty."
    )
    is_required: bool | None = strawberry.field(
        description=f"Whether a request must contain it. {_UNSAID}"
    )
    notes: str | None = strawberry.field(
        description="Remarks of the catalogue. Null when there are none."
    )
    providers: list[
        Annotated["Provider", strawberry.lazy("catalograph.graphql.types.provider")]
    ] = strawberry.field(
        directives=[assume_size(5)],
        description=(
            "Providers of the model that support it. Empty under an "
            "offering, which has only one provider."
        ),
    )
