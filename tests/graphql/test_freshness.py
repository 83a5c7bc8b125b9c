"""Fresh, stale and expired data, as GraphQL clients see it."""

import asyncio

import pytest

from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import Status, StubUpstream

DOWN = Status(500, {"ok": False, "error": "failed", "message": "db-internal-7"})
LIST = "{ models { nodes { name } } }"
CATALOGUE = "{ catalogue { totalModels isStale asOf } }"


def names(
    data: dict[str, dict[str, list[dict[str, str]]]], key: str = "models"
) -> list[str]:
    return [node["name"] for node in data[key]["nodes"]]


async def settle_calls(upstream: StubUpstream, count: int) -> None:
    """Wait for a background request, and for its effects."""
    await upstream.wait_for_calls(count)
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_fresh_list_is_served(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    first = await gateway.query(LIST)
    upstream.add_model("acme/two")
    clock.pass_s(25)

    second = await gateway.query(LIST)

    assert second.data == first.data
    assert len(upstream.calls) == 1
    assert (first.answer.fresh_for_s, first.answer.cache_for_s) == (60, 60)
    assert (second.answer.fresh_for_s, second.answer.cache_for_s) == (35, 35)
    assert second.answer.as_of_s == clock.now_s - 25


async def test_a_stale_list_is_served_at_once_and_refreshed_in_the_background(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    await gateway.ask(LIST)
    upstream.add_model("acme/two")
    clock.pass_s(599)
    upstream.gate = asyncio.Event()

    stale = await gateway.query(LIST)
    upstream.gate.set()
    await settle_calls(upstream, 2)
    fresh = await gateway.query(LIST)

    assert names(stale.data) == ["One"]
    assert stale.extensions == {}
    assert (stale.answer.fresh_for_s, stale.answer.cache_for_s) == (0, 1)
    assert names(fresh.data) == ["One", "Two"]
    assert len(upstream.calls) == 2


async def test_an_expired_list_is_asked_again(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    await gateway.ask(LIST)
    upstream.add_model("acme/two")
    clock.pass_s(601)

    data = await gateway.ask(LIST)

    assert names(data) == ["One", "Two"]


async def test_an_expired_list_is_served_with_a_warning_when_the_upstream_fails(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    as_of = clock.show()
    await gateway.ask(LIST)
    clock.pass_s(601)
    upstream.fail(DOWN, times=None)

    result = await gateway.query("{ all: models { nodes { name } } }")

    assert result.data == {"all": {"nodes": [{"name": "One"}]}}
    assert result.errors == []
    assert result.extensions == {
        "warnings": [
            {
                "code": "STALE_DATA",
                "message": "the catalogue could not be asked again; "
                "this is what it said before",
                "path": ["all"],
                "asOf": as_of,
            }
        ]
    }
    assert (result.answer.fresh_for_s, result.answer.cache_for_s) == (0, 1)


async def test_past_its_expired_age_a_list_is_a_miss(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    await gateway.ask(LIST)
    clock.pass_s(86_401)
    upstream.fail(DOWN, times=None)

    result = await gateway.query(LIST)

    assert result.data == {"models": None}
    assert result.codes == ["UPSTREAM_UNAVAILABLE"]
    assert result.answer.cache_for_s == 0


async def test_several_expired_lists_are_served_together(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """They have the same age, so they fit together, however old they are."""
    for number in range(300):
        upstream.add_model(f"lab{number % 2}/m{number}")
    document = """{ a: models(filter: {organisations: ["lab0"]}) { totalCount }
                    b: models(filter: {organisations: ["lab1"]}) { totalCount } }"""
    await gateway.ask("{ models(limit: 1) { totalCount } }")
    await gateway.ask(document)
    clock.pass_s(700)
    upstream.fail(DOWN, times=None)

    result = await gateway.query(document)

    assert result.errors == []
    assert result.data == {"a": {"totalCount": 150}, "b": {"totalCount": 150}}
    assert [warning["path"] for warning in result.extensions["warnings"]] == [
        ["a"],
        ["b"],
    ]


async def test_one_of_two_lists_that_fails_takes_the_other_back_to_its_age(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(300):
        upstream.add_model(f"lab{number % 2}/m{number}")
    document = """{ a: models(filter: {organisations: ["lab0"]}) { totalCount }
                    b: models(filter: {organisations: ["lab1"]}) { totalCount } }"""
    await gateway.ask("{ models(limit: 1) { totalCount } }")
    await gateway.ask(document)
    upstream.add_model("lab0/late")
    upstream.add_model("lab1/late")
    clock.pass_s(700)
    upstream.fail(DOWN)

    result = await gateway.query(document)

    assert result.errors == []
    assert result.data == {"a": {"totalCount": 150}, "b": {"totalCount": 150}}


async def test_a_list_that_fails_alone_leaves_the_other(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    for number in range(300):
        upstream.add_model(f"lab{number % 2}/m{number}")
    await gateway.ask("{ models(limit: 1) { totalCount } }")
    upstream.fail(DOWN)

    result = await gateway.query(
        """{ a: models(filter: {organisations: ["lab0"]}) { totalCount }
             b: models(filter: {organisations: ["lab1"]}) { totalCount } }"""
    )

    assert result.data == {"a": None, "b": {"totalCount": 150}}
    assert result.codes == ["UPSTREAM_UNAVAILABLE"]
    assert [error["path"] for error in result.errors] == [["a"]]


async def test_expired_lists_beyond_the_bound_are_served_when_the_upstream_is_gone(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """Each was cached separately, and fetching them together would need the index."""
    for number in range(6):
        upstream.add_model(f"lab{number % 2}/m{number}")
    first = 'models(filter: {organisations: ["lab0"]}) { totalCount }'
    second = 'models(filter: {organisations: ["lab1"]}) { totalCount }'
    await gateway.ask(f"{{ {first} }}")
    clock.pass_s(300)
    await gateway.ask(f"{{ {second} }}")
    clock.pass_s(700)
    upstream.fail(DOWN, times=None)

    result = await gateway.query(f"{{ a: {first} b: {second} }}")

    assert result.errors == []
    assert result.data == {"a": {"totalCount": 3}, "b": {"totalCount": 3}}
    assert len(result.extensions["warnings"]) == 2


async def test_pages_of_one_operation_differ_by_the_fresh_age_at_most(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(300):
        upstream.add_model(f"lab{number % 2}/m{number}")
    first = 'models(filter: {organisations: ["lab0"]}, limit: 1) { totalCount }'
    second = 'models(filter: {organisations: ["lab1"]}, limit: 1) { totalCount }'
    await gateway.ask("{ models(limit: 1) { totalCount } }")
    await gateway.ask(f"{{ {first} }}")
    clock.pass_s(61)
    await gateway.ask(f"{{ {second} }}")
    upstream.add_model("lab0/late")
    upstream.calls.clear()

    data = await gateway.ask(f"{{ a: {first} b: {second} }}")

    assert data == {"a": {"totalCount": 151}, "b": {"totalCount": 150}}
    assert upstream.calls == [
        upstream.bare_call(limit=1, offset=0, organisation="lab0")
    ]


async def test_stale_pages_of_one_age_are_served_together(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(300):
        upstream.add_model(f"lab{number % 2}/m{number}")
    document = """{ a: models(filter: {organisations: ["lab0"]}) { totalCount }
                    b: models(filter: {organisations: ["lab1"]}) { totalCount } }"""
    await gateway.ask("{ models(limit: 1) { totalCount } }")
    before = await gateway.ask(document)
    upstream.add_model("lab0/late")
    clock.pass_s(120)
    upstream.gate = asyncio.Event()

    assert await gateway.ask(document) == before
    upstream.gate.set()


async def test_stale_merged_windows_are_served_at_once(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(300):
        upstream.add_model(f"lab{number % 2}/m{number}")
    document = """{
      a: models(limit: 5) { totalCount } b: models(limit: 5, offset: 5) { totalCount }
      c: models(limit: 5, filter: {organisations: ["lab0"]}) { totalCount }
      d: models(limit: 5, offset: 5, filter: {organisations: ["lab0"]}) { totalCount } }"""
    await gateway.ask("{ models(limit: 1) { totalCount } }")
    before = await gateway.ask(document)
    count = len(upstream.calls)
    clock.pass_s(120)
    upstream.gate = asyncio.Event()

    assert await gateway.ask(document) == before
    upstream.gate.set()
    await upstream.wait_for_calls(count + 1)


async def test_the_younger_record_is_used_for_both_pages(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(300):
        upstream.add_model(f"lab/m{number:03}", name=f"M{number:03}")
    one = "models(limit: 1) { nodes { name isRoutable } }"
    other = 'models(limit: 1, filter: {organisations: ["lab"]}) { nodes { status name inputModalities } }'
    await gateway.ask(f"{{ {one} }}")
    upstream.add_model("lab/m000", name="M000 renamed", status="Retired")
    clock.pass_s(50)
    await gateway.ask(f"{{ {other} }}")
    count = len(upstream.calls)

    data = await gateway.ask(f"{{ a: {one} b: {other} }}")

    assert names(data, "a") == names(data, "b") == ["M000 renamed"]
    assert len(upstream.calls) == count


async def test_a_stale_index_is_served_and_refreshed_in_the_background(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    as_of = clock.show()
    await gateway.ask(CATALOGUE)
    upstream.add_model("acme/two")
    clock.pass_s(599)

    stale = await gateway.ask(CATALOGUE)
    await settle_calls(upstream, 2)
    async with asyncio.timeout(5):
        fresh = stale
        while fresh == stale:
            await asyncio.sleep(0)
            fresh = await gateway.ask(CATALOGUE)

    assert stale["catalogue"] == {"totalModels": 1, "isStale": False, "asOf": as_of}
    assert fresh["catalogue"] == {
        "totalModels": 2,
        "isStale": False,
        "asOf": clock.show(),
    }
    assert upstream.calls == upstream.reading_calls(1) * 2


async def test_an_expired_index_warns_for_every_field_and_says_so_in_the_graph(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    as_of = clock.show()
    await gateway.ask(CATALOGUE)
    clock.pass_s(601)
    upstream.fail(DOWN, times=None)

    result = await gateway.query(
        '{ __typename catalogue { isStale asOf } one: model(modelId: "acme/one") { name } }'
    )

    assert result.data == {
        "__typename": "Query",
        "catalogue": {"isStale": True, "asOf": as_of},
        "one": {"name": "One"},
    }
    assert [
        (w["code"], w["path"], w["asOf"]) for w in result.extensions["warnings"]
    ] == [
        ("STALE_DATA", ["catalogue"], as_of),
        ("STALE_DATA", ["one"], as_of),
    ]
    assert (result.answer.fresh_for_s, result.answer.cache_for_s) == (0, 1)


async def test_a_list_that_fails_is_answered_from_a_cached_index(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    await gateway.ask(CATALOGUE)
    clock.pass_s(30)
    upstream.fail(DOWN, times=None)

    result = await gateway.query(LIST)

    assert result.data == {"models": {"nodes": [{"name": "One"}]}}
    assert result.errors == []
    assert result.answer.fresh_for_s == 30


async def test_a_refused_token_is_no_outage(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """Neither a stale list nor a stale index is served to a token that is now refused."""
    upstream.add_model("acme/one")
    await gateway.ask(LIST)
    await gateway.ask(CATALOGUE)
    clock.pass_s(700)
    upstream.fail(
        Status(401, {"error": "unauthorised", "reason": "invalid_secret"}), times=None
    )

    lists = await gateway.query(LIST)
    index = await gateway.query(CATALOGUE)

    assert lists.codes == index.codes == ["UPSTREAM_UNAUTHENTICATED"]


async def test_a_background_refresh_goes_on_after_its_operation(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    await gateway.query(LIST, token=upstream.token)
    clock.pass_s(120)
    upstream.gate = asyncio.Event()

    stale = await gateway.query(LIST, token=upstream.token)
    upstream.gate.set()
    await settle_calls(upstream, 2)

    assert names(stale.data) == ["One"]
    assert upstream.tokens == [f"Bearer {upstream.token}"] * 2


async def test_introspection_stays_fresh_and_costs_nothing(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    result = await gateway.query("{ __typename __schema { queryType { name } } }")

    assert (result.answer.fresh_for_s, result.answer.as_of_s) == (60, None)
    assert upstream.calls == []


@pytest.mark.parametrize("age_s", [0, 61, 601])
async def test_lists_from_a_warm_index(
    upstream: StubUpstream, clock: TurnedClock, age_s: float
) -> None:
    """With `LISTS_FROM=index`, lists need no upstream requests once the index is loaded."""
    gateway = GraphGateway(
        upstream, clock, LISTS_FROM="index", CACHE_FRESH_S="60", CACHE_STALE_S="600"
    )
    upstream.add_model("acme/one")
    await gateway.ask(CATALOGUE)
    clock.pass_s(age_s)

    data = await gateway.ask(LIST)

    assert names(data) == ["One"]
    own = [upstream.bare_call(limit=50, offset=0)] if age_s > 600 else []
    assert upstream.calls[:1] == upstream.reading_calls(1)
    assert [
        call for call in upstream.calls if call not in upstream.reading_calls(1)
    ] == own
    await gateway.aclose()
