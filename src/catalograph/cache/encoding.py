"""How entries and failures look in the shared cache; never pickle."""

import struct
import zlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from catalograph.cache.entries import Codec, Entry
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

HEADER = struct.Struct(">BBd")
"""Version, how the rest is compressed, and when the upstream was asked (unix seconds).

The time stands in the open so that a script inside Redis can tell how old a value is.
"""

_VERSION = 1
_PLAIN, _ZLIB = 0, 1
_OPENERS: dict[tuple[int, int], Callable[[bytes], bytes]] = {
    (_VERSION, _PLAIN): bytes,
    (_VERSION, _ZLIB): zlib.decompress,
}

_COMPRESS_FROM_BYTES = 1_024
_LEVEL = 1  # pages of models shrink to a tenth or less at any level; this one is quick


class UndecodableError(Exception):
    """These bytes are no entry: another version, cut off, or of another type."""


def encode_entry(entry: Entry[V], codec: Codec[V]) -> bytes:
    """Write an entry down, compressed where that pays."""
    plain = codec.encode(entry.value)
    how, body = _PLAIN, plain
    if len(plain) >= _COMPRESS_FROM_BYTES:
        compressed = zlib.compress(plain, _LEVEL)
        if len(compressed) < 0.9 * len(plain):
            how, body = _ZLIB, compressed
    return HEADER.pack(_VERSION, how, entry.as_of_s) + body


def is_younger(data: bytes, than_s: float) -> bool:
    """Whether an entry was asked for after a moment, by its header alone; True if unclear."""
    if len(data) < HEADER.size:
        return True
    as_of_s: float = HEADER.unpack_from(data)[2]
    return not as_of_s <= than_s


def decode_entry(data: bytes, codec: Codec[V]) -> Entry[V]:
    """Read an entry back.

    Raises:
        UndecodableError: Whatever was wrong with the bytes.
    """
    try:
        version, how, as_of_s = HEADER.unpack_from(data)
        plain = _OPENERS[version, how](data[HEADER.size :])
        return Entry(codec.decode(plain), as_of_s)
    except Exception as error:
        raise UndecodableError(repr(error)) from error


class _FailureWire(msgspec.Struct, omit_defaults=True):
    code: str
    retry_after_s: float | None = None
    after_s: float | None = None
    status: int | None = None


_ELSEWHERE = "as another process was told"
"""The upstream's own words stay in the log of the process that heard them."""


def encode_failure(error: UpstreamError) -> bytes:
    """Write down what makes the error, without `detail`."""
    return msgspec.json.encode(
        _FailureWire(
            error.code,
            getattr(error, "retry_after_s", None),
            getattr(error, "after_s", None),
            getattr(error, "status", None),
        )
    )


def decode_failure(data: bytes) -> UpstreamError:
    """Build the error again; an unknown one is an upstream that is not available."""
    try:
        wire = msgspec.json.decode(data, type=_FailureWire)
    except msgspec.DecodeError:
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
