"""The memory of one process, bounded in bytes: least recently used out first."""

from collections import OrderedDict
from typing import Any

import msgspec
from aiocache import SimpleMemoryCache

from catalograph.cache.entries import Entry
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
        size: Bytes, with what keeping it takes.
        is_essential: Spared while no other such entry has been kept since.
    """

    entry: Entry[Any]
    size: int
    is_essential: bool = False


class BoundedMemory(SimpleMemoryCache):  # type: ignore[misc] # aiocache is not typed
    """aiocache's memory cache, which has no bound of its own, with one in bytes.

    Values are slots, so a kept None is not a miss, and they are kept as they are: frozen
    objects, nothing is encoded. `find`, `keep` and `drop` do without waiting what aiocache's
    own `get`, `set` and `delete` do: a look-up takes a microsecond, not a turn of the loop.

    The essential entry kept last is spared: it never leaves for others, whatever it weighs.
    Those kept before it are entries like any other.

    Args:
        max_bytes: Most that is held; one value larger than that is not kept unless it is
            essential. Of the bound a fourth is always for entries that are not spared.
    """

    def __init__(self, *, max_bytes: int) -> None:
        super().__init__(timeout=None)
        self._cache: OrderedDict[str, Slot] = OrderedDict()
        self._max_bytes = max_bytes
        self._held_bytes = 0
        self._spared_key = ""
        self._is_excess_told = False

    @property
    def held_bytes(self) -> int:
        """What all entries weigh together; beyond the bound only for the spared one's sake."""
        return self._held_bytes

    def __len__(self) -> int:
        """How many entries are held."""
        return len(self._cache)

    def find(self, key: str) -> Entry[Any] | None:
        """The entry, which thereby becomes the most recently used; None where none is held."""
        slot = self._cache.get(key)
        if slot is None:
            return None
        self._cache.move_to_end(key)
        return slot.entry

    def keep(
        self, key: str, entry: Entry[Any], size: int, *, is_essential: bool = False
    ) -> None:
        """Hold the entry; others leave until it fits.

        Args:
            key: An entry under the same key is replaced.
            entry: Its value is frozen.
            size: Bytes of memory the value takes.
            is_essential: Spare it, until another one is.
        """
        weight = size + len(key) + _BYTES_PER_SLOT
        self._put(key, Slot(entry, weight, is_essential))

    def drop(self, key: str) -> bool:
        """Forget the entry; False where there was none."""
        slot = self._cache.pop(key, None)
        if slot is None:
            return False
        self._count(-slot.size)
        return True

    def drop_all(self) -> None:
        """Forget everything."""
        self._cache.clear()
        self._count(-self._held_bytes)

    def _put(self, key: str, slot: Slot) -> None:
        self.drop(key)
        spared_bytes = slot.size if slot.is_essential else self._spared_bytes
        new_bytes = 0 if slot.is_essential else slot.size
        others_bytes = self._held_bytes
        if slot.is_essential:
            self._spared_key = key
        else:
            others_bytes -= spared_bytes
        bound = max(self._max_bytes - spared_bytes, self._max_bytes // _LEAST_SHARE)
        if new_bytes > bound:
            metrics.CACHE_EVICTIONS.inc()
            return
        while others_bytes + new_bytes > bound:
            others_bytes -= self._drop_oldest()
        self._cache[key] = slot
        self._count(slot.size)
        if spared_bytes + bound > self._max_bytes and not self._is_excess_told:
            self._is_excess_told = True
            get_logger().warning(
                "the catalogue alone takes most of CATALOGRAPH_CACHE_MAX_BYTES; it is kept "
                "all the same, and a fourth of the setting beside it for other answers",
                catalogue_bytes=spared_bytes,
                cache_max_bytes=self._max_bytes,
            )

    @property
    def _spared_bytes(self) -> int:
        spared = self._cache.get(self._spared_key)
        return 0 if spared is None else spared.size

    def _drop_oldest(self) -> int:
        """Let the least recently used entry but the spared one leave, and give its weight."""
        key = next(key for key in self._cache if key != self._spared_key)
        size = self._cache[key].size
        self.drop(key)
        metrics.CACHE_EVICTIONS.inc()
        return size

    def _count(self, change: int) -> None:
        self._held_bytes += change
        metrics.CACHE_BYTES.inc(change)

    async def _get(self, key: str, **_: object) -> Slot | None:
        return self._cache[key] if self.find(key) is not None else None

    async def _set(self, key: str, value: Slot, **_: object) -> bool:
        self._put(key, value)
        return True

    async def _delete(self, key: str, **_: object) -> int:
        return int(self.drop(key))

    async def _clear(self, *_: object, **__: object) -> bool:
        self.drop_all()
        return True
