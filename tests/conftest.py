"""Fixtures: a gateway over a stub of the upstream, with a manual clock."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog

from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import ShapeName, StubUpstream

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


SHAPES: Final[tuple[ShapeName, ...]] = ("sectioned", "2026-08")
"""One shape of each version of the upstream."""

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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test over an upstream against each version, unless it is marked."""
    if "upstream_shape" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("shapes")
        metafunc.parametrize("upstream_shape", mark.args if mark else SHAPES)


@pytest.fixture
def upstream(upstream_shape: ShapeName) -> StubUpstream:
    """An empty catalogue; tests fill it."""
    return StubUpstream(shape=upstream_shape)


@pytest.fixture
async def gateway(
    upstream: StubUpstream, clock: TurnedClock
) -> AsyncIterator[GraphGateway]:
    """The whole gateway except HTTP, with default settings.

    The ages are set, so that those that 2026-08 sends do not apply.
    """
    gateway = GraphGateway(upstream, clock, CACHE_FRESH_S="60", CACHE_STALE_S="600")
    yield gateway
    await gateway.aclose()
