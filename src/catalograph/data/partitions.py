"""Facts about the upstream for each token partition, apart from cached entries.

A partition stands for one caller's token. The upstream may show each token a different
catalogue, so facts learnt with one token are not used for another.
"""

from collections.abc import Callable, Iterable

import msgspec

from catalograph.catalogue.contract import is_used
from catalograph.catalogue.filter import ModelsFilter
from catalograph.concurrency.bounded_lru import BoundedLru

_MAX_BYTES = 16 * 1024 * 1024
_RECORD_BYTES = 1_024
_BYTES_PER_ID = 64


class Irregularity(msgspec.Struct, frozen=True):
    """Deviation of a reading from a list of distinct models with the length of its total.

    Attributes:
        repeated: Ids that occur more than once, each once for every extra row, sorted.
        missing: `total` minus the number of rows; negative: more rows than `total`.
    """

    repeated: tuple[str, ...] = ()
    missing: int = 0

    @property
    def is_none(self) -> bool:
        """Whether the reading is a regular list."""
        return not self.repeated and not self.missing


class Doubt(msgspec.Struct, frozen=True):
    """A reading that lost too many models to be accepted at once.

    Attributes:
        ids: Hashes of the ids of its models.
        as_of_s: Unix time of its first request.
    """

    ids: frozenset[int]
    as_of_s: float


class Partition:
    """Facts about one partition.

    Attributes:
        total: Number of models of the whole catalogue, or a lower bound; 0: not known.
        total_is_whole: Whether `total` comes from an unfiltered list; otherwise it is a
            lower bound.
        version: Name of the version of the upstream that answered last; None before that.
        irregularity: The last one that two readings had in common; a property of the catalogue.
        tables_due_s: Unix time from which on a side table should be read again.
        doubt: A reading that waits for confirmation by a second one; None: there is none.
    """

    __slots__ = (
        "_distrusted",
        "_total_as_of_s",
        "doubt",
        "irregularity",
        "tables_due_s",
        "total",
        "total_is_whole",
        "version",
    )

    def __init__(self) -> None:
        self.total = 0
        self.total_is_whole = False
        self.version: str | None = None
        self.irregularity = Irregularity()
        self.doubt: Doubt | None = None
        self.tables_due_s = 0.0
        self._total_as_of_s = 0.0
        self._distrusted: dict[str, float] = {}

    def update_total(self, total: int, as_of_s: float, *, is_whole: bool) -> None:
        """Update the total from the length of a list.

        Args:
            total: Its length.
            as_of_s: Unix time of the answer.
            is_whole: Whether the list was not filtered.
        """
        if total > self.total or (is_whole and as_of_s >= self._total_as_of_s):
            self.total = total
            self.total_is_whole = is_whole
            self._total_as_of_s = as_of_s

    def distrust(self, field: str, *, until_s: float) -> bool:
        """Record that the upstream ignores a filter field; False if that was known."""
        is_new = field not in self._distrusted
        self._distrusted[field] = until_s
        return is_new

    def find_distrusted(self, asked: ModelsFilter, now_s: float) -> str | None:
        """Find a field of a filter that the upstream is known to ignore; None if there is none."""
        for field, until_s in list(self._distrusted.items()):
            if until_s <= now_s:
                del self._distrusted[field]
            elif is_used(asked, field):
                return field
        return None


class Partitions:
    """The records of all partitions: an LRU bounded in bytes."""

    def __init__(self) -> None:
        self._records: BoundedLru[str, Partition] = BoundedLru(
            max_weight=_MAX_BYTES, weigh=_weigh
        )

    def find(self, name: str) -> Partition:
        """Find the record of a partition; an empty one where nothing is known."""
        return self._records.get(name) or _NOTHING_KNOWN

    def change(self, name: str, change: Callable[[Partition], object]) -> None:
        """Change the record of a partition; made if there is none."""
        record = self._records.get(name) or Partition()
        change(record)
        # Stored again to update its weight.
        self._records.put(name, record)


_NOTHING_KNOWN = Partition()


def build_doubt(ids: Iterable[str], as_of_s: float) -> Doubt:
    """Build a doubt about a reading; it stores only hashes of the ids."""
    return Doubt(frozenset(map(hash, ids)), as_of_s)


def _weigh(name: str, record: Partition) -> int:
    doubted = 0 if record.doubt is None else len(record.doubt.ids)
    return (
        _RECORD_BYTES
        + len(name)
        + _BYTES_PER_ID * (doubted + len(record.irregularity.repeated))
    )
