"""How the index is encoded: as the models it was built from, in chunks."""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.records import Model

_CHUNK_MODELS: Final = 100
"""Encoding or decoding one chunk holds Python's lock, also in a thread; all at once would hold
up the event loop for as long as it takes."""

_LENGTH: Final = struct.Struct(">I")
_TIME: Final = struct.Struct(">d")

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[Model, ...])


class IndexCodec:
    """Encodes the index; decoding builds it again."""

    # Without it every operation that needs it would read the whole catalogue.
    is_essential = True

    def encode(self, value: CatalogueIndex) -> bytes:
        """Encode time and models."""
        return b"".join((_TIME.pack(value.as_of_s), *_encode_chunks(value.models)))

    def decode(self, data: bytes) -> CatalogueIndex:
        """Decode the models, and build the index of them."""
        (as_of_s,) = _TIME.unpack_from(data)
        models = tuple(
            model
            for chunk in _split(data, _TIME.size)
            for model in _DECODER.decode(chunk)
        )
        return CatalogueIndex.build(models, as_of_s=as_of_s)

    def size(self, value: CatalogueIndex) -> int:
        """Give what was measured when it was built."""
        return value.size_bytes


def _encode_chunks(models: Sequence[Model]) -> Iterator[bytes]:
    for start in range(0, len(models), _CHUNK_MODELS):
        chunk = _ENCODER.encode(models[start : start + _CHUNK_MODELS])
        yield _LENGTH.pack(len(chunk))
        yield chunk


def _split(data: bytes, start: int) -> Iterator[memoryview]:
    view = memoryview(data)
    while start < len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        yield view[start : start + length]
        start += length
