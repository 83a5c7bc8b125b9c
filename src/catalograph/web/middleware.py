"""Small ASGI wrappers around everything that is served: id, log and figures, headers."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph.telemetry import ERRORS
from catalograph.web.access_log import AccessLog
from catalograph.web.exchange import begin_exchange, choose_request_id, exchange_of
from catalograph.web.replies import SECURITY_HEADERS
from catalograph.web.request_figures import REQUESTS

_NOT_LOGGED: Final = {"/healthz", "/readyz", "/metrics"}


class RequestIdMiddleware:
    """Gives each exchange an id: the client's `X-Request-Id` or one of ours, sent back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the exchange."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"x-request-id")
        exchange = begin_exchange(scope, choose_request_id(sent))
        header = (b"x-request-id", exchange.request_id.encode("ascii"))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        await self._app(scope, receive, send_with_id)


class SecurityHeadersMiddleware:
    """Tells browsers to make nothing of an answer but what it says it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what the answer does not have itself."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                missing = [pair for pair in SECURITY_HEADERS if pair[0] not in own]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, send_safely)


class AccessLogMiddleware:
    """Notes each exchange when it has ended: a line of the log, and the figures."""

    def __init__(self, app: ASGIApp, log: AccessLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch what is sent; at the server's end write what has gathered."""
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                self._log.flush()
            return
        if scope["type"] != "http" or scope["path"] in _NOT_LOGGED:
            await self._app(scope, receive, send)
            return
        exchange = exchange_of(scope)

        async def send_and_watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            else:
                exchange.sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_and_watch)
        finally:
            took_s = time.perf_counter() - exchange.started_s
            for code in exchange.codes:
                ERRORS.labels(code).inc()
            REQUESTS.count_request(exchange.status, took_s, exchange.sent_bytes)
            self._log.add(scope["method"], scope["path"], exchange)
