"""Real processes: started, under concurrent requests, stopped, killed."""

import asyncio
import collections
import contextlib
import json
import signal
import sys
import time

import pytest

from support.gateway_process import GatewayProcess, start_gateways
from support.redis_server import RedisServer
from support.stub_upstream import Hang, Status, StubUpstream, serve
from support.web_client import talk

pytestmark = pytest.mark.shapes(
    "sectioned", reason="starts processes; the version is not what it tests"
)


CALLERS = 50

TAKEN_OVER_WITHIN_S = 2.5
"""A lease takes 1.2 s, then comes the last look-up; the rest is for slow machines."""

DRAINED_FOR_AT_LEAST_S = 1.2


def ask_for(offset: int) -> str:
    """Build a question; each offset is another page, and so another cache key."""
    return f"{{ models(limit: 3, offset: {offset}) {{ nodes {{ modelId }} }} }}"


async def ask_all(gateways: list[GatewayProcess], offset: int) -> dict[str, int]:
    """Ask each gateway fifty times at once, and count what was answered."""
    body = json.dumps({"query": ask_for(offset)}).encode()
    # A minimal client, so that all have asked before the first is answered.
    request = (
        b"POST /graphql HTTP/1.1\r\nhost: g\r\nconnection: close\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        % (len(body), body)
    )

    async def ask(gateway: GatewayProcess) -> str:
        try:
            answer = await talk(gateway.port, request)
        except OSError:
            return "lost"
        if not answer:
            return "lost"
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        if "errors" in body:
            return str(body["errors"][0]["extensions"]["code"])
        return str(body["data"]["models"]["nodes"][0]["modelId"])

    answers = await asyncio.gather(
        *(ask(gateway) for gateway in gateways for _ in range(CALLERS))
    )
    return dict(collections.Counter(answers))


def hold(upstream: StubUpstream, *, for_s: float) -> None:
    """Delay answers until all callers have had time to ask."""
    upstream.gate = asyncio.Event()
    asyncio.get_running_loop().call_later(for_s, upstream.gate.set)


async def test_four_gateways_with_fifty_callers_each_make_one_request(
    upstream: StubUpstream, redis_server: RedisServer
) -> None:
    """This holds if it is slow or fails; there is one more if its gateway is killed.

    One test, because starting the processes is what takes time.
    """
    async with (
        serve(upstream) as url,
        start_gateways(
            4,
            url,
            CACHE_URL=redis_server.url,
            UPSTREAM_TIMEOUT_S="8",
            UPSTREAM_TOTAL_TIMEOUT_S="8",
        ) as gateways,
    ):
        # Longer than two leases of 1.2 seconds.
        hold(upstream, for_s=2.5)
        assert await ask_all(gateways, 10) == {"acme/m010": 200}
        assert len(upstream.calls) == 1

        hold(upstream, for_s=2)
        upstream.fail(Status(500))
        assert await ask_all(gateways, 20) == {"UPSTREAM_UNAVAILABLE": 200}
        assert len(upstream.calls) == 2

        upstream.gate = None
        upstream.fail(Hang())
        asking = asyncio.create_task(ask_all(gateways, 30))
        await upstream.wait_for_calls(3)
        token = upstream.tokens[-1]
        assert token is not None
        gateways[int(token[-1])].kill()
        killed_s = time.monotonic()
        # The lease expires, and one of the waiting gateways takes over.
        assert await asking == {"acme/m030": 150, "lost": 50}
        assert time.monotonic() - killed_s < TAKEN_OVER_WITHIN_S
        assert len(upstream.calls) == 4


async def test_no_client_notices_sigterm(upstream: StubUpstream) -> None:
    """What is in flight finishes; meanwhile `/readyz` says no, and connections are closed."""
    async with (
        serve(upstream) as url,
        start_gateways(1, url, DRAIN_S="1") as (gateway,),
    ):
        assert (await gateway.ask(ask_for(0))).status_code == 200
        upstream.gate = asyncio.Event()
        in_flight = asyncio.create_task(gateway.ask(ask_for(10)))
        await upstream.wait_for_calls(2)

        gateway.tell_to_stop()
        readiness = await gateway.http.get("/readyz")
        while readiness.status_code == 200:
            readiness = await gateway.http.get("/readyz")
        draining = await gateway.ask(ask_for(0))
        await _wait_until_refused(gateway.port)
        still_waiting = not in_flight.done()
        upstream.gate.set()
        answer = await in_flight
        status = await gateway.wait()

    assert readiness.status_code == 503
    assert readiness.headers["connection"] == "close"
    assert (draining.status_code, draining.headers["connection"]) == (200, "close")
    assert still_waiting
    assert answer.json()["data"]["models"]["nodes"][0]["modelId"] == "acme/m010"
    assert answer.headers["connection"] == "close"
    assert status in {0, -15}


async def test_several_workers_serve_one_port_and_stop_together(
    upstream: StubUpstream, redis_server: RedisServer
) -> None:
    async with (
        serve(upstream) as url,
        start_gateways(
            1, url, WORKERS="2", CACHE_URL=redis_server.url, DRAIN_S="0.2"
        ) as (gateway,),
    ):
        told = await ask_all([gateway], 40)
        gateway.tell_to_stop()
        status = await gateway.wait()

    assert told == {"acme/m040": 50}
    assert len(upstream.calls) == 1
    assert status == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks workers up in /proc")
async def test_workers_that_are_told_to_stop_twice_over_still_drain(
    upstream: StubUpstream,
) -> None:
    """A service manager signals every process of the group, and the parent signals its workers."""
    async with (
        serve(upstream) as url,
        start_gateways(1, url, WORKERS="2", DRAIN_S="2") as (gateway,),
    ):
        gateway.tell_all_to_stop()
        told_s = time.monotonic()
        answers = []
        # Their parent passes the signal on within half a second.
        while time.monotonic() - told_s < DRAINED_FOR_AT_LEAST_S:
            answers.append((await gateway.ask(ask_for(0))).status_code)
        status = await gateway.wait()

    assert set(answers) == {200}
    assert status == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks workers up in /proc")
async def test_workers_do_not_outlive_their_parent(upstream: StubUpstream) -> None:
    """Even if the parent is killed, workers drain, and free the port for the next one."""
    async with (
        serve(upstream) as url,
        start_gateways(1, url, WORKERS="2", DRAIN_S="0.5") as (gateway,),
    ):
        before = await gateway.ask(ask_for(0))
        gateway.kill()
        async with asyncio.timeout(10):
            await _wait_until_refused(gateway.port)

    assert before.status_code == 200


async def _wait_until_refused(port: int) -> None:
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await asyncio.sleep(0.05)


async def test_signals_are_ignored_or_start_the_drain(upstream: StubUpstream) -> None:
    async with serve(upstream) as url, start_gateways(1, url) as (gateway,):
        for harmless in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            gateway.send(harmless)
        alive = await gateway.http.get("/healthz")
        gateway.send(signal.SIGQUIT)
        async with asyncio.timeout(10):
            while (await gateway.http.get("/readyz")).status_code != 503:
                pass
        status = await gateway.wait()

    assert (alive.status_code, status) == (200, -signal.SIGTERM)
