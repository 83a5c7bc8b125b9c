"""Fixtures: a gateway over a stub of the upstream, with a manual clock."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog

from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream

_SLOW: Final = (
    *("resilience/", "security/", "fuzz/", "deploy/"),
    *("contract/test_processes", "contract/test_dashboard", "commands/test_streams"),
    *("cache/test_processes", "upstream/test_sockets", "web/test_explorer_browser"),
)
"""Slow tests: they start processes, browsers or real servers, or run many attacks."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make quick` skips."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(_SLOW):
            item.add_marker(pytest.mark.slow)


_LOGGING: Final = structlog.get_config()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Restore the logging that a command configures for its own process.

    To the configuration of the start: a fixture of a whole module, which opens a gateway, is
    set up before this one.
    """
    yield
    structlog.configure(**_LOGGING)


@pytest.fixture
def clock() -> TurnedClock:
    """A clock that only moves when a test moves it."""
    return TurnedClock()


@pytest.fixture
def upstream() -> StubUpstream:
    """An empty catalogue; tests fill it."""
    return StubUpstream()


@pytest.fixture
async def gateway(
    upstream: StubUpstream, clock: TurnedClock
) -> AsyncIterator[GraphGateway]:
    """The whole gateway except HTTP, with default settings."""
    gateway = GraphGateway(upstream, clock)
    yield gateway
    await gateway.aclose()
