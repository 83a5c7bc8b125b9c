"""Pages and the index, from what is kept or from the upstream."""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache

import msgspec

from catalograph.cache.ages import Ages
from catalograph.cache.entries import Entry, MsgpackCodec
from catalograph.cache.keys import index_key, page_key
from catalograph.cache.single_flight import FreshCache
from catalograph.catalogue.contract import find_contradiction, is_unverified
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.query import (
    FULL,
    MAX_LIMIT,
    ModelsFilter,
    ModelsPage,
    ModelsQuery,
    Sections,
)
from catalograph.catalogue.records import Model
from catalograph.errors import (
    UpstreamContractError,
    UpstreamError,
    UpstreamResponseError,
)
from catalograph.telemetry import CONTRACT_BREAKS, get_logger
from catalograph.upstream.client import UpstreamClient

MAX_READINGS = 3
"""How often a catalogue that changes while it is being read is read again."""

MAX_PAGES_AT_ONCE = 4
"""Simultaneous page requests of one reading: quick, but polite."""

log = get_logger()


class Access:
    """On whose behalf the upstream is asked, and what that has cost so far.

    Attributes:
        token: The caller's own token; None for the gateway's.
        partition: What is kept is kept apart for each partition.
        requests: Upstream requests made for this access.
    """

    __slots__ = ("partition", "requests", "token")

    def __init__(self, *, token: str | None = None, partition: str = "") -> None:
        self.token = token
        self.partition = partition
        self.requests = 0


class Reading(msgspec.Struct, frozen=True):
    """The whole catalogue as it was read.

    Attributes:
        models: In upstream order, both sections.
        as_of_s: Unix time in seconds of the first page's request.
    """

    models: tuple[Model, ...]
    as_of_s: float


class _IndexCodec:
    """The index, written down as the reading it was built from."""

    def __init__(self) -> None:
        self._readings: MsgpackCodec[Reading] = MsgpackCodec(Reading)

    def encode(self, value: CatalogueIndex) -> bytes:
        """Write down the models."""
        return self._readings.encode(Reading(value.models, value.as_of_s))

    def decode(self, data: bytes) -> CatalogueIndex:
        """Read the models, and build the index of them again."""
        reading = self._readings.decode(data)
        return CatalogueIndex.build(reading.models, as_of_s=reading.as_of_s)

    def size(self, value: CatalogueIndex) -> int:
        """Weigh the models; what the index adds to them is small."""
        return self._readings.size(Reading(value.models, value.as_of_s))


@lru_cache(maxsize=4_096)
def _page_key(query: ModelsQuery, partition: str) -> str:
    """Remember the keys of late: hashing a filter costs more than looking a page up."""
    return page_key(query, partition=partition)


_PAGES: MsgpackCodec[ModelsPage] = MsgpackCodec(ModelsPage)
_INDEXES = _IndexCodec()


class CatalogueSource:
    """Answers from what is kept, and asks the upstream for the rest."""

    def __init__(
        self,
        client: UpstreamClient,
        cache: FreshCache,
        *,
        ages: Ages,
        lists_from_index: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ages = ages
        self.clock = clock
        self.lists_from_index = lists_from_index
        self._client = client
        self._cache = cache
        self._least_totals: dict[str, int] = {}
        self._distrusted: dict[tuple[str, str], float] = {}
        self._doubted: dict[str, Reading] = {}

    def find_least_total(self, access: Access) -> int:
        """Models that the whole catalogue is known to hold at the least; 0 when nothing is known."""
        return self._least_totals.get(access.partition, 0)

    def find_index(self, access: Access) -> Entry[CatalogueIndex] | None:
        """The index if this process holds one that is fresh or stale."""
        entry: Entry[CatalogueIndex] | None = self._cache.find(
            index_key(access.partition)
        )
        if entry is None or self.clock() - entry.as_of_s > self.ages.stale_s:
            return None
        return entry

    def peek_index(self, access: Access) -> Entry[CatalogueIndex] | None:
        """Find a fresh index in memory."""
        return self._cache.peek(index_key(access.partition))

    def holds_index(self, access: Access) -> bool:
        """Whether an index of whatever age is kept in this process."""
        return self._cache.find(index_key(access.partition)) is not None

    async def read_page(
        self, query: ModelsQuery, access: Access
    ) -> tuple[ModelsQuery, Entry[ModelsPage] | None]:
        """Look for a kept page that serves `query`, with more sections if need be.

        Returns:
            The question to put (the one that a kept page answers, if any serves) and
            what is kept for it, if it is not past its stale age.
        """
        best: tuple[ModelsQuery, Entry[ModelsPage] | None] = (query, None)
        oldest_s = self.clock() - self.ages.stale_s
        for sections in _SUPERSETS[query.sections]:
            wider = msgspec.structs.replace(query, sections=sections)
            entry = await self._cache.read(
                _page_key(wider, access.partition), codec=_PAGES
            )
            if entry is None or entry.as_of_s < oldest_s:
                continue
            if best[1] is None or entry.as_of_s > best[1].as_of_s:
                best = (wider, entry)
        return best

    def peek_page(
        self, query: ModelsQuery, access: Access
    ) -> tuple[ModelsQuery, Entry[ModelsPage]] | None:
        """Find a fresh page in memory that serves `query`, without waiting.

        Returns:
            The question that the page answers, and the page; None when there is none.
        """
        for sections in _SUPERSETS[query.sections]:
            wider = ModelsQuery(
                filter=query.filter,
                limit=query.limit,
                offset=query.offset,
                sections=sections,
            )
            entry = self._cache.peek(_page_key(wider, access.partition))
            if entry is not None:
                return wider, entry
        return None

    async def fetch_page(
        self, query: ModelsQuery, access: Access, *, oldest_s: float | None = None
    ) -> Entry[ModelsPage]:
        """Give a page of models, kept or asked for now.

        Args:
            query: What the upstream can be asked.
            access: On whose behalf.
            oldest_s: Unix time; what was answered before it will not do.

        Raises:
            UpstreamContractError: The upstream ignores part of the filter.
            UpstreamError: It failed, and nothing is kept that could stand in.
        """
        self._refuse_distrusted(query.filter, access)

        async def fetch() -> tuple[ModelsPage, float]:
            access.requests += 1
            page = await self._client.fetch_page(query, token=access.token)
            if page.models and not page.sections.covers(query.sections):
                raise UpstreamResponseError(detail="a section asked for is missing")
            await self._check_contract(query.filter, page, access)
            self._note_total(page.total, access)
            return page, page.as_of_s

        return await self._cache.fetch_through(
            _page_key(query, access.partition),
            fetch,
            codec=_PAGES,
            oldest_s=oldest_s,
        )

    async def fetch_index(
        self, access: Access, *, first_page: ModelsPage | None = None
    ) -> Entry[CatalogueIndex]:
        """Give the index, kept or read now.

        Args:
            access: On whose behalf.
            first_page: Page one of a reading that has begun, if any.

        Raises:
            UpstreamError: The reading failed, and no index is kept.
        """

        async def fetch() -> tuple[CatalogueIndex, float]:
            reading = await self._read_catalogue(access, first_page)
            self._believe(reading, access)
            index = await asyncio.to_thread(
                CatalogueIndex.build, reading.models, as_of_s=reading.as_of_s
            )
            self._note_total(len(reading.models), access)
            return index, reading.as_of_s

        return await self._cache.fetch_through(
            index_key(access.partition), fetch, codec=_INDEXES
        )

    async def find_unreadiness(self, access: Access) -> str | None:
        """Say why nothing can be answered; None when something can.

        An index that is kept, of whatever age, will do; otherwise the upstream is asked
        for one model, and the answer kept like any other.
        """
        if self.holds_index(access):
            return None
        try:
            await self.fetch_page(ModelsQuery(limit=1), access)
        except UpstreamError as error:
            return str(error)
        return None

    async def _read_catalogue(
        self, access: Access, first_page: ModelsPage | None
    ) -> Reading:
        for _ in range(MAX_READINGS):
            reading = await self._read_once(access, first_page)
            if reading is not None:
                return reading
            log.warning("the catalogue changed while it was being read")
            first_page = None
        raise UpstreamResponseError(detail="the catalogue would not hold still")

    async def _read_once(
        self, access: Access, first_page: ModelsPage | None
    ) -> Reading | None:
        """Read all pages; None when they do not fit together."""
        gate = asyncio.Semaphore(MAX_PAGES_AT_ONCE)

        async def fetch(offset: int) -> ModelsPage:
            async with gate:
                access.requests += 1
                return await self._client.fetch_page(
                    ModelsQuery(limit=MAX_LIMIT, offset=offset, sections=FULL),
                    token=access.token,
                )

        first = first_page or await fetch(0)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(fetch(offset))
                    for offset in range(MAX_LIMIT, first.total, MAX_LIMIT)
                ]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        pages = [first, *(task.result() for task in tasks)]
        models = tuple(model for page in pages for model in page.models)
        ids = {model.model_id for model in models}
        totals = {page.total for page in pages}
        read = len(models) + sum(page.lost for page in pages)
        if len(totals) > 1 or len(ids) != len(models) or read != first.total:
            return None
        if any(page.models and not page.sections.covers(FULL) for page in pages):
            raise UpstreamResponseError(detail="a section asked for is missing")
        return Reading(models, first.as_of_s)

    def _believe(self, reading: Reading, access: Access) -> None:
        """Refuse a reading that lost a third of the models until a later one agrees."""
        kept = self._cache.find(index_key(access.partition))
        if kept is None or 3 * len(reading.models) >= 2 * len(kept.value.models):
            self._doubted.pop(access.partition, None)
            return
        doubted = self._doubted.get(access.partition)
        if doubted is None or not _agree(doubted, reading):
            self._doubted[access.partition] = reading
        elif reading.as_of_s - doubted.as_of_s >= self.ages.fresh_s:
            del self._doubted[access.partition]
            return
        raise UpstreamResponseError(
            detail=f"the catalogue shrank from {len(kept.value.models)} models to "
            f"{len(reading.models)}; waiting for a second reading that agrees"
        )

    def _note_total(self, total: int, access: Access) -> None:
        known = self._least_totals.get(access.partition, 0)
        self._least_totals[access.partition] = max(known, total)

    def _refuse_distrusted(self, asked: ModelsFilter, access: Access) -> None:
        """Spare the upstream a question it is known to misread."""
        now_s = self.clock()
        for (partition, dimension), until_s in list(self._distrusted.items()):
            if until_s <= now_s:
                del self._distrusted[partition, dimension]
            elif partition == access.partition and _is_used(asked, dimension):
                raise UpstreamContractError(detail=f"{dimension} is being ignored")

    async def _check_contract(
        self, asked: ModelsFilter, page: ModelsPage, access: Access
    ) -> None:
        """Never pass on a model that contradicts its filter."""
        kept = self.find_index(access)
        index = None if kept is None else kept.value
        if (
            index is None
            and page.total >= self.find_least_total(access) > 0
            and is_unverified(asked, page)
        ):
            # As many models as the whole catalogue holds, and nothing in them that
            # shows the filter at work: look closer before passing them on.
            index = (await self.fetch_index(access)).value
        dimension = find_contradiction(asked, page, index)
        if dimension is None:
            return
        CONTRACT_BREAKS.inc()
        until_s = self.clock() + self.ages.stale_s
        if (access.partition, dimension) not in self._distrusted:
            log.warning("the upstream ignores a filter", dimension=dimension)
        self._distrusted[access.partition, dimension] = until_s
        raise UpstreamContractError(detail=f"{dimension} was ignored")


def _supersets(sections: Sections) -> list[Sections]:
    """Every combination that serves `sections`, itself first."""
    wider = [
        Sections(data, gateway) for data in (False, True) for gateway in (False, True)
    ]
    return sorted(
        (one for one in wider if one.covers(sections)), key=lambda one: one != sections
    )


_SUPERSETS = {
    sections: _supersets(sections)
    for sections in _supersets(Sections(data=False, gateway=False))
}


def _agree(one: Reading, other: Reading) -> bool:
    """Whether two readings tell the same story, give or take a third."""
    ids = {model.model_id for model in one.models}
    common = sum(model.model_id in ids for model in other.models)
    return 3 * common >= 2 * max(len(one.models), len(other.models))


def _is_used(asked: ModelsFilter, dimension: str) -> bool:
    value = getattr(asked, dimension)
    return value is False or (value is not True and bool(value))
