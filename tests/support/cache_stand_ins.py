"""Test doubles for the cache: a manual clock, a scripted upstream, a store."""

import asyncio
from collections.abc import Callable
from typing import Any

from catalograph.cache.entries import Codec, Entry, MsgpackCodec
from catalograph.cache.refreshing import RefreshingCache
from catalograph.observability import metrics

START_S = 1_000_000.0

TEXT: MsgpackCodec[str | None] = MsgpackCodec(str | None)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> float:
        return self.now_s


class Upstream:
    """Answers `answer 1`, `answer 2` …, or raises a given error, when the test allows it.

    Attributes:
        calls: Number of requests.
        cancelled: Number of requests that were cancelled before they were answered.
        error: The error to raise; None means to answer.
        open: While this event is cleared, requests hang.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.calls = 0
        self.cancelled = 0
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> Entry[str | None]:
        self.calls += 1
        answer, as_of_s = f"answer {self.calls}", self._clock()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return Entry(answer, as_of_s)


async def store(
    cache: RefreshingCache,
    key: str,
    value: Any,
    as_of_s: float,
    *,
    codec: Codec[Any] = TEXT,
) -> None:
    """Put a value into a cache, in memory and in the shared store, as if it had been fetched."""

    async def fetch() -> Entry[Any]:
        return Entry(value, as_of_s)

    await cache.fetch_through(key, fetch, codec=codec)
    await cache.drain()


async def settle() -> None:
    """Run all tasks as far as they get without time passing."""
    for _ in range(10):
        await asyncio.sleep(0)


def count(name: str, **labels: str) -> float:
    """Read the current value of a counter."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def until(holds: Callable[[], bool], *, within_s: float = 8.0) -> None:
    """Wait until a condition holds that another process or a server brings about."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - nobody there could set an event of ours
            await asyncio.sleep(0.002)
