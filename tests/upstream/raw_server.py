"""A server that sends exactly the given bytes, at the given speed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """What a test can see of its server.

    Attributes:
        connections: How many were ever opened.
        requests: The head of every request, as it came.
    """

    def __init__(self, script: Script) -> None:
        self.base_url = ""
        self.connections = 0
        self.requests: list[bytes] = []
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer each request of a connection by running the script."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        # Cancelled by `stop`, and by it alone.
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            while not writer.is_closing():
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await self._script(writer)
                await writer.drain()
        writer.close()

    async def stop(self) -> None:
        """End all conversations."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)


@contextlib.asynccontextmanager
async def serve_raw(script: Script) -> AsyncIterator[RawServer]:
    """Serve on a free loopback port."""
    server = RawServer(script)
    listener = await asyncio.start_server(server.connect, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server.base_url = f"http://127.0.0.1:{port}/v1"
    try:
        yield server
    finally:
        listener.close()
        await server.stop()


def build_reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Build a whole HTTP/1.1 response, with its length unless a header is given for it."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    if not any(line.lower().startswith("content-length") for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
