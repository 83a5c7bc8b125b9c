"""The cache in the memory of one process: an LRU bounded in bytes, with one pinned entry."""

from typing import Any

import msgspec
from aiocache import SimpleMemoryCache

from catalograph.cache.entries import Entry
from catalograph.concurrency.bounded_lru import BoundedLru
from catalograph.observability import metrics
from catalograph.observability.logs import get_logger

_LEAST_SHARE = 4
"""One fourth of the bound is always left for other entries. The pinned entry may exceed the
bound: without it, every operation would read the whole catalogue."""

_BYTES_PER_SLOT = 400
"""Bytes of an entry, its slot and its place in the dictionary, without key and value."""


class Slot(msgspec.Struct, frozen=True):
    """One entry with its weight.

    Attributes:
        size: Bytes, with the overhead of the slot itself.
        is_essential: Pinned until another essential entry is stored.
    """

    entry: Entry[Any]
    size: int
    is_essential: bool = False


class _Slots(BoundedLru[str, Slot]):
    """Adapts the LRU to the mapping that aiocache expects."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            max_weight=max_bytes,
            weigh=lambda _, slot: slot.size,
            on_evict=lambda *_: metrics.CACHE_EVICTIONS.inc(),
        )

    def __setitem__(self, key: str, slot: Slot) -> None:
        self.put(key, slot)

    def pop(self, key: str, default: Slot | None = None) -> Slot | None:
        """Remove a slot, like `dict.pop`."""
        return super().pop(key) or default


class BoundedMemory(SimpleMemoryCache):  # type: ignore[misc] # aiocache is not typed
    """aiocache's memory cache, which is unbounded, on top of a bounded LRU.

    Values are slots, so a cached None is not a miss. Values are frozen objects and are not
    encoded. `find`, `put` and `remove` are synchronous: a look-up takes a microsecond, not
    an iteration of the event loop.

    The last stored essential entry is pinned: it is never evicted, whatever it weighs.
    Earlier ones are ordinary entries.

    Args:
        max_bytes: Bound on all entries. A single larger value is not stored unless it is
            essential. A fourth of the bound is always left for entries that are not pinned.
    """

    def __init__(self, *, max_bytes: int) -> None:
        super().__init__(timeout=None)
        self._cache = _Slots(max_bytes)
        self._max_bytes = max_bytes
        self._pinned: tuple[str, Slot] | None = None
        self._counted_bytes = 0
        self._excess_logged = False

    @property
    def held_bytes(self) -> int:
        """Weight of all entries; above the bound only because of the pinned one."""
        return self._cache.weight + self._pinned_bytes

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._cache) + (self._pinned is not None)

    def find(self, key: str) -> Entry[Any] | None:
        """Find an entry, which becomes the most recently used; None on a miss."""
        if self._pinned is not None and self._pinned[0] == key:
            return self._pinned[1].entry
        slot = self._cache.get(key)
        return None if slot is None else slot.entry

    def put(
        self, key: str, entry: Entry[Any], size: int, *, is_essential: bool = False
    ) -> None:
        """Store an entry; others are evicted until it fits.

        Args:
            key: An entry under the same key is replaced.
            entry: Its value is frozen.
            size: Bytes of memory that the value takes.
            is_essential: Pin it, until another essential entry is stored.
        """
        slot = Slot(entry, size + len(key) + _BYTES_PER_SLOT, is_essential)
        if is_essential:
            self._pin(key, slot)
        else:
            self._release(key)
            self._cache.put(key, slot)
        self._count()

    def remove(self, key: str) -> bool:
        """Remove an entry; False where there was none."""
        is_held = self._release(key) or self._cache.pop(key) is not None
        self._count()
        return is_held

    def remove_all(self) -> None:
        """Remove all entries."""
        self._cache.clear()
        self._release(None if self._pinned is None else self._pinned[0])
        self._count()

    def _pin(self, key: str, slot: Slot) -> None:
        self._cache.pop(key)
        before, self._pinned = self._pinned, (key, slot)
        least_bytes = self._max_bytes // _LEAST_SHARE
        self._cache.resize(max(self._max_bytes - slot.size, least_bytes))
        if before is not None and before[0] != key:
            self._cache.put(*before)
        if slot.size + least_bytes > self._max_bytes and not self._excess_logged:
            self._excess_logged = True
            get_logger().warning(
                "the catalogue alone takes most of CATALOGRAPH_CACHE_MAX_BYTES; it is "
                "cached all the same, and a fourth of the setting beside it is left for "
                "other answers",
                catalogue_bytes=slot.size,
                cache_max_bytes=self._max_bytes,
            )

    def _release(self, key: str | None) -> bool:
        """Remove the pinned entry if it has this key."""
        if self._pinned is None or self._pinned[0] != key:
            return False
        self._pinned = None
        self._cache.resize(self._max_bytes)
        return True

    @property
    def _pinned_bytes(self) -> int:
        return 0 if self._pinned is None else self._pinned[1].size

    def _count(self) -> None:
        metrics.CACHE_BYTES.inc(self.held_bytes - self._counted_bytes)
        self._counted_bytes = self.held_bytes

    async def _clear(self, *_: object, **__: object) -> bool:
        # aiocache's own method would replace the bounded mapping by a plain dictionary.
        self.remove_all()
        return True
