"""The cache in the memory of one process, bounded in bytes: least recently used out first."""

from typing import Any

import msgspec
from aiocache import SimpleMemoryCache

from catalograph.cache.entries import Entry
from catalograph.concurrency.bounded_lru import BoundedLru
from catalograph.observability import metrics
from catalograph.observability.logs import get_logger

_LEAST_SHARE = 4
"""The spared entry leaves the others at least this part of the bound, one fourth, and goes
beyond the bound where it must: without it, every operation would read the whole catalogue."""

_BYTES_PER_SLOT = 400
"""What an entry, its slot and its place in the dictionary take beside key and value."""


class Slot(msgspec.Struct, frozen=True):
    """One entry with its weight.

    Attributes:
        size: Bytes, with the overhead of the slot itself.
        is_essential: Spared while no other such entry has been stored since.
    """

    entry: Entry[Any]
    size: int
    is_essential: bool = False


class _Slots(BoundedLru[str, Slot]):
    """The LRU as the mapping that aiocache works on."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            max_weight=max_bytes,
            weigh=lambda _, slot: slot.size,
            on_evict=lambda *_: metrics.CACHE_EVICTIONS.inc(),
        )

    def __setitem__(self, key: str, slot: Slot) -> None:
        self.put(key, slot)

    def pop(self, key: str, default: Slot | None = None) -> Slot | None:
        """Take a slot out, as a mapping does."""
        return super().pop(key) or default


class BoundedMemory(SimpleMemoryCache):  # type: ignore[misc] # aiocache is not typed
    """aiocache's memory cache, which has no bound of its own, on an LRU that has one.

    Values are slots, so a cached None is not a miss. They are stored as they are: frozen
    objects, nothing is encoded. `find`, `keep` and `drop` are synchronous: a look-up takes
    a microsecond, not a pass of the event loop.

    The essential entry stored last is spared: it is never evicted, whatever it weighs.
    Those stored before it are entries like any other.

    Args:
        max_bytes: Most that is held; one larger value is not stored unless it is
            essential. A fourth of the bound is always left for entries that are not spared.
    """

    def __init__(self, *, max_bytes: int) -> None:
        super().__init__(timeout=None)
        self._cache = _Slots(max_bytes)
        self._max_bytes = max_bytes
        self._spared: tuple[str, Slot] | None = None
        self._counted_bytes = 0
        self._excess_logged = False

    @property
    def held_bytes(self) -> int:
        """Weight of all entries; beyond the bound only because of the spared one."""
        return self._cache.weight + self._spared_bytes

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._cache) + (self._spared is not None)

    def find(self, key: str) -> Entry[Any] | None:
        """Find an entry, which becomes the most recently used; None on a miss."""
        if self._spared is not None and self._spared[0] == key:
            return self._spared[1].entry
        slot = self._cache.get(key)
        return None if slot is None else slot.entry

    def keep(
        self, key: str, entry: Entry[Any], size: int, *, is_essential: bool = False
    ) -> None:
        """Store an entry; others are evicted until it fits.

        Args:
            key: An entry under the same key is replaced.
            entry: Its value is frozen.
            size: Bytes of memory that the value takes.
            is_essential: Spare it, until another one is.
        """
        slot = Slot(entry, size + len(key) + _BYTES_PER_SLOT, is_essential)
        if is_essential:
            self._spare(key, slot)
        else:
            self._release(key)
            self._cache.put(key, slot)
        self._count()

    def drop(self, key: str) -> bool:
        """Remove an entry; False where there was none."""
        is_held = self._release(key) or self._cache.pop(key) is not None
        self._count()
        return is_held

    def drop_all(self) -> None:
        """Remove all entries."""
        self._cache.clear()
        self._release(None if self._spared is None else self._spared[0])
        self._count()

    def _spare(self, key: str, slot: Slot) -> None:
        self._cache.pop(key)
        before, self._spared = self._spared, (key, slot)
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
        """Take out the spared entry if it has this key."""
        if self._spared is None or self._spared[0] != key:
            return False
        self._spared = None
        self._cache.resize(self._max_bytes)
        return True

    @property
    def _spared_bytes(self) -> int:
        return 0 if self._spared is None else self._spared[1].size

    def _count(self) -> None:
        metrics.CACHE_BYTES.inc(self.held_bytes - self._counted_bytes)
        self._counted_bytes = self.held_bytes

    async def _clear(self, *_: object, **__: object) -> bool:
        # aiocache's own would put a plain dictionary in the place of the bounded one.
        self.drop_all()
        return True
