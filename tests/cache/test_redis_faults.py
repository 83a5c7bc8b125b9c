"""Redis is down, hangs or comes back: the client never notices an error."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable

import pytest
from redis import Redis as SyncRedis
from structlog.testing import capture_logs

from catalograph.cache.entries import Ages, Entry
from catalograph.cache.lock import FetchLock, Turn
from catalograph.cache.memory import BoundedMemory
from catalograph.cache.redis import Redis, RedisDownError
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import RedisSharedCache, Store, open_store
from catalograph.errors import UpstreamUnavailableError
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

BOUND_S = 0.15
SLACK_S = 0.35
"""Generous, for slow machines."""

_OPENED = "the shared cache fails; each process uses its own cache"
_CLOSED = "the shared cache works again"


@pytest.fixture
async def cache(
    fragile_redis: RedisServer, clock: Clock
) -> AsyncIterator[RefreshingCache]:
    cache = RefreshingCache(
        open_store(fragile_redis.url, max_bytes=1_000_000, clock=clock),
        ages=Ages(),
        clock=clock,
    )
    yield cache
    await cache.aclose()


async def test_a_hung_redis_is_a_miss_within_its_bound_and_then_not_called(
    fragile_redis: RedisServer, cache: RefreshingCache, upstream: Upstream
) -> None:
    await store(cache, "warm", "up", START_S)
    fragile_redis.pause()
    took_s = []

    with capture_logs() as logs:
        for number in range(6):
            began_s = time.monotonic()
            answer = await cache.fetch_through(f"{number}", upstream, codec=TEXT)
            took_s.append(time.monotonic() - began_s)
            assert answer.value == f"answer {number + 1}"

    assert max(took_s) < BOUND_S + SLACK_S
    assert sum(took_s[-3:]) < BOUND_S
    assert [line["event"] for line in logs] == [_OPENED]
    fragile_redis.resume()


async def test_many_look_ups_of_a_hung_redis_wait_together(
    fragile_redis: RedisServer, cache: RefreshingCache
) -> None:
    fragile_redis.pause()

    began_s = time.monotonic()
    found = await asyncio.gather(
        *(cache.read(f"{number}", codec=TEXT) for number in range(50))
    )

    assert found == [None] * 50
    assert time.monotonic() - began_s < BOUND_S + SLACK_S
    fragile_redis.resume()


async def test_after_a_kill_and_a_restart_answers_are_shared_again(
    fragile_redis: RedisServer, cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("before", upstream, codec=TEXT)
    failures = count("catalograph_shared_cache_failures_total", operation="get")
    fragile_redis.kill()

    with capture_logs() as logs:
        for number in range(10):
            await cache.fetch_through(f"during {number}", upstream, codec=TEXT)
        assert count("catalograph_shared_cache_breaker_open") == 1
        fragile_redis.start()
        other = RefreshingCache(
            open_store(fragile_redis.url, max_bytes=1_000, clock=clock),
            ages=Ages(),
            clock=clock,
        )
        found = None
        async with asyncio.timeout(8):
            for number in itertools.count():
                await store(cache, f"after {number}", "it", START_S)
                found = await other.read(f"after {number}", codec=TEXT)
                if found is not None:
                    break
                await asyncio.sleep(0.02)
        await other.aclose()

    assert found == Entry("it", START_S)
    assert [line["event"] for line in logs] == [_OPENED, _CLOSED]
    assert logs[0]["error"].startswith("ConnectionError: Error 111 connecting to 127.")
    assert count("catalograph_shared_cache_breaker_open") == 0
    assert upstream.calls == 11
    after = count("catalograph_shared_cache_failures_total", operation="get")
    assert after - failures >= 1


async def test_without_redis_at_start_callers_still_share_one_fetch(
    fragile_redis: RedisServer, cache: RefreshingCache, upstream: Upstream
) -> None:
    fragile_redis.kill()

    answers = await asyncio.gather(
        *(cache.fetch_through("k", upstream, codec=TEXT) for _ in range(50))
    )

    assert answers == [Entry("answer 1", START_S)] * 50
    assert upstream.calls == 1
    fragile_redis.start()


async def test_redis_dying_while_one_process_asks_lets_the_other_ask_for_itself(
    fragile_redis: RedisServer, cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    other = RefreshingCache(
        open_store(fragile_redis.url, max_bytes=1_000_000, clock=clock),
        ages=Ages(),
        clock=clock,
    )
    upstream.open.clear()
    asking = asyncio.create_task(cache.fetch_through("k", upstream, codec=TEXT))
    await until(lambda: upstream.calls == 1)
    waiting = asyncio.create_task(other.fetch_through("k", upstream, codec=TEXT))
    await asyncio.sleep(0.05)

    fragile_redis.kill()
    await until(lambda: upstream.calls == 2)
    upstream.open.set()

    assert await asking == Entry("answer 1", START_S)
    assert await waiting == Entry("answer 2", START_S)
    await other.aclose()


async def test_a_lock_given_while_redis_hung_does_not_outlive_its_lease(
    fragile_redis: RedisServer,
) -> None:
    """Redis executes a command that was sent before it hung, although no caller waits."""
    redis = Redis(fragile_redis.url)
    await redis.get("warm up")
    fragile_redis.pause()
    with pytest.raises(RedisDownError):
        await FetchLock(redis, "k", lease_s=0.3).take_turn(START_S)
    fragile_redis.resume()

    async with asyncio.timeout(4):
        turn = await FetchLock(redis, "k", lease_s=0.3).take_turn(START_S)

    assert turn is Turn.OURS
    await redis.aclose()


async def test_callers_who_leave_do_not_mix_up_the_answers_of_others(
    fragile_redis: RedisServer, cache: RefreshingCache, clock: Clock
) -> None:
    """A connection with an answer still on its way is not used again."""
    for number in range(20):
        await store(cache, f"{number}", f"value {number}", START_S)
    reader = RefreshingCache(
        open_store(fragile_redis.url, max_bytes=0, clock=clock),
        ages=Ages(),
        clock=clock,
    )

    told: set[tuple[str, str | None]] = set()
    for turns in range(40):
        readers = [
            asyncio.create_task(reader.read(f"{number}", codec=TEXT))
            for number in range(20)
        ]
        for _ in range(turns % 8):
            await asyncio.sleep(0)
        for leaving in readers[::2]:
            leaving.cancel()
        found = await asyncio.gather(*readers, return_exceptions=True)
        told |= {
            (f"value {number}", entry.value)
            for number, entry in enumerate(found)
            if isinstance(entry, Entry)
        }

    assert {expected for expected, _ in told} >= {
        f"value {number}" for number in range(1, 20, 2)
    }
    assert [pair for pair in told if pair[0] != pair[1]] == []
    await reader.aclose()


async def test_closing_does_not_wait_for_a_hung_redis(
    fragile_redis: RedisServer, clock: Clock, upstream: Upstream
) -> None:
    cache = RefreshingCache(
        open_store(fragile_redis.url, max_bytes=1_000, clock=clock),
        ages=Ages(),
        clock=clock,
    )
    await store(cache, "warm", "up", START_S)
    upstream.open.clear()
    asking = asyncio.create_task(cache.fetch_through("k", upstream, codec=TEXT))
    await until(lambda: upstream.calls == 1)
    fragile_redis.pause()

    began_s = time.monotonic()
    await cache.aclose()

    assert time.monotonic() - began_s < 2 * BOUND_S + SLACK_S
    with pytest.raises(UpstreamUnavailableError):
        await asking
    fragile_redis.resume()


async def test_a_lock_acquired_by_a_cancelled_caller_is_released(
    fragile_redis: RedisServer,
) -> None:
    """Redis granted the lock, but no caller waited for the reply any more."""
    redis = Redis(fragile_redis.url)
    await redis.get("warm up")
    fragile_redis.pause()
    leaving = asyncio.create_task(FetchLock(redis, "k", lease_s=60).take_turn(START_S))
    await settle()

    leaving.cancel()
    fragile_redis.resume()
    await asyncio.wait({leaving})

    assert leaving.cancelled()
    assert await redis.get("k|lock") is None
    await redis.aclose()


async def test_a_waiting_process_tolerates_a_slow_redis(
    fragile_redis: RedisServer,
) -> None:
    """A request for the lock times out, although Redis granted it; the next look-up notices."""
    redis = Redis(fragile_redis.url)
    first, second = (FetchLock(redis, "k", lease_s=lease_s) for lease_s in (0.15, 60))
    await first.take_turn(START_S)
    waiting = asyncio.create_task(second.take_turn(START_S))
    await asyncio.sleep(0.05)
    failures = count("catalograph_shared_cache_failures_total", operation="lock")

    fragile_redis.pause()
    await until(
        lambda: (
            count("catalograph_shared_cache_failures_total", operation="lock")
            > failures
        )
    )
    # By now the first lease has expired, so the pending request gets the lock.
    fragile_redis.resume()

    async with asyncio.timeout(5):
        assert await waiting is Turn.OURS
    await redis.aclose()


async def test_a_lock_that_was_lost_is_not_released(
    fragile_redis: RedisServer,
) -> None:
    """A holder whose lease has expired does not release the lock of the next holder."""
    redis = Redis(fragile_redis.url)
    first, second = (FetchLock(redis, "k", lease_s=lease_s) for lease_s in (0.01, 5))
    await first.take_turn(START_S)
    await second.take_turn(START_S)
    held = await redis.get("k|lock")

    async with first.hold():
        pass

    assert held is not None
    assert await redis.get("k|lock") == held
    await redis.aclose()


async def test_a_probe_whose_caller_left_makes_room_for_the_next(
    fragile_redis: RedisServer,
) -> None:
    now_s = 0.0
    redis = Redis(fragile_redis.url, monotonic=lambda: now_s)
    fragile_redis.kill()
    for _ in range(3):
        with pytest.raises(RedisDownError):
            await redis.get("k")
    fragile_redis.start()
    fragile_redis.pause()
    now_s = 2.0
    probe = asyncio.create_task(redis.get("k"))
    await asyncio.sleep(0)

    probe.cancel()
    await asyncio.wait({probe})
    fragile_redis.resume()

    assert probe.cancelled()
    assert await redis.get("k") is None
    await redis.aclose()


def _refuse_writes(client: SyncRedis) -> None:
    client.replicaof("127.0.0.1", "1")


def _fill_up(client: SyncRedis) -> None:
    client.config_set("maxmemory", "1")


def _forbid_scripts(client: SyncRedis) -> None:
    client.execute_command("ACL", "SETUSER", "default", "-@scripting")  # type: ignore[no-untyped-call]


def _allow_all(client: SyncRedis) -> None:
    client.replicaof("NO", "ONE")
    client.config_set("maxmemory", "0")
    client.execute_command("ACL", "SETUSER", "default", "+@all")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_refuse_writes, "ReadOnlyError"),
        (_fill_up, "OutOfMemoryError"),
        (_forbid_scripts, "NoPermissionError"),
    ],
)
async def test_a_redis_that_refuses_is_logged_once_and_requests_succeed(
    fragile_redis: RedisServer,
    clock: Clock,
    upstream: Upstream,
    spoil: Callable[[SyncRedis], None],
    error: str,
) -> None:
    seconds = 0.0
    redis = Redis(fragile_redis.url, monotonic=lambda: seconds)
    cache = RefreshingCache(
        Store(BoundedMemory(max_bytes=1_000_000), RedisSharedCache(redis, clock=clock)),
        ages=Ages(),
        clock=clock,
    )
    with SyncRedis.from_url(fragile_redis.url) as client, capture_logs() as logs:
        spoil(client)
        for number in range(12):
            answer = await cache.fetch_through(f"{number}", upstream, codec=TEXT)
            await cache.drain()
            assert answer.value == f"answer {number + 1}"
            seconds += 3
        during = [(line["event"], line["error"].split(":")[0]) for line in logs]
        _allow_all(client)
        for number in range(2):
            await cache.fetch_through(f"after {number}", upstream, codec=TEXT)
            await cache.drain()
            seconds += 3
        after = logs[1:]

    assert during == [(_OPENED, error)]
    assert [line["event"] for line in after] == [_CLOSED]
    await cache.aclose()


async def test_a_new_cause_is_logged(
    fragile_redis: RedisServer, cache: RefreshingCache, upstream: Upstream
) -> None:
    """Redis is first down, then back with a password."""
    fragile_redis.kill()
    with capture_logs() as logs:
        for number in range(5):
            await cache.fetch_through(f"away {number}", upstream, codec=TEXT)
        fragile_redis.start()
        with SyncRedis.from_url(fragile_redis.url) as client:
            client.config_set("requirepass", "other")
        async with asyncio.timeout(8):
            for number in itertools.count():
                await cache.fetch_through(f"back {number}", upstream, codec=TEXT)
                if len(logs) > 1:
                    break
                await asyncio.sleep(0.05)

    assert [line["event"] for line in logs] == [
        _OPENED,
        "the shared cache fails for another reason now",
    ]
    assert [line["error"].split(":")[0] for line in logs] == [
        "ConnectionError",
        "AuthenticationError",
    ]


async def test_a_lock_without_a_holder_runs_out(
    fragile_redis: RedisServer, cache: RefreshingCache, upstream: Upstream
) -> None:
    """A lock without a time to live, and without a holder that renews it, still expires."""
    with SyncRedis.from_url(fragile_redis.url) as client:
        client.set("k|lock", "nobody")

    async with asyncio.timeout(4):
        answer = await cache.fetch_through("k", upstream, codec=TEXT)

    assert answer.value == "answer 1"


@pytest.mark.parametrize("option", ["decode_responses=true", "socket_timeout=60"])
async def test_options_that_change_replies_or_times_have_no_effect(
    fragile_redis: RedisServer, clock: Clock, upstream: Upstream, option: str
) -> None:
    url = f"{fragile_redis.url}/0?{option}"
    one, other = (
        RefreshingCache(
            open_store(url, max_bytes=1_000, clock=clock), ages=Ages(), clock=clock
        )
        for _ in range(2)
    )
    await one.fetch_through("k", upstream, codec=TEXT)
    await one.drain()

    found = await other.fetch_through("k", upstream, codec=TEXT)

    assert (found.value, upstream.calls) == ("answer 1", 1)
    await one.aclose()
    await other.aclose()
