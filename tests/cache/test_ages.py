"""How the age of a cached value decides about serving and refreshing it."""

import gc
import weakref

import pytest

from catalograph.cache.entries import Age, Ages, Entry
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from support.cache_stand_ins import START_S, TEXT, Clock, Upstream, count, settle, store

FIRST = Entry("answer 1", START_S)


@pytest.mark.parametrize(
    ("age_s", "age"),
    [
        (0, Age.FRESH),
        (60, Age.FRESH),
        (60.001, Age.STALE),
        (600, Age.STALE),
        (600.001, Age.EXPIRED),
        (86_400, Age.EXPIRED),
        (86_400.001, Age.MISS),
        (-2, Age.FRESH),
        (-2.001, Age.EXPIRED),
    ],
)
def test_an_age_includes_its_last_moment(age_s: float, age: Age) -> None:
    assert Ages().classify(age_s) is age


def test_ages_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0 <= fresh <= stale <= expired, got 60, 30"):
        Ages(fresh_s=60, stale_s=30)


async def test_a_fresh_answer_is_served(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 60

    assert await cache.fetch_through("k", upstream, codec=TEXT) == FIRST
    assert upstream.calls == 1


async def test_a_stale_answer_is_served_at_once_and_refreshed_once(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 61
    upstream.open.clear()

    answers = [await cache.fetch_through("k", upstream, codec=TEXT) for _ in range(5)]
    await settle()

    assert answers == [FIRST] * 5
    assert upstream.calls == 2
    upstream.open.set()
    await settle()
    assert cache.peek("k") == Entry("answer 2", START_S + 61)


async def test_a_failing_refresh_is_counted_and_not_repeated_for_three_seconds(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = UpstreamTimeoutError(8)
    failures = count("catalograph_cache_refresh_failures_total")
    calls = []

    for now_s in (61, 62, 63.9, 64, 65):
        clock.now_s = START_S + now_s
        assert await cache.fetch_through("k", upstream, codec=TEXT) == FIRST
        await settle()
        calls.append(upstream.calls)

    assert calls == [2, 2, 2, 3, 3]
    assert count("catalograph_cache_refresh_failures_total") - failures == 2


async def test_a_refresh_that_fails_unexpectedly_affects_no_caller(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = ZeroDivisionError()
    clock.now_s += 61

    assert await cache.fetch_through("k", upstream, codec=TEXT) == FIRST
    await settle()
    assert await cache.fetch_through("k", upstream, codec=TEXT) == FIRST


async def test_an_expired_answer_is_fetched_anew(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 601

    answer = await cache.fetch_through("k", upstream, codec=TEXT)

    assert answer == Entry("answer 2", START_S + 601)


async def test_an_expired_answer_is_served_as_failed_when_the_upstream_fails(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    """The first one waits for the failure; others get the old answer at once.

    Behind their backs the upstream is asked once a second, and its recovery noticed.
    """
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = UpstreamUnavailableError(status=503)
    clock.now_s += 80_000
    calls = []

    async def assert_old() -> None:
        answer = await cache.fetch_through("k", upstream, codec=TEXT)
        assert (answer.value, answer.as_of_s, answer.failed) == (
            "answer 1",
            START_S,
            True,
        )
        assert isinstance(answer.error, UpstreamUnavailableError)
        assert answer.error.status == 503

    for _ in range(4):
        await assert_old()
        await settle()
        calls.append(upstream.calls)
        clock.now_s += 0.4

    assert calls == [2, 2, 2, 3]
    upstream.error = None
    clock.now_s += 1
    await assert_old()
    await settle()
    answer = await cache.fetch_through("k", upstream, codec=TEXT)
    assert answer == Entry("answer 4", clock.now_s)


async def test_an_old_failure_does_not_prevent_waiting(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = UpstreamUnavailableError(status=503)
    clock.now_s += 1_000
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = None
    clock.now_s += 10

    answer = await cache.fetch_through("k", upstream, codec=TEXT)

    assert answer == Entry("answer 3", clock.now_s)


async def test_callers_with_an_old_entry_do_not_wait_for_a_hanging_upstream(
    upstream: Upstream, clock: Clock
) -> None:
    """The fetch continues in the background."""
    store = open_store("memory://", max_bytes=100_000)
    cache = RefreshingCache(store, ages=Ages(), clock=clock, patience_s=0.01)
    await cache.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 1_000
    upstream.open.clear()

    first = await cache.fetch_through("k", upstream, codec=TEXT)
    second = await cache.fetch_through("k", upstream, codec=TEXT)

    assert [first.value, first.failed] == ["answer 1", True]
    assert [second.value, second.failed] == ["answer 1", True]
    assert upstream.calls == 2
    upstream.open.set()
    await settle()
    assert cache.peek("k") == Entry("answer 2", clock.now_s)
    await cache.aclose()


async def test_after_three_failures_the_fourth_caller_does_not_wait(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    """Callers with a stale value get it at once, until a fetch succeeds again."""
    for key in ("a", "b", "c", "d", "e"):
        await cache.fetch_through(key, upstream, codec=TEXT)
    clock.now_s += 1_000
    upstream.error = UpstreamTimeoutError(8)
    for key in ("a", "b", "c"):
        await cache.fetch_through(key, upstream, codec=TEXT)
    upstream.open.clear()
    upstream.error = None

    fourth = await cache.fetch_through("d", upstream, codec=TEXT)

    assert [fourth.value, fourth.failed] == ["answer 4", True]
    upstream.open.set()
    await settle()
    fifth = await cache.fetch_through("e", upstream, codec=TEXT)
    assert fifth == Entry("answer 10", clock.now_s)


async def test_an_error_is_not_kept_alive(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    """An error refers to frames, and these to values; the next failure drops old errors."""
    upstream.error = UpstreamTimeoutError(8)
    old = weakref.ref(upstream.error)
    for key in ("k", "other"):
        with pytest.raises(UpstreamTimeoutError):
            await cache.fetch_through(key, upstream, codec=TEXT)
        upstream.error = UpstreamTimeoutError(9)
        clock.now_s += 11
        await settle()

    gc.collect()

    assert old() is None


async def test_a_clock_set_back_does_not_make_a_failure_last(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = UpstreamTimeoutError(8)
    clock.now_s += 5_000
    await cache.fetch_through("k", upstream, codec=TEXT)
    clock.now_s -= 1_000

    await cache.fetch_through("k", upstream, codec=TEXT)

    assert upstream.calls == 3


async def test_a_refused_token_is_no_outage(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    """A refused token does not get values that were cached before."""
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = UpstreamAuthError()
    clock.now_s += 601

    for _ in range(2):
        with pytest.raises(UpstreamAuthError):
            await cache.fetch_through("k", upstream, codec=TEXT)
    assert upstream.calls == 3


async def test_past_the_expired_age_there_is_a_miss(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = UpstreamTimeoutError(8)
    clock.now_s += 86_401

    assert await cache.read("k", codec=TEXT) is None
    with pytest.raises(UpstreamTimeoutError):
        await cache.fetch_through("k", upstream, codec=TEXT)


async def test_an_answer_older_than_asked_counts_as_none(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.fetch_through("k", upstream, codec=TEXT)
    clock.now_s += 10
    since_s = START_S + 5

    upstream.error = UpstreamTimeoutError(8)
    with pytest.raises(UpstreamTimeoutError):
        await cache.fetch_through("k", upstream, codec=TEXT, oldest_s=since_s)
    upstream.error = None
    clock.now_s += 10
    answer = await cache.fetch_through("k", upstream, codec=TEXT, oldest_s=since_s)
    assert answer == Entry("answer 3", START_S + 20)
    assert cache.peek("k") == answer


async def test_reading_takes_any_age_and_never_asks(
    cache: RefreshingCache, clock: Clock
) -> None:
    await store(cache, "k", "written", START_S)

    clock.now_s += 86_000

    assert cache.peek("k") is None
    assert cache.find("k") == Entry("written", START_S)
    assert await cache.read("k", codec=TEXT) == Entry("written", START_S)


async def test_a_cached_none_is_not_a_miss(
    cache: RefreshingCache, upstream: Upstream
) -> None:
    await store(cache, "k", None, START_S)

    answer = await cache.fetch_through("k", upstream, codec=TEXT)

    assert answer == Entry(None, START_S)
    assert upstream.calls == 0


async def test_each_look_up_is_counted_once_by_age(
    cache: RefreshingCache, upstream: Upstream, clock: Clock
) -> None:
    def counts() -> list[float]:
        name = "catalograph_cache_reads_total"
        return [count(name, age=age.value) for age in Age]

    before = counts()
    await cache.fetch_through("k", upstream, codec=TEXT)
    upstream.error = UpstreamTimeoutError(8)
    for age_s in (1, 61, 601, 601):
        clock.now_s = START_S + age_s
        await cache.fetch_through("k", upstream, codec=TEXT)
        await settle()

    # fresh, stale, expired, miss
    assert [b - a for a, b in zip(before, counts(), strict=True)] == [1, 1, 2, 1]
