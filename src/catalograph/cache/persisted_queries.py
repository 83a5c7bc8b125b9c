"""Persisted documents: cached in memory, and in the shared cache for all replicas."""

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
"""Longer documents are cached only in the process that received them. With 4,096 keys (see
`document_key`) all documents take at most 64 MiB of the shared cache."""

_EXPIRES_S = 86_400.0
"""A document that was not used for a day expires; its client will send it again."""

_RENEWED_AFTER_S = 3_600.0

_TEXT: MsgpackCodec[str] = MsgpackCodec(str)


class SharedDocuments:
    """Documents by the SHA-256 of their text, in an LRU and in the shared cache.

    A document that a client registered with one replica is known to all of them. While the
    shared cache is down, each replica knows only its own documents, and asks the client to
    send an unknown document again.

    Args:
        shared: None: each process only has its own documents.
        max_bytes: Bound on the memory of documents in this process.
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
        """Read a document; None on a miss in both caches, or if the shared cache is down."""
        key = document_key(sha256)
        entry = self._memory.find(sha256)
        if entry is None and self._shared is not None:
            entry = await self._shared.read(key, codec=_TEXT)
            # Others may write to the shared cache: check that the text matches its hash.
            if entry is not None and _hash(entry.value) != sha256:
                entry = None
            if entry is not None:
                self._memory.put(sha256, entry, _TEXT.size(entry.value))
        if entry is None:
            return None
        document: str = entry.value
        if self._clock() - entry.as_of_s > _RENEWED_AFTER_S:
            await self._write(sha256, document)
        return document

    async def put(self, sha256: str, document: str) -> None:
        """Cache a valid document, unless it is already cached."""
        if self._memory.find(sha256) is None:
            # JSON can contain half a character (a lone surrogate), which cannot be encoded.
            with contextlib.suppress(UnicodeEncodeError):
                await self._write(sha256, document)

    def drop_all(self) -> None:
        """Clear the memory."""
        self._memory.remove_all()

    async def _write(self, sha256: str, document: str) -> None:
        entry = Entry(document, self._clock())
        self._memory.put(sha256, entry, _TEXT.size(document))
        is_short = len(document.encode()) <= _MAX_SHARED_BYTES
        if self._shared is not None and is_short:
            await self._shared.write(
                document_key(sha256), entry, codec=_TEXT, expires_in_s=_EXPIRES_S
            )


def _hash(document: str) -> str:
    return hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
