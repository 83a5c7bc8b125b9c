"""Turns: long work on the event loop is broken up, so that others get theirs."""

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Final, TypeVar, cast

T = TypeVar("T")

MAX_TURN_S: Final = 0.01
"""After so long without a pause, the event loop looks after others."""


class Turns:
    """The turns that one operation has had, all its tasks together.

    Args:
        max_turn_s: How long one may be.
    """

    __slots__ = ("_is_new", "_max_turn_s", "_next", "_since_s")

    def __init__(self, max_turn_s: float = MAX_TURN_S) -> None:
        self._max_turn_s = max_turn_s
        self._since_s = time.perf_counter()
        self._next: asyncio.Future[None] | None = None
        # Whether a turn may begin, which nobody has begun yet.
        self._is_new = False

    @property
    def is_over(self) -> bool:
        """Whether this turn has been long enough."""
        return time.perf_counter() - self._since_s >= self._max_turn_s

    def advance(self, steps: Generator[None, None, T]) -> T | None:
        """Take one step, and more while this turn lasts.

        Returns:
            What the steps come to; None when there are more of them.
        """
        try:
            while True:
                next(steps)
                if self.is_over:
                    return None
        except StopIteration as end:
            return cast("T", end.value)

    async def pace(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Give items one by one, with a pause before one whenever the turn is over."""
        for item in items:
            if self.is_over:
                await self.pause()
            yield item

    async def pause_if_over(self) -> None:
        """Let others have their turn, if this one has been long enough."""
        if self.is_over:
            await self.pause()

    async def pause(self) -> None:
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
            if not self.is_over or self._max_turn_s <= 0:
                return

    def _begin(self) -> None:
        self._is_new = True
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        self._next = None
