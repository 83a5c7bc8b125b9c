"""Fixtures: a Redis for each test, and a catalogue of three pages."""

from collections.abc import Iterator

import pytest

from support.redis_server import BINARY, RedisServer
from support.stub_upstream import ShapeName, StubUpstream


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A real Redis, which tests can pause and kill."""
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with RedisServer() as server:
        yield server


@pytest.fixture
def upstream(upstream_shape: ShapeName) -> StubUpstream:
    """Six hundred models by two providers: three pages."""
    stub = StubUpstream(shape=upstream_shape)
    for number in range(600):
        stub.add_model(
            f"acme/m{number:03d}",
            rows=[("deep" if number % 2 else "flat", "chat.completions")],
        )
    return stub
