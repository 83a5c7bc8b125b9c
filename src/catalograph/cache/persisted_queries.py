"""Persisted documents: in the memory of each process, and shared by all that share a cache."""

import contextlib
import hashlib
import time
from collections.abc import Callable

from catalograph.cache.entries import Entry, MsgpackCodec
from catalograph.cache.keys import document_key
from catalograph.cache.memory import BoundedMemory
from catalograph.cache.shared import SharedCache

_MAX_BYTES = 4 * 1_024 * 1_024

_MAX_SHARED_BYTES = 16 * 1_024
"""A longer document is cached by the process that was told it, but not shared: with 4,096 keys
(see `document_key`) all documents take 64 MiB of the shared cache at most."""

_EXPIRES_S = 86_400.0
"""A document that nobody has named for a day is gone; its client will send it again."""

_RENEWED_AFTER_S = 3_600.0

_TEXT: MsgpackCodec[str] = MsgpackCodec(str)


class SharedDocuments:
    """Documents by the SHA-256 of their text, least recently used out first.

    A client that registered a document with one replica may name it to all of them. Where
    the shared cache is down, each replica has what it has seen itself: a client that is told
    it does not know a document sends it along.

    Args:
        shared: None when each process keeps its own.
        max_bytes: Most memory that documents take in this process.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        shared: SharedCache | None,
        *,
        max_bytes: int = _MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shared = shared
        self._memory = BoundedMemory(max_bytes=max_bytes)
        self._clock = clock

    async def get(self, sha256: str) -> str | None:
        """The document; None when nobody has it, or none that can be asked just now."""
        key = document_key(sha256)
        entry = self._memory.find(sha256)
        if entry is None and self._shared is not None:
            entry = await self._shared.read(key, codec=_TEXT)
            # Whoever can write to the cache must not choose what a hash stands for.
            if entry is not None and _hash(entry.value) != sha256:
                entry = None
            if entry is not None:
                self._memory.keep(sha256, entry, _TEXT.size(entry.value))
        if entry is None:
            return None
        document: str = entry.value
        if self._clock() - entry.as_of_s > _RENEWED_AFTER_S:
            await self._write(sha256, document)
        return document

    async def put(self, sha256: str, document: str) -> None:
        """Keep a document that is known to be valid, unless it is kept already."""
        if self._memory.find(sha256) is None:
            # Half a character, which JSON can smuggle in, cannot be written down.
            with contextlib.suppress(UnicodeEncodeError):
                await self._write(sha256, document)

    def drop_all(self) -> None:
        """Forget what is in memory."""
        self._memory.drop_all()

    async def _write(self, sha256: str, document: str) -> None:
        entry = Entry(document, self._clock())
        self._memory.keep(sha256, entry, _TEXT.size(document))
        is_short = len(document.encode()) <= _MAX_SHARED_BYTES
        if self._shared is not None and is_short:
            await self._shared.write(
                document_key(sha256), entry, codec=_TEXT, expires_in_s=_EXPIRES_S
            )


def _hash(document: str) -> str:
    return hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
