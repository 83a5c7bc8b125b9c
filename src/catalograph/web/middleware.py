"""Small ASGI wrappers around everything that is served: id, log and figures, headers."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph.telemetry import ERRORS
from catalograph.web.access_log import AccessLog
from catalograph.web.exchange import Exchange, begin_exchange, choose_request_id
from catalograph.web.replies import add_security_headers
from catalograph.web.request_figures import REQUESTS

_NOT_LOGGED: Final = {"/healthz", "/readyz", "/metrics"}


class ExchangeMiddleware:
    """Begins and ends each exchange: its id, the headers of every answer, log and figures.

    The id is the client's `X-Request-Id` or one of ours, and is sent back. One wrapper
    does all of it, since each costs every request the same again.
    """

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
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent_id = next(
            (value for name, value in scope["headers"] if name == b"x-request-id"), None
        )
        exchange = begin_exchange(scope, choose_request_id(sent_id))

        async def send_and_watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = add_security_headers(message["headers"])
                headers.append((b"x-request-id", exchange.request_id.encode("ascii")))
                message["headers"] = headers
            else:
                exchange.sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_and_watch)
        finally:
            if scope["path"] not in _NOT_LOGGED:
                self._note(scope, exchange)

    def _note(self, scope: Scope, exchange: Exchange) -> None:
        took_s = time.perf_counter() - exchange.started_s
        for code in exchange.codes:
            ERRORS.labels(code).inc()
        REQUESTS.count_request(exchange.status, took_s, exchange.sent_bytes)
        self._log.add(scope["method"], scope["path"], exchange)


class SecurityHeadersMiddleware:
    """Tells browsers to make nothing of an answer but what it says it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what the answer does not have itself."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = add_security_headers(message["headers"])
            await send(message)

        await self._app(scope, receive, send_safely)
