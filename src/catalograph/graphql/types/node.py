"""Node: whatever has a global id."""

import strawberry


@strawberry.interface(
    description="Anything with an id that is unique over the whole graph."
)
class Node:
    """The Relay interface."""

    id: strawberry.ID = strawberry.field(
        description="Opaque, unique over all types; take it from one answer to ask again."
    )
