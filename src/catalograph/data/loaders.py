"""The loaders of one operation: merged page requests, or the index.

All root fields of an operation load in the same turn of the event loop. If any of them needs
the index, one state of the index answers all of them. Otherwise their page requests are
merged and sent together. If that takes more requests than reading the whole catalogue once,
the index answers as well.
"""

import asyncio
import contextlib
import datetime
import functools
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec
from strawberry.dataloader import DataLoader

from catalograph.cache.entries import Ages, Entry
from catalograph.catalogue.index import CatalogueIndex, to_moment
from catalograph.catalogue.query import (
    ModelsPage,
    ModelsQuery,
    count_pages,
    merge_queries,
)
from catalograph.catalogue.records import Model
from catalograph.concurrency.eager import start_eagerly
from catalograph.concurrency.time_slice import TimeSlice
from catalograph.data.access import Access
from catalograph.data.crawl import FIRST_PAGE
from catalograph.data.slices import (
    IndexListing,
    Listing,
    ModelsRequest,
    PageListing,
    cut,
)
from catalograph.data.source import ROUTER_PAGE, CatalogueSource
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
)
from catalograph.observability import operation_trace

_T = TypeVar("_T")

_Cached: TypeAlias = dict[ModelsQuery, tuple[ModelsQuery, Entry[ModelsPage] | None]]
"""For each query of an operation: a query that covers it, and the cached page of that query."""

_Pages: TypeAlias = dict[ModelsQuery, Entry[ModelsPage] | BaseException]
"""For each query: a page that contains its window, or the error."""


class Suggestions(msgspec.Struct, frozen=True):
    """Suggested ids for a look-up without a result.

    Attributes:
        path: Path of the field that is null.
        value: The value that was looked up.
        suggestions: Ids that the catalogue holds, closest first; at least one.
    """

    path: Sequence[str | int]
    value: str
    suggestions: Sequence[str]


class Loaders:
    """Everything that one operation may load. Each operation has its own.

    Attributes:
        access: The caller, and the upstream requests made so far.
        oldest_s: Unix time of the oldest entry that was used; None before the first use.
        stale_paths: Paths of the fields that use an entry past its stale age because the
            upstream failed, with the Unix time of that entry.
        suggestions: Look-ups without a result, with similar ids, for
            `extensions.suggestions`.
        index: The state of the index that the whole operation uses; None until loaded.
    """

    def __init__(
        self,
        source: CatalogueSource,
        access: Access,
        time_slice: TimeSlice | None = None,
    ) -> None:
        self.access = access
        self.oldest_s: float | None = None
        self._fresh_until_s: float | None = None
        self.stale_paths: dict[tuple[str | int, ...], float] = {}
        self.suggestions: list[Suggestions] = []
        self.index: CatalogueIndex | None = None
        self._source = source
        self._index_wanted = False
        self._time_slice = time_slice or TimeSlice()
        self._index_task: asyncio.Future[CatalogueIndex] | None = None
        self._index_entry: Entry[CatalogueIndex] | None = None
        self._records: dict[str, Model] = {}
        self._only_page: ModelsPage | None = None
        self._models: DataLoader[ModelsRequest, Listing] | None = None
        self._known: dict[ModelsRequest, Listing | Exception] = {}
        self._waiting = 0
        self._batches: set[asyncio.Task[Any]] = set()

    def find_fresh_left(self) -> float:
        """Return the seconds for which all used entries stay fresh; at most the fresh age."""
        if self._fresh_until_s is None:
            # Nothing was loaded: introspection, `__typename`, the SDL.
            return self._source.ages.fresh_s
        now_s = self.now_s()
        left_s = max(0.0, self._fresh_until_s - now_s)
        # When a price window opens or closes, the prices in the answer are outdated.
        return (
            left_s if self.index is None else min(left_s, self.index.hold_for_s(now_s))
        )

    @functools.cached_property
    def moment(self) -> datetime.datetime:
        """The one moment for which all prices of the operation are told; in UTC."""
        return to_moment(self.now_s())

    def now_s(self) -> float:
        """Unix time in seconds, by the source's clock."""
        return self._source.clock()

    @property
    def index_is_stale(self) -> bool:
        """Whether the index is past its stale age because the upstream failed."""
        return self._index_entry is not None and self._index_entry.failed

    async def load_models(
        self, request: ModelsRequest, path: tuple[str | int, ...] = ()
    ) -> Listing:
        """Load one list of models, in one batch with all others of this turn of the loop.

        Args:
            request: The list.
            path: Path of the field, for a warning if the list is stale.
        """
        if self.index is not None:
            return IndexListing(request, self.index)
        self.access.tables |= request.tables
        known = self._known.get(request)
        if isinstance(known, Exception):
            raise known
        if known is not None:
            listing = known
        else:
            if self._models is None:
                self._models = DataLoader(load_fn=self._load_batch)
            listing = await self._wait(self._models.load(request))
        if isinstance(listing, PageListing) and listing.stale_as_of_s is not None:
            self.stale_paths[path] = listing.stale_as_of_s
        return listing

    async def load_lists(
        self, requests: Sequence[ModelsRequest], keys: Sequence[str]
    ) -> Sequence[Listing] | None:
        """Load all lists of an operation that selects nothing else.

        Suspends only if something is not in memory, or if the time slice is spent.

        Args:
            requests: The lists.
            keys: Response keys of the lists, for warnings if they are stale.

        Returns:
            The lists, in order; None if any failed. Then the executor runs the operation,
            and `load_models` raises the stored error without another request.
        """
        for request in requests:
            self.access.tables |= request.tables
        self._waiting += 1
        try:
            listings = await self._load_models(requests)
        except Exception as error:  # noqa: BLE001 - `load_models` raises it again
            self._known = dict.fromkeys(requests, error)
            return None
        finally:
            self._leave()
        loaded: list[Listing] = []
        for key, listing in zip(keys, listings, strict=True):
            if isinstance(listing, Exception):
                self._known = dict(zip(requests, listings, strict=True))
                return None
            if isinstance(listing, PageListing) and listing.stale_as_of_s is not None:
                self.stale_paths[key,] = listing.stale_as_of_s
            loaded.append(listing)
        return loaded

    async def load_index(self) -> CatalogueIndex:
        """Load the index; an operation loads it only once.

        Raises:
            UpstreamError: The catalogue could not be read, and no index is cached.
        """
        self._index_wanted = True
        if self.index is not None:
            return self.index
        return await self._wait(self._begin_reading())

    def find_model(self, model_id: str) -> Model | None:
        """Find a model among those that this operation has loaded; None if it is not there."""
        if self.index is not None:
            return self.index.find_model_by_id(model_id)
        self._sort_only_page()
        return self._records.get(model_id)

    async def _wait(self, shared: Awaitable[_T]) -> _T:
        """Wait for work that several fields share; the last waiter that leaves cancels it.

        If a client disconnects, its upstream requests are cancelled. A cancelled field does
        not cancel work that other fields wait for.
        """
        self._waiting += 1
        try:
            return await asyncio.shield(shared)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            for batch in self._batches:
                batch.cancel()
            if self._index_task is not None:
                self._index_task.cancel()

    def _begin_reading(self) -> asyncio.Future[CatalogueIndex]:
        if self._index_task is None:
            self._index_task = start_eagerly(self._fetch_index(None))
        return self._index_task

    async def _fetch_index(self, first_page: ModelsPage | None) -> CatalogueIndex:
        entry = await self._source.fetch_index(self.access, first_page=first_page)
        return self._pin(entry)

    def _pin(self, entry: Entry[CatalogueIndex]) -> CatalogueIndex:
        """Use this state of the index for the whole operation, with current prices."""
        self._index_entry = entry
        self._note(entry)
        self._note_answer(None, entry)
        self.index = entry.value.at(self.moment.timestamp())
        return self.index

    def _note_answer(self, query: ModelsQuery | None, entry: Entry[Any]) -> None:
        """Add an entry to the operation's trace, if it has one; query None means the index."""
        notes = operation_trace.current()
        if notes is None:
            return
        what = "index" if query is None else self._source.describe(query, self.access)
        notes.record_part(what, entry.value, age_s=self.now_s() - entry.as_of_s)

    def _note(self, entry: Entry[Any]) -> None:
        """Record the age of an entry that the answer uses."""
        if self.oldest_s is None or entry.as_of_s < self.oldest_s:
            self.oldest_s = entry.as_of_s
        # Clocks differ between processes: an entry from the future does not stay fresh longer.
        asked_s = min(entry.as_of_s, self.now_s())
        until_s = asked_s + self._source.ages_of(entry).fresh_s
        if self._fresh_until_s is None or until_s < self._fresh_until_s:
            self._fresh_until_s = until_s

    async def _load_batch(
        self, requests: list[ModelsRequest]
    ) -> Sequence[Listing | Exception]:
        # The dataloader runs this in a task of its own, which only `_leave` can cancel.
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in one
        self._batches.add(task)
        try:
            return await self._load_models(requests)
        finally:
            self._batches.discard(task)

    async def _load_models(
        self, requests: Sequence[ModelsRequest]
    ) -> Sequence[Listing | Exception]:
        source, access = self._source, self.access
        queries = [source.translate(request, access) for request in requests]
        asked = [query for query in queries if query is not None]
        prefers_index = source.prefers_index(access)
        if self._index_wanted or prefers_index or len(asked) < len(queries):
            return await self._answer_from_index(requests)
        if any(source.distrusts(query.filter, access) for query in asked):
            with contextlib.suppress(UpstreamError):
                return await self._answer_from_index(requests)
        return await self._answer_from_pages(requests, asked)

    async def _answer_from_index(
        self, requests: Sequence[ModelsRequest]
    ) -> list[Listing | Exception]:
        self._index_wanted = True
        index = self.index
        if index is None:
            index = await asyncio.shield(self._begin_reading())
        listings: list[Listing | Exception] = []
        for request in requests:
            await self._time_slice.yield_if_due()
            listings.append(IndexListing(request, index))
        return listings

    async def _answer_from_pages(
        self, requests: Sequence[ModelsRequest], queries: Sequence[ModelsQuery]
    ) -> Sequence[Listing | Exception]:
        cached = await self._read_cached(queries)
        pages: _Pages | None = None
        try:
            pages = await self._fetch_pages(cached)
            if pages is None or any(map(_breaks_contract, pages.values())):
                return await self._answer_from_index(requests)
        except UpstreamError as error:
            pages = pages or dict.fromkeys(cached, error)
        pages = self._replace_failed(pages, cached)
        is_lacking = any(map(_is_outage, pages.values())) or self._are_apart(pages)
        if is_lacking and await self._source.has_index(self.access):
            with contextlib.suppress(UpstreamError):
                return await self._answer_from_index(requests)
        self._unify([page for page in pages.values() if isinstance(page, Entry)])
        return [
            self._listing(request, query, pages[query])
            for request, query in zip(requests, queries, strict=True)
        ]

    async def _read_cached(self, queries: Sequence[ModelsQuery]) -> _Cached:
        """Find a cached page of any age for each query, alone or merged with others."""
        source, access = self._source, self.access
        cached = {
            query: await source.read_page(query, access)
            for query in dict.fromkeys(queries)
        }
        if len(cached) > 1:
            wanting = [
                query
                for query, (_, entry) in cached.items()
                if entry is None or self._is_past_stale(entry)
            ]
            merges = merge_queries(wanting)
            if wanting and len(wanting) < len(cached):
                # A version with a router enlarges windows, so that one of several windows can
                # be found alone in the page that was fetched for all of them.
                merges += [
                    one for one in merge_queries(list(cached)) if one not in merges
                ]
            for merged in merges:
                found = await source.read_page(merged, access)
                for query in wanting:
                    if merged.covers(query) and _is_younger(found[1], cached[query][1]):
                        cached[query] = found
        return cached

    async def _fetch_pages(self, cached: _Cached) -> _Pages | None:
        """Get a page for each query; fetch missing and expired pages.

        Returns:
            None if the index must answer, because the pages would take more requests.

        Raises:
            UpstreamError: The upstream failed before the size of the catalogue was known.
        """
        oldest_s = self._oldest_allowed([entry for _, entry in cached.values()])
        missing = [
            query
            for query, (_, entry) in cached.items()
            if entry is None or entry.as_of_s < oldest_s
        ]
        wanted = merge_queries(missing)
        if await self._source.lacks_router(wanted, self.access):
            wanted.append(ROUTER_PAGE)
        asked = await self._within_bound(wanted)
        if asked is None:
            return None
        serving = {query: found for query, (found, _) in cached.items()}
        for query in missing:
            serving[query] = next(one for one in asked if one.covers(query))
        answers: _Pages = dict(self._find_served(cached, oldest_s, len(asked)))
        distinct = list(dict.fromkeys(serving.values()))
        fetched = [query for query in distinct if query not in answers]
        missed = {query for query, (_, entry) in cached.items() if entry is None}
        if fetched:
            outcomes = await asyncio.gather(
                *(
                    self._source.fetch_page(
                        query,
                        self.access,
                        oldest_s=oldest_s if len(distinct) > 1 else None,
                        looked=query in missed,
                    )
                    for query in fetched
                ),
                return_exceptions=True,
            )
            answers.update(zip(fetched, outcomes, strict=True))
        return {query: answers[found] for query, found in serving.items()}

    def _oldest_allowed(self, cached: Sequence[Entry[ModelsPage] | None]) -> float:
        """Return the Unix time before which a cached page is too old for this operation.

        The pages of one operation may differ in age by the fresh age at most, so that they
        fit together. Pages that are too old beside the youngest one are fetched again.
        """
        now_s, ages = self._source.clock(), self._find_ages(cached)
        if len(cached) == 1:
            return now_s - ages.stale_s
        times = [entry.as_of_s for entry in cached if entry is not None]
        if (
            len(times) == len(cached)
            and min(times) >= now_s - ages.stale_s
            and max(times) - min(times) <= ages.fresh_s
        ):
            return min(times)
        return now_s - ages.fresh_s

    def _find_ages(self, entries: Iterable[Entry[ModelsPage] | None]) -> Ages:
        """Find the age bounds of pages; an upstream gives the same bounds for all pages."""
        for entry in entries:
            if entry is not None:
                return self._source.ages_of(entry)
        return self._source.ages

    def _is_past_stale(self, entry: Entry[ModelsPage]) -> bool:
        age_s = self.now_s() - entry.as_of_s
        return age_s > self._source.ages_of(entry).stale_s

    def _find_served(
        self, cached: _Cached, oldest_s: float, asked: int
    ) -> dict[ModelsQuery, Entry[ModelsPage]]:
        """Find the cached pages that are served without a refresh.

        These are the fresh pages, and stale pages whose refresh would exceed the bound on
        upstream requests of one operation. A later operation refreshes them.
        """
        now_s = self._source.clock()
        fresh: dict[ModelsQuery, Entry[ModelsPage]] = {}
        stale: dict[ModelsQuery, Entry[ModelsPage]] = {}
        for query, entry in cached.values():
            if entry is None:
                continue
            ages = self._source.ages_of(entry)
            age_s = now_s - entry.as_of_s
            if -ages.fresh_s <= age_s <= ages.fresh_s:
                if entry.as_of_s >= oldest_s:
                    fresh[query] = entry
            elif ages.fresh_s < age_s <= ages.stale_s:
                stale[query] = entry
        if not stale:
            return fresh
        left = max(0, self._bound() - asked)
        oldest_first = sorted(stale, key=lambda query: stale[query].as_of_s)
        return fresh | {query: stale[query] for query in oldest_first[left:]}

    def _bound(self) -> int:
        """Return how many upstream requests this operation may make, as far as is known."""
        return max(1, count_pages(self._source.find_total(self.access)))

    async def _within_bound(self, asked: list[ModelsQuery]) -> list[ModelsQuery] | None:
        """Check that an operation makes no more requests than a crawl of the whole catalogue.

        If the known size of the catalogue forbids the requests, the first page of the whole
        catalogue is fetched to learn the current size. If a crawl becomes necessary, it
        continues after that page.

        Returns:
            The requests to send; None if the index must answer instead.
        """
        if len(asked) <= self._bound():
            return asked
        if self._source.find_index(self.access) is not None:
            return None
        asked_at_s = self._source.clock()
        first = (await self._source.fetch_page(FIRST_PAGE, self.access)).value
        rest = [query for query in asked if not FIRST_PAGE.covers(query)]
        if 1 + len(rest) <= count_pages(first.total):
            return [FIRST_PAGE, *rest]
        begun = first if first.as_of_s >= asked_at_s else None
        self._index_task = asyncio.ensure_future(self._fetch_index(begun))
        return None

    def _are_apart(self, pages: _Pages) -> bool:
        """Whether pages differ too much in age, which happens only in an outage."""
        times = [page.as_of_s for page in pages.values() if isinstance(page, Entry)]
        entries = [page for page in pages.values() if isinstance(page, Entry)]
        fresh_s = self._find_ages(entries).fresh_s
        return bool(times) and max(times) - min(times) > fresh_s

    def _replace_failed(self, pages: _Pages, cached: _Cached) -> _Pages:
        """Replace failed pages by cached ones, of any age.

        This happens only if all cached pages are close enough in age, or if all fetches
        failed, so that the answer does not mix old and new pages.
        """
        failed = [page for page in pages.values() if isinstance(page, Exception)]
        if not any(map(_is_outage, failed)):
            return pages
        old = {
            query: entry for query, (_, entry) in cached.items() if entry is not None
        }
        times = [entry.as_of_s for entry in old.values()]
        are_of_one_age = (
            len(old) == len(pages)
            and max(times) - min(times) <= self._find_ages(old.values()).fresh_s
        )
        if not are_of_one_age and len(failed) < len(pages):
            return pages
        return pages | {
            query: msgspec.structs.replace(entry, failed=self._is_past_stale(entry))
            for query, entry in old.items()
            if are_of_one_age or _is_outage(pages[query])
        }

    def _unify(self, entries: Sequence[Entry[ModelsPage]]) -> None:
        """Use one record for each model: the youngest, with sections that only others have."""
        if len(entries) == 1 and not self._records and self._only_page is None:
            # A single page needs no merging. Its records are indexed by id on first look-up.
            self._note(entries[0])
            self._only_page = entries[0].value
            return
        self._sort_only_page()
        for entry in sorted(entries, key=lambda one: one.as_of_s):
            self._note(entry)
            records = self._records
            for model in entry.value.models:
                older = records.get(model.model_id)
                records[model.model_id] = (
                    model if older is None else _complete(model, older)
                )

    def _sort_only_page(self) -> None:
        if self._only_page is not None:
            self._records = {one.model_id: one for one in self._only_page.models}
            self._only_page = None

    def _listing(
        self,
        request: ModelsRequest,
        query: ModelsQuery,
        page: Entry[ModelsPage] | BaseException,
    ) -> Listing | Exception:
        if isinstance(page, Exception):
            return page
        if isinstance(page, BaseException):
            raise page
        self._note_answer(query, page)
        models = cut(request, page.value)
        if page.value is not self._only_page:
            models = [self._records[one.model_id] for one in models]
        return PageListing(request, models, entry=page)


def _is_younger(one: Entry[ModelsPage] | None, other: Entry[ModelsPage] | None) -> bool:
    return one is not None and (other is None or one.as_of_s > other.as_of_s)


def _breaks_contract(page: Entry[ModelsPage] | BaseException) -> bool:
    error = page.error if isinstance(page, Entry) else page
    return isinstance(error, UpstreamContractError)


def _is_outage(page: Entry[ModelsPage] | BaseException) -> bool:
    """Whether a page failed for a reason other than the caller's token."""
    return isinstance(page, UpstreamError) and not isinstance(page, UpstreamAuthError)


def _complete(model: Model, other: Model) -> Model:
    """Add to `model` the sections that only `other` has."""
    if (model.data or not other.data) and (model.gateway or not other.gateway):
        return model
    return msgspec.structs.replace(
        model,
        data=model.data or other.data,
        gateway=model.gateway or other.gateway,
    )
