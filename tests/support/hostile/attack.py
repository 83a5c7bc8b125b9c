"""An attack: bytes for a socket, and the expected response."""

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import msgspec

Gateway = Literal["open", "guarded", "passing", "trusting"]
"""`open`: defaults. `guarded`: keys, no introspection, one origin. `passing`: pass-through.
`trusting`: trusted documents alone.
"""

TRUSTED: Final = {
    "one": "query One($n:Int){models(limit:$n){totalCount}}",
    "two": "query Two{__typename} query Three{providers{totalCount}}",
}
"""The only documents that the gateway `trusting` accepts, by id."""

Talk = Callable[["Line"], Awaitable[bytes]]

_PATIENCE_S: Final = 20.0
_STATUS: Final = re.compile(rb"\AHTTP/1\.[01] (\d{3}) ")


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One hostile request.

    Attributes:
        group: One of the five classes.
        name: The attempt, in a few words.
        send: The bytes, or a function that talks to the gateway.
        wants: Accepted responses: an HTTP status; a GraphQL error code; `answer`, data
            without errors; `closed`, no answer at all; `any`, everything but an internal error.
        gateway: The gateway that is attacked.
    """

    group: str
    name: str
    send: bytes | Talk
    wants: tuple[int | str, ...]
    gateway: Gateway = "open"

    @property
    def is_to_be_refused(self) -> bool:
        """Whether the gateway must refuse it, without data."""
        return not {"answer", "any"} & set(self.wants)


class Line:
    """One connection to the gateway."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._is_cut = False

    async def send(self, data: bytes) -> None:
        """Send as much as the gateway accepts."""
        if self._is_cut:
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            self._is_cut = True

    async def read(self) -> bytes:
        """Read until the gateway closes the connection, or sends nothing for a while."""
        got = b""
        with contextlib.suppress(OSError, TimeoutError):
            while True:
                # The answer to the last request is complete when it has the announced length.
                async with asyncio.timeout(0.3 if _is_whole(got) else _PATIENCE_S):
                    part = await self._reader.read(65536)
                if not part:
                    return got
                got += part
        return got

    async def read_answers(self, count: int) -> bytes:
        """Read a number of responses with known length; return the last one."""
        answer = b""
        for number in range(count):
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                answer = await self._read_answer()
                continue
            return b"cut off after %d answers" % number
        return answer

    async def _read_answer(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head.lower())
        return head + await self._reader.readexactly(int(found[1]) if found else 0)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


def _is_whole(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return False
    if head.startswith((b"HTTP/1.1 304", b"HTTP/1.1 204", b"HTTP/1.1 100")):
        return True
    found = re.search(rb"content-length: (\d+)", head.lower())
    return found is None or len(body) >= int(found[1])


async def carry_out(attack: Attack, port: int) -> bytes:
    """Run the attack; return the response."""
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    try:
        if isinstance(attack.send, bytes):
            await line.send(attack.send)
            return await line.read()
        return await attack.send(line)
    finally:
        line.close()


def find_status(answer: bytes) -> int:
    """Find the status of the first response; 0 if there is none."""
    found = _STATUS.match(answer)
    return int(found[1]) if found else 0


def read_json(answer: bytes) -> Any:
    """Decode the body of the last response; None if it is not JSON."""
    body = answer.rpartition(b"\r\n\r\n")[2]
    try:
        return json.loads(body)
    except ValueError:
        return None


def judge(attack: Attack, answer: bytes) -> str | None:
    """Describe what is wrong with a response; None if it is as expected."""
    status, body = find_status(answer), read_json(answer)
    if status >= 500 and status not in attack.wants:
        return f"status {status}"
    errors = body.get("errors", []) if isinstance(body, dict) else []
    codes = [error["extensions"]["code"] for error in errors]
    if "INTERNAL_SERVER_ERROR" in codes:
        return "INTERNAL_SERVER_ERROR"
    got: set[int | str] = {status, *codes, "any"}
    if not answer:
        got.add("closed")
    if status == 200 and not errors and isinstance(body, dict) and "data" in body:
        got.add("answer")
    if got & set(attack.wants):
        return None
    return f"got {status} {codes} {answer[:200]!r}"


HEAD: Final = b"POST /graphql HTTP/1.1\r\nHost: gateway\r\n"
JSON_TYPE: Final = b"Content-Type: application/json\r\n"


def post(
    body: object,
    *,
    headers: bytes = b"",
    content_type: bytes = JSON_TYPE,
    close: bool = True,
) -> bytes:
    """Build a POST request; a body that is not bytes is encoded as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (
        HEAD
        + content_type
        + headers
        + (b"Connection: close\r\n" if close else b"")
        + b"Content-Length: %d\r\n\r\n" % len(data)
        + data
    )


def ask(query: str, variables: object = None, /, headers: bytes = b"") -> bytes:
    """Build a POST request with an operation."""
    body: dict[str, object] = {"query": query}
    if variables is not None:
        body["variables"] = variables
    return post(body, headers=headers)


def get(target: bytes, *, method: bytes = b"GET", headers: bytes = b"") -> bytes:
    """Build a request without a body."""
    return (
        method
        + b" "
        + target
        + b" HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
        + headers
        + b"\r\n"
    )
