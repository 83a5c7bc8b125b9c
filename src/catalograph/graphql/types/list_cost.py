"""`@listSize` and `@cost` of fields, for our own limits and for those of routers."""

from typing import Final

from strawberry import UNSET
from strawberry.federation.schema_directives import Cost, ListSize

PAGE: Final = ListSize(
    assumed_size=50,
    slicing_arguments=["first", "last", "limit"],
    sized_fields=["edges", "nodes"],
    require_one_slicing_argument=False,
)
"""A page has as many members as were asked for; 50 without an argument."""

FACETS: Final = Cost(weight=50)
"""Counting goes over the whole list."""


def assume_size(size: int) -> ListSize:
    """Say how many members a list without paging has.

    Args:
        size: Members, as many as most such lists of the real catalogue have at most.
    """
    return ListSize(
        assumed_size=size,
        slicing_arguments=UNSET,
        sized_fields=UNSET,
        require_one_slicing_argument=False,
    )
