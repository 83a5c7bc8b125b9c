"""An in-memory LRU cache, bounded in weight."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class AdmitOnSecondRequest:
    """Admission policy: a key is admitted to a full cache on its second request.

    In a full cache, every new entry evicts one that may be requested again. Most keys of a
    long tail are requested only once, and are not worth that. Only hashes are remembered: a
    collision admits a key on its first request, which does no harm.

    Args:
        most: Number of remembered keys, at least; at most it is twice that.
    """

    def __init__(self, most: int = 4_096) -> None:
        self._most = most
        self._recent: set[int] = set()
        self._earlier: set[int] = set()

    def admits(self, key: Hashable) -> bool:
        """Whether the key was seen recently; marks it as seen."""
        seen = hash(key)
        if seen in self._recent or seen in self._earlier:
            return True
        # Two generations of keys: dropping the older one as a whole needs no bookkeeping.
        if len(self._recent) >= self._most:
            self._recent, self._earlier = set(), self._recent
        self._recent.add(seen)
        return False


class BoundedLru(Generic[K, V]):
    """An LRU cache, bounded in weight.

    Not thread-safe: use it on the event loop, or in a single thread.

    Args:
        max_weight: Maximum total weight of all entries, in the unit of `weigh`.
        weigh: Returns the weight of an entry; None gives every entry weight 1, so that the
            bound is a number of entries. Weigh in bytes if clients or the upstream decide
            on the size.
        share: An entry heavier than `max_weight / share` is refused, so that one large
            entry does not evict everything else.
        admission: Decides whether a new entry may evict others; None always admits it.
        on_evict: Called with an entry that was evicted or was too heavy, but not with one
            that was popped, replaced or not admitted.
    """

    __slots__ = (
        "_admission",
        "_entries",
        "_max_weight",
        "_on_evict",
        "_share",
        "_weigh",
        "_weight",
    )

    def __init__(
        self,
        *,
        max_weight: int,
        weigh: Callable[[K, V], int] | None = None,
        share: int = 1,
        admission: AdmitOnSecondRequest | None = None,
        on_evict: Callable[[K, V], object] | None = None,
    ) -> None:
        self._max_weight = max_weight
        self._share = share
        self._weigh = weigh
        self._admission = admission
        self._on_evict = on_evict
        # The weight is stored with the value, because a value may change its weight while it
        # is cached.
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0

    @property
    def weight(self) -> int:
        """Total weight of all entries; never above the bound."""
        return self._weight

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        """Whether there is an entry; does not count as a use."""
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """Iterate over the keys, least recently used first."""
        return iter(self._entries)

    def get(self, key: K) -> V | None:
        """Find a value and make it the most recently used; None on a miss."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def peek(self, key: K) -> V | None:
        """Find a value without counting it as used; None on a miss."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V) -> bool:
        """Store a value; it replaces an earlier value of the key.

        Evicts the least recently used entries until the value fits. Storing the same value
        again updates its weight.

        Returns:
            Whether it was stored. An earlier value of the key is gone in either case.
        """
        weight = 1 if self._weigh is None else self._weigh(key, value)
        was_stored = self._take(key) is not None
        if weight * self._share > self._max_weight:
            self._evicted(key, value)
            return False
        if (
            self._admission is not None
            and not was_stored
            and self._weight + weight > self._max_weight
            and not self._admission.admits(key)
        ):
            return False
        self._make_room(weight)
        self._entries[key] = (value, weight)
        self._weight += weight
        return True

    def resize(self, max_weight: int) -> None:
        """Set another bound, and evict entries until they fit."""
        self._max_weight = max_weight
        self._make_room(0)

    def pop(self, key: K) -> V | None:
        """Remove and return a value; None if there is none."""
        entry = self._take(key)
        return None if entry is None else entry[0]

    def clear(self) -> None:
        """Remove all entries, without calling `on_evict`."""
        self._entries.clear()
        self._weight = 0

    def _make_room(self, weight: int) -> None:
        while self._weight + weight > self._max_weight:
            oldest, (evicted, freed) = self._entries.popitem(last=False)
            self._weight -= freed
            self._evicted(oldest, evicted)

    def _take(self, key: K) -> tuple[V, int] | None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._weight -= entry[1]
        return entry

    def _evicted(self, key: K, value: V) -> None:
        if self._on_evict is not None:
            self._on_evict(key, value)
