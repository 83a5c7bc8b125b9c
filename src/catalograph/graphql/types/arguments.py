"""Arguments that many fields share, each described once."""

from typing import Annotated, TypeAlias

import strawberry

Limit: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description="Maximum size of the page, 1 to 250. Null or absent: 50."
    ),
]
Offset: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description="Items to skip from the start of the list. Null or absent: 0."
    ),
]
First: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=(
            "Maximum size of a page that is taken from the start of the "
            "range, 1 to 250. Null or absent: 50, unless `last` is given."
        )
    ),
]
After: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "A cursor; the range starts after it. Null or absent: at the "
            "start of the list."
        )
    ),
]
Last: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=(
            "Maximum size of a page that is taken from the end of the range, "
            "1 to 250. Null or absent: it is taken from the start."
        )
    ),
]
Before: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "A cursor; the range ends before it. Null or absent: at the end "
            "of the list."
        )
    ),
]
