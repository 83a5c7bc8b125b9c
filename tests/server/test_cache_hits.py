"""Cache hits by bytes: the same responses as after parsing, whatever the bytes are."""

import asyncio
import re
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.server import ServerState

from catalograph.server.lifecycle import Drain, DrainingProtocol
from catalograph.server.protocol import BoundedHttpProtocol
from catalograph.server.reloading import ReloadableApp
from catalograph.web import WebOptions, build_web_app
from catalograph.web.cache_hits import CacheHits
from catalograph.web.options import Rate
from support.tiny_engine import TinyEngine
from support.web_client import Clock, serve

BODY = b'{"query":"{hello}"}'
FIRST = b"POST /graphql HTTP/1.1\r\n"
_NUMBERS = re.compile(rb"(?<=[0-9a-f]{10}-)[0-9a-f]+|content-length: [0-9]+")
"""Numbers of our request ids, and the lengths of errors, which name them."""
HEAD = (b"Host: g", b"Content-Type: application/json")


_TURNS = 30
"""Turns of the loop in which the tasks of one read end, unless a body is not complete."""


class _Wire(asyncio.Transport):
    """A connection that collects what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def writelines(self, list_of_data: Any) -> None:
        self.sent += b"".join(list_of_data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("10.0.0.1", 1), "sockname": ("::", 2)}.get(name, default)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class _Parsing(CacheHits):
    """The reference: every request is parsed."""

    def answer_bytes(self, data: bytes, peer: str) -> None:  # noqa: ARG002
        return None


def build_app() -> ASGIApp:
    options = WebOptions(
        rate_limit=Rate(100_000, 60.0),
        trusted_proxies=("10.0.0.0/8",),
        cors_origins=("https://a.example",),
    )
    return build_web_app(TinyEngine(), None, options, clock=Clock())


def connect(
    app: Any, kind: type[BoundedHttpProtocol] = BoundedHttpProtocol
) -> tuple[BoundedHttpProtocol, _Wire]:
    """Open a connection."""
    config = Config(app, log_config=None, access_log=False)
    config.load()
    config.loaded_app = app
    protocol = kind(config, ServerState(), {})
    wire = _Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def exchange(app: Any, reads: Sequence[bytes]) -> tuple[list[bytes], bool]:
    """Send reads over one connection; give what came back after each, and whether it closed."""
    protocol, wire = connect(app)
    told = []
    for data in reads:
        before = len(wire.sent)
        protocol.data_received(data)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        told.append(_NUMBERS.sub(b"", wire.sent[before:]))
    protocol.connection_lost(None)
    if protocol.tasks:
        await asyncio.wait(protocol.tasks)
    return told, wire.is_closed


own = st.sampled_from(
    [
        b"X-Request-Id: one",
        b"x-request-id: two",
        b"X-Request-ID:three",
        b"X-Request-Id: four ",
        b"X-Request-Id:  five",
        b"X-Request-Id: not plain",
        b"X-Request-Id:",
        b"X-Request-Id: \xe9",
        b"X-Request-Id: a\tb",
        b"X-Forwarded-For: 203.0.113.1",
        b"x-forwarded-for: 203.0.113.2, 10.0.0.9",
        b"X-Forwarded-For: 203.0.113.3\t",
        b"traceparent: 00-1-2-01",
    ]
)
odd = st.sampled_from(
    [
        b" folded: 1",
        b"\tX-Request-Id: folded",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: Upgrade\r\nUpgrade: h2c",
        b"Expect: 100-continue",
        b"Origin: https://a.example",
        b"Origin: https://b.example",
        b"Accept: application/json",
        b"Accept-Encoding: gzip",
        b"If-None-Match: *",
        b"X-Catalograph-Cost: 1",
        b"Transfer-Encoding: chunked",
        b"Content-Length: 19",
        b"content-length: 020",
        b"Host: other",
        b"X-Other: a\rX-Request-Id: six",
        b"X-Other: a\nX-Request-Id: seven",
        b"X-Other: a\x00b",
    ]
)


def write(lines: Sequence[bytes], body: bytes = BODY, first: bytes = FIRST) -> bytes:
    return first + b"\r\n".join(lines) + b"\r\n\r\n" + body


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """One request until its head is known, then some that differ from it a little."""
    common = [*HEAD, *draw(st.lists(own, max_size=3))]
    common += draw(st.one_of(st.just([]), st.lists(odd, max_size=1)))
    common.insert(draw(st.integers(0, len(common))), b"Content-Length: 19")
    variants: list[bytes] = []
    for _ in range(draw(st.integers(1, 4))):
        lines = [*common]
        body, first = BODY, FIRST
        match draw(st.integers(0, 6)):
            case 0:
                lines[draw(st.integers(0, len(lines) - 1))] = draw(own | odd)
            case 1:
                lines.insert(draw(st.integers(0, len(lines))), draw(own | odd))
            case 2:
                lines.pop(draw(st.integers(0, len(lines) - 1)))
            case 3:
                body = draw(st.sampled_from([b"", b"{", BODY + b" ", BODY + BODY]))
            case 4:
                first = draw(st.sampled_from([b"GET / HTTP/1.1\r\n", b"\r\n" + FIRST]))
            case 5:
                lines[lines.index(b"Content-Length: 19")] = b"Content-Length: 18"
        data = write(lines, body, first)
        # Whole, in two pieces, or with another one behind it.
        cut = draw(st.just(0) | st.integers(0, len(data)))
        variants += [part for part in (data[:cut], data[cut:]) if part]
        if draw(st.booleans()):
            variants[-1] += write(common)
    return [write(common)] * 4 + variants * 2


@given(reads=conversations())
@settings(max_examples=300)
async def test_responses_are_the_same_as_after_parsing(reads: list[bytes]) -> None:
    known: Any = build_app()
    parsing: Any = build_app()
    parsing.cache_hits.__class__ = _Parsing

    assert await exchange(known, reads) == await exchange(parsing, reads)


def build_request(*more: bytes, body: bytes = BODY) -> bytes:
    return write((*HEAD, *more, b"Content-Length: %d" % len(body)), body)


class _Counting(CacheHits):
    """Counts the requests that were answered without parsing."""

    count = 0

    def answer_bytes(self, data: bytes, peer: str) -> tuple[bytes, bytes] | None:
        reply = super().answer_bytes(data, peer)
        self.count += reply is not None
        return reply


@pytest.mark.parametrize(
    "more",
    [
        [(), ()],
        [(b"X-Request-Id: 1",), (b"X-Request-Id: 2",)],
        [
            (b"X-Request-Id: 1", b"X-Forwarded-For: 203.0.113.1", b"CF-Ray: a"),
            (b"X-Request-Id: 2", b"X-Forwarded-For: 203.0.113.2, ::1", b"CF-Ray: b"),
        ],
        [(b"x-amzn-trace-id: Root=1-5",), (b"x-amzn-trace-id: Root=1-6",)],
    ],
)
async def test_a_head_is_known_whatever_a_proxy_adds(
    more: list[Sequence[bytes]],
) -> None:
    """The first request is a miss, the second is parsed, the third is known by its bytes."""
    app: Any = build_app()
    app.cache_hits.__class__ = _Counting
    reads = [build_request(*more[0])] * 2 + [build_request(*more[1])] * 2

    told, _ = await exchange(app, reads)

    assert app.cache_hits.count == 2
    assert all(one.endswith(b'{"data":{"hello":"hello world"}}') for one in told)


async def test_heads_of_pipelined_requests_are_not_confused() -> None:
    ours = build_request(b"Origin: https://a.example")
    theirs = build_request(b"Origin: https://b.example")

    told, _ = await exchange(
        build_app(), [ours, ours, theirs, theirs, ours + theirs, ours, theirs]
    )

    allowed = [one.count(b"access-control-allow-origin: ") for one in told]
    assert allowed == [1, 1, 0, 0, 1, 1, 0]


async def test_each_client_behind_a_proxy_has_its_own_limit() -> None:
    """Also when its requests are known by their bytes."""
    options = WebOptions(rate_limit=Rate(3, 60.0), trusted_proxies=("10.0.0.0/8",))
    app: Any = build_web_app(TinyEngine(), None, options, clock=Clock())
    reads = [
        build_request(b"X-Forwarded-For: 203.0.113.%d" % client)
        for client in (1, 1, 1, 2, 2, 1, 2, 2)
    ]

    told, _ = await exchange(app, reads)

    assert [one.split(b" ")[1] for one in told] == [
        *(b"200", b"200", b"200", b"200", b"200", b"429", b"200", b"429")
    ]


async def test_a_replaced_application_knows_no_heads_of_the_former() -> None:
    """Its keys may have been revoked."""

    def build(key: str) -> ASGIApp:
        options = WebOptions(api_keys=(key,))
        return build_web_app(TinyEngine(), None, options, clock=Clock())

    app = ReloadableApp(build("a" * 32))
    request = build_request(b"X-API-Key: " + b"a" * 32)
    before, _ = await exchange(app, [request] * 4)

    app.replace(build("b" * 32))
    after, _ = await exchange(app, [request] * 2)

    assert [one.split(b" ")[1] for one in (*before, *after)] == [b"200"] * 4 + [
        b"401"
    ] * 2


async def test_while_draining_a_hit_closes_its_connection() -> None:
    class Draining(DrainingProtocol):
        drain = Drain()

    async with serve(build_app(), Draining) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(4):
            writer.write(build_request())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readuntil(b'world"}}')
            assert b"connection: close\r\n" not in head

        Draining.drain.has_begun = True
        writer.write(build_request())
        last = await reader.read()
        writer.close()

    assert last.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in last


@pytest.mark.parametrize("first", [b"\r\n", b"\n\r\n"])
async def test_a_header_before_the_request_line_is_refused(first: bytes) -> None:
    """Also if a request was accepted that differs only in the place of that header."""
    line = b"X-Request-Id: 1"
    accepted = first + build_request(line)
    refused = first + line + b"\r\n" + build_request()

    told, _ = await exchange(build_app(), [accepted] * 4 + [refused])

    assert [one.split(b" ")[1] for one in told] == [b"200"] * 4 + [b"400"]


async def test_an_idle_connection_holds_no_bytes_of_its_request() -> None:
    """They may be many, and so may be the connections."""
    protocol, wire = connect(build_app())
    data = build_request(body=BODY + b" " * 50_000)
    held = sys.getrefcount(data)

    protocol.data_received(data)
    while not wire.sent:  # noqa: ASYNC110
        await asyncio.sleep(0)

    assert sys.getrefcount(data) == held
    protocol.connection_lost(None)


class _Brief(BoundedHttpProtocol):
    """Closes idle connections soon."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.timeout_keep_alive = 1
        super().connection_made(transport)


async def test_an_idle_connection_is_closed_after_a_hit_by_bytes() -> None:
    """A hit prolongs the time-out without setting the timer again."""
    loop = asyncio.get_running_loop()
    answered_s = loop.time()
    async with serve(build_app(), _Brief) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(4):
            writer.write(build_request())
            await reader.readuntil(b'world"}}')
            answered_s = loop.time()
        assert await reader.read() == b""
        writer.close()

    assert 0.9 < loop.time() - answered_s < 3
