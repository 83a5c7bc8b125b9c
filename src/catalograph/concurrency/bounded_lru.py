"""A cache in memory, bounded in weight: the least recently used entries are evicted."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class AdmitOnSecondRequest:
    """Remembers keys that were seen once, so that a key is cached on its second request.

    In a full cache every new entry evicts another one that may be asked for again. Most
    keys of a long tail come only once and are not worth that. Only hashes are remembered:
    a collision admits a key on its first request, which does no harm.

    Args:
        most: Keys remembered at least; at most twice as many.
    """

    def __init__(self, most: int = 4_096) -> None:
        self._most = most
        self._recent: set[int] = set()
        self._earlier: set[int] = set()

    def admits(self, key: Hashable) -> bool:
        """Whether the key was seen before, not long ago; marks it as seen."""
        seen = hash(key)
        if seen in self._recent or seen in self._earlier:
            return True
        # Two generations: forgetting the older one costs nothing per key.
        if len(self._recent) >= self._most:
            self._recent, self._earlier = set(), self._recent
        self._recent.add(seen)
        return False


class BoundedLru(Generic[K, V]):
    """Entries by key, bounded in weight.

    Not thread-safe: used on the event loop, or by one thread.

    Args:
        max_weight: Most that all entries weigh together, in the unit of `weigh`.
        weigh: Weight of an entry; None: every entry weighs 1, so the bound is a number of
            entries. Weigh in bytes where clients or the upstream decide on the size.
        share: An entry heavier than `max_weight / share` is refused: one large entry must
            not evict everything else.
        admission: Once an entry can only be stored by evicting others, it is stored on its
            second request; None: always.
        on_evict: Called with an entry that was evicted or refused, not with one that was
            taken out or replaced.
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
        # The weight is stored with the value: a value may weigh something else by the time
        # it leaves.
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0

    @property
    def weight(self) -> int:
        """Total weight of all entries; never above the bound."""
        return self._weight

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        """Whether there is an entry; does not make it the most recently used."""
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """List the keys, least recently used first."""
        return iter(self._entries)

    def get(self, key: K) -> V | None:
        """Find a value, which becomes the most recently used; None on a miss."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def peek(self, key: K) -> V | None:
        """Find a value and leave the order as it is; None on a miss."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V) -> bool:
        """Store a value, in the place of an earlier one under its key.

        Evicts the least recently used entries until the value fits. Storing the same value
        again brings its weight up to date.

        Returns:
            Whether it is stored. An earlier value under its key is gone either way.
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
        """Set another bound, and evict what is beyond it."""
        self._max_weight = max_weight
        self._make_room(0)

    def pop(self, key: K) -> V | None:
        """Take a value out; None where there was none."""
        entry = self._take(key)
        return None if entry is None else entry[0]

    def clear(self) -> None:
        """Take everything out."""
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
