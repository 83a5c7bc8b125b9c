"""The memory of one process, bounded in bytes: least recently used out first."""

from collections import OrderedDict
from typing import Any

import msgspec
from aiocache import SimpleMemoryCache

from catalograph import telemetry
from catalograph.cache.entries import Entry

_BYTES_PER_SLOT = 400
"""What an entry, its slot and its place in the dictionary take beside key and value."""


class Slot(msgspec.Struct, frozen=True):
    """One entry with its weight.

    Attributes:
        size: Bytes, with what keeping it takes.
    """

    entry: Entry[Any]
    size: int


class BoundedMemory(SimpleMemoryCache):  # type: ignore[misc] # aiocache is not typed
    """aiocache's memory cache, which has no bound of its own, with one in bytes.

    Values are slots, so a kept None is not a miss, and they are kept as they are: frozen
    objects, nothing is encoded. `find`, `keep` and `drop` do without waiting what aiocache's
    own `get`, `set` and `delete` do: a look-up takes a microsecond, not a turn of the loop.

    Args:
        max_bytes: Most that is held; one value larger than that is never kept.
    """

    def __init__(self, *, max_bytes: int) -> None:
        super().__init__(timeout=None)
        self._cache: OrderedDict[str, Slot] = OrderedDict()
        self._max_bytes = max_bytes
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What all entries weigh together; never more than the bound."""
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

    def keep(self, key: str, entry: Entry[Any], size: int) -> None:
        """Hold the entry; others leave until it fits.

        Args:
            key: An entry under the same key is replaced.
            entry: Its value is frozen.
            size: Bytes of memory the value takes.
        """
        self._put(key, Slot(entry, size + len(key) + _BYTES_PER_SLOT))

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
        if slot.size > self._max_bytes:
            telemetry.CACHE_EVICTIONS.inc()
            return
        while self._held_bytes + slot.size > self._max_bytes:
            _, oldest = self._cache.popitem(last=False)
            self._count(-oldest.size)
            telemetry.CACHE_EVICTIONS.inc()
        self._cache[key] = slot
        self._count(slot.size)

    def _count(self, change: int) -> None:
        self._held_bytes += change
        telemetry.CACHE_BYTES.inc(change)

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
