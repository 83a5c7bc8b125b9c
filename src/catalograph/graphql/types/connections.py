"""Connections: a page of a list, with Relay's edges and with plain nodes."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import strawberry

from catalograph.catalogue.selection import Anchor
from catalograph.data.slices import Listing, Slice
from catalograph.graphql.paging import build_cursor

T = TypeVar("T")


@strawberry.federation.type(
    description="Position of a page in its list.", shareable=True
)
class PageInfo:
    """Relay's page info."""

    has_next_page: bool = strawberry.field(
        description="Whether the list continues after this page."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether the list has items before this page."
    )
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first edge. Null when the page is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last edge. Null when the page is empty."
    )


class EdgeSource:
    """One item of a page, with its cursor."""

    __slots__ = ("cursor", "node")

    def __init__(self, node: object, cursor: str) -> None:
        self.node = node
        self.cursor = cursor


class ConnectionSource(Generic[T]):
    """Provides the fields of a connection.

    Attributes:
        nodes: The items of the page, in list order.
        total_count: Number of items in the whole list.
        limit: Maximum number of items on the page.
        offset: Index of the first edge in the list.
    """

    __slots__ = ("_end", "_order", "limit", "nodes", "offset", "total_count")

    def __init__(
        self,
        *,
        nodes: Sequence[T],
        total_count: int,
        limit: int,
        offset: int,
        end: int,
        order: str,
    ) -> None:
        self.nodes = nodes
        self.total_count = total_count
        self.limit = limit
        self.offset = offset
        self._end = end
        self._order = order

    @property
    def edges(self) -> list[EdgeSource]:
        """The items, each with its cursor."""
        return [
            EdgeSource(node, self._cursor(place))
            for place, node in enumerate(self.nodes)
        ]

    @property
    def page_info(self) -> PageInfo:
        """Position of the page in the list."""
        count = len(self.nodes)
        return PageInfo(
            has_next_page=self._end < self.total_count,
            has_previous_page=self.offset > 0 and self.total_count > 0,
            start_cursor=self._cursor(0) if count else None,
            end_cursor=self._cursor(count - 1) if count else None,
        )

    def _cursor(self, place: int) -> str:
        return build_cursor(self._order, self._find_anchor(place))

    def _find_anchor(self, place: int) -> Anchor:
        raise NotImplementedError


class EntityConnectionSource(ConnectionSource[T]):
    """A page of providers, endpoints or organisations: all of them, ordered by id.

    Args:
        members: The whole list, ordered by id.
        key: Name of the attribute that holds the id.
        part: The slice to take.
    """

    __slots__ = ("_key",)

    def __init__(self, members: Sequence[T], key: str, part: Slice) -> None:
        self._key = key
        start, end = 0, len(members)
        if part.offset is not None:
            start = part.offset
        if part.after is not None:
            start = _count(members, key, part.after.model_id, inclusive=True)
        if part.before is not None:
            end = _count(members, key, part.before.model_id, inclusive=False)
            end = max(start, end)
        if part.from_end:
            start = max(start, end - part.limit)
        nodes = members[start : min(end, start + part.limit)]
        super().__init__(
            nodes=nodes,
            total_count=len(members),
            limit=part.limit,
            offset=start,
            end=start + len(nodes),
            order=key,
        )

    def _find_anchor(self, place: int) -> Anchor:
        member_id: str = getattr(self.nodes[place], self._key)
        return Anchor(offset=self.offset + place, model_id=member_id)


class ModelConnectionSource(ConnectionSource[Any]):
    """A page of models."""

    __slots__ = ("listing",)

    def __init__(self, listing: Listing, order: str) -> None:
        self.listing = listing
        super().__init__(
            nodes=listing.models,
            total_count=listing.total,
            limit=listing.request.part.limit,
            offset=listing.offset,
            end=listing.end,
            order=order,
        )

    def _find_anchor(self, place: int) -> Anchor:
        return self.listing.find_anchor(place)


def _count(members: Sequence[Any], key: str, bound: str, *, inclusive: bool) -> int:
    """Count the members with an id below `bound`, or equal to it if `inclusive`."""
    return sum(
        getattr(member, key) < bound or (inclusive and getattr(member, key) == bound)
        for member in members
    )
