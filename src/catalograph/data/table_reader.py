"""Reads the side tables; each has its own age, and fails independently."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from catalograph.cache.entries import Ages, Entry, MsgpackCodec
from catalograph.cache.keys import table_key
from catalograph.cache.refreshing import RefreshingCache
from catalograph.catalogue.side_tables import SideTable, TableKind
from catalograph.data.access import Access
from catalograph.errors import UpstreamError
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import TABLE_READINGS
from catalograph.upstream.client import UpstreamClient

_RETRIED_AFTER_S = 30.0
"""Seconds before a failed table is requested again."""

_BYTES_PER_ROW = 2_000


class _TableCodec(MsgpackCodec[SideTable]):
    """Side tables, weighed by their rows: encoding thousands of prices would take too long."""

    def size(self, value: SideTable) -> int:
        """Estimate the bytes of memory that a table takes."""
        rows = (value.providers, value.organisations, value.endpoints, value.prices)
        return _BYTES_PER_ROW * sum(map(len, rows))


_TABLES = _TableCodec(SideTable)

log = get_logger()


class TableReader:
    """Gives side tables, from the cache or from the upstream.

    Args:
        client: Asks for them.
        cache: Where they are cached.
        choose_ages: Tells the age bounds of a table from its `max_age_s` and `stale_s`.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        client: UpstreamClient,
        cache: RefreshingCache,
        *,
        choose_ages: Callable[[float | None, float | None], Ages | None],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._cache = cache
        self._choose_ages = choose_ages
        self._clock = clock
        self._failing: set[TableKind] = set()

    async def read(
        self, kinds: Iterable[TableKind], access: Access, version: str
    ) -> tuple[Mapping[TableKind, SideTable | None], float]:
        """Read tables concurrently.

        Args:
            kinds: Kinds of tables.
            access: Token and partition of the caller.
            version: Name of the version of the upstream.

        Returns:
            The tables by kind: the old one if it cannot be read again, None if there is none. And
            the Unix time from which a table is due to be read again.
        """
        wanted = tuple(kinds)
        entries = await asyncio.gather(
            *(self._read(kind, access, version) for kind in wanted)
        )
        now_s = self._clock()
        dues = [
            now_s + _RETRIED_AFTER_S if entry is None else self._find_due(entry, now_s)
            for entry in entries
        ]
        tables = {
            kind: None if entry is None else entry.value
            for kind, entry in zip(wanted, entries, strict=True)
        }
        return tables, min(dues, default=now_s + _RETRIED_AFTER_S)

    def _find_due(self, entry: Entry[SideTable], now_s: float) -> float:
        due_s = entry.as_of_s + self._cache.ages_of(entry).fresh_s
        return due_s if due_s > now_s else now_s + _RETRIED_AFTER_S

    async def _read(
        self, kind: TableKind, access: Access, version: str
    ) -> Entry[SideTable] | None:
        async def fetch() -> Entry[SideTable]:
            access.requests += 1
            table = await self._client.fetch_table(
                kind, version=version, token=access.token
            )
            ages = self._choose_ages(table.max_age_s, table.stale_s)
            TABLE_READINGS.labels(kind.value, "ok").inc()
            return Entry(table, table.as_of_s, ages=ages)

        key = table_key(kind.value, partition=access.partition)
        held: Entry[SideTable] | None = self._cache.find(key)
        oldest_s = None
        if held is not None:
            # No operation waits for this, so a stale table is replaced instead of served.
            oldest_s = self._clock() - self._cache.ages_of(held).fresh_s
        try:
            entry = await self._cache.fetch_through(
                key, fetch, codec=_TABLES, oldest_s=oldest_s
            )
        except UpstreamError as error:
            self._note_failure(kind, error)
            return held
        if kind in self._failing:
            self._failing.discard(kind)
            log.info("a side table can be read again", table=kind.value)
        return entry

    def _note_failure(self, kind: TableKind, error: UpstreamError) -> None:
        TABLE_READINGS.labels(kind.value, "failed").inc()
        if kind not in self._failing:
            self._failing.add(kind)
            log.warning(
                "a side table cannot be read; what it says is missing or old",
                table=kind.value,
                error=str(error),
            )
