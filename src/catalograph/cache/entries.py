"""What is kept: a value with the time it was asked for, and how it is turned into bytes."""

from typing import Any, Generic, Protocol, TypeVar

import msgspec

V = TypeVar("V")

_BYTES_PER_ENCODED_BYTE = 4
"""Memory that a decoded record takes for each byte of msgpack; measured over pages of models."""


class Entry(msgspec.Struct, Generic[V], frozen=True):
    """One kept answer.

    Attributes:
        value: Frozen; the same object for everybody who reads it.
        as_of_s: Unix time in seconds at which the upstream was asked.
        failed: The value is past its stale age and the upstream failed just now, so that
            whoever passes it on has to say that it is old.
        error: What the upstream failed with; None unless `failed`.
    """

    value: V
    as_of_s: float
    failed: bool = False
    error: Exception | None = None


class Codec(Protocol[V]):
    """How values of one kind are written down and weighed.

    Attributes:
        is_essential: Whether the one kept last stays in memory whatever it weighs.
    """

    is_essential: bool

    def encode(self, value: V) -> bytes:
        """Write the value down."""
        ...

    def decode(self, data: bytes) -> V:
        """Read it back; any exception means that the bytes are not such a value."""
        ...

    def size(self, value: V) -> int:
        """Bytes of memory the value takes, roughly: what the bound in bytes counts."""
        ...


class MsgpackCodec(Generic[V]):
    """Values of any type that msgspec knows, checked when they are read back.

    Args:
        type_: A frozen struct, a tuple of them, `str`, `bytes` and so on.
    """

    is_essential = False

    def __init__(self, type_: type[V] | Any) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[V] = msgspec.msgpack.Decoder(type_)

    def encode(self, value: V) -> bytes:
        """Write the value down as msgpack."""
        return self._encoder.encode(value)

    def decode(self, data: bytes) -> V:
        """Read it back; `msgspec.ValidationError` or `DecodeError` where it is no such value."""
        return self._decoder.decode(data)

    def size(self, value: V) -> int:
        """Weigh by the length written down, which is cheap, times what objects take more."""
        return len(self._encoder.encode(value)) * _BYTES_PER_ENCODED_BYTE
