"""TimeSlice: long work on the event loop is broken up, so that others get theirs."""

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Final, TypeVar, cast

T = TypeVar("T")

MAX_SLICE_S: Final = 0.01
"""After so long without a pause, the event loop looks after others."""


class TimeSlice:
    """The turns that one operation has had, all its tasks together.

    Args:
        max_slice_s: How long one may be.
    """

    __slots__ = ("_is_new", "_max_slice_s", "_next", "_since_s")

    def __init__(self, max_slice_s: float = MAX_SLICE_S) -> None:
        self._max_slice_s = max_slice_s
        self._since_s = time.perf_counter()
        self._next: asyncio.Future[None] | None = None
        # Whether a turn may begin, which nobody has begun yet.
        self._is_new = False

    @property
    def is_spent(self) -> bool:
        """Whether this turn has been long enough."""
        return time.perf_counter() - self._since_s >= self._max_slice_s

    def advance(self, steps: Generator[None, None, T]) -> T | None:
        """Take one step, and more while this turn lasts.

        Returns:
            What the steps come to; None when there are more of them.
        """
        try:
            while True:
                next(steps)
                if self.is_spent:
                    return None
        except StopIteration as end:
            return cast("T", end.value)

    async def iterate(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Give items one by one, with a pause before one whenever the turn is over."""
        for item in items:
            if self.is_spent:
                await self.yield_now()
            yield item

    async def yield_if_due(self) -> None:
        """Let others have their turn, if this one has been long enough."""
        if self.is_spent:
            await self.yield_now()

    async def yield_now(self) -> None:
        """Let others have their turn."""
        while True:
            if self._next is None:
                loop = asyncio.get_running_loop()
                self._next = loop.create_future()
                loop.call_soon(self._begin)
            # Whoever is cancelled while he waits does not cancel it for the others.
            await asyncio.shield(self._next)
            if self._is_new:
                # However long everything else took meanwhile, somebody goes on.
                self._is_new = False
                self._since_s = time.perf_counter()
                return
            # Tasks that wait together would fill the turn together: each looks again.
            if not self.is_spent or self._max_slice_s <= 0:
                return

    def _begin(self) -> None:
        self._is_new = True
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        self._next = None
