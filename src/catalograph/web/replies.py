"""Responses of the web layer itself, mainly errors, in a uniform format."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from starlette.types import Scope, Send

from catalograph.errors import CatalographError
from catalograph.observability.request_context import request_context_of

JSON: Final = b"application/json; charset=utf-8"

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Added to every response without its own: browsers must never show data as a page."""

_WITHOUT_BODY: Final = {204, 304}

WHOLE_WRITER: Final = "catalograph.whole_answer"
"""Key in the extensions of a scope for the `WriteWhole` of its connection."""

WriteWhole: TypeAlias = Callable[[Scope, bytes, bytes], bool]
"""`BoundedHttpProtocol.write_whole` of a connection."""

RawHeaders = list[tuple[bytes, bytes]]


class Refusal(Exception):  # noqa: N818 a refusal that holds an error
    """A request that is answered with an HTTP status and one GraphQL error.

    Attributes:
        status: HTTP status, for any media type.
        error: The error that the client gets.
        headers: Further headers of the response, such as `Allow`.
    """

    def __init__(
        self,
        status: int,
        error: CatalographError,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = dict(headers or {})


def write_errors(errors: Sequence[CatalographError], request_id: str) -> bytes:
    """Write a GraphQL response without `data`: nothing was executed."""
    return msgspec.json.encode(
        {
            "errors": [
                {
                    "message": str(error),
                    "extensions": {**error.extensions, "requestId": request_id},
                }
                for error in errors
            ]
        }
    )


def add_security_headers(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Return a new list with the security headers that are missing."""
    whole = list(headers)
    own = {name for name, _ in whole}
    whole += [pair for pair in SECURITY_HEADERS if pair[0] not in own]
    return whole


def write_head(headers: RawHeaders) -> bytes:
    """Write headers as lines of HTTP/1.1."""
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


def read_head(lines: bytes) -> RawHeaders:
    """Parse lines of `write_head`."""
    pairs = (line.partition(b": ") for line in lines.split(b"\r\n") if line)
    return [(name, value) for name, _, value in pairs]


async def send_bytes(
    send: Send, status: int, headers: RawHeaders, body: bytes, *, head: bool = False
) -> None:
    """Send a whole response; with `head`, without its body, but with the length of it."""
    if status not in _WITHOUT_BODY:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


async def send_refusal(
    scope: Scope, send: Send, refusal: Refusal, media: bytes = JSON
) -> None:
    """Send a refusal in the form of a GraphQL error; never cacheable."""
    context = request_context_of(scope)
    context.codes = (refusal.error.code,)
    headers = [(b"content-type", media), (b"cache-control", b"no-store")]
    headers += [
        (name.lower().encode("ascii"), value.encode("latin-1"))
        for name, value in refusal.headers.items()
    ]
    body = write_errors([refusal.error], context.request_id)
    await send_bytes(
        send, refusal.status, headers, body, head=scope["method"] == "HEAD"
    )


def find_whole_writer(scope: Scope) -> WriteWhole | None:
    """Find the function that writes a whole response at once; None for other servers."""
    extensions: dict[str, Any] | None = scope.get("extensions")
    return None if extensions is None else extensions.get(WHOLE_WRITER)
