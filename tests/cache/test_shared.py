"""Data that processes share through Redis."""

import asyncio
import contextlib
import math
import zlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from redis import Redis

from catalograph.cache.encoding import HEADER
from catalograph.cache.entries import Ages, Entry, MsgpackCodec
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from support.cache_stand_ins import (
    START_S,
    TEXT,
    Clock,
    Upstream,
    count,
    settle,
    store,
    until,
)
from support.redis_server import RedisServer

FIRST = Entry("answer 1", START_S)

BOMB = zlib.compress(bytes(10_000_000))


def _pack(
    value: object,
    *,
    version: int = 2,
    how: int = 0,
    as_of_s: float = START_S,
    fresh_s: float = -1,
    stale_s: float = -1,
) -> bytes:
    """Encode an entry as it is stored in Redis."""
    body = msgspec.msgpack.encode(value)
    return HEADER.pack(version, how, as_of_s, fresh_s, stale_s, len(body)) + body


@contextlib.asynccontextmanager
async def _replica(server: RedisServer, clock: Clock) -> AsyncIterator[RefreshingCache]:
    cache = RefreshingCache(
        open_store(server.unix_url, max_bytes=1_000_000, clock=clock),
        ages=Ages(),
        clock=clock,
    )
    yield cache
    await cache.aclose()


@pytest.fixture
async def one(
    redis_server: RedisServer, clock: Clock
) -> AsyncIterator[RefreshingCache]:
    async with _replica(redis_server, clock) as cache:
        yield cache


@pytest.fixture
async def other(
    redis_server: RedisServer, clock: Clock
) -> AsyncIterator[RefreshingCache]:
    async with _replica(redis_server, clock) as cache:
        yield cache


async def _until_kept(server: RedisServer, key: str) -> bytes:
    """Wait until a background write has reached Redis."""
    with Redis.from_url(server.url) as client:
        await until(
            lambda: bool(client.exists(key) and not client.exists(f"{key}|lock"))
        )
        data = client.get(key)
    assert isinstance(data, bytes)
    return data


async def test_one_replica_finds_what_another_fetched(
    one: RefreshingCache,
    other: RefreshingCache,
    upstream: Upstream,
    redis_server: RedisServer,
) -> None:
    assert await one.fetch_through("k", upstream, codec=TEXT) == FIRST
    await _until_kept(redis_server, "k")

    assert await other.fetch_through("k", upstream, codec=TEXT) == FIRST
    assert other.peek("k") == FIRST
    assert upstream.calls == 1


async def test_it_works_by_tcp_as_well(
    redis_server: RedisServer, one: RefreshingCache, clock: Clock
) -> None:
    await store(one, "k", "written", START_S)
    by_tcp = RefreshingCache(
        open_store(redis_server.url, max_bytes=1_000_000, clock=clock),
        ages=Ages(),
        clock=clock,
    )

    assert await by_tcp.read("k", codec=TEXT) == Entry("written", START_S)
    await by_tcp.aclose()


async def test_a_cached_none_is_shared_too(
    one: RefreshingCache, other: RefreshingCache
) -> None:
    await store(one, "k", None, START_S)

    assert await other.read("k", codec=TEXT) == Entry(None, START_S)


async def test_an_entry_expires_in_redis(
    one: RefreshingCache, redis_server: RedisServer
) -> None:
    await store(one, "k", "written", START_S)

    with Redis.from_url(redis_server.url) as client:
        left_s = client.ttl("k")
    assert isinstance(left_s, int)
    assert 86_390 <= left_s <= 86_400


async def test_a_large_value_is_compressed_and_a_small_one_is_not(
    one: RefreshingCache, other: RefreshingCache, redis_server: RedisServer
) -> None:
    await store(one, "small", "x" * 100, START_S)
    await store(one, "large", "x" * 1_000_000, START_S)

    small, large = [await _until_kept(redis_server, key) for key in ("small", "large")]
    assert small == _pack("x" * 100)
    assert len(large) < 10_000
    kept = await other.read("large", codec=TEXT)
    assert kept == Entry("x" * 1_000_000, START_S)


async def test_a_value_too_large_to_be_read_in_time_is_not_shared(
    one: RefreshingCache, other: RefreshingCache
) -> None:
    codec: MsgpackCodec[list[float]] = MsgpackCodec(list[float])
    noise = [number**0.5 for number in range(1_500_000)]
    before = count("catalograph_shared_cache_failures_total", operation="too_large")

    await store(one, "k", noise, START_S, codec=codec)

    assert await other.read("k", codec=codec) is None
    after = count("catalograph_shared_cache_failures_total", operation="too_large")
    assert after - before == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"garbage that is no header",
        _pack("other version", version=1),
        _pack("other compression", how=7),
        _pack("not compressed at all", how=1),
        _pack("cut off")[:-1],
        _pack("longer than it says") + b"x",
        _pack(["other", "type"]),
        _pack("no time", as_of_s=math.nan),
        _pack("for ever", as_of_s=math.inf),
        _pack("from the future", as_of_s=START_S + 2.1),
        _pack("ages out of order", fresh_s=60, stale_s=30),
        HEADER.pack(2, 1, START_S, -1, -1, 2**32 - 1) + BOMB,
        HEADER.pack(2, 1, START_S, -1, -1, 10) + BOMB,
    ],
)
async def test_a_value_that_does_not_decode_is_a_miss_and_is_replaced(
    data: bytes, one: RefreshingCache, upstream: Upstream, redis_server: RedisServer
) -> None:
    with Redis.from_url(redis_server.url) as client:
        client.set("k", data)

    assert await one.read("k", codec=TEXT) is None
    with Redis.from_url(redis_server.url) as client:
        client.set("k", data)
    assert await one.fetch_through("k", upstream, codec=TEXT) == FIRST
    kept = await _until_kept(redis_server, "k")
    assert kept == _pack("answer 1")


async def test_a_stale_answer_of_redis_is_served_at_once_and_refreshed_by_one(
    one: RefreshingCache,
    other: RefreshingCache,
    upstream: Upstream,
) -> None:
    await store(one, "k", "old", START_S - 100)
    upstream.open.clear()

    old = await other.fetch_through("k", upstream, codec=TEXT)
    assert old == Entry("old", START_S - 100)
    assert await one.fetch_through("k", upstream, codec=TEXT) == old
    upstream.open.set()

    await until(lambda: one.peek("k") == other.peek("k") == FIRST)
    assert upstream.calls == 1


async def test_after_a_restart_in_an_outage_answers_come_from_redis(
    one: RefreshingCache, other: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await store(one, "k", "old", START_S)
    upstream.error = error = UpstreamUnavailableError(status=503)
    clock.now_s += 80_000

    assert await other.fetch_through("k", upstream, codec=TEXT) == Entry(
        "old", START_S, failed=True, error=error
    )


async def test_an_answer_of_redis_older_than_asked_counts_as_none(
    one: RefreshingCache, other: RefreshingCache, upstream: Upstream
) -> None:
    await store(one, "k", "old", START_S - 10)

    answer = await other.fetch_through("k", upstream, codec=TEXT, oldest_s=START_S - 5)

    assert answer == FIRST


@pytest.mark.parametrize(
    "error",
    [
        UpstreamAuthError(),
        UpstreamRateLimitError(7),
        UpstreamRateLimitError(),
        UpstreamTimeoutError(8),
        UpstreamUnavailableError(status=503),
        UpstreamUnavailableError(),
        UpstreamResponseError(),
        UpstreamContractError(),
    ],
    ids=lambda error: f"{error.code} {error.extensions} {vars(error)}",
)
async def test_an_error_is_the_same_in_other_processes(
    error: UpstreamError,
    one: RefreshingCache,
    other: RefreshingCache,
    upstream: Upstream,
) -> None:
    """It has everything that clients see, but not the upstream's text."""
    error.detail = "the upstream's own words"
    upstream.error = error
    upstream.open.clear()
    calls = [
        asyncio.create_task(cache.fetch_through("k", upstream, codec=TEXT))
        for cache in (one, other)
    ]
    await until(lambda: upstream.calls == 1)
    upstream.open.set()

    told = await asyncio.gather(*calls, return_exceptions=True)

    assert upstream.calls == 1
    (elsewhere,) = [each for each in told if each is not error]
    assert isinstance(elsewhere, UpstreamError)
    assert type(elsewhere) is type(error)
    assert (str(elsewhere), elsewhere.extensions) == (str(error), error.extensions)
    assert getattr(elsewhere, "status", None) == getattr(error, "status", None)
    assert elsewhere.detail == "reported by another process"


async def test_a_process_whose_callers_left_lets_another_one_ask(
    one: RefreshingCache, other: RefreshingCache, upstream: Upstream
) -> None:
    upstream.open.clear()
    leaving = asyncio.create_task(one.fetch_through("k", upstream, codec=TEXT))
    await until(lambda: upstream.calls == 1)
    staying = asyncio.create_task(other.fetch_through("k", upstream, codec=TEXT))
    await settle()

    leaving.cancel()
    upstream.open.set()

    assert await staying == Entry("answer 2", START_S)
    assert (upstream.calls, upstream.cancelled) == (2, 1)


async def test_only_the_key_of_the_value_remains(
    one: RefreshingCache, upstream: Upstream, redis_server: RedisServer
) -> None:
    await one.fetch_through("k", upstream, codec=TEXT)
    await _until_kept(redis_server, "k")

    with Redis.from_url(redis_server.url) as client:
        assert client.keys() == [b"k"]


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("redis://user:pa/ss@host", "redis://[user:password@]host[:port][/db]"),
        ("rediss://host:port", "rediss://[user:password@]host[:port][/db]"),
    ],
)
async def test_a_url_that_cannot_be_read_is_refused_without_its_password(
    url: str, form: str
) -> None:
    with pytest.raises(ValueError, match="must look like") as refused:
        open_store(url, max_bytes=1)

    assert str(refused.value) == f"must look like {form}"


async def test_tls_is_a_matter_of_the_url() -> None:
    store = open_store("rediss://user:secret@host:6380/2", max_bytes=1)

    await store.aclose()


async def test_simultaneous_reads_of_one_key_share_one_look_up(
    one: RefreshingCache, other: RefreshingCache, redis_server: RedisServer
) -> None:
    await store(other, "k", "written", START_S)
    with Redis.from_url(redis_server.url) as client:
        client.config_resetstat()

        found = await asyncio.gather(*(one.read("k", codec=TEXT) for _ in range(50)))

        calls = client.info("commandstats")["cmdstat_get"]["calls"]
    assert found == [Entry("written", START_S)] * 50
    assert calls == 1


async def test_a_flight_that_still_writes_its_answer_down_is_not_joined(
    one: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    """A caller that needs a newer value fetches it."""
    await one.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 10

    answer = await one.fetch_through("k", upstream, codec=TEXT, oldest_s=clock.now_s)

    assert answer == Entry("answer 2", START_S + 10)


async def test_an_entry_is_stored_before_the_cache_is_closed(
    redis_server: RedisServer, upstream: Upstream, clock: Clock
) -> None:
    async with _replica(redis_server, clock) as cache:
        await cache.fetch_through("k", upstream, codec=TEXT)

    async with _replica(redis_server, clock) as cache:
        assert await cache.read("k", codec=TEXT) == FIRST


async def test_what_memory_holds_is_not_read_back_from_redis(
    one: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    """The same object stays after a read, and after a failed fetch."""
    first = await one.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 700
    upstream.error = UpstreamTimeoutError(8)

    read = await one.read("k", codec=TEXT)
    await one.fetch_through("k", upstream, codec=TEXT)

    assert read is first
    assert one.find("k") is first


@pytest.mark.parametrize("wrong_by_s", [30, 3_600, 86_400, -30, -3_600, -86_400])
async def test_a_replica_with_a_wrong_clock_does_not_freeze_the_others(
    wrong_by_s: float,
    one: RefreshingCache,
    other: RefreshingCache,
    upstream: Upstream,
    redis_server: RedisServer,
    clock: Clock,
) -> None:
    """Three replicas; the third one's clock is ahead, or behind."""
    wrong_clock = Clock()
    wrong_clock.now_s += wrong_by_s

    async def fetch_at_wrong_time() -> Entry[str | None]:
        return Entry("of the wrong clock", wrong_clock.now_s)

    async with _replica(redis_server, wrong_clock) as wrong:
        await wrong.fetch_through("k", fetch_at_wrong_time, codec=TEXT)
        await wrong.drain()
        for replica in (one, other):
            await other.read("k", codec=TEXT)
            clock.now_s += 61
            wrong_clock.now_s += 61
            for _ in range(2):
                await replica.fetch_through("k", upstream, codec=TEXT)
                await replica.drain()
            found = await replica.fetch_through("k", upstream, codec=TEXT)

            assert found.value != "of the wrong clock"
            assert found.as_of_s == clock.now_s
            await wrong.fetch_through("k", fetch_at_wrong_time, codec=TEXT)
            await wrong.drain()
    assert upstream.calls == 2
