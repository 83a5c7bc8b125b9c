"""Keeps the index warm: refreshes it in the background, before an operation needs it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Never

from catalograph.cache.entries import Entry
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.side_tables import TableKind
from catalograph.data.access import Access
from catalograph.data.source import CatalogueSource
from catalograph.errors import UpstreamError
from catalograph.observability.logs import get_logger

_LOOKED_AT_EVERY_S = 30.0
_FIRST_WAIT_S = 1.0
_FIRST_READING_S = 30.0
"""Maximum time in seconds for which `/readyz` waits for the first crawl."""

log = get_logger()


class IndexKeeper:
    """Reads the index at start, and again when it has half of its stale age.

    No operation waits for this, and no operation's bound counts it. Replicas with a shared
    cache share the work: the others find there what one of them has read.

    Args:
        source: Reads it.
        monotonic: Seconds on a clock that is never set back.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        source: CatalogueSource,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._access = Access()
        self._access.tables = frozenset(TableKind)
        self._monotonic = monotonic
        self._sleep = sleep
        self._began_s = monotonic()
        self._is_first = True
        self._error: UpstreamError | None = None

    @property
    def pending(self) -> str | None:
        """Give the reason why the process is not ready: its first reading is running.

        None if it is not running, and after 30 s in any case.
        """
        waited_s = self._monotonic() - self._began_s
        if not self._is_first or waited_s >= _FIRST_READING_S:
            return None
        if self._error is not None:
            return str(self._error)
        progress = self._source.find_progress(self._access)
        pages = "" if progress is None else ": {} of {} pages".format(*progress)
        return f"the catalogue is being read for the first time{pages}"

    @property
    def is_failing(self) -> bool:
        """Whether the latest reading failed."""
        return self._error is not None

    async def run(self) -> Never:
        """Keep the index warm until cancelled."""
        wait_s = _FIRST_WAIT_S
        while True:
            entry = await self._refresh()
            self._is_first = self._is_first and entry is None
            left_s = (
                -1.0 if entry is None else self._due_s(entry) - self._source.clock()
            )
            if left_s > 0:
                wait_s = min(max(left_s, _FIRST_WAIT_S), _LOOKED_AT_EVERY_S)
                await self._sleep(wait_s)
                wait_s = _FIRST_WAIT_S
            else:
                # The reading failed, or goes on in the background.
                await self._sleep(wait_s)
                wait_s = min(2 * wait_s, _LOOKED_AT_EVERY_S)

    async def _refresh(self) -> Entry[CatalogueIndex] | None:
        """Read the index if that is due; None when it failed and none is cached."""
        entry = await self._source.read_index(self._access)
        try:
            # Its side tables may be due even if the index is not.
            if (
                entry is None
                or self._source.has_tables(self._access)
                or self._due_s(entry) <= self._source.clock()
            ):
                entry = await self._source.fetch_index(self._access)
        except UpstreamError as error:
            self._error = error
            return None
        self._error = None
        return entry

    def _due_s(self, entry: Entry[CatalogueIndex]) -> float:
        """Give the Unix time at which an index is due to be read again."""
        return entry.as_of_s + self._source.ages_of(entry).stale_s / 2
