"""Callers of one key share one fetch."""

import asyncio

import pytest

from catalograph.cache.entries import Entry
from catalograph.cache.refreshing import RefreshingCache
from catalograph.errors import (
    UpstreamRateLimitError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from support.cache_stand_ins import START_S, TEXT, Clock, Upstream, count, settle, store

Callers = list[asyncio.Task[Entry[str | None]]]


def _call(cache: RefreshingCache, upstream: Upstream, times: int) -> Callers:
    return [
        asyncio.create_task(cache.fetch_through("k", upstream, codec=TEXT))
        for _ in range(times)
    ]


async def test_a_hundred_callers_share_one_answer(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    coalesced = count("catalograph_coalesced_callers_total")

    answers = await asyncio.gather(*_call(cache, upstream, 100))

    assert answers == [Entry("answer 1", START_S)] * 100
    assert upstream.calls == 1
    assert count("catalograph_coalesced_callers_total") - coalesced == 99


async def test_a_hundred_callers_share_one_error(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    """Its traceback does not grow with the callers, and the next caller fetches again."""
    upstream.error = error = UpstreamRateLimitError(7)

    outcomes = await asyncio.gather(
        *_call(cache, upstream, 100), return_exceptions=True
    )

    assert outcomes == [error] * 100
    assert upstream.calls == 1
    frames, traceback = 0, error.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    assert frames < 15
    upstream.error = None
    assert await asyncio.gather(*_call(cache, upstream, 1)) == [
        Entry("answer 2", START_S)
    ]


async def test_a_caller_who_leaves_does_not_stop_the_others(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    upstream.open.clear()
    first, *others = _call(cache, upstream, 3)
    await settle()

    first.cancel()
    await settle()
    upstream.open.set()

    assert await asyncio.gather(*others) == [Entry("answer 1", START_S)] * 2
    assert first.cancelled()
    assert (upstream.calls, upstream.cancelled) == (1, 0)


async def test_the_last_caller_who_leaves_stops_the_fetch(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    upstream.open.clear()
    callers = _call(cache, upstream, 3)
    await settle()

    for caller in callers:
        caller.cancel()
    await settle()

    assert (upstream.calls, upstream.cancelled) == (1, 1)
    upstream.open.set()
    assert await asyncio.gather(*_call(cache, upstream, 1)) == [
        Entry("answer 2", START_S)
    ]


async def test_a_caller_that_arrives_as_the_last_one_leaves_gets_its_own_fetch(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    upstream.open.clear()
    (leaving,) = _call(cache, upstream, 1)
    await settle()

    leaving.cancel()
    (coming,) = _call(cache, upstream, 1)
    await settle()
    upstream.open.set()

    assert await coming == Entry("answer 2", START_S)


async def test_a_refresh_continues_without_callers(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    """This holds even if a caller that needed a younger entry has left."""
    await cache.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 61
    upstream.open.clear()
    await cache.fetch_through("k", upstream, codec=TEXT)
    waiting = asyncio.create_task(
        cache.fetch_through("k", upstream, codec=TEXT, oldest_s=START_S + 1)
    )
    await settle()

    waiting.cancel()
    await settle()
    upstream.open.set()
    await settle()

    assert (upstream.calls, upstream.cancelled) == (2, 0)
    assert cache.peek("k") == Entry("answer 2", START_S + 61)


async def test_a_caller_does_not_share_a_fetch_that_began_too_early(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    upstream.open.clear()
    (early,) = _call(cache, upstream, 1)
    await settle()
    clock.now_s += 10
    late = asyncio.create_task(
        cache.fetch_through("k", upstream, codec=TEXT, oldest_s=START_S + 5)
    )
    await settle()
    upstream.open.set()

    assert await early == Entry("answer 1", START_S)
    assert await late == Entry("answer 2", START_S + 10)


async def test_callers_of_an_expired_answer_share_one_fetch_and_its_failure(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = error = UpstreamTimeoutError(8)
    clock.now_s += 601

    answers = await asyncio.gather(*_call(cache, upstream, 50))

    assert answers == [Entry("answer 1", START_S, failed=True, error=error)] * 50
    assert upstream.calls == 2


async def test_a_cached_value_is_found_without_suspending(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)

    hit = cache.fetch_through("k", upstream, codec=TEXT)

    with pytest.raises(StopIteration) as returned:
        hit.send(None)
    assert returned.value.value == Entry("answer 1", START_S)


async def test_closing_stops_everything_and_says_so_to_those_who_wait(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    """This holds for a refresh, a running fetch, and one that has not begun."""
    await store(cache, "stale", "old", START_S - 100)
    upstream.open.clear()
    await cache.fetch_through("stale", upstream, codec=TEXT)
    running = _call(cache, upstream, 2)
    await settle()
    about_to = asyncio.create_task(cache.fetch_through("k2", upstream, codec=TEXT))
    await asyncio.sleep(0)

    await cache.aclose()

    outcomes = await asyncio.gather(*running, about_to, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UpstreamUnavailableError] * 3
    assert upstream.cancelled == upstream.calls


async def test_a_fetch_that_cancels_itself_is_an_error_not_a_cancelled_caller(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    async def give_up() -> Entry[str | None]:
        await upstream()
        raise asyncio.CancelledError

    with pytest.raises(UpstreamUnavailableError):
        await cache.fetch_through("k", give_up, codec=TEXT)
