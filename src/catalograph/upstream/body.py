"""The body of an answer, read within bounds and unpacked beside the event loop."""

import asyncio
import zlib
from typing import Final

import httpx

from catalograph.errors import UpstreamResponseError
from catalograph.upstream.failures import AttemptError

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Far above any page of 250 models (6 MB); what is larger is no page."""

_GZIP: Final = frozenset({"gzip", "x-gzip"})
# Never one inside the other.
_CODINGS: Final = frozenset({"", "identity", *_GZIP})

_GZIP_WINDOW: Final = 31  # zlib's number for: the largest window, in a gzip frame


async def read_whole(response: httpx.Response) -> bytes:
    """Read the body of a 200.

    Raises:
        AttemptError: It is truncated, too long, or has a coding that was not requested.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS:
        detail = f"content-encoding {coding[:80]!r} was not asked for"
        raise AttemptError(UpstreamResponseError(detail=detail))
    is_packed = coding in _GZIP and not response.is_stream_consumed
    try:
        body = await _read_raw(response, MAX_BODY_BYTES + 1)
    except (httpx.NetworkError, httpx.ProtocolError) as exc:
        detail = f"the body was cut off: {exc}"
        raise AttemptError(UpstreamResponseError(detail=detail), again=True) from exc
    if is_packed:
        # It gives the interpreter free while it works; a bomb ends at the bound.
        body = await asyncio.to_thread(_unpack, body, MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        detail = f"the body is longer than {MAX_BODY_BYTES} bytes"
        raise AttemptError(UpstreamResponseError(detail=detail))
    return body


async def _read_raw(response: httpx.Response, size: int) -> bytes:
    """Read the body as it came, or its first `size` bytes."""
    if response.is_stream_consumed:  # given as a whole, by a transport in process
        return response.content[:size]
    parts: list[bytes] = []
    left = size
    async for part in response.aiter_raw():
        parts.append(part[:left])
        left -= len(parts[-1])
        if left == 0:
            break
    return b"".join(parts)


def _unpack(body: bytes, size: int) -> bytes:
    """Undo gzip, up to so many bytes.

    Raises:
        AttemptError: It is no gzip, or ends too early.
    """
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        unpacked = unpacking.decompress(body, size)
    except zlib.error as exc:
        error = UpstreamResponseError(detail=f"the body is no gzip: {exc}")
        raise AttemptError(error, again=True) from exc
    if len(unpacked) < size and not unpacking.eof:
        error = UpstreamResponseError(detail="the body was cut off within its gzip")
        raise AttemptError(error, again=True)
    return unpacked


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
    """Whether an object has no end: truncated by a proxy that corrected the length."""
    return body.lstrip()[:1] == b"{" and body.rstrip()[-1:] != b"}"
