"""Lists of models as fields request them, and the loaded slices of these lists."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import msgspec

from catalograph.cache.entries import Entry
from catalograph.catalogue.endpoint_groups import may_mean_others
from catalograph.catalogue.filter import ModelsFilter, Values
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.query import (
    ModelsOrder,
    ModelsPage,
    ModelsQuery,
    Sections,
)
from catalograph.catalogue.records import Model
from catalograph.catalogue.selection import Anchor, select
from catalograph.catalogue.side_tables import TableKind
from catalograph.upstream.versions import Dialect

MAX_FILTER_CHARACTERS = 3_000
"""Maximum length of all filter values in a request line; the index answers longer filters."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The requested part of a list.

    Attributes:
        limit: Maximum number of models, 1 to 250.
        offset: Models to skip from the start; None when paging by cursor.
        after: Anchor of the model before the slice; None means from the start.
        before: Anchor of the model after the slice; None means to the end.
        from_end: Whether the last `limit` models between the anchors are requested, instead
            of the first.
    """

    limit: int
    offset: int | None = None
    after: Anchor | None = None
    before: Anchor | None = None
    from_end: bool = False

    @property
    def page_offset(self) -> int | None:
        """Offset of this slice for the upstream; None if it has no fixed offset."""
        if self.offset is not None:
            return self.offset
        return None if self.after or self.before or self.from_end else 0


class ModelsRequest(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A list of models as a field requests it.

    Attributes:
        filter: The filter.
        part: The requested slice of the list.
        search: Search text; None means no search.
        order: None means best match first if there is a search, else catalogue order.
        sections: Sections of models that the selection below the list needs.
        needs_index: Whether a field below the list can only be answered from the index.
        tables: Side tables that the selection below the list reads from.
        fixed: The facet dimension that a parent object fixes; None at the root.
    """

    filter: ModelsFilter
    part: Slice
    search: str | None = None
    order: ModelsOrder | None = None
    sections: Sections
    needs_index: bool = False
    tables: frozenset[TableKind] = frozenset()
    fixed: str | None = None

    def page_query(self, dialect: Dialect) -> ModelsQuery | None:
        """Build the upstream query that answers this request; None if only the index can.

        Its window may be larger than the slice, see `Dialect.widen`.

        Args:
            dialect: What the version of the upstream can answer.
        """
        offset = self.part.page_offset
        if (
            offset is None
            or self.needs_index
            # Values of side tables are added only to the records of the index.
            or self.tables & dialect.tables
            or self.search is not None
            or self.order is not None
            or _characters(self.filter) > MAX_FILTER_CHARACTERS
        ):
            return None
        query = ModelsQuery(
            filter=self.filter,
            limit=self.part.limit,
            offset=offset,
            sections=self.sections,
        )
        return dialect.widen(query) if dialect.can_ask(query) else None


def resolve_names(request: ModelsRequest, index: CatalogueIndex) -> ModelsRequest:
    """Replace the names in a filter by ids of the catalogue.

    Endpoints are resolved by their groups, models by their aliases. Unknown names stay.
    """
    asked = request.filter
    changes = {
        field: _expand(getattr(asked, field), index.resolve_endpoint)
        for field in ("endpoints", "exclude_endpoints")
        if getattr(asked, field)
    }
    if asked.model_ids:
        changes["model_ids"] = _expand(asked.model_ids, index.resolve_model_id)
    if all(getattr(asked, field) == values for field, values in changes.items()):
        return request
    return msgspec.structs.replace(
        request, filter=msgspec.structs.replace(asked, **changes)
    )


def has_names_to_resolve(asked: ModelsFilter) -> bool:
    """Whether the filter contains a name that only the index can resolve.

    A single endpoint, or models by id, can be sent to the upstream unresolved: the answer
    shows whether the upstream knows the name, see `may_lack_names`.
    """
    return (
        len(asked.endpoints) > 1 and may_mean_others(asked.endpoints)
    ) or may_mean_others(asked.exclude_endpoints)


def may_lack_names(asked: ModelsFilter, page: ModelsPage) -> bool:
    """Whether a list may lack models because the upstream does not know a name."""
    return page.total < len(asked.model_ids) or (
        not page.total and may_mean_others(asked.endpoints)
    )


def _expand(
    names: Values, resolve: Callable[[str], tuple[str, ...]]
) -> tuple[str | None, ...]:
    found = {one for name in names if name is not None for one in resolve(name)}
    nothing = (None,) if None in names else ()
    return (*sorted(found), *nothing)


class Listing:
    """A loaded slice of a list of models.

    Attributes:
        request: The request that it answers.
        models: The models of the slice.
        offset: Place of its first model in the list, from 0.
        end: Place after its last model.
        total: Number of models in the whole list.
    """

    __slots__ = ("end", "models", "offset", "request", "total")

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
        self.end = offset + len(models)
        self.total = total

    @abstractmethod
    def find_anchor(self, place: int) -> Anchor:
        """Build the anchor of `models[place]`, for its cursor."""


class PageListing(Listing):
    """A slice that the upstream answered.

    Args:
        request: The request that it answers.
        models: The models of the slice, see `cut`.
        entry: The cached page that contains the slice.

    Attributes:
        stale_as_of_s: Unix time of the page if it is past its stale age because the upstream
            failed; None otherwise.
    """

    __slots__ = ("stale_as_of_s",)

    def __init__(
        self,
        request: ModelsRequest,
        models: Sequence[Model],
        *,
        entry: Entry[ModelsPage],
    ) -> None:
        offset = request.part.page_offset or 0
        page = entry.value
        # The upstream may count fewer models than it lists.
        listed = page.offset + len(page.models) if page.models else 0
        total = max(page.total, listed)
        super().__init__(request, models=models, offset=offset, total=total)
        # Unreadable rows are missing from the models, but still count in the list.
        self.end = min(offset + request.part.limit, self.total)
        self.stale_as_of_s = entry.as_of_s if entry.failed else None

    def find_anchor(self, place: int) -> Anchor:
        """Build the anchor; a list of the upstream is in catalogue order, by day and name."""
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
        request = resolve_names(request, index)
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
            # An offset past the end is returned as it was requested, as the upstream does.
            offset=start if part.offset is None else part.offset,
            total=selection.total,
        )
        self._selection = selection

    def find_anchor(self, place: int) -> Anchor:
        """Build the anchor for the order of this list."""
        return self._selection.anchor(self.offset + place)


def cut(request: ModelsRequest, page: ModelsPage) -> Sequence[Model]:
    """Cut the slice of a request out of a page that contains it."""
    skipped = (request.part.page_offset or 0) - page.offset
    return page.models[skipped : skipped + request.part.limit]


def _characters(asked: ModelsFilter) -> int:
    lists = (getattr(asked, name) for name in asked.used)
    return sum(
        len(value) + 1
        for values in lists
        if isinstance(values, tuple)
        for value in values
        if isinstance(value, str)
    )
