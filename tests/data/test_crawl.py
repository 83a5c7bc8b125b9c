"""Crawls of the whole catalogue: shared by all callers, and complete or failed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.cache_stand_ins import count, settle
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import Status, StubUpstream

IDS = "{ models(limit: 250, orderBy: {field: MODEL_ID, direction: ASC}) { nodes { modelId } totalCount } }"
COUNT = "{ catalogue { totalModels version isStale asOf } }"


def fill(upstream: StubUpstream, count: int, start: int = 0) -> None:
    for number in range(start, count):
        upstream.add_model(f"acme/m{number:04}", name=f"M {number:04}")


async def count_models(gateway: GraphGateway) -> int:
    data = await gateway.ask(COUNT)
    total: int = data["catalogue"]["totalModels"]
    return total


async def test_pages_are_read_at_most_four_at_once(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 2_000)
    upstream.gate = asyncio.Event()
    asking = asyncio.ensure_future(count_models(gateway))
    await upstream.wait_for_calls(1)
    await settle()
    first = len(upstream.calls)
    gate, upstream.gate = upstream.gate, asyncio.Event()
    gate.set()
    await upstream.wait_for_calls(5)
    await settle()
    together = len(upstream.calls) - first
    upstream.gate.set()

    assert await asking == 2_000
    assert (first, together) == (1, 4)
    assert sorted(upstream.calls) == sorted(upstream.reading_calls(8))


async def test_a_total_that_changes_between_pages_is_read_again(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 300)

    def add_one(number: int) -> None:
        if number == 2:
            upstream.add_model("acme/late", name="A")

    upstream.on_request = add_one

    assert await count_models(gateway) == 301
    assert len(upstream.calls) == 4


async def test_a_model_that_is_met_twice_is_read_again(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """One model is added at the front, one removed at the end: the total stays, pages shift."""
    fill(upstream, 300)

    def shift(number: int) -> None:
        if number == 2:
            upstream.add_model("acme/front", name="A")
            upstream.remove_model("acme/m0299")

    upstream.on_request = shift

    assert await count_models(gateway) == 300
    assert len(upstream.calls) == 4


async def test_a_catalogue_that_changes_during_every_reading_is_an_error(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 300)
    upstream.on_request = lambda number: upstream.add_model(f"acme/late{number}")

    result = await gateway.query(COUNT)

    assert result.data == {"catalogue": None}
    assert result.codes == ["UPSTREAM_INVALID_RESPONSE"]
    assert len(upstream.calls) == 6


async def test_a_page_that_failed_is_asked_for_again_and_no_other(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 300)

    def die(number: int) -> None:
        if number == 1:
            upstream.fail(Status(500))

    upstream.on_request = die

    assert await count_models(gateway) == 300
    assert upstream.calls == [*upstream.reading_calls(2), upstream.reading_calls(2)[1]]


def twice(model_id: str) -> Callable[[Any], Any]:
    """An upstream that lists one model twice, in the same way each time."""

    def distort(body: Any) -> Any:
        for place, row in enumerate(body["models"]):
            if model_id in {row.get("model_id"), row.get("id")}:
                body["models"].insert(place + 1, row | {"name": "the second"})
                break
        body["total"] += 1
        return body

    return distort


async def test_an_id_that_is_listed_twice_costs_the_second(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """The first time, a second crawl shows that the pages have not shifted meanwhile."""
    fill(upstream, 3)
    upstream.distort = twice("acme/m0001")
    irregular = count("catalograph_index_irregular_models_total", what="repeated")

    with capture_logs() as logs:
        first = await count_models(gateway)
        calls = [len(upstream.calls)]
        clock.pass_s(61)
        await count_models(gateway)
        await gateway.gateway.drain()
        calls.append(len(upstream.calls))
    found = await gateway.ask('{ model(modelId: "acme/m0001") { name } }')

    assert first == 3
    assert calls == [2, 3]
    assert found == {"model": {"name": "M 0001"}}
    said = [line for line in logs if "irregular" in line["event"]]
    assert [(line["repeated"], line["missing"]) for line in said] == [
        (("acme/m0001",), 0)
    ]
    after = count("catalograph_index_irregular_models_total", what="repeated")
    assert after - irregular == 1


@pytest.mark.parametrize(
    ("models", "more"),
    [(3, 1), (300, 7), (300, 400), (3, -1), (300, -7), (600, -400), (600, -600)],
)
async def test_a_wrong_total_is_corrected(
    gateway: GraphGateway, upstream: StubUpstream, models: int, more: int
) -> None:
    fill(upstream, models)

    def distort(body: Any) -> Any:
        return body | {"total": body["total"] + more}

    upstream.distort = distort

    data = await gateway.ask("{ catalogue { totalModels } }")

    assert data["catalogue"]["totalModels"] == models


async def test_a_list_never_counts_less_than_it_shows(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 5)
    upstream.distort = lambda body: body | {"total": 2}

    data = await gateway.ask(
        "{ models(limit: 5) { totalCount nodes { modelId } pageInfo { hasNextPage } } }"
    )

    assert len(data["models"].pop("nodes")) == 5
    assert data == {"models": {"totalCount": 5, "pageInfo": {"hasNextPage": False}}}
    assert len(upstream.calls) == 1


async def test_a_reading_goes_on_when_its_callers_have_left(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """The next caller joins it, or finds the result."""
    fill(upstream, 600)
    upstream.gate = asyncio.Event()
    impatient = [asyncio.create_task(count_models(gateway)) for _ in range(3)]
    await upstream.wait_for_calls(1)

    for task in impatient:
        task.cancel()
    await asyncio.wait(impatient)
    upstream.gate.set()
    await gateway.gateway.drain()

    assert await count_models(gateway) == 600
    assert sorted(upstream.calls) == sorted(upstream.reading_calls(3))


async def test_pages_of_a_reading_that_failed_are_not_asked_for_again(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 600)

    def die(number: int) -> None:
        if number == 2:
            upstream.fail(Status(500), times=None)

    upstream.on_request = die
    failed = await gateway.query(COUNT)
    upstream.on_request = None
    upstream.recover()
    upstream.calls.clear()

    assert failed.codes == ["UPSTREAM_UNAVAILABLE"]
    assert await count_models(gateway) == 600
    assert len(upstream.calls) < 3
    assert upstream.reading_calls(1)[0] not in upstream.calls


async def test_the_index_is_swapped_when_the_new_one_is_complete(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream, 300)
    before = await gateway.ask(IDS)
    fill(upstream, 310, 300)
    clock.pass_s(61)
    upstream.gate = asyncio.Event()

    during = await gateway.ask(IDS)
    await upstream.wait_for_calls(3)
    still = await gateway.ask(IDS)
    upstream.gate.set()
    await upstream.wait_for_calls(4)
    after = before
    async with asyncio.timeout(30):
        while after == before:
            # An answer from memory suspends nothing, so the refresh would never run.
            await asyncio.sleep(0)
            after = await gateway.ask(IDS)

    assert during == still == before
    assert after["models"]["totalCount"] == 310
    assert len(upstream.calls) == 4


async def test_an_operation_keeps_its_index_while_another_is_published(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream, 10)
    document = """{ catalogue { totalModels }
      organisation(organisationId: "acme") { models { totalCount nodes { organisation {
        models { totalCount } } } } } }"""
    await gateway.ask(document)
    fill(upstream, 20, 10)
    clock.pass_s(61)

    data = await gateway.ask(document)

    models = data["organisation"]["models"]
    seen = {data["catalogue"]["totalModels"], models["totalCount"]} | {
        node["organisation"]["models"]["totalCount"] for node in models["nodes"]
    }
    assert seen == {10}


@pytest.mark.parametrize(
    ("left", "is_believed"), [(201, True), (200, False), (10, False)]
)
async def test_a_loss_of_a_third_is_not_accepted_at_once(
    gateway: GraphGateway,
    upstream: StubUpstream,
    clock: TurnedClock,
    left: int,
    *,
    is_believed: bool,
) -> None:
    fill(upstream, 300)
    await count_models(gateway)
    for number in range(left, 300):
        upstream.remove_model(f"acme/m{number:04}")

    clock.pass_s(61)
    await count_models(gateway)
    await gateway.gateway.drain()

    assert await count_models(gateway) == (left if is_believed else 300)


async def test_a_loss_is_accepted_when_a_later_reading_agrees(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream, 300)
    await count_models(gateway)
    for number in range(100, 300):
        upstream.remove_model(f"acme/m{number:04}")
    seen = []

    for seconds in (61, 30, 31):
        clock.pass_s(seconds)
        await count_models(gateway)
        await gateway.gateway.drain()
        seen.append(await count_models(gateway))

    assert seen == [300, 300, 100]


async def test_a_loss_that_was_temporary_is_forgotten(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream, 300)
    await count_models(gateway)
    for number in range(100, 300):
        upstream.remove_model(f"acme/m{number:04}")
    clock.pass_s(61)
    await count_models(gateway)
    await gateway.gateway.drain()
    fill(upstream, 300, 100)
    clock.pass_s(61)
    await count_models(gateway)
    await gateway.gateway.drain()

    for number in range(100, 300):
        upstream.remove_model(f"acme/m{number:04}")
    clock.pass_s(61)
    await count_models(gateway)
    await gateway.gateway.drain()

    assert await count_models(gateway) == 300


async def test_a_loss_past_the_stale_age_is_served_old_with_a_warning(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream, 30)
    as_of = clock.show()
    await count_models(gateway)
    for number in range(3, 30):
        upstream.remove_model(f"acme/m{number:04}")
    clock.pass_s(601)

    result = await gateway.query(COUNT)

    assert result.data["catalogue"]["totalModels"] == 30
    assert result.data["catalogue"]["isStale"] is True
    assert result.data["catalogue"]["asOf"] == as_of
    assert [warning["code"] for warning in result.extensions["warnings"]] == [
        "STALE_DATA"
    ]


async def test_the_first_page_of_the_whole_is_where_a_reading_goes_on(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 300)

    await gateway.ask(
        """{ a: models(filter: {organisations: ["acme"]}) { totalCount }
             b: models(filter: {organisations: ["b"]}) { totalCount }
             c: models(filter: {organisations: ["c"]}) { totalCount } }"""
    )

    assert upstream.calls == upstream.reading_calls(2)


async def test_the_version_is_that_of_the_records(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream, 3)
    versions: list[str] = []
    for size in (3, 4, 3):
        if size == 4:
            fill(upstream, 4, 3)
        elif versions:
            upstream.remove_model("acme/m0003")
        clock.pass_s(90_000)
        data = await gateway.ask(COUNT)
        versions.append(data["catalogue"]["version"])

    assert versions[0] == versions[2] != versions[1]


async def test_an_index_larger_than_the_cache_is_cached_all_the_same(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    """It is also refreshed as usual; only a fourth of the bound is left for pages."""
    gateway = GraphGateway(
        upstream,
        clock,
        CACHE_MAX_BYTES="20000",
        CACHE_FRESH_S="60",
        CACHE_STALE_S="600",
    )
    fill(upstream, 300)

    for _ in range(3):
        assert await count_models(gateway) == 300
    calls_at_first = list(upstream.calls)
    clock.pass_s(61)
    await count_models(gateway)
    await upstream.wait_for_calls(4)
    await settle()
    await count_models(gateway)
    for offset in range(20):
        await gateway.ask(f"{{ models(limit: 5, offset: {offset}) {{ totalCount }} }}")
    calls_before = len(upstream.calls)
    await count_models(gateway)

    assert calls_at_first == upstream.reading_calls(2)
    assert upstream.calls[2:4] == upstream.reading_calls(2)
    assert len(upstream.calls) == calls_before
    await gateway.aclose()
