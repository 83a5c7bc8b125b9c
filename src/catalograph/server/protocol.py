"""uvicorn's HTTP protocol with bounds on the size and the speed of requests.

uvicorn itself has none: headers may be of any size, and a client that sends a byte a
minute keeps its connection for ever. It also creates a task for every request; here a hit
of the response cache is answered before that.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
)

from catalograph.errors import CatalographError, RequestTimeoutError, UserInputError
from catalograph.observability import metrics
from catalograph.observability.logs import get_logger
from catalograph.observability.request_context import choose_request_id
from catalograph.web.access_control import plain_address
from catalograph.web.cache_hits import CacheHits
from catalograph.web.replies import (
    JSON,
    SECURITY_HEADERS,
    WHOLE_WRITER,
    write_errors,
    write_head,
)

_PROBES: Final = tuple(
    zip(
        (0.3, 0.1, 0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0),
        (bytes((byte,)) for byte in b"HTTP/1.1 "),
        strict=True,
    )
)
"""Seconds to wait, and the byte to send then. All responses begin with these bytes. The first
one makes the system of a client that is gone send a reset; writing the second one fails."""

_NOT_HTTP: Final = (400, UserInputError("the request is not valid HTTP/1.1"))


class BoundedHttpProtocol(HttpToolsProtocol):
    """Cuts off large heads, slow requests, silence, and clients that do not read.

    Give the class to uvicorn as `http`. Bounds are class attributes.

    Attributes:
        max_head_bytes: Request line and headers; more gets 431.
        max_request_bytes: Size of a whole request on the wire, trailers included; must be
            larger than the body that the application accepts. More closes.
        arrival_timeout_s: From the first byte of a request (or from connecting) to the
            last of its body; more gets 408.
        max_waiting: Pipelined requests that wait on one connection; more closes.
        unread_timeout_s: Seconds until a client that does not read must have read all.
    """

    max_head_bytes: ClassVar[int] = 32 * 1024
    max_request_bytes: ClassVar[int] = 1024 * 1024
    arrival_timeout_s: ClassVar[float] = 10.0
    unread_timeout_s: ClassVar[float] = 30.0
    max_waiting: ClassVar[int] = 200

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # One object for all requests: with one for each, every scope would be part of a
        # reference cycle that only the garbage collector could free.
        self._extensions = {WHOLE_WRITER: self.write_whole}
        self._arrived_bytes = 0
        self._chunk_bytes = 0
        self._reading = memoryview(b"")
        self._unread: list[memoryview] = []
        self._is_half_closed = False
        self._probes: Iterator[tuple[float, bytes]] = iter(())
        self._probe_timer: asyncio.TimerHandle | None = None
        self._probed_bytes = 0
        # Without the attribute, the application has no response cache.
        self._has_cache = hasattr(self.app, "cache_hits")
        # When the last hit was answered by its bytes, in the loop's time: see
        # `timeout_keep_alive_handler`.
        self._answered_s = 0.0
        self._lines_of: list[tuple[bytes, bytes]] | None = None
        self._start = b""
        # A read that begins with a request, while it is parsed: for `CacheHits.learn`.
        self._learnable = b""
        self._pieces: list[bytes] = []
        self._is_early = False
        self._is_upgrading = False
        self._is_arriving = False
        self._is_head_complete = False
        self._has_completed = False
        self._refusal: tuple[int, CatalographError] | None = None
        self._arrival_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        if self.client is not None:
            self.client = (plain_address(self.client[0]), self.client[1])
        self._wait_for_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        self._stop_probing()
        super().connection_lost(exc)
        # uvicorn lets it run on after an error, and it holds the connection.
        self._unset_keepalive_if_required()
        # It holds a bound method of this connection: a reference cycle.
        self._extensions.clear()

    def data_received(self, data: bytes) -> None:
        """Parse the data, and check the bounds of a request that is not complete yet."""
        if self.transport.is_closing():
            return
        begins_request = not self._is_arriving and self._is_at_rest()
        if begins_request and self._answer_known(data):
            return
        self._learnable = data if begins_request else b""
        self._chunk_bytes = len(data)
        self._has_completed = False
        # Memory views: each of ten thousand upgrade requests in one read may leave the rest
        # to be parsed again, and copies would take time in proportion to its square.
        self._unread = [memoryview(data)]
        while self._unread:
            self._reading = self._unread.pop()
            super().data_received(self._reading)  # type: ignore[arg-type]
        # An idle connection must not hold what it received last.
        self._reading = memoryview(b"")
        self._learnable = b""
        if self.transport.is_closing():
            return
        self._hand_over()
        if self._is_arriving:
            # The parser reports only complete headers and trailers, so one that never ends
            # must be counted here. The part of a request that shares a read with the
            # previous request is not counted: the parser does not tell where it begins.
            if not self._has_completed:
                self._arrived_bytes += len(data)
            if not self._is_head_complete and self._arrived_bytes > self.max_head_bytes:
                self._refuse_head()
                self.send_400_response("")
                return
            if self._arrived_bytes > self.max_request_bytes:
                metrics.REFUSED.labels("request_bytes").inc()
                self.transport.close()
                return
        is_idle = self.cycle is None or self.cycle.response_complete
        if self._is_arriving or (is_idle and not self.timeout_keep_alive_task):
            self._wait_for_arrival()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer what has arrived: a client that sends no more may still read.

        It may also have closed its socket, which looks the same until something is sent.
        So the first bytes of the response are sent one by one while it is being computed.
        That reveals a client that is gone, and the work stops.
        """
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return None
        if cycle.more_body:
            if not self.pipeline:
                return None
            # The rest of this request will never come; those before it are answered.
            self.pipeline.popleft()
            cycle.response_complete = True
        cycle.keep_alive = False
        self._is_half_closed = True
        self._stop_waiting()
        self._probes = iter(_PROBES)
        self._wait_to_probe()
        return True

    def _wait_to_probe(self) -> None:
        after_s, byte = next(self._probes, (0.0, b""))
        if byte:
            self._probe_timer = self.loop.call_later(after_s, self._probe, byte)

    def _probe(self, byte: bytes) -> None:
        cycle = self.cycle
        if self.transport.is_closing() or cycle.response_started:
            return
        if not self.pipeline:  # otherwise the answer to an earlier request comes next
            if not self._probed_bytes:
                cycle.transport = _BegunTransport(self)  # type: ignore[assignment]
            self._probed_bytes += 1
            self.transport.write(byte)
        self._wait_to_probe()

    def skip_probed(self, data: bytes) -> bytes:
        """Leave out the bytes of a response that were sent as probes."""
        sent, self._probed_bytes = self._probed_bytes, 0
        return data[sent:]

    def _stop_probing(self) -> None:
        if self._probe_timer is not None:
            self._probe_timer.cancel()
            self._probe_timer = None

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._is_arriving = True
        self._is_head_complete = False
        self._arrived_bytes = 0

    def on_headers_complete(self) -> None:
        """Start the task of the request, unless it may be a cache hit."""
        if self._arrived_bytes + self._chunk_bytes > self.max_head_bytes:
            fields = sum(len(name) + len(value) for name, value in self.headers)
            if len(self.url) + fields > self.max_head_bytes:
                self._refuse_head()
                raise ValueError("the head is too large")  # comes out as a parser error
        self._check_framing()
        self._trim_values()
        self._is_upgrading = self.parser.should_upgrade()
        if self._is_upgrading:
            return
        self._is_head_complete = True
        self._is_early = self.may_be_cached()
        if not self._is_early:
            self.begin()

    def may_be_cached(self) -> bool:
        """Whether the request may be a cache hit, so that its body is awaited first."""
        return (
            self.find_hits() is not None
            and self.url == b"/graphql"
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self._is_at_rest()
            and not self.expect_100_continue
        )

    def _is_at_rest(self) -> bool:
        """Whether all responses are complete, and the client reads."""
        cycle = self.cycle
        return (cycle is None or cycle.response_complete) and not self.flow.write_paused

    def _answer_known(self, data: bytes) -> bool:
        """Answer a cache hit without parsing, if the data are a request with a known head."""
        hits = self.find_hits()
        if hits is None or len(data) > self.max_head_bytes:
            return False
        reply = hits.answer_bytes(data, self.client[0] if self.client else "")
        if reply is None:
            return False
        self._stop_waiting()
        self._write(*reply, keep_alive=True)
        self._answered_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            # The timer runs on; see its handler.
            self.server_state.total_requests += 1
        return True

    def _trim_values(self) -> None:
        """Cut off white space behind values, which the parser leaves there.

        It is no part of a value (RFC 9110, 5.5): a key with a space behind it is that key.
        """
        for place, (name, value) in enumerate(self.headers):
            if value.endswith((b" ", b"\t")):
                self.headers[place] = (name, value.rstrip(b" \t"))

    def find_hits(self) -> CacheHits | None:
        """Find what answers cache hits; None if every request needs a task."""
        # The application can be replaced while connections are open.
        found: CacheHits | None = self.app.cache_hits if self._has_cache else None
        return found

    def begin(self) -> None:
        """Start the task of the request whose head has arrived."""
        super().on_headers_complete()
        if len(self.pipeline) > self.max_waiting:
            # One read may bring thousands of requests, and all of them are parsed before
            # any is answered.
            metrics.REFUSED.labels("waiting_requests").inc()
            raise ValueError("too many requests wait")  # comes out as a parser error
        # The task has not run yet, so it sees the extensions that are added to its scope.
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["extensions"] = self._extensions

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body."""
        # One read may hold 40,000 chunks of one byte. uvicorn would copy the whole body
        # for each, so the pieces are collected and passed on together.
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """The request is complete: answer it at once if it is a cache hit."""
        if self._is_upgrading:
            return
        self._is_arriving = False
        self._has_completed = True
        self._stop_waiting()
        if self._is_early and self._answer_hit(b"".join(self._pieces)):
            self._is_early = False
            self._pieces.clear()
            return
        self._hand_over()
        super().on_message_complete()

    def _answer_hit(self, body: bytes) -> bool:
        """Answer a cache hit without a task, which would double its time."""
        hits = self.find_hits()
        if hits is None:
            return False
        reply = hits.answer(self.headers, body, self.client[0] if self.client else "")
        if reply is None:
            return False
        keep_alive = self.parser.should_keep_alive()
        self._write(*reply, keep_alive=keep_alive)
        if not keep_alive:
            self.transport.close()
        elif self._learnable:
            hits.learn(self._learnable, self.headers)
            # Further requests of the same read have other heads.
            self._learnable = b""
        self.on_response_complete()
        return True

    def _hand_over(self) -> None:
        """Pass the request so far to the application: it is not a cache hit, or not complete."""
        if self._is_early:
            self._is_early = False
            self.begin()
        if self._pieces:
            super().on_body(b"".join(self._pieces))
            self._pieces.clear()

    def write_whole(self, scope: Scope, head: bytes, body: bytes) -> bool:
        """Write a whole response at once, without uvicorn's work for each header and message.

        Args:
            scope: Scope of the request that is answered.
            head: Header lines, each with its line end.
            body: The body; its length must agree with the head.

        Returns:
            False when nothing was written: the client does not read, or the responses to
            earlier pipelined requests come first.
        """
        cycle = self.cycle
        if (
            cycle.scope is not scope
            or cycle.response_started
            or cycle.disconnected
            or self.flow.write_paused
        ):
            return False
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        self._write(head, body, keep_alive=cycle.keep_alive)
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def _write(self, head: bytes, body: bytes, *, keep_alive: bool) -> None:
        # uvicorn makes a new list every second, with the date.
        if self._lines_of is not self.server_state.default_headers:
            self._lines_of = self.server_state.default_headers
            self._start = STATUS_LINE[200] + write_head(self._lines_of)
        end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
        start = self._start + head + end
        if self._probed_bytes:
            start = self.skip_probed(start)
        # One call without joining, which would copy the body.
        self.transport.writelines((start, body))

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Send the error of the bound that was exceeded, or uvicorn's own."""
        self._stop_waiting()
        if self.cycle is not None and not self.cycle.response_complete:
            # An earlier response is being sent on this connection.
            self.transport.close()
        else:
            metrics.REFUSED.labels("http").inc()
            _REFUSALS.note(self.client[0] if self.client else "")
            self.transport.write(_write_refusal(*(self._refusal or _NOT_HTTP)))
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Ignore a request for another protocol, as a server may.

        Java's own client asks for HTTP/2 with every request, also with a body. The parser
        stops behind the head, as it expects the other protocol there.
        """
        exc = sys.exception()
        if not isinstance(exc, httptools.HttpParserUpgrade):
            return
        self._learnable = b""
        headers = [pair for pair in self.headers if pair[0] != b"upgrade"]
        if len(headers) == len(self.headers):  # CONNECT
            self.send_400_response("")
            return
        line = b"%b %b HTTP/1.1\r\n" % (self.parser.get_method(), self.url)
        rest = self._reading[exc.args[0] :]
        head = line + write_head(headers) + b"\r\n"
        self.parser = httptools.HttpRequestParser(self)
        # As in the parser that it replaces.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._unread += (rest, memoryview(head)) if rest else (memoryview(head),)

    def on_response_complete(self) -> None:
        """Free the body; watch whether the client reads, if this was the last response."""
        self._stop_probing()
        cycle = self.cycle
        if cycle is not None and cycle.response_complete:
            # An application that refuses a request does not read its body, which would stay as
            # long as the connection is idle.
            cycle.body = bytearray()
        is_last = self._is_half_closed and not self.pipeline
        super().on_response_complete()
        if is_last:
            self.transport.close()
        if self.transport.is_closing():
            self.loop.call_later(self.unread_timeout_s, self.transport.abort)

    def pause_writing(self) -> None:
        """Start the time-out of a client that does not read."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(
            self.unread_timeout_s, self.transport.abort
        )

    def resume_writing(self) -> None:
        """Stop that time-out: the client reads again."""
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; abort it if the client does not read."""
        # A hit that is answered by its bytes does not set the timer again, which would take a
        # tenth of its time. So the timer may be early.
        left_s = self._answered_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left_s, self.timeout_keep_alive_handler
            )
            return
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.unread_timeout_s, self.transport.abort)

    def _check_framing(self) -> None:
        """Refuse heads that proxies and servers may read differently (request smuggling).

        Raises:
            ValueError: The parser turns it into an error of its own.
        """
        names = [name for name, _ in self.headers]
        version = self.parser.get_http_version()
        if version == "1.1":
            if names.count(b"host") != 1:
                raise ValueError("there must be one Host")
            if b"transfer-encoding" not in names:
                return
            # RFC 9112 section 6.1; codings before `chunked` are not supported.
            if dict(self.headers)[b"transfer-encoding"].lower() == b"chunked" and (
                names.count(b"transfer-encoding") == 1
            ):
                return
        elif version == "1.0" and b"transfer-encoding" not in names:
            return
        raise ValueError("neither HTTP/1.0 nor HTTP/1.1")

    def _refuse_head(self) -> None:
        metrics.REFUSED.labels("head_bytes").inc()
        error = UserInputError(
            f"the head of a request must be at most {self.max_head_bytes} bytes"
        )
        self._refusal = (431, error)

    def _wait_for_arrival(self) -> None:
        if self._arrival_timer is None:
            self._arrival_timer = self.loop.call_later(
                self.arrival_timeout_s, self._give_up
            )

    def _stop_waiting(self) -> None:
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None

    def _give_up(self) -> None:
        self._arrival_timer = None
        if self.transport.is_closing():
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (is_answering and not self._is_head_complete):
            # No error here: the request waits for the responses to earlier ones, and the
            # client would take the error for one of those.
            self._wait_for_arrival()
            return
        has_answered = self.cycle is not None and self.cycle.response_started
        if self._is_arriving and not (self._is_head_complete and has_answered):
            metrics.REFUSED.labels("arrival_time").inc()
            error = RequestTimeoutError(self.arrival_timeout_s)
            self.transport.write(_write_refusal(408, error))
        self.transport.close()


class _BegunTransport:
    """The transport of a response whose first bytes were sent as probes."""

    def __init__(self, protocol: BoundedHttpProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        """Write data, without the bytes that were sent as probes."""
        self._protocol.transport.write(self._protocol.skip_probed(data))

    def close(self) -> None:
        """Close the connection."""
        self._protocol.transport.close()


class _RefusalLog:
    """Logs requests that are not valid HTTP: at most one line in ten seconds."""

    _EVERY_S = 10.0

    def __init__(self) -> None:
        self._count = 0
        self._next_s = float("-inf")

    def note(self, address: str) -> None:
        """Count a request, and log it unless another one was logged just before."""
        self._count += 1
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + self._EVERY_S
            count, self._count = self._count, 0
            get_logger().warning(
                "requests are not valid HTTP", count=count, last_address=address
            )


_REFUSALS: Final = _RefusalLog()


def bounded_protocol(max_body_bytes: int) -> type[BoundedHttpProtocol]:
    """Build the protocol class for an application that accepts bodies of up to that size.

    A chunked body may take at most twice its size on the wire.
    """
    room = 2 * max_body_bytes + 2 * BoundedHttpProtocol.max_head_bytes
    return type(
        "BoundedHttpProtocol", (BoundedHttpProtocol,), {"max_request_bytes": room}
    )


def _write_refusal(status: int, error: CatalographError) -> bytes:
    request_id = choose_request_id(None)
    body = write_errors([error], request_id)
    headers = [
        (b"content-type", JSON),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode("ascii")),
        *SECURITY_HEADERS,
    ]
    return STATUS_LINE[status] + write_head(headers) + b"\r\n" + body
