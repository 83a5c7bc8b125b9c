"""Response bodies: read within bounds, and decompressed in a thread."""

import asyncio
import zlib
from typing import Final

import httpx

from catalograph.errors import UpstreamResponseError
from catalograph.upstream.failures import AttemptError

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Maximum size of a body; a page of 250 models has at most 6 MB."""

_GZIP: Final = frozenset({"gzip", "x-gzip"})
# Nested codings are not accepted.
_CODINGS: Final = frozenset({"", "identity", *_GZIP})

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BEFORE_JSON: Final = b" \t\r\n\xef\xbb\xbf"  # white space and a byte order mark
_GZIP_WINDOW: Final = (
    31  # for zlib: the largest window (15), plus 16 for the gzip format
)


async def read_whole(response: httpx.Response) -> bytes:
    """Read the body of a success.

    Raises:
        AttemptError: It is truncated, too long, or has a coding that was not requested.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS:
        detail = f"content-encoding {coding[:80]!r} was not asked for"
        raise AttemptError(UpstreamResponseError(detail=detail))
    is_unpacked = response.is_stream_consumed  # by httpx, for an in-process transport
    try:
        body = await _read_raw(response, MAX_BODY_BYTES + 1)
    except (httpx.NetworkError, httpx.ProtocolError) as exc:
        detail = f"the body was cut off: {exc}"
        raise AttemptError(UpstreamResponseError(detail=detail), again=True) from exc
    if not is_unpacked and _is_gzip(body, coding):
        # zlib releases the GIL. A decompression bomb is stopped at the bound.
        body = await asyncio.to_thread(_unpack, body, MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        detail = f"the body is longer than {MAX_BODY_BYTES} bytes"
        raise AttemptError(UpstreamResponseError(detail=detail))
    return body


def _is_gzip(body: bytes, coding: str) -> bool:
    """Whether a body is compressed.

    Its first bytes count more than the header: proxies are known to decompress a body and
    keep the header, or to store a compressed one without it. No JSON begins like gzip.
    """
    if body.startswith(_GZIP_MAGIC):
        return True
    return coding in _GZIP and not body.lstrip(_BEFORE_JSON).startswith(b"{")


async def _read_raw(response: httpx.Response, size: int) -> bytes:
    """Read at most `size` bytes of the body, without decompressing it."""
    if response.is_stream_consumed:  # An in-process transport has read it already.
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
    """Decompress gzip, up to `size` bytes.

    Raises:
        AttemptError: The body is not gzip, or is truncated.
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
    """Read at most `size` bytes of the body, decompressed."""
    parts: list[bytes] = []
    left = size
    async for part in response.aiter_bytes():
        parts.append(part[:left])
        left -= len(parts[-1])
        if left == 0:
            break
    return b"".join(parts)


def looks_cut(body: bytes) -> bool:
    """Whether a JSON object has no end: a proxy may truncate a body and correct its length."""
    return body.lstrip()[:1] == b"{" and body.rstrip()[-1:] != b"}"
