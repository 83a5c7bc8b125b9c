"""What routers should expect of a field, for their own limits: `@listSize` and `@cost`."""

from typing import Final

from strawberry import UNSET
from strawberry.federation.schema_directives import Cost, ListSize

PAGE: Final = ListSize(
    assumed_size=50,
    slicing_arguments=["first", "last", "limit"],
    sized_fields=["edges", "nodes"],
    require_one_slicing_argument=False,
)
"""A page has as many members as were asked for, and 50 when nobody said."""

FACETS: Final = Cost(weight=50)
"""Counting goes over the whole list, so it costs what a page does."""


def usually(size: int) -> ListSize:
    """Say how many members a list has that nobody can ask for in pages.

    Args:
        size: Members, as many as most such lists of the real catalogue have at most.
    """
    return ListSize(
        assumed_size=size,
        slicing_arguments=UNSET,
        sized_fields=UNSET,
        require_one_slicing_argument=False,
    )
