"""Small ASGI wrappers, one job each, around everything that is served."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph.web.exchange import begin_exchange, choose_request_id


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
