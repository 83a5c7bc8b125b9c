"""A process that starts during an outage answers from Redis."""

import contextlib
from collections.abc import AsyncIterator

from redis import Redis

from catalograph.cache.keys import failure_key, index_key
from support.graph_gateway import GraphGateway, TurnedClock
from support.redis_server import RedisServer
from support.stub_upstream import Status, StubUpstream

PAGE = "{ models(limit: 3) { totalCount nodes { modelId } } }"
NEW_PAGE = "{ models(limit: 2, offset: 400) { nodes { modelId } } }"
COUNT = "{ catalogue { totalModels asOf isStale } }"


@contextlib.asynccontextmanager
async def replica(
    upstream: StubUpstream, clock: TurnedClock, redis_server: RedisServer
) -> AsyncIterator[GraphGateway]:
    gateway = GraphGateway(
        upstream,
        clock,
        CACHE_URL=redis_server.url,
        CACHE_FRESH_S="60",
        CACHE_STALE_S="600",
    )
    try:
        yield gateway
    finally:
        await gateway.aclose()


async def test_known_pages_are_answered_after_a_restart(
    upstream: StubUpstream, clock: TurnedClock, redis_server: RedisServer
) -> None:
    async with replica(upstream, clock, redis_server) as before:
        known = await before.ask(PAGE)
    as_of = clock.show()
    upstream.fail(Status(503), times=None)
    clock.pass_s(5_000)

    async with replica(upstream, clock, redis_server) as after:
        result = await after.query(PAGE)

    assert result.data == known
    assert [one["asOf"] for one in result.extensions["warnings"]] == [as_of]


async def test_an_index_that_only_redis_holds_answers_pages_never_asked_before(
    upstream: StubUpstream, clock: TurnedClock, redis_server: RedisServer
) -> None:
    async with replica(upstream, clock, redis_server) as before:
        await before.ask(COUNT)
    as_of = clock.show()
    upstream.fail(Status(503), times=None)
    clock.pass_s(5_000)

    async with replica(upstream, clock, redis_server) as after:
        unready = await after.gateway.check_ready()
        page = await after.query(NEW_PAGE)
        count = await after.query(COUNT)

    assert unready is None
    assert page.data == {
        "models": {"nodes": [{"modelId": "acme/m400"}, {"modelId": "acme/m401"}]}
    }
    assert [one["asOf"] for one in page.extensions["warnings"]] == [as_of]
    assert count.data == {
        "catalogue": {"totalModels": 600, "asOf": as_of, "isStale": True}
    }


async def test_without_cache_and_upstream_it_is_not_ready(
    upstream: StubUpstream, clock: TurnedClock, redis_server: RedisServer
) -> None:
    upstream.fail(Status(503), times=None)

    async with replica(upstream, clock, redis_server) as gateway:
        reason = await gateway.gateway.check_ready()

    assert reason == "the catalogue is not available just now"


async def test_what_was_answered_once_keeps_a_process_ready_for_a_day(
    upstream: StubUpstream, clock: TurnedClock, redis_server: RedisServer
) -> None:
    """The process sends no request to the upstream."""
    async with replica(upstream, clock, redis_server) as gateway:
        await gateway.ask(PAGE)
        upstream.fail(Status(503), times=None)
        upstream.calls.clear()
        reasons = []
        for seconds in (600, 80_000, 10_000):
            clock.pass_s(seconds)
            calls_before = len(upstream.calls)
            reasons.append(await gateway.gateway.check_ready())
            if reasons[-1] is None:
                assert len(upstream.calls) == calls_before

    assert reasons == [None, None, "the catalogue is not available just now"]


async def test_a_passed_through_token_is_not_needed_to_be_ready(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    """The upstream answers, even if only to refuse a request without a token."""
    gateway = GraphGateway(upstream, clock, UPSTREAM_AUTH="passthrough")
    upstream.fail(Status(401, {"error": "unauthorised"}), times=None)

    assert await gateway.gateway.check_ready() is None
    await gateway.aclose()


async def test_a_reading_that_lost_a_third_is_accepted_when_a_second_agrees(
    upstream: StubUpstream, clock: TurnedClock, redis_server: RedisServer
) -> None:
    """This also holds in a process with a catalogue from Redis, which serves it until then."""
    totals = []

    async def count(gateway: GraphGateway) -> None:
        totals.append((await gateway.ask(COUNT))["catalogue"]["totalModels"])
        # Redis uses real time, by which the failure has only just happened.
        with Redis.from_url(redis_server.url) as redis:
            redis.delete(failure_key(index_key("")))

    async with replica(upstream, clock, redis_server) as before:
        await count(before)
    for number in range(300, 600):
        upstream.remove_model(f"acme/m{number:03d}")
    clock.pass_s(601)

    async with replica(upstream, clock, redis_server) as after:
        await count(after)
        clock.pass_s(30)
        await count(after)
        clock.pass_s(31)
        # This reading, a fresh age after the first, agrees.
        await count(after)

    assert totals == [600, 600, 600, 300]


async def test_a_reading_that_lost_less_is_accepted_at_once(
    upstream: StubUpstream, clock: TurnedClock, redis_server: RedisServer
) -> None:
    async with replica(upstream, clock, redis_server) as gateway:
        await gateway.ask(COUNT)
        for number in range(401, 600):
            upstream.remove_model(f"acme/m{number:03d}")
        clock.pass_s(601)

        data = await gateway.ask(COUNT)

    assert data["catalogue"]["totalModels"] == 401
