"""Real connections that hang, drip, break and come back."""

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from catalograph.catalogue.query import FULL, ModelsQuery
from catalograph.concurrency.breaker import BreakerState
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from catalograph.upstream import body as body_module, client as client_module
from catalograph.upstream.client import UpstreamClient
from support.cache_stand_ins import count
from support.stub_upstream import (
    TOKEN,
    Cut,
    Hang,
    Html,
    NotJson,
    Reset,
    Status,
    StubUpstream,
    WrongShape,
    serve,
)
from upstream.fake_time import build_page
from upstream.raw_server import RawServer, Script, build_reply, serve_raw

PAGE = build_page({"model_id": "a/b"}).content
QUERY = ModelsQuery()


@contextlib.asynccontextmanager
async def connect(
    base_url: str, *, attempt_timeout_s: float = 5.0, total_timeout_s: float = 10.0
) -> AsyncIterator[UpstreamClient]:
    """A client on the network whose waits between attempts take no time."""

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    client = UpstreamClient(
        base_url=base_url,
        token=TOKEN,
        attempt_timeout_s=attempt_timeout_s,
        total_timeout_s=total_timeout_s,
        sleep=sleep,
        random=lambda: 0.0,
    )
    try:
        yield client
    finally:
        await client.aclose()


@contextlib.asynccontextmanager
async def play(
    script: Script, *, attempt_timeout_s: float = 5.0, total_timeout_s: float = 10.0
) -> AsyncIterator[tuple[RawServer, UpstreamClient]]:
    """A server that follows a script, and a client of it."""
    async with (
        serve_raw(script) as server,
        connect(
            server.base_url,
            attempt_timeout_s=attempt_timeout_s,
            total_timeout_s=total_timeout_s,
        ) as client,
    ):
        yield server, client


def send(data: bytes, *, close: bool = False) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return script


async def say_nothing(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(build_reply(b"", "Content-Length: 100000"))
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


# The stub


async def test_a_page_comes_over_a_real_connection_that_is_kept() -> None:
    stub = StubUpstream()
    stub.add_model("openai/gpt-5", rows=[("openai", "chat.completions")])
    async with serve(stub) as base_url, connect(base_url) as client:
        pages = [await client.fetch_page(ModelsQuery(sections=FULL)) for _ in range(2)]

    assert [model.model_id for model in pages[0].models] == ["openai/gpt-5"]
    assert pages[0].models == pages[1].models
    assert pages[0].sections == FULL
    assert stub.calls == ["GET /models?limit=50&offset=0"] * 2
    assert stub.tokens == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize("fault", [Reset(), Cut(), Status(503), Status(429)])
async def test_a_passing_fault_is_not_visible(
    fault: Reset | Cut | Status,
) -> None:
    stub = StubUpstream()
    stub.add_model("openai/gpt-5")
    stub.fail(fault, fault)
    async with serve(stub) as base_url, connect(base_url) as client:
        page = await client.fetch_page(QUERY)

    assert page.total == 1
    assert len(stub.calls) == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Reset(), "UPSTREAM_UNAVAILABLE"),
        (Cut(), "UPSTREAM_INVALID_RESPONSE"),
        (Html(), "UPSTREAM_INVALID_RESPONSE"),
        (NotJson(), "UPSTREAM_INVALID_RESPONSE"),
        (WrongShape(), "UPSTREAM_INVALID_RESPONSE"),
        (Status(429), "UPSTREAM_RATE_LIMITED"),
        (Status(500, {"ok": False, "error": "failed"}), "UPSTREAM_UNAVAILABLE"),
    ],
)
async def test_a_lasting_fault_has_its_code(
    fault: Reset | Cut | Html | NotJson | WrongShape | Status, code: str
) -> None:
    stub = StubUpstream()
    stub.add_model("openai/gpt-5")
    stub.fail(fault, times=None)
    async with serve(stub) as base_url, connect(base_url) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.fetch_page(QUERY)

    assert caught.value.code == code


async def test_a_refused_connection_is_unavailable() -> None:
    async with serve_raw(say_nothing) as server:
        base_url = server.base_url
    async with connect(base_url) as client:
        with pytest.raises(UpstreamUnavailableError) as caught:
            await client.fetch_page(QUERY)

    assert caught.value.status is None
    assert caught.value.detail == "ConnectError: All connection attempts failed"


async def test_a_caller_that_leaves_cancels_its_request() -> None:
    stub = StubUpstream()
    stub.fail(Hang())
    async with serve(stub) as base_url, connect(base_url) as client:
        call = asyncio.ensure_future(client.fetch_page(QUERY))
        await stub.wait_for_calls(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        page = await client.fetch_page(QUERY)

    assert page.total == 0
    assert len(stub.calls) == 2


# Time


@pytest.mark.parametrize("script", [say_nothing, drip])
async def test_an_attempt_is_bounded_as_a_whole_and_so_are_all(script: Script) -> None:
    loop = asyncio.get_running_loop()
    async with play(script, attempt_timeout_s=0.15, total_timeout_s=0.4) as (
        server,
        client,
    ):
        began = loop.time()
        with pytest.raises(UpstreamTimeoutError) as caught:
            await client.fetch_page(QUERY)
        took = loop.time() - began

    assert 0.35 < took < 2.0
    assert caught.value.after_s == pytest.approx(took, abs=0.2)
    # A third one, unless this machine is so busy that the first two took all the time.
    assert len(server.requests) in {2, 3}


async def test_abandoned_bodies_do_not_fill_the_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "_MAX_CONNECTIONS", 1)
    scripts = [drip] * 3 + [send(build_reply(PAGE))]

    async def script(writer: asyncio.StreamWriter) -> None:
        await scripts.pop(0)(writer)

    async with play(script, attempt_timeout_s=0.2, total_timeout_s=0.2) as (_, client):
        for _ in range(3):
            with pytest.raises(UpstreamTimeoutError):
                await client.fetch_page(QUERY)
        page = await client.fetch_page(QUERY)

    assert page.total == 1


async def test_callers_who_leave_at_any_instant_do_not_fill_the_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "_MAX_CONNECTIONS", 3)
    totals = []
    async with play(send(build_reply(PAGE))) as (server, client):
        for turns in range(40):
            calls = [asyncio.ensure_future(client.fetch_page(QUERY)) for _ in range(4)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            totals.append((await client.fetch_page(QUERY)).total)

    assert totals == [1] * 40
    assert server.connections > 3


async def test_a_connection_is_used_again() -> None:
    async with play(send(build_reply(PAGE))) as (server, client):
        for _ in range(5):
            await client.fetch_page(QUERY)

    assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_closed_as_the_next_request_sets_out_is_no_failure(
    *, reset: bool
) -> None:
    """It costs no wait, nothing of the retry budget, and does not open the breaker."""
    requests_of: dict[asyncio.StreamWriter, int] = {}

    async def answer_once(writer: asyncio.StreamWriter) -> None:
        requests_of[writer] = requests_of.get(writer, 0) + 1
        if requests_of[writer] == 1:
            writer.write(build_reply(PAGE))
        elif reset:
            writer.transport.abort()
        else:
            writer.close()

    async with play(answer_once) as (server, client):
        retries = count("catalograph_upstream_retries_total")
        totals = [(await client.fetch_page(QUERY)).total for _ in range(40)]
        totals += [
            page.total
            for page in await asyncio.gather(
                *(client.fetch_page(QUERY) for _ in range(40))
            )
        ]

    assert totals == [1] * 80
    assert count("catalograph_upstream_retries_total") == retries
    assert client.breaker_state is BreakerState.CLOSED
    assert set(requests_of.values()) <= {1, 2}
    assert len(server.requests) == sum(requests_of.values())


async def test_a_connection_closed_in_the_middle_of_an_answer_is_a_failure() -> None:
    """Also when it has been of use before."""
    scripts = [send(build_reply(PAGE)), send(build_reply(PAGE)[:-9], close=True)]
    scripts.append(scripts[0])

    async def script(writer: asyncio.StreamWriter) -> None:
        await scripts.pop(0)(writer)

    async with play(script) as (server, client):
        retries = count("catalograph_upstream_retries_total")
        totals = [(await client.fetch_page(QUERY)).total for _ in range(2)]

    assert totals == [1, 1]
    assert count("catalograph_upstream_retries_total") - retries == 1
    assert len(server.requests) == 3


async def test_nobody_is_overtaken_time_and_again() -> None:
    """Whoever waits for a connection gets the next one."""
    finished = 0
    overtaken: list[int] = []

    async def ask_often(client: UpstreamClient) -> None:
        nonlocal finished
        for _ in range(60):
            before = finished
            await client.fetch_page(QUERY)
            overtaken.append(finished - before)
            finished += 1

    async with play(send(build_reply(PAGE))) as (server, client):
        await asyncio.gather(*(ask_often(client) for _ in range(12)))

    assert len(overtaken) == 720
    assert max(overtaken) < 60
    assert server.connections == 12


async def test_connections_at_rest_are_few() -> None:
    """Sixteen; others are closed as soon as they are idle."""
    async with play(send(build_reply(PAGE))) as (server, client):

        async def ask_often() -> None:
            for _ in range(20):
                await client.fetch_page(QUERY)

        await asyncio.gather(*(ask_often() for _ in range(40)))
        before = server.connections
        await asyncio.gather(*(client.fetch_page(QUERY) for _ in range(40)))

    assert server.connections - before == 40 - 16


async def test_a_closed_client_sends_no_request() -> None:
    async with play(send(build_reply(PAGE))) as (server, client):
        await client.aclose()
        with pytest.raises(UpstreamUnavailableError) as caught:
            await client.fetch_page(QUERY)

    assert caught.value.detail == "not asked: the gateway is closing"
    assert server.requests == []


# Bodies


@pytest.mark.parametrize(
    "reply",
    [
        build_reply(PAGE[:30], f"Content-Length: {len(PAGE)}"),
        build_reply(
            b"10\r\n" + PAGE[:16] + b"\r\n",
            "Transfer-Encoding: chunked",
            "Content-Length-Not: 1",
        ),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PAGE[:30],
        build_reply(gzip.compress(PAGE)[:40], "Content-Encoding: gzip"),
        build_reply(
            gzip.compress(PAGE), "Content-Encoding: gzip", "Content-Length: 999"
        ),
    ],
)
async def test_a_truncated_body_is_requested_again(reply: bytes) -> None:
    async with play(send(reply, close=True)) as (server, client):
        with pytest.raises(UpstreamResponseError):
            await client.fetch_page(QUERY)

    assert len(server.requests) == 3


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
async def test_a_gzipped_page_is_read(coding: str) -> None:
    reply = build_reply(gzip.compress(PAGE), f"Content-Encoding: {coding}")
    async with play(send(reply)) as (_, client):
        page = await client.fetch_page(QUERY)

    assert page.total == 1


@pytest.mark.parametrize(
    ("body", "header"),
    [(PAGE, "Content-Encoding: gzip"), (gzip.compress(PAGE), "X-Other: 1")],
    ids=["unpacked on the way", "packed without a header"],
)
async def test_a_body_counts_more_than_the_header_of_its_coding(
    body: bytes, header: str
) -> None:
    async with play(send(build_reply(body, header))) as (_, client):
        page = await client.fetch_page(QUERY)

    assert page.total == 1


async def test_a_page_that_a_proxy_has_changed_is_read() -> None:
    reply = build_reply(PAGE, status="203 Non-Authoritative Information")
    async with play(send(reply)) as (_, client):
        page = await client.fetch_page(QUERY)

    assert page.total == 1


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://h.example/a\x1b[31m", "https://h.example/a\x1b[31m"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("http://[::1/", "http://[::1/"),
        ("https://h.example:port/", "https://h.example:port/"),
    ],
)
async def test_a_redirect_to_an_invalid_address_is_reported_as_one(
    location: str, shown: str
) -> None:
    reply = build_reply(b"", f"Location: {location}", status="302 Found")
    async with play(send(reply)) as (server, client):
        with pytest.raises(UpstreamUnavailableError) as caught:
            await client.fetch_page(QUERY)

    assert (caught.value.status, caught.value.moved_to) == (302, None)
    assert caught.value.detail == f"HTTP 302 to {shown!r}, application/json: ''"
    assert len(server.requests) == 1


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "zstd", "deflate"])
async def test_an_unrequested_content_coding_is_not_decoded(coding: str) -> None:
    reply = build_reply(zlib.compress(PAGE), f"Content-Encoding: {coding}")
    async with play(send(reply)) as (server, client):
        with pytest.raises(UpstreamResponseError) as caught:
            await client.fetch_page(QUERY)

    assert caught.value.detail == f"content-encoding '{coding}' was not asked for"
    assert len(server.requests) == 1


@pytest.mark.parametrize("packed", [True, False])
async def test_a_body_without_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    monkeypatch.setattr(body_module, "MAX_BODY_BYTES", 100_000)
    body = b" " * 10_000_000
    reply = (
        build_reply(gzip.compress(body), "Content-Encoding: gzip")
        if packed
        else build_reply(body)
    )
    async with play(send(reply)) as (_, client):
        with pytest.raises(UpstreamResponseError) as caught:
            await client.fetch_page(QUERY)

    assert caught.value.detail == "the body is longer than 100000 bytes"


async def test_a_body_of_the_greatest_size_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_module, "MAX_BODY_BYTES", len(PAGE))
    async with play(send(build_reply(PAGE))) as (_, client):
        page = await client.fetch_page(QUERY)

    assert page.total == 1


@pytest.mark.parametrize(
    "garbage",
    [b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 two\r\n\r\n", b"\x00" * 64 + b"\r\n\r\n"],
)
async def test_a_server_of_another_protocol_is_unavailable(garbage: bytes) -> None:
    async with play(send(garbage, close=True)) as (_, client):
        with pytest.raises(UpstreamUnavailableError):
            await client.fetch_page(QUERY)


async def test_an_answer_is_dated_by_the_attempt_that_gave_it() -> None:
    ticks = iter([100.0, 200.0, 300.0])
    stub = StubUpstream()
    stub.fail(Reset(), Reset())
    async with serve(stub) as base_url:
        client = UpstreamClient(
            base_url=base_url,
            token=TOKEN,
            clock=lambda: next(ticks),
            random=lambda: 0.0,
        )
        page = await client.fetch_page(QUERY)
        await client.aclose()

    assert page.as_of_s == 300.0


async def test_a_cut_error_page_keeps_its_status() -> None:
    reply = build_reply(b"Bad", "Content-Length: 99", status="502 Bad Gateway")
    async with play(send(reply, close=True)) as (_, client):
        with pytest.raises(UpstreamUnavailableError) as caught:
            await client.fetch_page(QUERY)

    assert caught.value.status == 502


async def test_an_error_page_without_end_keeps_its_status() -> None:
    """Which alone decides what follows: here, that asking again is of no use."""

    async def refuse(writer: asyncio.StreamWriter) -> None:
        writer.write(build_reply(b"", "Content-Length: 99", status="403 Forbidden"))
        await say_nothing(writer)

    async with play(refuse) as (server, client):
        with pytest.raises(UpstreamAuthError):
            await client.fetch_page(QUERY)

    assert len(server.requests) == 1


# The way out


async def test_no_proxy_stands_before_our_own_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with play(send(build_reply(PAGE))) as (server, client):
        await client.fetch_page(QUERY)

    assert len(server.requests) == 1


async def test_a_proxy_of_the_environment_is_the_way_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serve_raw(send(build_reply(PAGE))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
        async with connect("http://upstream.test/v1") as client:
            await client.fetch_page(ModelsQuery(sections=FULL))

    assert [head.split(b"\r\n")[0] for head in proxy.requests] == [
        b"GET http://upstream.test/v1/models?limit=50&offset=0 HTTP/1.1"
    ]
