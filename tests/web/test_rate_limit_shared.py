"""One rate limit over several replicas, in a real Redis."""

import math
from collections.abc import AsyncIterator, Iterator

import pytest

from catalograph.cache.rate_buckets import SharedBuckets
from catalograph.cache.redis import Redis
from catalograph.web.options import Rate
from catalograph.web.rate_limit import SharedRateLimiter
from support.redis_server import BINARY, RedisServer
from support.web_client import Clock

# A token comes back in an hour, so that none does while a test runs.
RATE = Rate(10, 36_000)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with RedisServer() as server:
        yield server


@pytest.fixture
async def replicas(server: RedisServer) -> AsyncIterator[list[SharedRateLimiter]]:
    connections = [Redis(server.url) for _ in range(2)]
    yield [build_limiter(connection, RATE) for connection in connections]
    for connection in connections:
        await connection.aclose()


def build_limiter(redis: Redis, rate: Rate) -> SharedRateLimiter:
    buckets = SharedBuckets(redis, count=rate.count, period_s=rate.period_s)
    return SharedRateLimiter(buckets, rate, clock=Clock())


async def test_replicas_share_a_bucket(replicas: list[SharedRateLimiter]) -> None:
    verdicts = [await replicas[n % 2].take("key:a") for n in range(14)]

    allowed = sum(verdict.is_allowed for verdict in verdicts)
    # A sixteenth of a bucket for each replica may be too much.
    assert 10 <= allowed <= 12
    assert not verdicts[-1].is_allowed
    assert verdicts[-1].remaining == 0
    assert math.ceil(verdicts[-1].retry_after_s) > 3_000


async def test_callers_have_buckets_of_their_own(
    replicas: list[SharedRateLimiter],
) -> None:
    for _ in range(12):
        await replicas[0].take("192.0.2.1")

    verdict = await replicas[1].take("192.0.2.2")

    assert verdict.is_allowed
    assert verdict.remaining == 9


async def test_cost_is_taken_from_the_bucket_of_all(
    replicas: list[SharedRateLimiter],
) -> None:
    first = await replicas[0].take("key:a")
    await replicas[0].charge("key:a", 8)

    second = await replicas[1].take("key:a")

    assert (first.remaining, second.remaining) == (9, 0)


async def test_a_debt_is_at_most_one_bucket(
    replicas: list[SharedRateLimiter],
) -> None:
    await replicas[0].charge("key:a", 1_000_000)

    verdict = await replicas[1].take("key:a")

    assert not verdict.is_allowed
    assert verdict.full_in_s == pytest.approx(2 * RATE.period_s, rel=0.01)


async def test_many_requests_are_few_calls_of_redis(server: RedisServer) -> None:
    calls: list[float] = []

    class Counting(SharedBuckets):
        async def take(
            self, name: str, *, spent: float, wanted: float
        ) -> tuple[bool, float] | None:
            calls.append(spent)
            return await super().take(name, spent=spent, wanted=wanted)

    redis, rate = Redis(server.url), Rate(1_600, 36_000)
    buckets = Counting(redis, count=rate.count, period_s=rate.period_s)
    limiter = SharedRateLimiter(buckets, rate, clock=Clock())

    for _ in range(700):
        assert (await limiter.take("key:a")).is_allowed

    # Each hundred, once they are counted together.
    assert calls == [0, 100, 100, 100, 100, 100, 100]
    await redis.aclose()


async def test_without_redis_each_replica_counts_by_itself(
    server: RedisServer, replicas: list[SharedRateLimiter]
) -> None:
    server.kill()

    allowed = [
        sum([(await replica.take("key:a")).is_allowed for _ in range(12)])
        for replica in replicas
    ]

    assert allowed == [10, 10]
