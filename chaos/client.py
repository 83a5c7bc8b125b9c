"""A minimal HTTP client, which leaves the CPU to the gateways on the same machine."""

import asyncio
import collections
import contextlib

import msgspec


class LostError(Exception):
    """The connection was lost before the answer was complete."""


class Answer(msgspec.Struct, frozen=True):
    """One HTTP response.

    Attributes:
        status: HTTP status.
        headers: Header values by lower-case name.
        body: The body as it was sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """A client of one server, which reuses connections as a proxy does.

    Args:
        port: Port of the server on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: collections.deque[_Connection] = collections.deque()

    async def get(self, path: str, *, timeout_s: float = 15) -> Answer:
        """Send a GET request.

        Raises:
            TimeoutError: The answer was not complete in time.
            OSError: The connection was refused.
            LostError: The connection was lost before the answer was complete.
        """
        head = f"GET {path} HTTP/1.1\r\nhost: gateway\r\n\r\n"
        return await self._send(head.encode(), timeout_s)

    async def post(self, body: bytes, *, timeout_s: float = 15) -> Answer:
        """Send a GraphQL request by POST; raises the same errors as `get`."""
        head = (
            "POST /graphql HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return await self._send(head.encode() + body, timeout_s)

    def close(self) -> None:
        """Close all idle connections."""
        while self._idle:
            self._idle.popleft()[1].close()

    async def _send(self, request: bytes, timeout_s: float) -> Answer:
        reader, writer = await self._connect()
        try:
            async with asyncio.timeout(timeout_s):
                writer.write(request)
                answer = await _read(reader)
        except BaseException as error:
            writer.close()
            if isinstance(
                error, OSError | asyncio.IncompleteReadError
            ) and not isinstance(error, TimeoutError):
                raise LostError(type(error).__name__) from error
            raise
        if answer.headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return answer

    async def _connect(self) -> _Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    with contextlib.suppress(KeyError):
        body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(first.split(" ", 2)[1]), headers, body)
