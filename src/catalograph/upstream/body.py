"""The body of an answer, read within bounds."""

import httpx

from catalograph.errors import UpstreamResponseError
from catalograph.upstream.failures import AttemptError

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Far above any page of 250 models (0.3 MB); what is larger is no page."""

# Of the codings httpx can undo these two alone, and never one inside the other: what is
# read at once stays within a thousand times its chunk.
_CODINGS = frozenset({"", "identity", "gzip"})


async def read_whole(response: httpx.Response) -> bytes:
    """Read the body of a 200.

    Raises:
        AttemptError: It breaks off, is too long, or is packed in a way nobody asked for.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS:
        detail = f"content-encoding {coding[:80]!r} was not asked for"
        raise AttemptError(UpstreamResponseError(detail=detail))
    try:
        body = await read_beginning(response, MAX_BODY_BYTES + 1)
    except (httpx.NetworkError, httpx.ProtocolError) as exc:
        detail = f"the body was cut off: {exc}"
        raise AttemptError(UpstreamResponseError(detail=detail), again=True) from exc
    if len(body) > MAX_BODY_BYTES:
        detail = f"the body is longer than {MAX_BODY_BYTES} bytes"
        raise AttemptError(UpstreamResponseError(detail=detail))
    return body


async def read_beginning(response: httpx.Response, size: int) -> bytes:
    """Read the whole body, or its first `size` bytes."""
    parts: list[bytes] = []
    left = size
    async for part in response.aiter_bytes():
        parts.append(part[:left])
        left -= len(parts[-1])
        if left == 0:
            break
    return b"".join(parts)


def looks_cut(body: bytes) -> bool:
    """Whether an object begins and never ends: cut by somebody who then mended the length."""
    return body.lstrip()[:1] == b"{" and body.rstrip()[-1:] != b"}"
