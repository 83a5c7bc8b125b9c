"""Arguments that many fields share, each described once."""

from typing import Annotated, TypeAlias

import strawberry

Limit: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description="Most members of the page, 1 to 250. Null or absent: 50."
    ),
]
Offset: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description="Members to skip from the start of the list. Null or absent: 0."
    ),
]
First: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=(
            "Most members of the page, counted from its start, 1 to 250. "
            "Null or absent: 50, unless `last` is given."
        )
    ),
]
After: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "A cursor; the page starts behind it. Null or absent: at the start of the list."
        )
    ),
]
Last: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=(
            "Most members of the page, counted from its end, 1 to 250. "
            "Null or absent: counted from its start."
        )
    ),
]
Before: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "A cursor; the page ends before it. Null or absent: at the end of the list."
        )
    ),
]
