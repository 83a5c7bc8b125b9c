"""ASGI middleware around all routes: request id, access log, metrics, headers, spans."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph.observability import tracing
from catalograph.observability.access_log import AccessLog
from catalograph.observability.metrics import ERRORS
from catalograph.observability.request_context import (
    RequestContext,
    begin_request_context,
    choose_request_id,
)
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.access_control import Proxies, plain_address
from catalograph.web.cache_hits import CacheHits
from catalograph.web.cors import Cors, is_preflight
from catalograph.web.replies import (
    SECURITY_HEADERS,
    Refusal,
    add_security_headers,
    find_whole_writer,
    read_head,
    send_bytes,
    send_refusal,
    write_head,
)
from catalograph.web.request import headers_of

_OK: Final = 200
_SECURITY_LINES: Final = write_head(list(SECURITY_HEADERS))
_NOT_LOGGED: Final = {"/healthz", "/readyz", "/metrics"}


class RequestContextMiddleware:
    """Wraps each request in a context: request id, common headers, access log, metrics.

    The id is the client's `X-Request-Id` or one of ours, and is sent back. Address and
    scheme are those of the client, if a trusted proxy reports them. A single middleware does
    all of this, because each one costs every request time.

    Args:
        app: The next ASGI application.
        log: The access log.
        proxies: Proxies whose forwarded headers are trusted.
        is_wrapped: Whether another middleware is around this one. Then responses must be sent
            through it, and not written to the connection directly.
        cors: Which pages of other origins may call; preflights are answered here.
        hits: Answers cache hits; None when there is no cache, or `is_wrapped`.

    Attributes:
        cache_hits: The server's protocol asks it before it creates a task for a request; None
            without a cache.
    """

    def __init__(
        self,
        app: ASGIApp,
        log: AccessLog,
        proxies: Proxies,
        *,
        is_wrapped: bool,
        hits: CacheHits | None = None,
        cors: Cors,
    ) -> None:
        self.cache_hits = hits
        self._app = app
        self._log = log
        self._proxies = proxies or None
        self._is_wrapped = is_wrapped
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap one request; at the end of the lifespan, flush the access log."""
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                self._log.close()
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = self._begin(scope)
        # All headers of GraphQL responses are ours and valid, so they need no checks by the
        # server and can be written to the connection directly.
        is_ours = scope["path"] == "/graphql" and scope["method"] == "POST"
        write = None
        if is_ours and not self._is_wrapped:
            write = find_whole_writer(scope)
        held: Message | None = None

        async def send_and_watch(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                context.status = message["status"]
                if write is not None and context.status == _OK:
                    held = message
                    return
                self._complete(message, context)
            else:
                body = message.get("body", b"")
                context.sent_bytes += len(body)
                if held is not None and write is not None:
                    start, held = held, None
                    is_whole = not message.get("more_body", False)
                    if is_whole and write(scope, _write_head(start, context), body):
                        return
                    self._complete(start, context)
                    await send(start)
            await send(message)

        try:
            await self._run(scope, receive, send_and_watch)
        finally:
            if scope["path"] not in _NOT_LOGGED:
                self._note(scope, context)

    @staticmethod
    def _complete(start: Message, context: RequestContext) -> None:
        """Add the common headers to those of a response."""
        start["headers"] = [
            *add_security_headers(start["headers"]),
            *read_head(_write_own(context)),
        ]

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        if not (self._cors.is_on and is_preflight(scope["method"], headers)):
            await self._app(scope, receive, send)
            return
        try:
            await send_bytes(send, 200, self._cors.answer_preflight(headers), b"")
        except Refusal as refusal:
            await send_refusal(scope, send, refusal)

    def _begin(self, scope: Scope) -> RequestContext:
        headers = headers_of(scope)
        request_id = choose_request_id(headers.get(b"x-request-id"))
        context = begin_request_context(scope, request_id)
        origin = headers.get(b"origin")
        context.cors = self._cors.write_lines(origin)
        if origin is not None:
            self._cors.log_refused(scope["method"], headers)
        if ":" in context.address:
            context.address = plain_address(context.address)
        if self._proxies is not None:
            peer = context.address
            forwarded_for = headers.get(b"x-forwarded-for", b"")
            context.address = self._proxies.find_address(peer, forwarded_for)
            scheme = self._proxies.find_scheme(peer, headers)
            if scheme is not None:
                scope["scheme"] = scheme
        return context

    def _note(self, scope: Scope, context: RequestContext) -> None:
        took_s = time.perf_counter() - context.started_s
        for code in context.codes:
            ERRORS.labels(code).inc()
        REQUESTS.count_request(context.status, took_s, context.sent_bytes)
        self._log.add(scope["method"], scope["path"], context)


def _write_head(start: Message, context: RequestContext) -> bytes:
    """Write the head of a GraphQL response, which has no security headers yet."""
    return write_head(start["headers"]) + _SECURITY_LINES + _write_own(context)


def _write_own(context: RequestContext) -> bytes:
    request_id = context.request_id.encode("ascii")
    return b"x-request-id: %b\r\n%b%b" % (request_id, context.head, context.cors)


_CONTEXT: Final = (b"traceparent", b"tracestate")


class TracingMiddleware:
    """Opens the span of a request; outermost, so that cache hits have one too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open a span for a request; not for probes, which are frequent."""
        if scope["type"] != "http" or scope["path"] in _NOT_LOGGED:
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _CONTEXT
        }
        with tracing.request_span(scope["method"], scope["path"], headers) as end:

            async def send_and_watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    end(message["status"])
                await send(message)

            await self._app(scope, receive, send_and_watch)
