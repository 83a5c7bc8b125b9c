"""Gives pages and the index, from the cache or from the upstream."""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeAlias

import msgspec

from catalograph.cache.entries import Ages, Entry, MsgpackCodec
from catalograph.cache.keys import index_key, page_key
from catalograph.cache.refreshing import RefreshingCache
from catalograph.catalogue.contract import (
    find_ignored,
    find_ignored_by_itself,
    is_proved,
)
from catalograph.catalogue.filter import DIMENSIONS, EVERYTHING, ModelsFilter
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.matching import match_filter
from catalograph.catalogue.query import FULL, ModelsPage, ModelsQuery
from catalograph.catalogue.records import Model
from catalograph.catalogue.side_tables import TableKind
from catalograph.concurrency.single_flight import Flight, SingleFlight
from catalograph.data.access import Access
from catalograph.data.crawl import (
    FIRST_PAGE,
    MAX_CRAWL_S,
    CatalogueCrawler,
    Crawl,
    check_shrunk,
)
from catalograph.data.index_codec import IndexCodec
from catalograph.data.partitions import Partition, Partitions
from catalograph.data.slices import (
    ModelsRequest,
    has_names_to_resolve,
    may_lack_names,
    resolve_names,
)
from catalograph.data.table_reader import TableReader
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamUnavailableError,
)
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import CONTRACT_BREAKS, INDEX_MODELS, INDEX_TIME
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.versions import Dialect
from catalograph.upstream.versions.dialect import Comparison, build_query_string

ListsFrom: TypeAlias = Literal["auto", "upstream", "index"]

ROUTER_PAGE = ModelsQuery(limit=1, offset=0, sections=FULL)
"""The smallest query that shows whether there is a router; see `Dialect.router_id`."""

log = get_logger()

_PAGES: MsgpackCodec[ModelsPage] = MsgpackCodec(ModelsPage)


class CatalogueSource:
    """Gives pages and the index, from the cache or from the upstream.

    Args:
        client: Fetches from the upstream.
        cache: The cache; the caller closes it.
        ages: Bounds of fresh, stale and expired if the upstream sends no `Cache-Control`.
        fixed_ages: Which of `cache_fresh_s` and `cache_stale_s` the operator has set; these
            take precedence over the upstream's `Cache-Control`.
        lists_from: Source of lists that the upstream can answer: `upstream`; `index`, once it
            is warm; or `auto`, by the version of the upstream.
        clock: Unix time in seconds.
        building: Context that is entered while an index is being built, such as one that
            pauses garbage collection.
    """

    def __init__(
        self,
        client: UpstreamClient,
        cache: RefreshingCache,
        *,
        ages: Ages,
        fixed_ages: Collection[str] = (),
        lists_from: ListsFrom = "auto",
        clock: Callable[[], float] = time.time,
        building: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.ages = ages
        self._building = building
        self._indexes = IndexCodec(building)
        self._fixed_ages = frozenset(fixed_ages)
        self.clock = clock
        self._lists_from = lists_from
        self._client = client
        self._cache = cache
        self._partitions = Partitions()
        self._crawler = CatalogueCrawler(client)
        self._tables = TableReader(
            client, cache, choose_ages=self._choose_ages, clock=clock
        )
        self._describing: SingleFlight[str] = SingleFlight(_build_abandoned)
        self._answered_as_of_s = -math.inf

    def find_total(self, access: Access) -> int:
        """Find the number of models of the catalogue, or a lower bound; 0: not known."""
        return self._partitions.find(access.partition).total

    def distrusts(self, asked: ModelsFilter, access: Access) -> bool:
        """Whether the upstream is known to ignore a field of this filter."""
        return self._find_distrusted(asked, access) is not None

    def find_version(self, access: Access) -> str | None:
        """Find the name of the version that answered last; None before the first answer."""
        return self._partitions.find(access.partition).version

    def choose_dialect(self, access: Access) -> Dialect:
        """Choose the dialect for requests."""
        return self._client.choose_dialect(
            self.find_version(access), token=access.token
        )

    def translate(self, request: ModelsRequest, access: Access) -> ModelsQuery | None:
        """Translate a list into the upstream request that answers it; None: only the index can.

        Endpoint groups and aliases are resolved with the index, if it is in memory.
        """
        dialect = self.choose_dialect(access)
        entry = self.find_index(access)
        if entry is not None:
            request = resolve_names(request, entry.value)
        elif has_names_to_resolve(request.filter):
            return None
        return request.page_query(dialect)

    def describe(self, query: ModelsQuery, access: Access) -> str:
        """Format a query as method, path and parameters, for the trace."""
        pairs = self.choose_dialect(access).write(query)
        return f"GET /models?{build_query_string(pairs)}"

    def prefers_index(self, access: Access) -> bool:
        """Whether the index answers lists that the upstream could answer, too."""
        if self._is_down_but_read(access):
            return True
        if self._lists_from == "upstream":
            return False
        if self._lists_from == "auto":
            version = self._client.versions.find(self.find_version(access))
            if version is None or not version.prefers_index:
                return False
        return self.find_index(access) is not None

    async def lacks_router(
        self, queries: Sequence[ModelsQuery], access: Access
    ) -> bool:
        """Whether another request must show the router before these lists can be answered."""
        return (
            self.choose_dialect(access).router_id is not None
            and any(query.filter != EVERYTHING for query in queries)
            and self.find_index(access) is None
            and await self._read_router_page(access) is None
        )

    def _is_down_but_read(self, access: Access) -> bool:
        """Whether the upstream is known to fail, and an index of any age is cached."""
        key = index_key(access.partition)
        return self._cache.is_failing(key) and self._cache.find(key) is not None

    def ages_of(self, entry: Entry[Any]) -> Ages:
        """Return the bounds of fresh, stale and expired of one entry."""
        return self._cache.ages_of(entry)

    def find_index(self, access: Access) -> Entry[CatalogueIndex] | None:
        """Find the index in memory.

        None if there is none, if it is expired, or if the operation needs a side table that
        it lacks.
        """
        entry: Entry[CatalogueIndex] | None = self._cache.find(
            index_key(access.partition)
        )
        if entry is None or self._list_unread_tables(entry.value, access):
            return None
        is_warm = self.clock() - entry.as_of_s <= self.ages_of(entry).stale_s
        return entry if is_warm else None

    def has_tables(self, access: Access) -> bool:
        """Whether the upstream has side tables, as far as is known."""
        return bool(self._client.list_tables(self.find_version(access)))

    async def drain(self) -> None:
        """Wait for the side tables that are being read."""
        await self._describing.drain()

    async def aclose(self) -> None:
        """Stop the background work."""
        await self._describing.aclose()

    def find_progress(self, access: Access) -> tuple[int, int] | None:
        """Find the numbers of pages read and of pages known; None if no crawl is running."""
        return self._crawler.find_progress(access)

    async def read_index(self, access: Access) -> Entry[CatalogueIndex] | None:
        """Read the index from memory or the shared cache, at any age; None: there is none."""
        return await self._cache.read(index_key(access.partition), codec=self._indexes)

    async def has_index(self, access: Access) -> bool:
        """Whether an index of any age is cached."""
        if self._cache.find(index_key(access.partition)) is not None:
            return True
        return await self.read_index(access) is not None

    async def read_page(
        self, query: ModelsQuery, access: Access
    ) -> tuple[ModelsQuery, Entry[ModelsPage] | None]:
        """Read the cached page of `query`, which may have more sections.

        Returns:
            The query, with the sections of the cached page added: so a refresh serves all
            users of that page. And the page, at any age; None if it lacks a section.
        """
        entry = await self._cache.read(
            page_key(query, partition=access.partition), codec=_PAGES
        )
        if entry is None:
            return query, None
        wider = query.sections | entry.value.sections
        if wider != query.sections:
            query = msgspec.structs.replace(query, sections=wider)
        if not entry.value.sections.covers(wider):
            return query, None
        self._note_page(entry, query, access)
        return query, entry

    async def fetch_page(
        self,
        query: ModelsQuery,
        access: Access,
        *,
        oldest_s: float | None = None,
        looked: bool = False,
    ) -> Entry[ModelsPage]:
        """Give a page of models, from the cache or fetched now.

        Args:
            query: A query that the upstream can answer.
            access: Token and partition of the caller.
            oldest_s: Unix time in seconds; older entries count as misses. None: no bound.
            looked: `read_page` has just missed, so the caches are not read again.

        Raises:
            UpstreamContractError: The upstream ignores a field of the filter.
            UpstreamError: The upstream failed, and no usable entry is cached.
        """
        distrusted = self._find_distrusted(query.filter, access)
        if distrusted is not None:
            # Do not send a request whose filter is known to be ignored.
            raise UpstreamContractError(detail=f"{distrusted} is being ignored")

        async def fetch() -> Entry[ModelsPage]:
            access.requests += 1
            version = self.find_version(access)
            page = await self._client.fetch_page(
                query, token=access.token, version=version
            )
            if page.version != version and not self._is_answer(query, page):
                self._note_version(page.version, access)
                raise UpstreamContractError(
                    detail=f"{page.version} answered, which must be asked otherwise"
                )
            if page.models and not page.sections.covers(query.sections):
                raise UpstreamResponseError(detail="a section asked for is missing")
            if self.find_index(access) is None and may_lack_names(query.filter, page):
                self._note_version(page.version, access)
                raise UpstreamContractError(detail="some name may stand for others")
            page = await self._put_router_back(query, page, access)
            await self._check_contract(query, page, access)
            ages = self._choose_ages(page.max_age_s, page.stale_s)
            return Entry(page, page.as_of_s, ages=ages)

        entry = await self._cache.fetch_through(
            page_key(query, partition=access.partition),
            fetch,
            codec=_PAGES,
            oldest_s=oldest_s,
            serves=lambda page: page.sections.covers(query.sections),
            variant=query.sections,
            looked=looked,
        )
        self._note_page(entry, query, access)
        return entry

    async def fetch_index(
        self,
        access: Access,
        *,
        first_page: ModelsPage | None = None,
        oldest_s: float | None = None,
    ) -> Entry[CatalogueIndex]:
        """Give the index, from the cache or crawled now.

        A crawl continues in the background after its callers have timed out or left.

        Args:
            access: Token and partition of the caller.
            first_page: Page one of the catalogue, if it has just been fetched.
            oldest_s: Unix time in seconds; older entries count as misses. None: no bound.

        Raises:
            UpstreamError: The crawl failed, and no usable index is cached.
        """
        key = index_key(access.partition)

        def find_held() -> CatalogueIndex | None:
            held: Entry[CatalogueIndex] | None = self._cache.find(key)
            return None if held is None else held.value

        async def fetch() -> Entry[CatalogueIndex]:
            known = self._partitions.find(access.partition)
            crawl, irregularity = await self._crawler.crawl(
                access, known, before=find_held(), first_page=first_page
            )
            before = find_held()
            self._check_shrunk(crawl, before, access)

            self._partitions.change(
                access.partition, lambda one: setattr(one, "irregularity", irregularity)
            )
            self._note_version(crawl.version, access)
            with self._building():
                index = await asyncio.to_thread(
                    CatalogueIndex.build,
                    crawl.models,
                    as_of_s=crawl.as_of_s,
                    ignoring_case=self._list_caseless(access),
                    before=before,
                    # Side tables are refreshed independently, by `_describe`.
                    tables=None if before is None else before.tables,
                    answered_by=crawl.version,
                )
            ages = self._choose_ages(crawl.max_age_s, crawl.stale_s)
            return Entry(index, crawl.as_of_s, ages=ages)

        entry = await self._cache.fetch_through(
            key,
            fetch,
            codec=self._indexes,
            oldest_s=oldest_s,
            detached=True,
            longest_s=MAX_CRAWL_S,
        )
        self._note_version(entry.value.answered_by, access)
        entry = await self._describe(entry, access)
        total = len(entry.value.models)
        self._partitions.change(
            access.partition,
            lambda one: one.update_total(total, entry.as_of_s, is_whole=True),
        )
        if not access.partition:
            INDEX_MODELS.set(total)
            INDEX_TIME.set(entry.as_of_s)
        self._answered_as_of_s = max(self._answered_as_of_s, entry.as_of_s)
        return entry

    @property
    def has_answered(self) -> bool:
        """Whether the upstream answered so recently that its data are not past `expired_s`."""
        return self.clock() - self._answered_as_of_s <= self.ages.expired_s

    async def check_ready(
        self, access: Access, *, token_expected: bool = True
    ) -> str | None:
        """Check whether operations can be answered; None if so, otherwise the reason.

        An answer of the upstream that is not past `expired_s` suffices: most of it is cached.
        So does an index in the shared cache. Otherwise one model is fetched from the
        upstream, and cached like any other page.

        Args:
            access: Token and partition of the caller.
            token_expected: Whether the token must be accepted. False with `passthrough`: a
                refusal shows that the upstream answers, which is enough.
        """
        if self.has_answered or await self.has_index(access):
            return None
        try:
            await self.fetch_page(ModelsQuery(limit=1), access)
        except UpstreamAuthError as error:
            return str(error) if token_expected else None
        except UpstreamError as error:
            return str(error)
        return None

    async def _describe(
        self, entry: Entry[CatalogueIndex], access: Access
    ) -> Entry[CatalogueIndex]:
        """Add the side tables to an index.

        This waits only for tables that the operation needs and that were never read. All
        others are refreshed in the background when they are due.
        """
        version = self.find_version(access)
        if version is None or not self._client.list_tables(version):
            return entry
        wanted = self._list_unread_tables(entry.value, access)
        is_due = self._partitions.find(access.partition).tables_due_s <= self.clock()
        if not (wanted or (is_due and entry.value.tables)):
            return entry
        kinds = {*entry.value.tables, *wanted}

        async def read(flight: Flight[Entry[CatalogueIndex]]) -> None:
            flight.land(await self._read_tables(kinds, version, access))

        running = self._describing.find(access.partition)
        flight = running or self._describing.start(
            access.partition, read, detached=True
        )
        if not wanted:
            return entry
        described: Entry[CatalogueIndex] = await flight.wait()
        if self._list_unread_tables(described.value, access):
            # The flight was started for an operation that needed other tables.
            return await self._describe(described, access)
        return msgspec.structs.replace(
            described, failed=entry.failed, error=entry.error
        )

    async def _read_tables(
        self, kinds: Collection[TableKind], version: str, access: Access
    ) -> Entry[CatalogueIndex]:
        """Read side tables, and replace the cached index by one that contains them."""
        tables, due_s = await self._tables.read(kinds, access, version)
        self._partitions.change(
            access.partition, lambda one: setattr(one, "tables_due_s", due_s)
        )
        key = index_key(access.partition)
        entry: Entry[CatalogueIndex] | None = self._cache.find(key)
        if entry is None:
            raise UpstreamUnavailableError(detail="the index was dropped meanwhile")
        before = entry.value
        # By identity: an unchanged table is the same cached object.
        if before.tables.keys() == tables.keys() and all(
            before.tables[kind] is table for kind, table in tables.items()
        ):
            return entry
        with self._building():
            index = await asyncio.to_thread(
                CatalogueIndex.build,
                before.listed,
                as_of_s=before.as_of_s,
                ignoring_case=before.ignoring_case,
                before=before,
                tables=tables,
                answered_by=before.answered_by,
            )
        entry = msgspec.structs.replace(entry, value=index)
        self._cache.replace(key, entry, codec=self._indexes)
        return entry

    def _list_unread_tables(
        self, index: CatalogueIndex, access: Access
    ) -> Collection[TableKind]:
        """List the side tables that the operation needs and the index lacks."""
        if not access.tables or access.tables <= index.tables.keys():
            return ()
        there_are = self._client.list_tables(self.find_version(access))
        return (access.tables & set(there_are)) - index.tables.keys()

    def _list_caseless(self, access: Access) -> Collection[str]:
        """List the filter fields in which the upstream ignores case."""
        parameters = self.choose_dialect(access).parameters
        return [
            field
            for field, found in parameters.items()
            if field in DIMENSIONS
            and any(one.compares is Comparison.CASELESS for one in found)
        ]

    def _choose_ages(
        self, max_age_s: float | None, stale_s: float | None
    ) -> Ages | None:
        """Follow the upstream's `Cache-Control`, except for ages that the operator has set.

        Args:
            max_age_s: `max-age` in seconds; None: not given.
            stale_s: `stale-while-revalidate` in seconds; None: not given.

        Returns:
            The ages of this answer; None: those of the settings.
        """
        ages = self.ages
        if max_age_s is None:
            return None
        is_fixed = "cache_fresh_s" in self._fixed_ages
        fresh_s = min(ages.fresh_s if is_fixed else max_age_s, ages.expired_s)
        if "cache_stale_s" in self._fixed_ages:
            fresh_s = min(fresh_s, ages.stale_s)
            return Ages(fresh_s, ages.stale_s, ages.expired_s)
        longest_s = max(max_age_s, fresh_s) + (stale_s or 0.0)
        return Ages(fresh_s, min(longest_s, ages.expired_s), ages.expired_s)

    def _note_page(
        self, entry: Entry[ModelsPage], query: ModelsQuery, access: Access
    ) -> None:
        page = entry.value

        def note(partition: Partition) -> None:
            is_whole = query.filter == EVERYTHING
            partition.update_total(page.total, entry.as_of_s, is_whole=is_whole)

        self._partitions.change(access.partition, note)
        self._note_version(page.version, access)
        self._answered_as_of_s = max(self._answered_as_of_s, entry.as_of_s)

    def _note_version(self, version: str | None, access: Access) -> None:
        """Remember which version answered this process or, for a shared entry, another replica."""
        known = self.find_version(access)
        if version is None or version == known:
            return
        if known is None:
            log.info("the upstream's version is known", version=version)
        else:
            log.info("the upstream speaks another version", version=version, was=known)
        self._partitions.change(
            access.partition, lambda one: setattr(one, "version", version)
        )

    def _is_answer(self, query: ModelsQuery, page: ModelsPage) -> bool:
        """Whether a page is usable although another version answered than expected."""
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
        """Put the router at the start of a filtered list if it matches the filter.

        The client removed it from the page; see `Dialect.router_id`.
        """
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
        """Read a cached, unfiltered first page, which begins with the router if there is one."""
        oldest_s = self.clock() - self.ages.stale_s
        for query in (ROUTER_PAGE, FIRST_PAGE):
            key = page_key(query, partition=access.partition)
            entry = await self._cache.read(key, codec=_PAGES)
            if (
                entry is not None
                and entry.as_of_s >= oldest_s
                and entry.value.sections.covers(FULL)
            ):
                return entry
        return None

    def _find_distrusted(self, asked: ModelsFilter, access: Access) -> str | None:
        """Find a field of a filter that the upstream is known to ignore; None if there is none."""
        known = self._partitions.find(access.partition)
        return known.find_distrusted(asked, self.clock())

    def _check_shrunk(
        self, crawl: Crawl, before: CatalogueIndex | None, access: Access
    ) -> None:
        """Accept the loss of a third of the catalogue only after a second crawl.

        Raises:
            UpstreamResponseError: A third or more is missing, and no earlier crawl agrees.
        """
        known = self._partitions.find(access.partition)
        count = 0 if before is None else len(before.models)
        doubt = check_shrunk(crawl, count, known.doubt, later_s=self.ages.fresh_s)
        if doubt is not known.doubt:
            self._partitions.change(
                access.partition, lambda one: setattr(one, "doubt", doubt)
            )
        if doubt is not None:
            raise UpstreamResponseError(
                detail=f"the catalogue shrank from {count} models to "
                f"{len(crawl.models)}; waiting for a second reading that agrees"
            )

    async def _check_contract(
        self, query: ModelsQuery, page: ModelsPage, access: Access
    ) -> None:
        """Check that a list does not contradict its filter.

        Raises:
            UpstreamContractError: A field of the filter was ignored.
            UpstreamError: The answer is suspicious, and the index to compare it with failed.
        """
        asked = query.filter
        if asked == EVERYTHING:
            return
        if page.total and page.version is None:
            # A page past the end of a list is empty and does not show the version.
            sent = self.choose_dialect(access).write(query)
            if self.find_version(access) is None:
                await self.fetch_page(FIRST_PAGE, access)
            version = self._client.versions.find(self.find_version(access))
            if version is not None:
                ignored = version.dialect.find_ignored(asked, sent)
                page = msgspec.structs.replace(page, ignored_filters=ignored)
        field = find_ignored_by_itself(asked, page)
        if field is None:
            field = await self._compare_with_index(asked, page, access)
        if field is None:
            return
        CONTRACT_BREAKS.inc()
        self._distrust(field, access)
        raise UpstreamContractError(detail=f"{field} was ignored")

    def _distrust(self, field: str, access: Access) -> None:
        until_s = self.clock() + self.ages.stale_s

        def note(partition: Partition) -> None:
            if partition.distrust(field, until_s=until_s):
                log.warning("the upstream ignores a filter", dimension=field)

        self._partitions.change(access.partition, note)

    async def _compare_with_index(
        self, asked: ModelsFilter, page: ModelsPage, access: Access
    ) -> str | None:
        entry = self.find_index(access)
        if entry is None:
            known = self._partitions.find(access.partition)
            # A list shorter than the catalogue was filtered somehow. Only a list as long as the
            # catalogue is suspicious enough to justify a crawl.
            is_shorter = not known.total_is_whole or page.total < known.total
            if is_shorter or is_proved(asked, page):
                return None
            # The upstream may have ignored the filter and listed the whole catalogue.
            entry = await self.fetch_index(access)
            return find_ignored(asked, page, entry.value)
        field = find_ignored(asked, page, entry.value)
        if field is None:
            return None
        # Either the filter was ignored, or the catalogue has changed since the index was
        # built. A new index tells.
        younger_s = math.nextafter(entry.as_of_s, math.inf)
        try:
            entry = await self.fetch_index(access, oldest_s=younger_s)
        except UpstreamError:
            return field
        return find_ignored(asked, page, entry.value)


def _matches(model: Model, asked: ModelsFilter) -> bool:
    """Whether a complete model matches a filter."""
    return match_filter(CatalogueIndex.build((model,), as_of_s=0.0), asked) != 0


def _build_abandoned() -> Exception:
    return UpstreamUnavailableError(detail="the gateway is closing")
