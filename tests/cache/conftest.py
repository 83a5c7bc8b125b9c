"""Fixtures: a clock, an upstream, and an in-memory cache that uses both."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis

from catalograph.cache.entries import Ages
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from support.cache_stand_ins import Clock, Upstream
from support.redis_server import BINARY, RedisServer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def upstream(clock: Clock) -> Upstream:
    return Upstream(clock)


@pytest.fixture
async def cache(clock: Clock) -> AsyncIterator[RefreshingCache]:
    cache = RefreshingCache(
        open_store("memory://", max_bytes=100_000), ages=Ages(), clock=clock
    )
    yield cache
    await cache.aclose()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """A Redis that all tests share, unless they pause or kill it."""
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """The shared one, empty."""
    with Redis.from_url(shared_redis.url) as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def fragile_redis() -> Iterator[RedisServer]:
    """A Redis that the test may pause and kill."""
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with RedisServer() as server:
        yield server
