"""Serves the stub on a real socket, so that connections can be cut and reset."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from http import HTTPStatus

import httpx
from starlette.types import ASGIApp, Message, Scope

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@contextlib.asynccontextmanager
async def serve_app(app: ASGIApp) -> AsyncIterator[str]:
    """Serve on a free loopback port; return the address of the server.

    The app asks for a cut connection by raising `httpx.RemoteProtocolError` in the middle
    of a body, and for a reset one by raising `httpx.ReadError`: in process, behind
    `httpx.ASGITransport`, the client then sees what it would see of a real socket.
    """
    connections: set[asyncio.Task[None]] = set()

    async def connect(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _Connection(app, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has left
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


class _Connection:
    """A minimal HTTP/1.1 server connection, enough for one well-behaved client."""

    def __init__(
        self,
        app: ASGIApp,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._app = app
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        """Answer requests one after the other until either side closes."""
        while head := await self._read_head():
            try:
                await self._app(_build_scope(head), self._receive, self._send)
            except httpx.RemoteProtocolError:
                await self._writer.drain()
                return
            except httpx.ReadError:
                self._reset()
                return

    async def _read_head(self) -> list[bytes]:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return []
        return head.split(b"\r\n")[:-2]

    async def _receive(self) -> Message:
        """Wait for the client to leave; the requests of a catalogue have no body."""
        await self._reader.read(1)
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            status = HTTPStatus(message["status"])
            self._writer.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode())
            for name, value in message["headers"]:
                self._writer.write(name + b": " + value + b"\r\n")
            self._writer.write(b"\r\n")
        else:
            self._writer.write(message.get("body", b""))
            await self._writer.drain()

    def _reset(self) -> None:
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()


def _build_scope(head: list[bytes]) -> Scope:
    method, target, _ = head[0].decode("latin-1").split(" ")
    path, _, query_string = target.partition("?")
    headers = [line.partition(b":") for line in head[1:]]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query_string.encode("latin-1"),
        "headers": [(name.lower(), value.strip()) for name, _, value in headers],
    }
