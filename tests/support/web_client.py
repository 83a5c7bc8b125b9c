"""A client of the web layer: through ASGI for most tests, over a real socket for some."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph.server.protocol import BoundedHttpProtocol
from catalograph.web import WebOptions, build_web_app
from catalograph.web.engine import Engine

JSON = {"content-type": "application/json"}


class Clock:
    """A clock that only moves when a test moves it."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class _OneMessage:
    """Hands a body over in one message, as uvicorn does with all but the largest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        whole: list[Message] = [{"type": "http.request", "body": body}]

        async def receive_whole() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, receive_whole, send)


def build_client(app: ASGIApp, address: str = "192.0.2.7") -> httpx.AsyncClient:
    """A client with no headers of its own, calling from an address."""
    transport = httpx.ASGITransport(_OneMessage(app), client=(address, 4711))
    client = httpx.AsyncClient(transport=transport, base_url="http://gateway")
    for name in ("accept", "accept-encoding", "user-agent"):
        del client.headers[name]
    return client


class DictDocuments:
    """Persisted documents without bounds."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def get(self, sha256: str) -> str | None:
        return self.texts.get(sha256)

    async def put(self, sha256: str, document: str) -> None:
        self.texts[sha256] = document


def open_client(engine: Engine, **options: Any) -> httpx.AsyncClient:
    """A client of an application with these options, whose clock stands still."""
    app = build_web_app(
        engine, None, WebOptions(**options), persisted=DictDocuments(), clock=Clock()
    )
    return build_client(app)


@contextlib.asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """Run the lifespan of an application, as a server does."""
    events: asyncio.Queue[Message] = asyncio.Queue()
    said: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.ensure_future(app({"type": "lifespan"}, events.get, said.put))
    for moment in ("startup", "shutdown"):
        await events.put({"type": f"lifespan.{moment}"})
        assert await said.get() == {"type": f"lifespan.{moment}.complete"}
        if moment == "startup":
            yield
    await task


async def ask(
    client: httpx.AsyncClient, query: object = "{ hello }", /, **more: object
) -> httpx.Response:
    """Send a POST request; keywords go into the body, `headers` into the request headers."""
    headers = more.pop("headers", {})
    assert isinstance(headers, dict)
    body = {"query": query, **more}
    return await client.post(
        "/graphql",
        content=json.dumps({k: v for k, v in body.items() if v is not ...}),
        headers={**JSON, **headers},
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@contextlib.asynccontextmanager
async def serve(
    app: ASGIApp, protocol: type[BoundedHttpProtocol] = BoundedHttpProtocol
) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """Serve an application on a free port with the real server; gives server and port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=protocol,
        ws="none",
        access_log=False,
        log_config=None,
        proxy_headers=False,
    )
    server = _Server(config)
    sockets = [config.bind_socket()]
    task = asyncio.create_task(server._serve(sockets))  # noqa: SLF001 signals stay pytest's
    await server.is_up.wait()
    try:
        yield server, sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def talk(port: int, sent: bytes, *, then_s: float = 0.0) -> bytes:
    """Send raw bytes and read until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        await writer.drain()
        if then_s:
            await asyncio.sleep(then_s)
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
