"""Pages and the index, from what is kept or from the upstream."""

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Never, TypeVar

import msgspec

from catalograph.cache.ages import Ages
from catalograph.cache.entries import Entry, MsgpackCodec
from catalograph.cache.keys import index_key, page_key
from catalograph.cache.refreshing import FreshCache
from catalograph.catalogue.contract import (
    find_ignored,
    find_ignored_by_itself,
    is_proved,
    is_used,
)
from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.interning import Interner
from catalograph.catalogue.matching import match_filter
from catalograph.catalogue.query import FULL, ModelsPage, ModelsQuery, Sections
from catalograph.catalogue.records import Model
from catalograph.data.crawl import (
    FIRST_PAGE,
    Access,
    CatalogueCrawler,
    Crawl,
    ShrinkGuard,
)
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
    UpstreamResponseError,
)
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import CONTRACT_BREAKS, INDEX_MODELS, INDEX_TIME
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.versions import Dialect
from catalograph.upstream.versions.dialect import build_query_string

ROUTER_PAGE = ModelsQuery(limit=1, offset=0, sections=FULL)
"""The least that shows whether there is a router; see `Dialect.router_id`."""

INDEX_LOOKED_AFTER_EVERY_S = 30.0
"""How often it is looked whether an index that is kept ready wants reading."""

_MAX_PARTITIONS = 10_000
"""Callers' tokens of which something is remembered beside what the cache holds."""

Value = TypeVar("Value")

log = get_logger()


class _Total(msgspec.Struct, frozen=True):
    """How many models the catalogue holds, as far as a list has told.

    Attributes:
        models: Length of the list.
        as_of_s: Unix time of its answer.
        is_whole: Whether the list was not filtered; otherwise there may be more.
    """

    models: int
    as_of_s: float
    is_whole: bool


_NO_TOTAL = _Total(0, 0.0, is_whole=False)


class _IndexCodec:
    """The index, written down as the reading it was built from."""

    # What operations need it for would otherwise be read anew for each of them.
    is_essential = True

    def __init__(self) -> None:
        self._readings: MsgpackCodec[Crawl] = MsgpackCodec(Crawl)

    def encode(self, value: CatalogueIndex) -> bytes:
        """Write down the models."""
        return self._readings.encode(Crawl(value.models, value.as_of_s))

    def decode(self, data: bytes) -> CatalogueIndex:
        """Read the models, and build the index of them again."""
        reading = self._readings.decode(data)
        return CatalogueIndex.build(reading.models, as_of_s=reading.as_of_s)

    def size(self, value: CatalogueIndex) -> int:
        """Weigh the models; what the index adds to them is small."""
        return self._readings.size(Crawl(value.models, value.as_of_s))


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
        lists_from: str = "auto",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ages = ages
        self.clock = clock
        self.lists_from = lists_from
        self._client = client
        self._cache = cache
        self._totals: OrderedDict[str, _Total] = OrderedDict()
        self._versions: OrderedDict[str, str] = OrderedDict()
        self._distrusted: dict[tuple[str, str], float] = {}
        self._interner = Interner()
        self._reader = CatalogueCrawler(client)
        self._shrink_guard = ShrinkGuard(ages.fresh_s)
        self._answered_as_of_s = -math.inf

    def find_total(self, access: Access) -> int:
        """Models that the whole catalogue held when last seen, or at the least; 0: not known."""
        return self._totals.get(access.partition, _NO_TOTAL).models

    def find_version(self, access: Access) -> str | None:
        """Name of the version of the upstream that answered last; None before that."""
        return self._versions.get(access.partition)

    def choose_dialect(self, access: Access) -> Dialect:
        """Choose how the upstream is asked."""
        return self._client.choose_dialect(
            self.find_version(access), token=access.token
        )

    def describe(self, query: ModelsQuery, access: Access) -> str:
        """Write a query down as the upstream is asked."""
        pairs = self.choose_dialect(access).write(query)
        return f"GET /models?{build_query_string(pairs)}"

    def prefers_index(self, access: Access) -> bool:
        """Whether an index that is fresh or stale answers lists in the place of pages."""
        if self.lists_from != "auto":
            return self.lists_from == "index"
        version = self._client.versions.find(self.find_version(access))
        return version is not None and version.prefers_index

    async def lacks_router(
        self, queries: Sequence[ModelsQuery], access: Access
    ) -> bool:
        """Whether it takes a request more to tell if the router is in these lists."""
        return (
            self.choose_dialect(access).router_id is not None
            and any(query.filter != EVERYTHING for query in queries)
            and self.find_index(access) is None
            and await self._read_router_page(access) is None
        )

    def distrusts(self, asked: ModelsFilter, access: Access) -> bool:
        """Whether the upstream is known to ignore some part of a filter."""
        return self._find_distrusted(asked, access) is not None

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

    async def has_index(self, access: Access) -> bool:
        """Whether an index of whatever age is kept, here or in the shared cache."""
        key = index_key(access.partition)
        if self._cache.find(key) is not None:
            return True
        return await self._cache.read(key, codec=_INDEXES) is not None

    async def read_page(
        self, query: ModelsQuery, access: Access
    ) -> tuple[ModelsQuery, Entry[ModelsPage] | None]:
        """Look for a kept page that serves `query`, with more sections if need be.

        Returns:
            The question to put (the one that a kept page answers, if any serves) and
            the youngest that is kept for it, be it expired.
        """
        best: tuple[ModelsQuery, Entry[ModelsPage] | None] = (query, None)
        for sections in _SUPERSETS[query.sections]:
            wider = msgspec.structs.replace(query, sections=sections)
            entry = await self._cache.read(
                _page_key(wider, access.partition), codec=_PAGES
            )
            if entry is not None and (
                best[1] is None or entry.as_of_s > best[1].as_of_s
            ):
                best = (wider, entry)
        return best

    def peek_page(self, query: ModelsQuery, access: Access) -> Entry[ModelsPage] | None:
        """Find a fresh page in memory that serves `query`, without waiting."""
        for sections in _SUPERSETS[query.sections]:
            wider = ModelsQuery(
                filter=query.filter,
                limit=query.limit,
                offset=query.offset,
                sections=sections,
            )
            entry = self._cache.peek(_page_key(wider, access.partition))
            if entry is not None:
                return entry
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
        distrusted = self._find_distrusted(query.filter, access)
        if distrusted is not None:
            # Spare it a question that it is known to misread.
            raise UpstreamContractError(detail=f"{distrusted} is being ignored")

        async def fetch() -> tuple[ModelsPage, float]:
            access.requests += 1
            version = self.find_version(access)
            page = await self._client.fetch_page(
                query, token=access.token, version=version
            )
            models = self._interner.intern(page.models)
            page = msgspec.structs.replace(page, models=models)
            if page.version != version and not self._is_answer(query, page):
                self._note_version(page, access)
                raise UpstreamContractError(
                    detail=f"{page.version} answered, which must be asked otherwise"
                )
            if page.models and not page.sections.covers(query.sections):
                raise UpstreamResponseError(detail="a section asked for is missing")
            page = await self._put_router_back(query, page, access)
            await self._check_contract(query, page, access)
            return page, page.as_of_s

        entry = await self._cache.fetch_through(
            _page_key(query, access.partition),
            fetch,
            codec=_PAGES,
            oldest_s=oldest_s,
        )
        self._note_total(
            entry.value.total,
            entry.as_of_s,
            access,
            is_whole=query.filter == EVERYTHING,
        )
        self._note_version(entry.value, access)
        self._answered_as_of_s = max(self._answered_as_of_s, entry.as_of_s)
        return entry

    async def fetch_index(
        self,
        access: Access,
        *,
        first_page: ModelsPage | None = None,
        oldest_s: float | None = None,
    ) -> Entry[CatalogueIndex]:
        """Give the index, kept or read now.

        Args:
            access: On whose behalf.
            first_page: Page one of a reading that has begun, if any.
            oldest_s: Unix time; what was read before it will not do.

        Raises:
            UpstreamError: The reading failed, and no index is kept that would do.
        """

        async def fetch() -> tuple[CatalogueIndex, float]:
            reading = await self._reader.read(
                access, first_page, self.find_version(access)
            )
            kept = self._cache.find(index_key(access.partition))
            known = 0 if kept is None else len(kept.value.models)
            self._shrink_guard.check(reading, known, access)
            self._note_version(reading, access)
            models = self._interner.intern(reading.models)
            index = await asyncio.to_thread(
                CatalogueIndex.build, models, as_of_s=reading.as_of_s
            )
            return index, reading.as_of_s

        entry = await self._cache.fetch_through(
            index_key(access.partition), fetch, codec=_INDEXES, oldest_s=oldest_s
        )
        total = len(entry.value.models)
        self._note_total(total, entry.as_of_s, access, is_whole=True)
        if not access.partition:
            INDEX_MODELS.set(total)
            INDEX_TIME.set(entry.as_of_s)
        self._answered_as_of_s = max(self._answered_as_of_s, entry.as_of_s)
        return entry

    async def check_ready(
        self, access: Access, *, token_expected: bool = True
    ) -> str | None:
        """Say why nothing can be answered; None when something can.

        What was answered within the last age is proof enough: most of it is kept. Without
        it an index in the shared cache will do; otherwise the upstream is asked for one
        model, and the answer kept like any other.

        Args:
            access: On whose behalf.
            token_expected: False: that the upstream refuses us shows that it answers.
        """
        if self.clock() - self._answered_as_of_s <= self.ages.expired_s:
            return None
        if await self.has_index(access):
            return None
        try:
            await self.fetch_page(ModelsQuery(limit=1), access)
        except UpstreamAuthError as error:
            return str(error) if token_expected else None
        except UpstreamError as error:
            return str(error)
        return None

    async def keep_index(
        self,
        access: Access,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> Never:
        """Have an index before it is needed, for a gateway that answers lists from it.

        It is read at once, and again when it is half as old as a stale one may be; no
        operation waits for that or is charged for it, and replicas that share a cache take
        turns.

        Args:
            access: On whose behalf.
            sleep: Waits so many seconds.
        """
        key = index_key(access.partition)
        while True:
            oldest_s = self.clock() - self.ages.stale_s / 2
            kept = self._cache.find(key)
            if kept is None or kept.as_of_s < oldest_s:
                kept = await self._cache.read(key, codec=_INDEXES)
            if kept is None or kept.as_of_s < oldest_s:
                with contextlib.suppress(UpstreamError):
                    await self.fetch_index(access)
            await sleep(INDEX_LOOKED_AFTER_EVERY_S)

    def _note_total(
        self, total: int, as_of_s: float, access: Access, *, is_whole: bool
    ) -> None:
        known = self._totals.get(access.partition, _NO_TOTAL)
        if total > known.models or (is_whole and as_of_s >= known.as_of_s):
            noted = _Total(total, as_of_s, is_whole=is_whole)
            _remember(self._totals, access.partition, noted)

    def _note_version(self, answer: ModelsPage | Crawl, access: Access) -> None:
        """Remember which version answered, be it another replica that it answered."""
        version = answer.version
        if version is None:
            return
        known = self.find_version(access)
        if known != version:
            log.info("the upstream speaks another version", version=version, was=known)
        _remember(self._versions, access.partition, version)

    def _is_answer(self, query: ModelsQuery, page: ModelsPage) -> bool:
        """Whether a page will do although another version gave it than was asked."""
        version = self._client.versions.find(page.version)
        return (
            version is None
            or query.filter == EVERYTHING
            or (
                not page.ignored_filters
                and version.dialect.can_ask(query)
                and version.dialect.widen(query) == query
            )
        )

    async def _put_router_back(
        self, query: ModelsQuery, page: ModelsPage, access: Access
    ) -> ModelsPage:
        """Begin a filtered list with the router where that matches the filter."""
        version = self._client.versions.find(page.version or self.find_version(access))
        if (
            version is None
            or version.dialect.router_id is None
            or query.filter == EVERYTHING
        ):
            return page
        router_id = version.dialect.router_id
        entry = self.find_index(access)
        if entry is not None:
            router = entry.value.find_model_by_id(router_id)
        else:
            first = await self._read_router_page(access)
            if first is None:
                first = await self.fetch_page(ROUTER_PAGE, access)
            router = next(
                (one for one in first.value.models if one.model_id == router_id), None
            )
        if router is None or not _matches(router, query.filter):
            return page
        return msgspec.structs.replace(
            page, models=(router, *page.models), total=page.total + 1
        )

    async def _read_router_page(self, access: Access) -> Entry[ModelsPage] | None:
        """Look for a cached page that begins with the router if there is one."""
        oldest_s = self.clock() - self.ages.stale_s
        for query in (ROUTER_PAGE, FIRST_PAGE):
            key = _page_key(query, access.partition)
            entry = await self._cache.read(key, codec=_PAGES)
            if entry is not None and entry.as_of_s >= oldest_s:
                return entry
        return None

    def _find_distrusted(self, asked: ModelsFilter, access: Access) -> str | None:
        """The part of a filter that the upstream is known to ignore; None if there is none."""
        now_s = self.clock()
        for (partition, dimension), until_s in list(self._distrusted.items()):
            if until_s <= now_s:
                del self._distrusted[partition, dimension]
            elif partition == access.partition and is_used(asked, dimension):
                return dimension
        return None

    async def _check_contract(
        self, query: ModelsQuery, page: ModelsPage, access: Access
    ) -> None:
        """Never pass on a list that contradicts its filter.

        Raises:
            UpstreamContractError: Some part of the filter was ignored.
            UpstreamError: The answer is suspicious, and nothing could be had to compare
                it with.
        """
        asked = query.filter
        if asked == EVERYTHING:
            return
        if page.total and page.version is None:
            # Behind the end of a list nothing tells which version answers.
            sent = self.choose_dialect(access).write(query)
            if access.partition not in self._versions:
                await self.fetch_page(FIRST_PAGE, access)
            version = self._client.versions.find(self.find_version(access))
            if version is not None:
                ignored = version.dialect.find_ignored(asked, sent)
                page = msgspec.structs.replace(page, ignored_filters=ignored)
        dimension = find_ignored_by_itself(asked, page)
        if dimension is None:
            dimension = await self._find_ignored_by_index(asked, page, access)
        if dimension is None:
            return
        CONTRACT_BREAKS.inc()
        if (access.partition, dimension) not in self._distrusted:
            log.warning("the upstream ignores a filter", dimension=dimension)
        self._distrusted[access.partition, dimension] = self.clock() + self.ages.stale_s
        raise UpstreamContractError(detail=f"{dimension} was ignored")

    async def _find_ignored_by_index(
        self, asked: ModelsFilter, page: ModelsPage, access: Access
    ) -> str | None:
        entry = self.find_index(access)
        if entry is None:
            known = self._totals.get(access.partition, _NO_TOTAL)
            is_shorter = not known.is_whole or page.total < known.models
            if is_shorter or is_proved(asked, page):
                return None
            # The list may be the whole catalogue although a filter was asked.
            entry = await self.fetch_index(access)
            return find_ignored(asked, page, entry.value)
        dimension = find_ignored(asked, page, entry.value)
        if dimension is None:
            return None
        # Either the filter was ignored, or the catalogue has changed since it was read.
        younger_s = math.nextafter(entry.as_of_s, math.inf)
        try:
            entry = await self.fetch_index(access, oldest_s=younger_s)
        except UpstreamError:
            return dimension
        return find_ignored(asked, page, entry.value)


def _matches(model: Model, asked: ModelsFilter) -> bool:
    """Whether a whole model passes a filter."""
    return match_filter(CatalogueIndex.build((model,), as_of_s=0.0), asked) != 0


def _remember(known: OrderedDict[str, Value], key: str, value: Value) -> None:
    """Keep a value, and of all values only so many: tokens come and go."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > _MAX_PARTITIONS:
        known.popitem(last=False)


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
