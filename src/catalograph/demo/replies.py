"""HTTP of the embedded upstream, common to both versions."""

import abc
import datetime
import secrets
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

Clock = Callable[[], datetime.datetime]
"""Returns the current instant, with a time zone."""

TEXT: Final = {"content-type": "text/plain; charset=UTF-8"}
"""Headers of a plain text response."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def utc_now() -> datetime.datetime:
    """Return the current instant in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Reply(msgspec.Struct, frozen=True):
    """A status, headers (lower case) and a body; the length is added when it is sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class RestService(abc.ABC):
    """A version of the upstream as an ASGI app."""

    @abc.abstractmethod
    def reply(
        self,
        method: str,
        path: str,
        query_string: str,
        authorization: str | None,
        *,
        origin: str = "http://localhost",
    ) -> Reply:
        """Answer one request.

        Args:
            method: In upper case.
            path: Percent-encoded.
            query_string: Percent-encoded, without the question mark.
            authorization: Value of the header; None without it.
            origin: Scheme, host and port of the request.
        """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        raw_path = scope.get("raw_path")
        reply = self.reply(
            scope["method"],
            raw_path.decode("latin-1") if raw_path else scope["path"],
            scope["query_string"].decode("latin-1"),
            find_authorization(scope),
            origin=f"{scope.get('scheme', 'http')}://{_find_header(scope, b'host')}",
        )
        await send_reply(reply, scope, send)


def write_json(body: Any) -> bytes:
    """Encode JSON as the upstream does, indented by two spaces."""
    return msgspec.json.format(msgspec.json.encode(body), indent=2)


def build_request_id(now: datetime.datetime) -> str:
    """Build `G-` and a ULID: 48 bits of milliseconds, then 80 random ones."""
    number = int(now.timestamp() * 1000) << 80 | secrets.randbits(80)
    digits = (_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
    return "G-" + "".join(digits)


def find_authorization(scope: Scope) -> str | None:
    """Find the `Authorization` header of a request."""
    return _find_header(scope, b"authorization")


def _find_header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value).decode("latin-1")
    return None


async def send_reply(reply: Reply, scope: Scope, send: Send) -> None:
    """Send a whole reply, without its body for a HEAD request."""
    headers = reply.headers | {"content-length": str(len(reply.body))}
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                (name.encode(), value.encode()) for name, value in headers.items()
            ],
        }
    )
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Confirm start and stop; there is nothing to open or close."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
