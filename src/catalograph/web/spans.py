"""The span around a request, where traces are sent at all."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph.observability import tracing

_CONTEXT: Final = (b"traceparent", b"tracestate")


class TracingMiddleware:
    """Opens the span of a request; outermost, so that kept answers have one too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch one request."""
        if scope["type"] != "http":
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
