"""Concurrent equal requests: one is executed, and all get its answer."""

import asyncio
import io
import json
from typing import Any

import msgspec
import pytest

from catalograph.graphql.run.request import Answer
from catalograph.observability.access_log import AccessLog
from catalograph.observability.metrics import REGISTRY
from catalograph.web import WebOptions, build_web_app
from support.tiny_engine import ScriptedEngine, make_answer
from support.web_client import ask, build_client, open_client, running

FAILED = Answer(
    body=msgspec.json.encode(
        {
            "errors": [{"message": "no", "extensions": {"requestId": "0"}}],
            "data": None,
        }
    ),
    codes=("UPSTREAM_TIMEOUT",),
    kind="query",
)


def _coalesced() -> float:
    return REGISTRY.get_sample_value("catalograph_coalesced_callers_total") or 0.0


@pytest.mark.parametrize("response_cache", [True, False])
async def test_equal_questions_at_once_are_answered_once(
    *, response_cache: bool
) -> None:
    """With and without the response cache, and each with its own request id."""
    engine = ScriptedEngine()
    before = _coalesced()
    async with open_client(engine, response_cache=response_cache) as client:
        tasks = [
            asyncio.create_task(ask(client, headers={"x-request-id": str(number)}))
            for number in range(20)
        ]
        await engine.started.wait()
        engine.release.set()
        responses = await asyncio.gather(*tasks)

    assert engine.calls == 1
    assert {response.text for response in responses} == {'{"data":{"hello":"world"}}'}
    assert [r.headers["x-request-id"] for r in responses] == [str(n) for n in range(20)]
    assert len({response.headers["etag"] for response in responses}) == 1
    assert _coalesced() - before == 19


async def test_other_ways_of_asking_the_same_are_joined_too() -> None:
    """A GET, other headers, other white space in the JSON; the document is the same."""
    engine = ScriptedEngine()
    async with open_client(engine) as client:
        first = asyncio.create_task(ask(client))
        await engine.started.wait()
        others = [
            asyncio.create_task(client.get("/graphql?query={ hello }")),
            asyncio.create_task(ask(client, headers={"accept-encoding": "gzip"})),
            asyncio.create_task(ask(client, "{ hello }", operationName=None)),
        ]
        await asyncio.sleep(0)
        engine.release.set()
        responses = await asyncio.gather(first, *others)

    assert engine.calls == 1
    assert [response.status_code for response in responses] == [200] * 4


@pytest.mark.parametrize(
    "other",
    [
        {"query": "{ hello number }"},
        {"variables": {"a": 1}},
        {"operationName": "A"},
        {"headers": {"authorization": "Bearer other"}},
        {"headers": {"x-catalograph-cost": "1"}},
        {"headers": {"x-catalograph-trace": "1"}},
    ],
    ids=str,
)
async def test_what_could_be_answered_otherwise_is_not_joined(
    other: dict[str, Any],
) -> None:
    engine = ScriptedEngine()
    query = other.pop("query", "{ hello }")
    async with open_client(engine, passthrough=True, trace_enabled=True) as client:
        first = asyncio.create_task(ask(client))
        await engine.started.wait()
        engine.started.clear()
        second = asyncio.create_task(ask(client, query, **other))
        await engine.started.wait()
        engine.release.set()
        await asyncio.gather(first, second)

    assert engine.calls == 2


async def test_an_error_names_the_request_of_each() -> None:
    engine = ScriptedEngine()
    engine.late_answer = FAILED
    async with open_client(engine) as client:
        tasks = [
            asyncio.create_task(ask(client, headers={"x-request-id": str(number)}))
            for number in range(3)
        ]
        await engine.started.wait()
        engine.release.set()
        responses = await asyncio.gather(*tasks)

    assert engine.calls == 1
    ids = [r.json()["errors"][0]["extensions"]["requestId"] for r in responses]
    assert ids == ["0", "1", "2"]
    assert {r.headers["cache-control"] for r in responses} == {"no-store"}


async def test_each_has_its_own_deadline() -> None:
    """A late caller does not time out with the first; each that times out gets an error."""
    engine = ScriptedEngine()
    async with open_client(engine, request_timeout_s=0.2) as client:
        responses = await asyncio.gather(ask(client), ask(client))
        await engine.ended.wait()

    assert engine.was_cancelled
    for response in responses:
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "REQUEST_TIMEOUT"
        assert error["extensions"]["requestId"] == response.headers["x-request-id"]


async def test_waiting_counts_as_being_in_flight() -> None:
    engine = ScriptedEngine()
    async with open_client(engine, max_in_flight=2) as client:
        waiting = [asyncio.create_task(ask(client)) for _ in range(2)]
        await engine.started.wait()
        refused = await ask(client)
        engine.release.set()
        answered = await asyncio.gather(*waiting)

    assert refused.status_code == 503
    assert [response.status_code for response in answered] == [200, 200]


async def test_the_log_shows_coalesced_requests() -> None:
    """However the same was asked; the upstream requests are the first one's."""
    stream = io.StringIO()
    engine = ScriptedEngine()
    engine.late_answer = make_answer(upstream_requests=3)
    app = build_web_app(engine, None, WebOptions(), access_log=AccessLog(stream))
    async with running(app), build_client(app) as client:
        first = asyncio.create_task(ask(client))
        await engine.started.wait()
        same = asyncio.create_task(ask(client))
        other = asyncio.create_task(client.get("/graphql?query={ hello }"))
        await asyncio.sleep(0)
        engine.release.set()
        await asyncio.gather(first, same, other)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = {(line["cache"], line["upstream_requests"]) for line in lines}
    assert told == {("miss", 3), ("joined", 0)}
