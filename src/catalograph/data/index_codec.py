"""Encodes the index as the models it was built from, in chunks."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import msgspec

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.records import Model

_CHUNK_MODELS: Final = 100
"""Models of a chunk. Encoding one holds the GIL, also in a thread; all models at once would
block the event loop for the whole time."""

_LENGTH: Final = struct.Struct(">I")

_ENCODER: Final = msgspec.msgpack.Encoder()
_HEAD_ENCODER: Final = msgspec.msgpack.Encoder()
_HEAD_DECODER: Final = msgspec.msgpack.Decoder(tuple[float, str | None])
_DECODER: Final = msgspec.msgpack.Decoder(tuple[Model, ...])


class IndexCodec:
    """Encodes the index; decoding builds it again.

    Args:
        building: Context in which an index is built.
    """

    # Essential: without it, every operation that needs the index would crawl the catalogue.
    is_essential = True

    def __init__(
        self, building: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._building = building

    def encode(self, value: CatalogueIndex) -> bytes:
        """Encode time, version of the upstream and models."""
        head = _HEAD_ENCODER.encode((value.as_of_s, value.answered_by))
        return b"".join(_frame([head, *_encode_chunks(value.listed)]))

    def decode(self, data: bytes) -> CatalogueIndex:
        """Decode the models, and build the index of them; side tables are cached elsewhere."""
        head, *chunks = _split(data)
        as_of_s, answered_by = _HEAD_DECODER.decode(head)
        with self._building():
            models = tuple(
                model for chunk in chunks for model in _DECODER.decode(chunk)
            )
            return CatalogueIndex.build(
                models, as_of_s=as_of_s, answered_by=answered_by
            )

    def size(self, value: CatalogueIndex) -> int:
        """Give the size that was measured when the index was built."""
        return value.size_bytes


def _encode_chunks(models: Sequence[Model]) -> Iterator[bytes]:
    for start in range(0, len(models), _CHUNK_MODELS):
        yield _ENCODER.encode(models[start : start + _CHUNK_MODELS])


def _frame(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield _LENGTH.pack(len(chunk))
        yield chunk


def _split(data: bytes) -> Iterator[memoryview]:
    view, start = memoryview(data), 0
    while start < len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        yield view[start : start + length]
        start += length
