"""What one operation loads: its page requests, collected and sent as the fewest, or the index.

All root fields of an operation ask in the same tick. If any of them needs the index,
all of them are answered from one state of it; otherwise their page requests are
merged and sent together, and if even that would cost more than reading the whole
catalogue once, the index answers after all.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Sequence

import msgspec
from strawberry.dataloader import DataLoader

from catalograph.cache.entries import Entry
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.query import (
    FULL,
    MAX_LIMIT,
    ModelsFilter,
    ModelsOrder,
    ModelsPage,
    ModelsQuery,
    Sections,
)
from catalograph.catalogue.records import Model
from catalograph.catalogue.selection import Anchor, select
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
)
from catalograph.source import Access, CatalogueSource

WHOLE = ModelsQuery(limit=MAX_LIMIT, offset=0, sections=FULL)
"""Page one of the whole catalogue: where a reading of the index begins."""

MAX_FILTER_CHARACTERS = 3_000
"""Values of a filter that still fit a request line; longer filters are the index's."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list is wanted.

    Attributes:
        limit: Most members wanted, 1 to 250.
        offset: Members to skip from the start; None when cursors say where.
        after: The member before the slice; None: from the start.
        before: The member behind the slice; None: to the end.
        from_end: Whether the last `limit` of what lies between are wanted, not the first.
    """

    limit: int
    offset: int | None = None
    after: Anchor | None = None
    before: Anchor | None = None
    from_end: bool = False

    @property
    def page_offset(self) -> int | None:
        """Offset by which the upstream can be asked for this slice; None when it cannot."""
        if self.offset is not None:
            return self.offset
        return None if self.after or self.before or self.from_end else 0


class ModelsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A list of models as a field asks for it.

    Attributes:
        filter: Which models.
        search: Words they must match; None means no search.
        order: None means catalogue order, or best match first with a search.
        part: Which slice of the list.
        sections: Payload sections that the selection below the list needs.
        needs_index: Whether something else below the list needs the index.
        fixed: The filter field that a parent object fixes, as a facet dimension; None at the root.
    """

    filter: ModelsFilter
    part: Slice
    search: str | None = None
    order: ModelsOrder | None = None
    sections: Sections
    needs_index: bool = False
    fixed: str | None = None

    def page_query(self) -> ModelsQuery | None:
        """The upstream request that answers this; None when only the index can."""
        offset = self.part.page_offset
        asked = self.filter
        if (
            offset is None
            or self.needs_index
            or self.search is not None
            or self.order is not None
            or asked.needs_index
            or (asked.providers and self.sections.gateway)
            or _characters(asked) > MAX_FILTER_CHARACTERS
        ):
            return None
        return ModelsQuery(
            filter=asked, limit=self.part.limit, offset=offset, sections=self.sections
        )


class Listing:
    """A list of models of which a slice has been loaded.

    Attributes:
        request: What was asked.
        models: The slice.
        offset: Index of its first member in the list.
        total: Members of the list.
    """

    __slots__ = ("models", "offset", "request", "total")

    def __init__(
        self,
        request: ModelsRequest,
        *,
        models: Sequence[Model],
        offset: int,
        total: int,
    ) -> None:
        self.request = request
        self.models = models
        self.offset = offset
        self.total = total

    @abstractmethod
    def find_anchor(self, place: int) -> Anchor:
        """What a cursor of the member at `place` of `models` holds."""


class PageListing(Listing):
    """A slice that the upstream answered.

    Attributes:
        stale_as_of_s: Unix time of the answer when it is past its stale age and the
            upstream failed; None otherwise.
    """

    __slots__ = ("stale_as_of_s",)

    def __init__(
        self,
        request: ModelsRequest,
        models: Sequence[Model],
        *,
        offset: int,
        entry: Entry[ModelsPage],
    ) -> None:
        super().__init__(request, models=models, offset=offset, total=entry.value.total)
        self.stale_as_of_s = entry.as_of_s if entry.failed else None

    def find_anchor(self, place: int) -> Anchor:
        """In catalogue order: by listing day and name."""
        model = self.models[place]
        return Anchor(
            offset=self.offset + place,
            model_id=model.model_id,
            date=model.listing_date,
            name=model.name,
        )


class IndexListing(Listing):
    """A slice that the index answered."""

    __slots__ = ("_selection",)

    def __init__(self, request: ModelsRequest, index: CatalogueIndex) -> None:
        part = request.part
        selection = select(
            index, request.filter, search=request.search, order=request.order
        )
        start, end = 0, selection.total
        if part.offset is not None:
            start = min(part.offset, end)
        if part.after is not None:
            place, present = selection.find_place(part.after)
            start = place + present
        if part.before is not None:
            end = max(start, selection.find_place(part.before)[0])
        if part.from_end:
            start = max(start, end - part.limit)
        super().__init__(
            request,
            models=selection.window(start, min(part.limit, end - start)),
            # An offset past the end is echoed as it was asked, as the upstream does.
            offset=start if part.offset is None else part.offset,
            total=selection.total,
        )
        self._selection = selection

    def find_anchor(self, place: int) -> Anchor:
        """In whatever order the list has."""
        return self._selection.anchor(self.offset + place)


class Loaders:
    """Everything one operation may load. Made for one operation and thrown away with it.

    Attributes:
        access: On whose behalf, and the upstream requests made so far.
        oldest_s: Unix time of the oldest answer that went in; None before the first.
        stale_paths: Where something past its stale age had to do, because the upstream
            failed, with the unix time of that answer.
        index: The one state of the index that this operation sees; None until loaded.
    """

    def __init__(self, source: CatalogueSource, access: Access) -> None:
        self.access = access
        self.oldest_s: float | None = None
        self.stale_paths: dict[tuple[str | int, ...], float] = {}
        self.index: CatalogueIndex | None = None
        self._source = source
        self._index_wanted = False
        self._index_task: asyncio.Task[CatalogueIndex] | None = None
        self._index_entry: Entry[CatalogueIndex] | None = None
        self._records: dict[str, Model] = {}
        self._models: DataLoader[ModelsRequest, Listing] | None = None

    @property
    def ages(self) -> tuple[float, float]:
        """Seconds for which an answer is fresh, and until which it is merely stale."""
        return self._source.ages.fresh_s, self._source.ages.stale_s

    def now_s(self) -> float:
        """Unix time in seconds, by the source's clock."""
        return self._source.clock()

    @property
    def index_is_stale(self) -> bool:
        """Whether the index is past its stale age, and the upstream failed."""
        return self._index_entry is not None and self._index_entry.failed

    async def load_models(
        self, request: ModelsRequest, path: tuple[str | int, ...] = ()
    ) -> Listing:
        """Load one list of models, together with all that are asked for in this tick.

        Args:
            request: The list.
            path: Of the field, for a warning about its age.
        """
        if self.index is not None:
            return IndexListing(request, self.index)
        if self._models is None:
            self._models = DataLoader(load_fn=self._load_models)
        listing = await self._models.load(request)
        if isinstance(listing, PageListing) and listing.stale_as_of_s is not None:
            self.stale_paths[path] = listing.stale_as_of_s
        return listing

    def find_fresh(self, requests: Sequence[ModelsRequest]) -> list[Listing] | None:
        """Find all lists of an operation without waiting; for one that is asked again.

        Returns:
            The lists, when they are all the operation asks for and each is fresh in
            memory, and of one age where there are several; None sends it the usual way.
        """
        if len(requests) != 1 or self._source.lists_from_index:
            return None
        request = requests[0]
        query = request.page_query()
        if query is not None:
            found = self._source.peek_page(query, self.access)
            if found is None:
                return None
            answered, page = found
            self._note(page.as_of_s)
            skipped = query.offset - answered.offset
            models = page.value.models[skipped : skipped + query.limit]
            return [PageListing(request, models, offset=query.offset, entry=page)]
        entry = self._source.peek_index(self.access)
        if entry is None:
            return None
        self._pin(entry)
        return [IndexListing(request, entry.value)]

    async def load_index(self) -> CatalogueIndex:
        """Load the index, once for the operation.

        Raises:
            UpstreamError: It could not be read, and none is kept.
        """
        self._index_wanted = True
        if self.index is not None:
            return self.index
        if self._index_task is None:
            self._index_task = asyncio.ensure_future(self._fetch_index(None))
        return await self._index_task

    def find_model(self, model_id: str) -> Model | None:
        """A model this operation has loaded; None when it has not."""
        if self.index is not None:
            return self.index.find_model_by_id(model_id)
        return self._records.get(model_id)

    async def _fetch_index(self, first_page: ModelsPage | None) -> CatalogueIndex:
        entry = await self._source.fetch_index(self.access, first_page=first_page)
        self._pin(entry)
        return entry.value

    def _pin(self, entry: Entry[CatalogueIndex]) -> None:
        """Answer the whole operation from this state of the index."""
        self._index_entry = entry
        self._note(entry.as_of_s)
        self.index = entry.value

    def _note(self, as_of_s: float) -> None:
        if self.oldest_s is None or as_of_s < self.oldest_s:
            self.oldest_s = as_of_s

    async def _load_models(
        self, requests: list[ModelsRequest]
    ) -> Sequence[Listing | Exception]:
        queries = [request.page_query() for request in requests]
        asked = [query for query in queries if query is not None]
        lists_from_index = (
            self._source.lists_from_index
            and self._source.find_index(self.access) is not None
        )
        if self._index_wanted or lists_from_index or len(asked) < len(queries):
            return await self._answer_from_index(requests)
        return await self._answer_from_pages(requests, asked)

    async def _answer_from_index(
        self, requests: Sequence[ModelsRequest]
    ) -> list[Listing | Exception]:
        index = await self.load_index()
        return [IndexListing(request, index) for request in requests]

    async def _answer_from_pages(
        self, requests: Sequence[ModelsRequest], queries: Sequence[ModelsQuery]
    ) -> Sequence[Listing | Exception]:
        kept = [await self._source.read_page(query, self.access) for query in queries]
        oldest_s = self._oldest_allowed([entry for _, entry in kept])
        missing = [
            query
            for query, (_, entry) in zip(queries, kept, strict=True)
            if entry is None or entry.as_of_s < oldest_s
        ]
        wanted = await self._within_bound(merge(missing))
        if wanted is None:
            return await self._answer_from_index(requests)
        serving: dict[ModelsQuery, ModelsQuery] = {
            query: found for query, (found, _) in zip(queries, kept, strict=True)
        }
        for query in missing:
            serving[query] = next(one for one in wanted if _holds(one, query))
        distinct = list(dict.fromkeys(serving.values()))
        outcomes = await self._fetch_pages(
            distinct, oldest_s if len(distinct) > 1 else None
        )
        if any(isinstance(one, UpstreamContractError) for one in outcomes) or (
            any(isinstance(one, UpstreamError) for one in outcomes)
            and self._source.holds_index(self.access)
        ):
            return await self._answer_from_index(requests)
        self._unify([one for one in outcomes if isinstance(one, Entry)])
        answers = dict(zip(distinct, outcomes, strict=True))
        return [
            self._listing(request, query, answers[serving[query]])
            for request, query in zip(requests, queries, strict=True)
        ]

    async def _fetch_pages(
        self, queries: Sequence[ModelsQuery], oldest_s: float | None
    ) -> Sequence[Entry[ModelsPage] | BaseException]:
        """Fetch pages at once; where one fails, whatever is kept of it has to do."""

        async def fetch(query: ModelsQuery) -> Entry[ModelsPage]:
            try:
                return await self._source.fetch_page(
                    query, self.access, oldest_s=oldest_s
                )
            except UpstreamAuthError:
                raise
            except UpstreamError:
                if oldest_s is None:
                    raise
                return await self._source.fetch_page(query, self.access)

        return await asyncio.gather(*map(fetch, queries), return_exceptions=True)

    def _oldest_allowed(self, kept: Sequence[Entry[ModelsPage] | None]) -> float:
        """Unix time before which a kept page will not do for this operation.

        Pages of one operation differ in age by the fresh age at most, so what is older
        than that beside the youngest is asked again, and is then the youngest itself.
        """
        now_s = self._source.clock()
        if len(kept) == 1:
            return now_s - self._source.ages.stale_s
        fresh_s = self._source.ages.fresh_s
        ages = [entry.as_of_s for entry in kept if entry is not None]
        if len(ages) == len(kept) and max(ages) - min(ages) <= fresh_s:
            return min(ages)
        return now_s - fresh_s

    async def _within_bound(
        self, wanted: list[ModelsQuery]
    ) -> list[ModelsQuery] | None:
        """Keep an operation from costing more than reading the whole catalogue once.

        Where too little is known of the catalogue's size, page one of the whole tells
        it; the reading of the index goes on from there if need be.

        Returns:
            The requests to send; None when the index has to answer instead.
        """
        if len(wanted) <= max(1, _pages(self._source.find_least_total(self.access))):
            return wanted
        if self._source.find_index(self.access) is not None:
            return None
        asked_at_s = self._source.clock()
        first = (await self._source.fetch_page(WHOLE, self.access)).value
        rest = [query for query in wanted if not _holds(WHOLE, query)]
        if 1 + len(rest) <= _pages(first.total):
            return [WHOLE, *rest]
        begun = first if first.as_of_s >= asked_at_s else None
        self._index_task = asyncio.ensure_future(self._fetch_index(begun))
        return None

    def _unify(self, entries: Sequence[Entry[ModelsPage]]) -> None:
        """Keep one record a model: the younger, with a section only the older has."""
        for entry in sorted(entries, key=lambda one: one.as_of_s):
            self._note(entry.as_of_s)
            records = self._records
            for model in entry.value.models:
                older = records.get(model.model_id)
                records[model.model_id] = (
                    model if older is None else _complete(model, older)
                )

    def _listing(
        self,
        request: ModelsRequest,
        query: ModelsQuery,
        outcome: Entry[ModelsPage] | BaseException,
    ) -> Listing | Exception:
        if isinstance(outcome, Exception):
            return outcome
        if isinstance(outcome, BaseException):
            raise outcome
        page = outcome.value
        skipped = query.offset - page.offset
        models = [
            self._records[model.model_id]
            for model in page.models[skipped : skipped + query.limit]
        ]
        return PageListing(request, models, offset=query.offset, entry=outcome)


def merge(queries: Iterable[ModelsQuery]) -> list[ModelsQuery]:
    """Find the fewest page requests that answer all of `queries`.

    Windows of one filter that fit into one page become one; sections are united.
    A window is never answered from two pages: the list may shift between them.
    """
    merged: list[ModelsQuery] = []
    for query in sorted(queries, key=lambda one: (one.offset, one.limit)):
        for i, one in enumerate(merged):
            end = max(one.offset + one.limit, query.offset + query.limit)
            if one.filter == query.filter and end - one.offset <= MAX_LIMIT:
                merged[i] = msgspec.structs.replace(
                    one,
                    limit=end - one.offset,
                    sections=one.sections | query.sections,
                )
                break
        else:
            merged.append(query)
    return merged


def _complete(model: Model, other: Model) -> Model:
    """Give `model` the sections that only `other` has."""
    if (model.data or not other.data) and (model.gateway or not other.gateway):
        return model
    return msgspec.structs.replace(
        model,
        data=model.data or other.data,
        gateway=model.gateway or other.gateway,
    )


def _holds(one: ModelsQuery, other: ModelsQuery) -> bool:
    return (
        one.filter == other.filter
        and one.offset <= other.offset
        and other.offset + other.limit <= one.offset + one.limit
        and one.sections.covers(other.sections)
    )


def _pages(total: int) -> int:
    return -(-total // MAX_LIMIT)


def _characters(asked: ModelsFilter) -> int:
    lists = (getattr(asked, name) for name in asked.__struct_fields__)
    return sum(
        len(value) + 1
        for values in lists
        if isinstance(values, tuple)
        for value in values
        if isinstance(value, str)
    )
