"""Data of one token is never served to another."""

import asyncio

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from support.cache_stand_ins import count
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import TOKEN, Status, StubUpstream

EVERYTHING = """{ models { nodes { modelId } totalCount facets { organisations { value } } }
  catalogue { version totalModels } providers { nodes { providerId } } }"""
LIST = "{ models { nodes { modelId } totalCount } }"


class TwoCatalogues:
    """An upstream that shows each token a catalogue of its own."""

    token = TOKEN

    def __init__(self) -> None:
        self.mine, self.yours = StubUpstream(), StubUpstream()
        self.mine.add_model("mine/one", rows=[("my-host", "chat")])
        self.yours.add_model("yours/one", rows=[("your-host", "chat")])
        self.yours.add_model("yours/two")

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"")
        side = self.mine if token.endswith(b"mine_s") else self.yours
        await side.app(scope, receive, send)


MINE, YOURS = "aistats_v1_k_mine_s", "aistats_v1_k_yours_s"


@pytest.fixture
def both() -> TwoCatalogues:
    return TwoCatalogues()


@pytest.mark.parametrize("document", [EVERYTHING, LIST])
async def test_two_tokens_at_once_see_their_own(
    both: TwoCatalogues, clock: TurnedClock, document: str
) -> None:
    gateway = GraphGateway(both, clock)

    for _ in range(2):
        mine, yours = await asyncio.gather(
            gateway.query(document, token=MINE), gateway.query(document, token=YOURS)
        )
        assert b"yours" not in mine.answer.body
        assert b"mine" not in yours.answer.body
        assert mine.data["models"]["totalCount"] == 1
        assert yours.data["models"]["totalCount"] == 2
        clock.pass_s(100)
    await gateway.aclose()


async def test_an_outage_serves_each_token_its_own(
    both: TwoCatalogues, clock: TurnedClock
) -> None:
    gateway = GraphGateway(both, clock)
    await gateway.query(EVERYTHING, token=YOURS)
    clock.pass_s(700)
    both.mine.fail(Status(500), times=None)
    both.yours.fail(Status(500), times=None)

    mine = await gateway.query(EVERYTHING, token=MINE)
    yours = await gateway.query(EVERYTHING, token=YOURS)

    assert set(mine.codes) == {"UPSTREAM_UNAVAILABLE"}
    assert b"yours" not in mine.answer.body
    assert yours.errors == []
    assert len(yours.extensions["warnings"]) == 3
    await gateway.aclose()


async def test_catalogues_of_many_tokens_share_one_bound(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    bound = 500_000
    before = count("catalograph_cache_bytes")
    gateway = GraphGateway(upstream, clock, CACHE_MAX_BYTES=str(bound))
    for number in range(200):
        upstream.add_model(f"acme/m{number}", rows=[("deep", "chat")])
    tokens = [upstream.build_token(f"caller{number:02}") for number in range(20)]

    held = []
    for token in tokens:
        await gateway.query("{ catalogue { totalModels } }", token=token)
        held.append(count("catalograph_cache_bytes") - before)
    calls = len(upstream.calls)
    await gateway.query("{ catalogue { totalModels } }", token=tokens[-1])

    assert bound / 2 < max(held) <= bound
    assert held[-1] < sum(held[:1]) * len(tokens)
    assert len(upstream.calls) == calls == 20
    await gateway.aclose()


async def test_a_filter_ignored_for_one_token_is_not_held_against_another(
    both: TwoCatalogues, clock: TurnedClock
) -> None:
    gateway = GraphGateway(both, clock)
    document = '{ models(filter: {organisations: ["mine"]}) { totalCount } }'
    both.yours.ignored = {"organisation"}

    yours = await gateway.query(document, token=YOURS)
    mine = await gateway.query(document, token=MINE)

    assert yours.data == {"models": {"totalCount": 0}}
    assert mine.data == {"models": {"totalCount": 1}}
    assert [
        call for call in both.mine.calls if "organisation=mine" in call
    ] == both.mine.calls
    await gateway.aclose()


async def test_a_list_of_the_gateways_own_token_is_not_served_to_a_caller(
    both: TwoCatalogues, clock: TurnedClock
) -> None:
    gateway = GraphGateway(both, clock)
    own = await gateway.query(LIST)

    mine = await gateway.query(LIST, token=MINE)

    assert own.data["models"]["totalCount"] == 2
    assert msgspec.json.decode(mine.answer.body)["data"]["models"]["totalCount"] == 1
    await gateway.aclose()


async def test_what_an_operation_costs_tells_nothing_of_anothers_catalogue(
    both: TwoCatalogues, clock: TurnedClock
) -> None:
    gateway = GraphGateway(both, clock)
    for token in (MINE, YOURS):
        await gateway.query(EVERYTHING, token=token)
    costs = []

    # A document that the response cache answers once another caller has sent it.
    for token in (MINE, YOURS, MINE, YOURS):
        asked = await gateway.query(LIST, token=token)
        costs.append(asked.answer.cost)

    assert costs == [11, 12, 11, 12]
    await gateway.aclose()
