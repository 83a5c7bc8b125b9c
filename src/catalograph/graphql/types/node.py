"""Node: whatever has a global id."""

import strawberry


@strawberry.interface(
    description="An object with an id that is unique over the whole graph."
)
class Node:
    """The Relay interface."""

    id: strawberry.ID = strawberry.field(
        description=(
            "Opaque, unique over all types. Take it from a response; do not "
            "construct it."
        )
    )
