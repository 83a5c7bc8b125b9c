"""Side tables: each has its own ages, and fails independently."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from catalograph.data.index_keeper import IndexKeeper
from support.cache_stand_ins import count
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import Status, StubUpstream

pytestmark = pytest.mark.shapes("2026-08", reason="2025-12 has no side tables")

DESCRIBED = """{ providers { nodes { providerId link } }
  organisations { nodes { organisationId countryCode } } }"""
PLAIN = "{ providers { totalCount } }"
MODELS = "GET /models?availability=all&limit=250&offset=0"
PROVIDERS = "GET /providers?limit=250&offset=0"
ORGANISATIONS = "GET /organisations?limit=250&offset=0"


@pytest.fixture
async def gateway(
    upstream: StubUpstream, clock: TurnedClock
) -> AsyncIterator[GraphGateway]:
    upstream.add_model("acme/one", rows=[("a", "text.generate")])
    gateway = GraphGateway(upstream, clock)
    yield gateway
    await gateway.aclose()


async def test_an_operation_asks_for_the_tables_that_it_selects_from(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    await gateway.ask(PLAIN)
    plain = list(upstream.calls)
    upstream.calls.clear()

    first = await gateway.query(DESCRIBED)
    described = sorted(upstream.calls)
    second = await gateway.query(DESCRIBED)

    assert plain == [MODELS]
    assert described == sorted([PROVIDERS, ORGANISATIONS])
    assert first.data == second.data
    assert first.data == {
        "providers": {"nodes": [{"providerId": "a", "link": "https://a.example"}]},
        "organisations": {"nodes": [{"organisationId": "acme", "countryCode": "US"}]},
    }
    assert first.answer.upstream_requests == 2
    assert len(upstream.calls) == 2


@pytest.mark.parametrize("status", [403, 500])
async def test_a_table_that_fails_leaves_its_own_fields_empty(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock, status: int
) -> None:
    """The log reports begin and end of the failure once; the next attempt is after 30 s."""
    upstream.fail(Status(status), times=None, path="/providers")
    failures = count(
        "catalograph_side_table_readings_total", table="providers", outcome="failed"
    )

    with capture_logs() as logs:
        results = []
        for _ in range(3):
            results.append(await gateway.query(DESCRIBED))
            await gateway.gateway.drain()
            clock.pass_s(31)
        upstream.recover()
        await gateway.query(DESCRIBED)
        await gateway.gateway.drain()
        after = await gateway.ask(DESCRIBED)

    assert [one.errors for one in results] == [[]] * 3
    assert [one.extensions for one in results] == [{}] * 3
    assert [one.data["providers"]["nodes"] for one in results] == [
        [{"providerId": "a", "link": None}]
    ] * 3
    assert [one.data["organisations"]["nodes"] for one in results] == [
        [{"organisationId": "acme", "countryCode": "US"}]
    ] * 3
    assert after["providers"]["nodes"] == [
        {"providerId": "a", "link": "https://a.example"}
    ]
    said = [line["event"] for line in logs if "side table" in line["event"]]
    assert said == [
        "a side table cannot be read; what it says is missing or old",
        "a side table can be read again",
    ]
    failed = count(
        "catalograph_side_table_readings_total", table="providers", outcome="failed"
    )
    assert failed - failures == 3


async def test_tables_and_models_are_read_again_at_their_own_ages(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """The upstream says 300 and 600 s for tables, 1,800 and 1,800 s for models."""
    await gateway.ask(DESCRIBED)
    upstream.calls.clear()
    row = {
        "api_provider_id": "a",
        "endpoint": "text.generate",
        "link": "https://new.example",
    }
    upstream.add_model("acme/one", rows=[row])
    upstream.add_model("acme/two", rows=[row])
    seen = []
    for seconds in (299, 2, 1_400, 200):
        clock.pass_s(seconds)
        await gateway.ask(DESCRIBED)
        await gateway.gateway.drain()
        data = await gateway.ask(f"{{ catalogue {{ totalModels }} {DESCRIBED[1:]}")
        await gateway.gateway.drain()
        seen.append(
            (
                data["catalogue"]["totalModels"],
                data["providers"]["nodes"][0]["link"],
                len(upstream.calls),
            )
        )
        upstream.calls.clear()

    assert seen[0] == (1, "https://a.example", 0)
    assert seen[1] == (1, "https://new.example", 2)
    assert seen[2][:2] == (1, "https://new.example")
    assert seen[3][0] == 2


async def test_an_answer_is_fresh_for_as_long_as_the_upstream_says(
    gateway: GraphGateway, clock: TurnedClock
) -> None:
    first = await gateway.query(PLAIN)
    clock.pass_s(1_700)
    second = await gateway.query(PLAIN)
    clock.pass_s(200)
    stale = await gateway.query(PLAIN)

    fresh = [one.answer.fresh_for_s for one in (first, second, stale)]
    assert fresh == [1_800, 100, 0]


async def test_ages_that_are_configured_win(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one", rows=[("a", "text.generate")])
    gateway = GraphGateway(upstream, clock, CACHE_FRESH_S="20", CACHE_STALE_S="30")

    first = await gateway.query(PLAIN)
    clock.pass_s(31)
    await gateway.query(PLAIN)

    assert first.answer.fresh_for_s == 20
    assert upstream.calls == [MODELS] * 2
    await gateway.aclose()


async def test_the_keeper_reads_all_tables_ahead(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    class EnoughError(Exception):
        pass

    async def sleep(_: float) -> None:
        raise EnoughError

    keeper = IndexKeeper(gateway.gateway.source, monotonic=clock, sleep=sleep)
    with pytest.raises(EnoughError):
        await keeper.run()
    read = sorted(upstream.calls)

    result = await gateway.query(DESCRIBED)

    assert read == sorted(
        [MODELS, PROVIDERS, ORGANISATIONS, "GET /endpoints", "GET /pricing/models"]
    )
    assert result.answer.upstream_requests == 0
    assert len(upstream.calls) == 5


async def test_a_warm_index_answers_lists_where_each_page_costs_all(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    cold = await gateway.query("{ models(limit: 1) { totalCount } }")
    await gateway.ask(PLAIN)
    upstream.calls.clear()

    warm = await gateway.query("{ models(limit: 2) { totalCount } }")

    assert cold.data["models"] == warm.data["models"]
    assert upstream.calls == []
