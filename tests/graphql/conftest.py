"""The recorded public catalogue behind a gateway."""

from collections.abc import AsyncIterator

import pytest

from support.catalogues import RECORDED, read_recorded
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream


@pytest.fixture
def recorded(upstream: StubUpstream) -> StubUpstream:
    """The 613 models of the recorded catalogue, three pages of it."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded answers are not here")
    upstream.replace_models(read_recorded("catalogue-sectioned")["models"])
    return upstream


@pytest.fixture
async def recorded_gateway(
    recorded: StubUpstream, clock: TurnedClock
) -> AsyncIterator[GraphGateway]:
    """A cold gateway over the recorded catalogue."""
    gateway = GraphGateway(recorded, clock)
    yield gateway
    await gateway.aclose()
