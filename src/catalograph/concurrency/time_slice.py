"""Time slices: long work yields to the event loop regularly, so that other work is not delayed."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

MAX_SLICE_S: Final = 0.01
"""Seconds after which an operation yields to the event loop."""


class TimeSlice:
    """The time slices of one operation, shared by all its tasks.

    Long work checks `is_spent` between small steps, and awaits `yield_now` if it is. Tasks
    that yield are queued in order, and each turn of the event loop resumes only one of
    them. So thousands of waiting tasks do not block the loop in a single turn.

    Args:
        max_slice_s: Length of a slice in seconds; with 0, work yields after every step.
    """

    __slots__ = ("_is_releasing", "_max_slice_s", "_queue", "_since_s")

    def __init__(self, max_slice_s: float = MAX_SLICE_S) -> None:
        self._max_slice_s = max_slice_s
        self._since_s = time.perf_counter()
        self._queue: deque[asyncio.Future[None]] = deque()
        self._is_releasing = False

    @property
    def is_spent(self) -> bool:
        """Whether this slice has lasted long enough."""
        return time.perf_counter() - self._since_s >= self._max_slice_s

    async def iterate(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Iterate over items, and yield to the event loop whenever the slice is spent."""
        for item in items:
            if self.is_spent:
                await self.yield_now()
            yield item

    async def yield_if_due(self) -> None:
        """Let other work run if this slice is spent."""
        if self.is_spent:
            await self.yield_now()

    async def yield_now(self) -> None:
        """Let other work run; then a new slice begins."""
        loop = asyncio.get_running_loop()
        released = loop.create_future()
        self._queue.append(released)
        if not self._is_releasing:
            self._is_releasing = True
            loop.call_soon(self._release)
        await released
        # The new slice begins now, however long other work has taken meanwhile.
        self._since_s = time.perf_counter()

    def _release(self) -> None:
        """Resume the first task of the queue; the next one follows a turn later."""
        while self._queue:
            released = self._queue.popleft()
            if not released.done():  # the task may have been cancelled while it waited
                released.set_result(None)
                break
        self._is_releasing = bool(self._queue)
        if self._is_releasing:
            asyncio.get_running_loop().call_soon(self._release)
