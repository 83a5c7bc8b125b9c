"""The index is read at start, and refreshed before it is stale."""

import asyncio

import pytest

from catalograph.data.index_keeper import IndexKeeper
from support.cache_stand_ins import settle
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import Status, StubUpstream

DOWN = Status(500)


class EnoughError(Exception):
    """Ends the keeper after the number of waits that the test wants."""


class Steps:
    """The waits of a keeper: each lets work in the background end, and time pass.

    Attributes:
        waits_s: So far.
        calls: Of the upstream, before each wait.
    """

    def __init__(
        self, gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
    ) -> None:
        self.waits_s: list[float] = []
        self.calls: list[int] = []
        self.keeper = IndexKeeper(
            gateway.gateway.source, monotonic=clock, sleep=self._sleep
        )
        self._gateway = gateway
        self._upstream = upstream
        self._clock = clock
        self._most = 0

    async def run(self, most: int) -> None:
        """Keep the index until the keeper waits for the last time."""
        self._most = len(self.waits_s) + most
        with pytest.raises(EnoughError):
            await self.keeper.run()

    async def _sleep(self, seconds: float) -> None:
        await self._gateway.gateway.drain()
        self.calls.append(len(self._upstream.calls))
        self.waits_s.append(seconds)
        if len(self.waits_s) == self._most:
            raise EnoughError
        self._clock.pass_s(seconds)


@pytest.fixture
def steps(gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock) -> Steps:
    upstream.add_model("acme/one")
    return Steps(gateway, upstream, clock)


@pytest.mark.shapes(
    "sectioned", reason="side tables of 2026-08 are read at their own ages"
)
async def test_the_index_is_read_at_once_and_again_at_half_its_stale_age(
    steps: Steps, upstream: StubUpstream
) -> None:
    await steps.run(22)

    assert steps.waits_s == [*[30] * 10, 1, *[30] * 9, 29, 1]
    assert steps.calls == [1] * 10 + [2] * 11 + [3]
    assert upstream.calls == upstream.reading_calls(1) * 3


async def test_a_reading_that_failed_is_tried_again_soon_and_then_less_often(
    steps: Steps, upstream: StubUpstream
) -> None:
    upstream.fail(DOWN, times=None)

    await steps.run(6)
    upstream.recover()
    await steps.run(1)

    assert steps.waits_s == [1, 2, 4, 8, 16, 30, 30]
    assert steps.keeper.pending is None


async def test_until_the_first_reading_is_complete_it_says_so_for_30_s(
    steps: Steps, upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(400):
        upstream.add_model(f"acme/m{number}")
    upstream.gate = asyncio.Event()
    said = [steps.keeper.pending]

    running = asyncio.create_task(steps.run(1))
    await upstream.wait_for_calls(1)
    said.append(steps.keeper.pending)
    upstream.gate.set()
    upstream.gate = asyncio.Event()
    await upstream.wait_for_calls(2)
    await settle()
    said.append(steps.keeper.pending)
    clock.pass_s(30)
    said.append(steps.keeper.pending)
    upstream.gate.set()
    await running

    first = "the catalogue is being read for the first time"
    assert said == [first, f"{first}: 0 of 1 pages", f"{first}: 1 of 2 pages", None]


async def test_while_the_first_reading_fails_it_says_why(
    steps: Steps, upstream: StubUpstream
) -> None:
    upstream.fail(DOWN, times=None)

    await steps.run(1)

    assert steps.keeper.pending == "the catalogue is not available just now"


@pytest.mark.shapes(
    "sectioned", reason="side tables of 2026-08 are read at their own ages"
)
async def test_an_index_that_a_replica_has_read_is_not_read_again(
    steps: Steps, gateway: GraphGateway, upstream: StubUpstream
) -> None:
    await gateway.ask("{ catalogue { totalModels } }")

    await steps.run(3)

    assert upstream.calls == upstream.reading_calls(1)
    assert steps.keeper.pending is None


async def test_an_outage_is_answered_from_the_kept_index(
    steps: Steps, gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """Every operation that the index can answer is answered, cached before or not."""
    as_of = clock.show()
    await steps.run(1)
    upstream.fail(DOWN, times=None)
    clock.pass_s(86_000)
    asked = [
        "models(limit: 1) { nodes { modelId } }",
        'models(filter: {organisations: ["acme"]}) { totalCount }',
        'model(modelId: "acme/one") { name }',
        'models(search: "one") { totalCount }',
        "providers { totalCount }",
    ]

    results = [await gateway.query(f"{{ asked: {field} }}") for field in asked]

    assert [one.errors for one in results] == [[]] * len(asked)
    assert [one.extensions["warnings"] for one in results] == [
        [
            {
                "code": "STALE_DATA",
                "message": "the catalogue could not be asked again; "
                "this is what it said before",
                "path": ["asked"],
                "asOf": as_of,
            }
        ]
    ] * len(asked)
