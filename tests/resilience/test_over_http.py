"""Deadlines, clients that disconnect, and overload: over HTTP, with the real server."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from catalograph.app import create_app
from catalograph.server.lifecycle import Drain
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from support.cache_stand_ins import count, until
from support.graph_gateway import TurnedClock
from support.stub_upstream import StubUpstream
from support.web_client import JSON, build_client, serve

LIST = "{ models(limit: 3) { nodes { modelId } } }"
UNASKED_NOTHING = Settings(index_kept=False)
AT_ITS_OWN_AGES = Settings.from_environ(
    {
        "CATALOGRAPH_INDEX_KEPT": "off",
        "CATALOGRAPH_CACHE_FRESH_S": "60",
        "CATALOGRAPH_CACHE_STALE_S": "600",
    }
)
INDEXED = '{ model(modelId: "acme/m007") { name } }'


class Gate(httpx.AsyncBaseTransport):
    """Lets requests to the stub through once it is open.

    Attributes:
        token: A key that the stub accepts.
        waiting: Number of requests that wait at the gate.
        cancelled: Number of requests that were cancelled there.
    """

    def __init__(self, upstream: StubUpstream) -> None:
        self.open = asyncio.Event()
        self.token = upstream.token
        self.waiting = 0
        self.cancelled = 0
        self._stub = httpx.ASGITransport(upstream.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.waiting += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.waiting -= 1
        return await self._stub.handle_async_request(request)


@pytest.fixture
async def gate(upstream: StubUpstream) -> Gate:
    return Gate(upstream)


def build_app(gate: Gate, **settings: str) -> Any:
    client = UpstreamClient(
        base_url="http://upstream.test/v1", token=gate.token, transport=gate
    )
    environ = {f"CATALOGRAPH_{name}": value for name, value in settings.items()}
    environ.setdefault("CATALOGRAPH_INDEX_KEPT", "off")
    return create_app(Settings.from_environ(environ), client=client, drain=Drain())


@contextlib.asynccontextmanager
async def open_http(gate: Gate, **settings: str) -> AsyncIterator[tuple[str, int]]:
    async with serve(build_app(gate, **settings)) as (_, port):
        yield f"http://127.0.0.1:{port}", port


async def post(base: str, document: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
        return await http.post("/graphql", json={"query": document})


def ask_and_hold(port: int, document: str) -> socket.socket:
    """Send a question; the caller closes the connection when it likes."""
    body = json.dumps({"query": document}).encode()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(
        b"POST /graphql HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    return connection


@pytest.mark.parametrize("document", [LIST, INDEXED])
async def test_a_client_that_leaves_cancels_its_upstream_request(
    gate: Gate, upstream: StubUpstream, document: str
) -> None:
    async with open_http(gate) as (_, port):
        connection = ask_and_hold(port, document)
        await until(lambda: gate.waiting == 1)

        connection.close()

        await until(lambda: gate.cancelled == 1)
    assert gate.waiting == 0
    assert upstream.calls == []


async def test_work_that_others_wait_for_goes_on(
    gate: Gate, upstream: StubUpstream
) -> None:
    async with open_http(gate) as (base, port):
        leaves = ask_and_hold(port, LIST)
        await until(lambda: gate.waiting == 1)
        joined = count("catalograph_coalesced_callers_total")
        stays = asyncio.create_task(post(base, LIST))
        await until(lambda: count("catalograph_coalesced_callers_total") > joined)
        leaves.close()
        await until(lambda: count("catalograph_requests_in_flight") == 1)
        gate.open.set()
        answer = await stays

    assert answer.status_code == 200
    assert len(answer.json()["data"]["models"]["nodes"]) == 3
    assert (gate.cancelled, len(upstream.calls)) == (0, 1)


async def test_a_whole_request_has_a_deadline(
    gate: Gate,
) -> None:
    """The deadline holds whatever a request waits for; that work is cancelled."""
    async with open_http(gate, REQUEST_TIMEOUT_S="0.2") as (base, _):
        answer = await post(base, INDEXED)

    assert answer.status_code == 504
    (error,) = answer.json()["errors"]
    assert error["message"] == "the request took longer than 0.2 s"
    assert error["extensions"]["code"] == "REQUEST_TIMEOUT"
    assert gate.cancelled == 1


async def test_load_beyond_capacity_is_shed_at_once(gate: Gate) -> None:
    """Two are in flight, the third gets Retry-After; health and metrics answer."""
    async with open_http(gate, MAX_IN_FLIGHT="2") as (base, _):
        held = [asyncio.create_task(post(base, LIST)) for _ in range(2)]
        await until(lambda: gate.waiting == 1)
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            shed = await http.post("/graphql", json={"query": INDEXED})
            while shed.status_code != 503:
                shed = await http.post("/graphql", json={"query": INDEXED})
            health = await http.get("/healthz")
            metrics = await http.get("/metrics")
        gate.open.set()
        answers = await asyncio.gather(*held)

    assert shed.status_code == 503
    assert shed.headers["retry-after"] == "1"
    assert shed.json()["errors"][0]["extensions"]["retryAfter"] == 1.0
    assert (health.status_code, metrics.status_code) == (200, 200)
    assert "catalograph_requests_shed_total" in metrics.text
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_no_response_is_cached_for_longer_than_it_is_fresh(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    """`max-age` minus `Age` is never more than the remaining freshness, in any cache."""
    upstream_client = UpstreamClient(
        base_url="http://upstream.test/v1",
        token=upstream.token,
        transport=httpx.ASGITransport(upstream.app),
        clock=clock,
        monotonic=clock,
    )
    app = create_app(
        AT_ITS_OWN_AGES, client=upstream_client, clock=clock, drain=Drain()
    )
    client = build_client(app)
    body = json.dumps({"query": LIST})
    seen: list[tuple[float, str, str | None, str]] = []

    for age_s in (0, 30, 59.5, 60.5, 61):
        clock.now_s += age_s - (seen[-1][0] if seen else 0)
        if age_s == 60.5:
            # Another question refreshes the same page in the background.
            upstream.remove_model("acme/m000")
        answer = await client.post("/graphql", content=body, headers=JSON)
        first = answer.json()["data"]["models"]["nodes"][0]["modelId"]
        control = answer.headers["cache-control"]
        seen.append((age_s, control, answer.headers.get("age"), first))
        await asyncio.sleep(0)

    assert seen == [
        (0, "public, max-age=60", "0", "acme/m000"),
        (30, "public, max-age=30", "0", "acme/m000"),
        (59.5, "public, max-age=0", "0", "acme/m000"),
        (60.5, "no-store", None, "acme/m000"),
        (61, "no-store", None, "acme/m000"),
    ]
    clock.now_s += 1
    answer = await client.post("/graphql", content=body, headers=JSON)
    assert answer.headers["cache-control"] == "public, max-age=58"
    assert answer.json()["data"]["models"]["nodes"][0]["modelId"] == "acme/m001"
    await client.aclose()


async def test_a_process_about_to_stop_is_not_ready(gate: Gate) -> None:
    gate.open.set()
    drain = Drain()
    client = UpstreamClient(
        base_url="http://upstream.test/v1", token=gate.token, transport=gate
    )
    http = build_client(create_app(UNASKED_NOTHING, client=client, drain=drain))

    before = await http.get("/readyz")
    drain.has_begun = True
    after = await http.get("/readyz")

    assert (before.status_code, after.status_code) == (200, 503)
    assert after.json() == {
        "status": "not ready",
        "reason": "this process is about to stop",
    }
    await http.aclose()
