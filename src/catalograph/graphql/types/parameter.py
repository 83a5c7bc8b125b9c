"""Parameter: something a request to a model may contain."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from catalograph.graphql.types.list_cost import assume_size

if TYPE_CHECKING:
    from catalograph.graphql.types.provider import Provider

_UNSAID = "Null when the catalogue does not say."


@strawberry.federation.type(
    description=(
        "Something that a request to a model may contain. Under a model it is described "
        "for all its offerings together, under an offering for that one."
    ),
    shareable=True,
)
class Parameter:
    """Read from `records.Parameter`."""

    name: str = strawberry.field(
        description="Natural id within the model, such as `temperature`."
    )
    type: str | None = strawberry.field(
        description=f"The catalogue's word for its type, such as `number` or `enum`. {_UNSAID}"
    )
    values: list[str] = strawberry.field(
        description=(
            "What it may be, as text, in the catalogue's order. Empty when the catalogue "
            "lists no values."
        )
    )
    default: str | None = strawberry.field(
        description=f"What holds when a request does not contain it, as text. {_UNSAID}"
    )
    minimum: float | None = strawberry.field(
        description=f"Least value it may have. {_UNSAID}"
    )
    maximum: float | None = strawberry.field(
        description=f"Greatest value it may have. {_UNSAID}"
    )
    aliases: list[str] = strawberry.field(
        description="Other names of it, which filters take, too; may be empty."
    )
    is_required: bool | None = strawberry.field(
        description=f"Whether a request must contain it. {_UNSAID}"
    )
    notes: str | None = strawberry.field(
        description="A sentence for people. Null when there is none."
    )
    providers: list[
        Annotated["Provider", strawberry.lazy("catalograph.graphql.types.provider")]
    ] = strawberry.field(
        directives=[assume_size(5)],
        description=(
            "Who of the model's providers takes it. Empty under an offering, whose "
            "provider that is."
        ),
    )
