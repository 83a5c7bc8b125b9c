"""A cache entry: a value, when the upstream was asked for it, and how long it may be served."""

import enum
from typing import Any, Generic, Protocol, TypeVar

import msgspec

V = TypeVar("V")

MAX_CLOCK_SKEW_S = 2.0
"""Clocks of replicas differ by this much at most; a timestamp further ahead is wrong."""

_BYTES_PER_ENCODED_BYTE = 4
"""Memory that a decoded record takes for each byte of msgpack; measured over pages of models."""


class Age(enum.Enum):
    """Age class of an entry; the values are the labels of the counter of reads."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"
    MISS = "miss"


class Ages(msgspec.Struct, frozen=True):
    """Bounds of the age classes, in seconds since the upstream was asked.

    Attributes:
        fresh_s: Up to here an entry is served.
        stale_s: Up to here it is served at once, and refreshed in the background.
        expired_s: Up to here it is served if the upstream fails; after that it is a miss.
    """

    fresh_s: float = 60
    stale_s: float = 600
    expired_s: float = 86_400

    def __post_init__(self) -> None:
        """Refuse ages out of order."""
        if not 0 <= self.fresh_s <= self.stale_s <= self.expired_s:
            message = (
                "ages must be in order, 0 <= fresh <= stale <= expired, "
                f"got {self.fresh_s:g}, {self.stale_s:g}, {self.expired_s:g}"
            )
            raise ValueError(message)

    def classify(self, age_s: float) -> Age:
        """Name the age class.

        An entry from the future is expired: a clock is wrong, and the entry would stay
        fresh until that time has come.
        """
        if -MAX_CLOCK_SKEW_S <= age_s <= self.fresh_s:
            return Age.FRESH
        if 0 <= age_s <= self.stale_s:
            return Age.STALE
        if age_s <= self.expired_s:
            return Age.EXPIRED
        return Age.MISS


class Entry(msgspec.Struct, Generic[V], frozen=True):
    """One cached answer.

    Attributes:
        value: Frozen; all readers share the same object.
        as_of_s: Unix time in seconds at which the upstream was asked.
        failed: The value is past its stale age and the upstream failed just now, so
            readers must warn that it is old.
        error: The upstream's failure; None unless `failed`.
        ages: Age bounds from the upstream's response; None: those of the cache.
    """

    value: V
    as_of_s: float
    failed: bool = False
    error: Exception | None = None
    ages: Ages | None = None


class Codec(Protocol[V]):
    """How values of one kind are encoded and weighed.

    Attributes:
        is_essential: Whether the last stored entry of this kind is pinned in memory,
            whatever it weighs.
    """

    is_essential: bool

    def encode(self, value: V) -> bytes:
        """Encode the value."""
        ...

    def decode(self, data: bytes) -> V:
        """Decode it; any exception means that the bytes are no such value."""
        ...

    def size(self, value: V) -> int:
        """Estimate the bytes of memory that the value takes."""
        ...


class MsgpackCodec(Generic[V]):
    """Values of any type that msgspec knows, checked when they are decoded.

    Args:
        type_: A frozen struct, a tuple of them, `str`, `bytes` and so on.
    """

    is_essential = False

    def __init__(self, type_: type[V] | Any) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[V] = msgspec.msgpack.Decoder(type_)

    def encode(self, value: V) -> bytes:
        """Encode the value as msgpack."""
        return self._encoder.encode(value)

    def decode(self, data: bytes) -> V:
        """Decode it; `msgspec.ValidationError` or `DecodeError` where it is no such value."""
        return self._decoder.decode(data)

    def size(self, value: V) -> int:
        """Weigh by the encoded length, which is cheap, times what objects take more."""
        return len(self._encoder.encode(value)) * _BYTES_PER_ENCODED_BYTE
