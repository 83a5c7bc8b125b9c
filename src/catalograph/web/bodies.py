"""A request body, counted while it is read."""

from collections.abc import Mapping

from starlette.types import Receive

from catalograph.errors import UserInputError
from catalograph.observability import metrics
from catalograph.web.deadline import ClientGoneError
from catalograph.web.replies import Refusal


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int
) -> bytes:
    """Read a whole body, and no more of it than is allowed.

    Raises:
        Refusal: It is larger than `max_bytes`, or compressed.
        ClientGoneError: The client closed the connection.
    """
    coding = headers.get(b"content-encoding", b"identity").strip().lower()
    if coding not in {b"identity", b""}:
        error = UserInputError("the body must not be compressed")
        raise Refusal(415, error, {"Accept-Encoding": "identity"})
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:12]) > max_bytes:
        raise _too_large(max_bytes)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False):
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        return body
    parts = [body]
    size = len(body)
    while message["type"] == "http.request":
        if size > max_bytes:
            raise _too_large(max_bytes)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    raise ClientGoneError


def _too_large(max_bytes: int) -> Refusal:
    metrics.REFUSED.labels("body_bytes").inc()
    error = UserInputError(f"the body must be at most {max_bytes} bytes")
    # The rest of the body is still on its way; nobody will read it.
    return Refusal(413, error, {"Connection": "close"})
