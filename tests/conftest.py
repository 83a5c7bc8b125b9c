"""A gateway over a stub of the upstream, on a clock that tests turn."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What a command sets up for its own process does not outlast the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def clock() -> TurnedClock:
    """Stands still until it is moved on."""
    return TurnedClock()


@pytest.fixture
def upstream() -> StubUpstream:
    """An empty catalogue; tests fill it."""
    return StubUpstream()


@pytest.fixture
async def gateway(
    upstream: StubUpstream, clock: TurnedClock
) -> AsyncIterator[GraphGateway]:
    """The whole gateway but for HTTP, with the settings as they are by default."""
    gateway = GraphGateway(upstream, clock)
    yield gateway
    await gateway.aclose()
