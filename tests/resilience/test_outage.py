"""Outages of the upstream: cached answers, and all that the index knows, stay available."""

import asyncio

import pytest

from support.cache_stand_ins import settle
from support.graph_gateway import GraphGateway, Result, TurnedClock
from support.stub_upstream import (
    Cut,
    Fault,
    Html,
    NotJson,
    Reset,
    Status,
    StubUpstream,
    WrongShape,
)

PAGE = "{ models(limit: 3) { totalCount nodes { modelId } } }"
PROVIDED = (
    '{ models(filter: { providers: ["deep"] }, limit: 2) { nodes { modelId name } } }'
)
PAGES = "{ a: models(limit: 2) { totalCount } b: models(offset: 90) { totalCount } }"
INDEXED = '{ model(modelId: "acme/m007") { name } providers { totalCount } }'
KNOWN = (PAGE, PROVIDED, PAGES, INDEXED)

NEW = (
    "{ models(limit: 7, offset: 100) { nodes { modelId } } }",
    '{ models(filter: { organisations: ["acme"] }, limit: 1) { totalCount } }',
    '{ model(modelId: "acme/m599") { name } }',
    '{ models(search: "m42", limit: 3) { nodes { modelId } } }',
)

DOWN = Status(503)
DAY_S = 86_400


class EnoughError(Exception):
    """Ends the experiment."""


async def ask_all(gateway: GraphGateway, *documents: str) -> list[Result]:
    return [await gateway.query(document) for document in documents]


def stale_times(result: Result) -> set[str]:
    warnings = result.extensions.get("warnings", [])
    assert all(warning["code"] == "STALE_DATA" for warning in warnings)
    return {warning["asOf"] for warning in warnings}


async def test_every_known_question_is_answered_for_a_day(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """Answers stay the same; past the stale age, a warning states the time of the data."""
    before = await ask_all(gateway, *KNOWN)
    as_of = clock.show()
    upstream.fail(DOWN, times=None)
    warned: list[tuple[int, list[set[str]]]] = []
    began_s = clock.now_s

    for age_s in (61, 600, 601, 3_600, DAY_S):
        clock.now_s = began_s + age_s
        results = await ask_all(gateway, *KNOWN)
        assert [one.errors for one in results] == [[]] * len(KNOWN)
        assert [one.data for one in results] == [one.data for one in before]
        warned.append((age_s, [stale_times(one) for one in results]))

    fresh: list[set[str]] = [set() for _ in KNOWN]
    stale = [{as_of}] * len(KNOWN)
    assert warned == [
        (61, fresh),
        (600, fresh),
        (601, stale),
        (3_600, stale),
        (DAY_S, stale),
    ]


async def test_past_the_expired_age_there_is_an_error(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    await gateway.ask(PAGE)
    upstream.fail(DOWN, times=None)
    clock.pass_s(DAY_S + 1)

    result = await gateway.query(PAGE)

    assert result.data == {"models": None}
    assert result.codes == ["UPSTREAM_UNAVAILABLE"]


async def test_questions_never_asked_before_are_answered_from_the_index(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """The answers equal those of the upstream at the time of the index."""
    await gateway.ask(INDEXED)
    as_of = clock.show()
    upstream.fail(DOWN, times=None)
    clock.pass_s(5_000)

    results = await ask_all(gateway, *NEW)

    assert [one.data for one in results] == [
        {"models": {"nodes": [{"modelId": f"acme/m{n}"} for n in range(100, 107)]}},
        {"models": {"totalCount": 600}},
        {"model": {"name": "M599"}},
        {"models": {"nodes": [{"modelId": f"acme/m42{n}"} for n in range(3)]}},
    ]
    assert [stale_times(one) for one in results] == [{as_of}] * len(NEW)


async def test_pages_of_different_ages_give_way_to_one_state_of_the_index(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """This needs an index; without one, pages of different ages are better than none."""
    both = "{ a: models(limit: 1) { nodes { name } } b: models(offset: 9, limit: 1) { nodes { name } } }"
    await gateway.ask("{ models(limit: 1) { nodes { name } } }")
    clock.pass_s(100)
    await gateway.ask("{ models(offset: 9, limit: 1) { nodes { name } } }")
    upstream.fail(DOWN, times=None)
    clock.pass_s(700)

    apart = await gateway.query(both)
    upstream.recover()
    clock.pass_s(10)
    as_of = clock.show()
    await gateway.ask(INDEXED)
    upstream.fail(DOWN, times=None)
    clock.pass_s(700)
    together = await gateway.query(both)

    assert len(stale_times(apart)) == 2
    assert stale_times(together) == {as_of}
    assert apart.data == together.data


async def test_stale_responses_are_only_cached_by_the_gateway_for_a_second(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    await gateway.ask(PAGE)
    upstream.fail(DOWN, times=None)
    clock.pass_s(601)

    answer = (await gateway.query(PAGE)).answer

    assert (answer.fresh_for_s, answer.cache_for_s) == (0, 1)


async def test_recovery_is_noticed_within_a_second_by_one_request(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """Many clients get the stale answer once more, while one request refreshes it."""
    await gateway.ask(PAGE)
    upstream.fail(DOWN, times=None)
    clock.pass_s(601)
    await gateway.query(PAGE)
    upstream.recover()
    upstream.calls.clear()
    clock.pass_s(1)

    await asyncio.gather(*(gateway.query(PAGE) for _ in range(50)))
    await settle()
    after = await gateway.query(PAGE)

    assert stale_times(after) == set()
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    "fault", [Cut(), Html(), NotJson(), Reset(), Status(500), WrongShape()]
)
async def test_a_wrong_body_never_replaces_a_good_one(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock, fault: Fault
) -> None:
    before = await ask_all(gateway, *KNOWN)
    upstream.fail(fault, times=None)
    clock.pass_s(601)

    after = await ask_all(gateway, *KNOWN)

    assert [one.data for one in after] == [one.data for one in before]
    assert [one.errors for one in after] == [[]] * len(KNOWN)


async def test_half_of_all_requests_failing_is_not_visible_to_clients(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    before = await ask_all(gateway, *KNOWN)
    upstream.fail(DOWN, Cut(), Reset(), times=1)
    upstream.fail(Status(500), times=2)

    for _ in range(20):
        clock.pass_s(61)
        upstream.fail(DOWN)
        after = await ask_all(gateway, *KNOWN)
        assert [one.data for one in after] == [one.data for one in before]
        assert [one.errors for one in after] == [[]] * len(KNOWN)
        await settle()


async def test_the_background_refresh_of_the_index_is_not_counted_for_an_operation(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """Before background work has begun, a gateway sends only the requests of the operation."""
    await gateway.ask(PAGE)

    assert len(upstream.calls) == 1
