"""On a real socket: bounds of the protocol, disconnects, the deadline, shutdown."""

import asyncio
import gc
import io
import json
import socket
import struct
import time
import tracemalloc
import weakref

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from catalograph.observability.access_log import AccessLog
from catalograph.server import protocol
from catalograph.server.protocol import BoundedHttpProtocol, bounded_protocol
from catalograph.web import WebOptions, build_web_app
from catalograph.web.engine import Engine
from support.tiny_engine import ScriptedEngine, TinyEngine, make_answer
from support.web_client import ask, open_client, serve, talk

BODY = b'{"query":"{hello}"}'
HEAD = b"POST /graphql HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
FIRST_PAGE = HEAD + b"content-length: 19\r\n"
CLOSE = b"connection: close\r\n\r\n"
ANSWER = b'{"data":{"hello":"hello world"}}'


class Short(BoundedHttpProtocol):
    """Bounds that a test can wait for."""

    max_head_bytes = 1_000
    max_request_bytes = 4_000
    arrival_timeout_s = 0.15
    unread_timeout_s = 0.15


def app_of(engine: Engine | None = None) -> ASGIApp:
    return build_web_app(engine or TinyEngine(), None, WebOptions())


def parse(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


async def test_a_question_and_its_repetition() -> None:
    """Cache hits are written without ASGI, and look the same as other responses."""
    async with serve(app_of()) as (_, port):
        answers = [
            parse(await talk(port, FIRST_PAGE + b"x-request-id: 1\r\n" + CLOSE + BODY))
            for _ in range(3)
        ]

    assert answers[0] == answers[1] == answers[2]
    status, headers, body = answers[0]
    assert (status, body) == (200, ANSWER)
    assert headers["connection"] == "close"
    assert headers["content-length"] == str(len(ANSWER))
    assert "date" in headers


async def test_pipelined_requests_are_answered_in_order() -> None:
    """The same one over and over, the last one another."""
    again = FIRST_PAGE + b"\r\n" + BODY
    other = HEAD + b"content-length: 24\r\n" + CLOSE + b'{"query":"{__typename}"}'
    async with serve(app_of()) as (_, port):
        raw = await talk(port, again * 5 + other)

    assert raw.count(b"HTTP/1.1 200 OK") == 6
    assert raw.count(ANSWER) == 5
    assert raw.endswith(b'{"data":{"__typename":"Query"}}')


async def test_cache_hits_keep_their_place_among_others() -> None:
    """Hits and misses in turn, on one connection, in one read; none overtakes another."""
    new = [b'{"query":"{n%d:hello}"}' % number for number in range(4)]
    kept = FIRST_PAGE + b"\r\n" + BODY
    raw = kept
    for body in new:
        raw += HEAD + b"content-length: %d\r\n\r\n" % len(body) + body + kept * 2
    async with serve(app_of()) as (server, port):
        await talk(port, FIRST_PAGE + CLOSE + BODY)
        told = await talk(port, raw + FIRST_PAGE + CLOSE + BODY)
        total = server.server_state.total_requests

    words = [part[:2] for part in told.split(b'{"data":{"')[1:]]
    assert words == [
        b"he",
        *[w for n in range(4) for w in (b"n%d" % n, b"he", b"he")],
        b"he",
    ]
    assert told.count(b"HTTP/1.1 200 OK") == len(words) == total - 1
    assert told.count(b"connection: close") == 1


@pytest.mark.parametrize("piece", [1, 60, 120])
async def test_a_cache_hit_for_a_request_in_pieces(piece: int) -> None:
    """However it comes, the head first or the body too."""
    async with serve(app_of()) as (_, port):
        first = await talk(port, FIRST_PAGE + CLOSE + BODY)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        whole = FIRST_PAGE + CLOSE + BODY
        for start in range(0, len(whole), piece):
            writer.write(whole[start : start + piece])
            await writer.drain()
            await asyncio.sleep(0)
        second = await reader.read()
        writer.close()

    assert parse(first)[2] == parse(second)[2] == ANSWER


async def test_invalid_chunks_get_no_cached_response() -> None:
    """The head is that of a cached request; the chunks are invalid."""
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    async with serve(app_of()) as (_, port):
        await talk(port, FIRST_PAGE + CLOSE + BODY)
        good = await talk(
            port,
            head.replace(b"\r\n\r\n", b"\r\n" + CLOSE)
            + b"13\r\n"
            + BODY
            + b"\r\n0\r\n\r\n",
        )
        bad = await talk(port, head + b"13\r\n" + BODY + b"\r\nnonsense\r\n")

    assert parse(good)[2] == ANSWER
    assert parse(bad)[0] == 400


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0", "a, b"])
@pytest.mark.parametrize("piece", [1, 40, 10_000])
async def test_a_request_for_another_protocol_is_answered_in_http_1_1(
    protocol: str, piece: int
) -> None:
    """With the body that came along, and with what comes behind it."""
    upgrade = (
        b"connection: Upgrade, HTTP2-Settings\r\nhttp2-settings: AAMAAABk\r\n"
        b"upgrade: %b\r\n\r\n" % protocol.encode()
    )
    sent = (
        FIRST_PAGE
        + upgrade
        + BODY
        + FIRST_PAGE
        + upgrade
        + BODY
        + FIRST_PAGE
        + CLOSE
        + BODY
    )

    async with serve(app_of()) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in range(0, len(sent), piece):
            writer.write(sent[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0)
        got = await reader.read()
        writer.close()

    assert got.count(b"HTTP/1.1 200 OK") == got.count(ANSWER) == 3
    assert got.count(b"HTTP/1.1") == 3


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("GET", 404)])
async def test_a_health_check_may_ask_about_the_server_as_a_whole(
    method: str, status: int
) -> None:
    """As HAProxy does with `option httpchk OPTIONS *`."""
    async with serve(app_of()) as (_, port):
        raw = await talk(
            port,
            b"%b * HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n" % method.encode(),
        )

    assert parse(raw)[0] == status


@pytest.mark.parametrize("blank", [b"", b" ", b"\t \t"])
async def test_white_space_behind_a_value_is_no_part_of_it(blank: bytes) -> None:
    app = build_web_app(TinyEngine(), None, WebOptions(api_keys=("some-key",)))
    request = (
        b"GET /graphql?query={hello} HTTP/1.1\r\nhost: g\r\nx-api-key: some-key%b\r\n"
        b"x-request-id: mine%b\r\n"
    )
    async with serve(app) as (_, port):
        got = await talk(port, request % (blank, blank) + CLOSE)

    status, headers, _ = parse(got)
    assert (status, headers["x-request-id"]) == (200, "mine")


async def test_connect_requests_are_refused() -> None:
    async with serve(app_of()) as (_, port):
        got = await talk(
            port, b"CONNECT evil.example:443 HTTP/1.1\r\nhost: a\r\n\r\nGET"
        )

    assert parse(got)[0] == 400


async def test_head_and_not_modified_have_no_body() -> None:
    head = b"HEAD /graphql?query={hello} HTTP/1.1\r\nhost: g\r\n"
    get = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: g\r\n"
    async with serve(app_of()) as (_, port):
        status, headers, body = parse(await talk(port, head + CLOSE))
        held = b"if-none-match: " + headers["etag"].encode() + b"\r\n"
        not_modified = parse(await talk(port, get + held + CLOSE))

    assert (status, body) == (200, b"")
    assert headers["content-length"] == str(len(ANSWER))
    assert (not_modified[0], not_modified[2]) == (304, b"")


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"a: " + b"x" * 2_000 + b"\r\n\r\n",
        HEAD + b"a: b\r\n" * 300,
        HEAD + b"a: " + b"x" * 2_000,
        b"GET /" + b"x" * 2_000,
        b"GET /" + b"x" * 2_000 + b" HTTP/1.1\r\nhost: g\r\n\r\n",
    ],
)
async def test_large_heads_are_refused(sent: bytes) -> None:
    async with serve(app_of(), Short) as (_, port):
        status, headers, body = parse(await talk(port, sent))

    assert status == 431
    assert headers["connection"] == "close"
    (error,) = json.loads(body)["errors"]
    assert error["message"] == "the head of a request must be at most 1000 bytes"
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_head_of_32_kib_is_the_bound() -> None:
    filler = b"a: " + b"x" * (31 * 1024) + b"\r\n"
    more = b"b: " + b"x" * 2_000 + b"\r\n"
    async with serve(app_of()) as (_, port):
        taken = parse(await talk(port, FIRST_PAGE + filler + CLOSE + BODY))
        refused = parse(await talk(port, FIRST_PAGE + filler + more + CLOSE + BODY))

    assert (taken[0], refused[0]) == (200, 431)


@pytest.mark.parametrize(
    "sent",
    [b"POST /graphql HT", HEAD, FIRST_PAGE + b"\r\n" + BODY[:5], b"\r\n"],
)
async def test_slow_requests_are_cut_off(sent: bytes) -> None:
    """The limits cover request line, headers and body, each from its first byte."""
    async with serve(app_of(), Short) as (_, port):
        raw = await asyncio.wait_for(talk(port, sent), 5)

    if sent == b"\r\n":
        assert raw == b""
    else:
        status, _, body = parse(raw)
        assert status == 408
        assert json.loads(body)["errors"][0]["extensions"]["code"] == "REQUEST_TIMEOUT"


async def test_bytes_now_and_then_do_not_help() -> None:
    """The bound is on the whole request, not on each pause."""
    async with serve(app_of(), Short) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.create_task(reader.read())
        for byte in HEAD:
            if answer.done():
                break
            writer.write(bytes([byte]))
            await asyncio.wait({answer}, timeout=0.02)
        try:
            status = parse(await asyncio.wait_for(answer, 5))[0]
        except ConnectionResetError:  # a byte was on its way when the server closed
            status = 408
        writer.close()

    assert status == 408


async def test_silence_is_cut_off() -> None:
    async with serve(app_of(), Short) as (_, port):
        assert await asyncio.wait_for(talk(port, b""), 5) == b""


async def test_a_connection_may_be_idle_between_requests() -> None:
    """The bound on arrival is over when a request is there."""
    async with serve(app_of(), Short) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(FIRST_PAGE + b"\r\n" + BODY)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(ANSWER)) == ANSWER
            await asyncio.sleep(0.3)
        writer.close()


async def test_endless_trailers_are_cut_off() -> None:
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\na: "
    async with serve(app_of(), Short) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(chunked + b"x" * 3_000)
        await writer.drain()
        writer.write(b"x" * 3_000)
        raw = await asyncio.wait_for(reader.read(), 5)
        writer.close()

    assert raw == b""


async def test_bodies_in_chunks_are_accepted() -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    chunked = HEAD + b"transfer-encoding: chunked\r\n" + CLOSE + chunks
    async with serve(app_of(), bounded_protocol(1_000)) as (_, port):
        assert parse(await talk(port, chunked))[2] == ANSWER


async def test_a_closed_connection_leaves_nothing_to_the_garbage_collector() -> None:
    """Garbage may stay for long, see docs/decisions/0004."""
    other = FIRST_PAGE + CLOSE + b'{"query":"{missed}"}'[:19]
    async with serve(app_of()) as (server, port):
        gc.collect()
        gc.disable()
        for request in (FIRST_PAGE + CLOSE + BODY, FIRST_PAGE + CLOSE + BODY, other):
            await talk(port, request)
        async with asyncio.timeout(5):
            while server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0)
        alive = [one for one in gc.get_objects() if type(one) is BoundedHttpProtocol]
        gc.enable()

    assert alive == []


async def test_a_connection_that_the_client_resets_is_freed_at_once() -> None:
    """And not when its keep-alive time-out has passed: a client may reset thousands a second."""
    async with serve(app_of()) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FIRST_PAGE + b"\r\n" + BODY)
        await reader.readuntil(ANSWER)
        (alive,) = map(weakref.ref, server.server_state.connections)
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        async with asyncio.timeout(5):
            while server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert alive() is None


async def test_an_idle_connection_holds_no_body_that_nothing_has_read() -> None:
    """Clients without a key must not fill the memory with refused requests."""
    app = build_web_app(TinyEngine(), None, WebOptions(api_keys=("k" * 32,)))
    count, body = 20, BODY + b" " * 60_000
    request = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    async with serve(app) as (_, port):
        opened = [
            await asyncio.open_connection("127.0.0.1", port) for _ in range(count)
        ]
        tracemalloc.start()
        for reader, writer in opened:
            writer.write(request)
            assert b" 401 " in await reader.readuntil(b"\r\n")
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for _, writer in opened:
            writer.close()

    assert held < count * len(body) / 2


@pytest.mark.parametrize("last", [b"\r\n", CLOSE])
async def test_a_client_that_does_not_read_is_disconnected(last: bytes) -> None:
    """Its response does not stay in memory forever."""
    gone = asyncio.Event()

    class Watched(Short):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            gone.set()

    async def large(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = b"x" * 20_000_000
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    async with serve(large, Watched) as (_, port):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.settimeout(0)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nhost: g\r\n" + last)
            await asyncio.wait_for(gone.wait(), 5)


async def test_work_ends_when_the_client_goes() -> None:
    stream = io.StringIO()
    engine = ScriptedEngine()
    app = build_web_app(engine, None, WebOptions(), access_log=AccessLog(stream))
    async with serve(app) as (_, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FIRST_PAGE + b"\r\n" + BODY)
        await engine.started.wait()
        writer.close()
        await asyncio.wait_for(engine.ended.wait(), 5)

    assert engine.was_cancelled
    assert json.loads(stream.getvalue())["status"] == 499


async def test_work_ends_at_the_deadline() -> None:
    engine = ScriptedEngine()
    async with open_client(engine, request_timeout_s=0.1) as client:
        response = await ask(client)
        await engine.ended.wait()

    assert engine.was_cancelled
    assert response.status_code == 504
    (error,) = response.json()["errors"]
    assert error["message"] == "the request took longer than 0.1 s"
    assert error["extensions"]["code"] == "REQUEST_TIMEOUT"


async def test_a_slow_answer_is_still_given() -> None:
    """Listening to the client while it waits does not disturb the answer."""
    engine = ScriptedEngine()
    async with serve(app_of(engine)) as (_, port):
        answer = asyncio.create_task(talk(port, FIRST_PAGE + CLOSE + BODY))
        await engine.started.wait()
        await asyncio.sleep(0.1)  # longer than it takes until somebody listens
        engine.release.set()
        status, _, body = parse(await answer)

    assert (status, body) == (200, make_answer().body)


async def test_a_request_behind_a_slow_response_is_not_timed_out() -> None:
    """While a request is being answered, the next one on the connection is not read."""
    engine = ScriptedEngine()
    async with serve(app_of(engine), Short) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FIRST_PAGE + b"\r\n" + BODY + FIRST_PAGE + CLOSE + BODY[:5])
        await engine.started.wait()
        await asyncio.sleep(2 * Short.arrival_timeout_s)
        writer.write(BODY[5:])
        engine.release.set()
        answers = await reader.read()
        writer.close()

    assert answers.count(b"HTTP/1.1 200 OK") == 2


async def test_shutdown_waits_for_answers_and_writes_the_log() -> None:
    """A request under way is answered, its line is not lost, its connection closed."""
    stream = io.StringIO()
    engine = ScriptedEngine()
    app = build_web_app(engine, None, WebOptions(), access_log=AccessLog(stream))
    async with serve(app) as (server, port):
        answer = asyncio.create_task(talk(port, FIRST_PAGE + b"\r\n" + BODY))
        await engine.started.wait()
        server.should_exit = True
        await asyncio.sleep(0.15)  # the server looks at it every tenth of a second
        refused = False
        try:
            await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            refused = True
        engine.release.set()
        status, headers, body = parse(await answer)

    assert (status, body) == (200, make_answer().body)
    assert headers["connection"] == "close"
    assert refused
    assert json.loads(stream.getvalue())["status"] == 200


async def half_close(port: int, sent: bytes) -> bytes:
    """Send, say that no more will come, and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_a_client_that_sends_no_more_is_answered() -> None:
    """Whether it is a cache hit or not, alone or behind others."""
    request = FIRST_PAGE + b"\r\n" + BODY
    get = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: g\r\n\r\n"
    async with serve(app_of()) as (_, port):
        answers = [
            await half_close(port, request),
            await half_close(port, request),
            await half_close(port, get),
            await half_close(port, b"GET /readyz HTTP/1.0\r\n\r\n"),
            await half_close(port, get * 3),
            await half_close(port, get + request[:-1]),
        ]

    counts = [answer.count(b"HTTP/1.1 200 OK\r\n") for answer in answers]
    assert counts == [1, 1, 1, 1, 3, 1]
    assert all(answer.startswith(b"HTTP/1.1 200 OK\r\n") for answer in answers)


async def test_a_client_that_sends_no_more_may_wait_for_a_slow_answer() -> None:
    engine = ScriptedEngine()
    async with serve(app_of(engine)) as (_, port):
        waiting = asyncio.create_task(half_close(port, FIRST_PAGE + b"\r\n" + BODY))
        await engine.started.wait()
        await asyncio.sleep(0.6)  # the answer is begun meanwhile
        engine.release.set()
        status, headers, body = parse(await waiting)

    assert (status, headers["connection"]) == (200, "close")
    assert body == engine.late_answer.body
    assert not engine.was_cancelled


async def test_a_request_that_was_cut_off_gets_no_answer() -> None:
    async with serve(app_of()) as (_, port):
        assert await half_close(port, FIRST_PAGE + b"\r\n" + BODY[:-1]) == b""
        assert await half_close(port, HEAD) == b""


async def test_ten_thousand_upgrades_in_one_connection_take_linear_time() -> None:
    """A cache hit with `Upgrade`, as often as a read of a megabyte holds it."""
    request = FIRST_PAGE + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n" + BODY
    took = {}
    async with serve(app_of()) as (_, port):
        for count in (1, 700, 5_600):
            sent = request * (count - 1) + FIRST_PAGE + CLOSE + BODY
            began = time.perf_counter()
            answer = await talk(port, sent)
            took[count] = time.perf_counter() - began
            assert answer.count(b"HTTP/1.1 200 OK\r\n") == count

    # Eight times as many; copies would take 64 times as long.
    assert took[5_600] < 20 * took[700] + 0.2


async def test_broken_requests_are_counted_and_seldom_logged() -> None:
    protocol._REFUSALS.__init__()  # type: ignore[misc]  # noqa: SLF001
    with capture_logs() as lines:
        async with serve(app_of()) as (_, port):
            for _ in range(20):
                assert b" 400 " in await talk(port, b"NONSENSE\r\n\r\n")

    assert lines == [
        {
            "event": "requests are not valid HTTP",
            "log_level": "warning",
            "count": 1,
            "last_address": "127.0.0.1",
        }
    ]
