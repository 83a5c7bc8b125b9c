"""A clock, an upstream and a cache in memory on both."""

from collections.abc import AsyncIterator

import pytest

from catalograph.cache.ages import Ages
from catalograph.cache.single_flight import FreshCache
from catalograph.cache.store import open_store
from support.kept_answers import Clock, Upstream


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstream(clock: Clock) -> Upstream:
    return Upstream(clock)


@pytest.fixture
async def cache(clock: Clock) -> AsyncIterator[FreshCache]:
    cache = FreshCache(
        open_store("memory://", max_bytes=100_000), ages=Ages(), clock=clock
    )
    yield cache
    await cache.aclose()
