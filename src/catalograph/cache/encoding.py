"""How entries and failures are encoded in the shared cache; never pickle."""

import math
import struct
import zlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from catalograph.cache.entries import Ages, Codec, Entry
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

V = TypeVar("V")

HEADER = struct.Struct(">BBdffI")
"""Header: version; compression of the body; when the upstream was asked (Unix seconds); fresh
and stale age of the entry (-1: those of the cache); bytes of the body before compression.

The time is not compressed, so that a script inside Redis can tell how old a value is.
"""

_VERSION = 2
_PLAIN, _ZLIB = 0, 1

_MAX_PLAIN_BYTES = 256 * 1024 * 1024
"""No catalogue is larger: 60,000 models of December take 60 MB."""

_COMPRESS_FROM_BYTES = 1_024
_LEVEL = 1
"""The fastest level; pages of models shrink to a tenth or less at any level."""
_NO_AGES = -1.0


class UndecodableError(Exception):
    """The bytes are not an entry: another version, truncated, or of another type."""


def encode_entry(entry: Entry[V], codec: Codec[V]) -> bytes:
    """Encode an entry; compressed, if that makes it at least a tenth smaller."""
    plain = codec.encode(entry.value)
    how, body = _PLAIN, plain
    if len(plain) >= _COMPRESS_FROM_BYTES:
        compressed = zlib.compress(plain, _LEVEL)
        if len(compressed) < 0.9 * len(plain):
            how, body = _ZLIB, compressed
    ages = entry.ages
    fresh_s, stale_s = (
        (_NO_AGES, _NO_AGES) if ages is None else (ages.fresh_s, ages.stale_s)
    )
    header = HEADER.pack(_VERSION, how, entry.as_of_s, fresh_s, stale_s, len(plain))
    return header + body


def is_younger(data: bytes, than_s: float) -> bool:
    """Whether an entry was requested after `than_s`, by its header alone; True if unknown."""
    if len(data) < HEADER.size:
        return True
    as_of_s: float = HEADER.unpack_from(data)[2]
    return not as_of_s <= than_s


def count_plain_bytes(data: bytes) -> int:
    """Read the size of the body before compression from the header; 0 without a header."""
    return int(HEADER.unpack_from(data)[5]) if len(data) >= HEADER.size else 0


def decode_entry(data: bytes, codec: Codec[V], *, expired_s: float) -> Entry[V]:
    """Decode an entry.

    Args:
        data: As read from the shared cache; not trusted.
        codec: Decodes the value.
        expired_s: The last age, which is not stored with an entry.

    Raises:
        UndecodableError: The bytes are not a valid entry, for any reason.
    """
    try:
        version, how, as_of_s, fresh_s, stale_s, size = HEADER.unpack_from(data)
        plain = _OPENERS[version, how](data[HEADER.size :], size)
        if not math.isfinite(as_of_s):
            raise ValueError("no time")  # noqa: TRY301 - handled like all errors here
        ages = None
        if fresh_s >= 0:
            ages = Ages(fresh_s, stale_s, max(expired_s, stale_s))
        return Entry(codec.decode(plain), as_of_s, ages=ages)
    except Exception as error:
        raise UndecodableError(repr(error)) from error


def _open_plain(body: bytes, size: int) -> bytes:
    return _of_size(body, size)


def _open_zlib(body: bytes, size: int) -> bytes:
    """Decompress no more than the header says, and never more than the bound."""
    decompressor = zlib.decompressobj()
    return _of_size(
        decompressor.decompress(body, min(size, _MAX_PLAIN_BYTES) + 1), size
    )


def _of_size(plain: bytes, size: int) -> bytes:
    if len(plain) != size:
        raise ValueError("not as long as the header says")
    return plain


_OPENERS: dict[tuple[int, int], Callable[[bytes, int], bytes]] = {
    (_VERSION, _PLAIN): _open_plain,
    (_VERSION, _ZLIB): _open_zlib,
}


class _FailureWire(msgspec.Struct, omit_defaults=True):
    code: str
    retry_after_s: float | None = None
    after_s: float | None = None
    status: int | None = None


_ELSEWHERE = "reported by another process"
"""The text of the upstream appears only in the log of the process that received it."""


def encode_failure(error: UpstreamError) -> bytes:
    """Encode an error without its `detail`."""
    return msgspec.json.encode(
        _FailureWire(
            error.code,
            getattr(error, "retry_after_s", None),
            getattr(error, "after_s", None),
            getattr(error, "status", None),
        )
    )


def decode_failure(data: bytes) -> UpstreamError:
    """Rebuild the error; UpstreamUnavailableError if it is unknown."""
    try:
        wire = msgspec.json.decode(data, type=_FailureWire)
    except (msgspec.DecodeError, UnicodeDecodeError):
        wire = _FailureWire(UpstreamUnavailableError.code)
    match wire.code:
        case UpstreamAuthError.code:
            return UpstreamAuthError(detail=_ELSEWHERE)
        case UpstreamRateLimitError.code:
            return UpstreamRateLimitError(wire.retry_after_s, detail=_ELSEWHERE)
        case UpstreamTimeoutError.code:
            return UpstreamTimeoutError(wire.after_s or 0.0, detail=_ELSEWHERE)
        case UpstreamResponseError.code:
            return UpstreamResponseError(detail=_ELSEWHERE)
        case UpstreamContractError.code:
            return UpstreamContractError(detail=_ELSEWHERE)
        case _:
            return UpstreamUnavailableError(status=wire.status, detail=_ELSEWHERE)
