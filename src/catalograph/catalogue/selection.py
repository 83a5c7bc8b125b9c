"""Lists of models from the index: filter, search and order, then windows and cursors."""

import datetime
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import chain, compress, islice, repeat
from operator import neg
from typing import cast

import msgspec

from catalograph.catalogue.collation import collation_key
from catalograph.catalogue.facets import FacetCount, Facets, count_facets
from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.matching import find_matches, match_filter, match_search
from catalograph.catalogue.ordering import (
    NUMBER_ORDERS,
    OrderValue,
    find_gap,
    find_ranked,
    sorts_after,
)
from catalograph.catalogue.postings import build_flags, find_positions
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import Model
from catalograph.catalogue.search import Matches, parse_search
from catalograph.catalogue.suggestion import UnknownValue, find_unknown_values

__all__ = [
    "Anchor",
    "FacetCount",
    "Facets",
    "Selection",
    "UnknownValue",
    "build_anchor",
    "count_facets",
    "find_unknown_values",
    "select",
]


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a cursor: enough to find a place in a list after the model is gone.

    Attributes:
        offset: Place of the model in the list, from 0; for an upstream that only knows
            offsets.
        model_id: Id of the model.
        date: Listing date of the model; its release date in a list ordered by release date.
        name: Name of the model.
        score: Points of the match; None in a list without search.
        number: Sort value in a list ordered by a number, such as the price; None otherwise.
    """

    offset: int
    model_id: str
    date: datetime.date | None = None
    name: str | None = None
    score: int | None = None
    number: Decimal | None = None


def build_anchor(
    model: Model,
    offset: int,
    *,
    order: ModelsOrder | None = None,
    score: int | None = None,
    number: int | Decimal | None = None,
) -> Anchor:
    """Build the anchor of `model` in a list with this order."""
    is_by_release = order is not None and order.field is OrderField.RELEASE_DATE
    return Anchor(
        offset=offset,
        model_id=model.model_id,
        date=model.release_date if is_by_release else model.listing_date,
        name=model.name,
        score=score,
        number=None if number is None else Decimal(number),
    )


class Selection:
    """One list of models: its members and their order.

    Args:
        index: The catalogue.
        mask: The models of the list, as a set of positions.
        order: None means best match first if there is a search, else catalogue order.
        matches: Points of the models; None without a search.

    Attributes:
        total: Number of members.
    """

    def __init__(
        self,
        index: CatalogueIndex,
        mask: int,
        *,
        order: ModelsOrder | None = None,
        matches: Matches | None = None,
    ) -> None:
        self._index = index
        self._mask = mask
        self._order = order
        self._matches = matches
        self.total = mask.bit_count()

    @cached_property
    def positions(self) -> Sequence[int]:
        """Positions in the catalogue, in the order of this list."""
        return array("I", self._iterate())

    def window(self, offset: int, limit: int) -> tuple[Model, ...]:
        """Return up to `limit` models from `offset` on; none beyond the end."""
        if offset >= self.total:
            return ()
        models = self._index.models
        if "positions" in self.__dict__:
            chosen: Iterable[int] = self.positions[offset : offset + limit]
        else:
            # The first pages of a long list do not need all of its positions.
            chosen = islice(self._iterate(), offset, offset + limit)
        return tuple(models[position] for position in chosen)

    def _iterate(self) -> Iterator[int]:
        """Yield the positions in the order of this list."""
        if self._order is not None:
            ranked = find_ranked(self._index, self._order.field)
            everything = ranked.falling if self._order.descending else ranked.rising
            flags = build_flags(self._mask, len(everything))
            return compress(everything, map(flags.__getitem__, everything))
        if self._matches is not None:
            groups = (find_positions(mask & self._mask) for _, mask in self._matches)
            return chain.from_iterable(groups)
        return iter(find_positions(self._mask))

    def anchor(self, place: int) -> Anchor:
        """Build the anchor of the member at `place`.

        Raises:
            IndexError: There is no such place.
        """
        position = self.positions[place]
        model = self._index.models[position]
        number = None
        if self._order is not None and self._order.field in NUMBER_ORDERS:
            number = find_ranked(self._index, self._order.field).values[position]
        is_ranked = self._order is None and self._matches is not None
        score = self._scores[place] if is_ranked else None
        return build_anchor(model, place, order=self._order, score=score, number=number)

    def find_place(self, anchor: Anchor) -> tuple[int, bool]:
        """Find the place of an anchor in this list.

        Returns:
            The place of its model and True, if the model is in the list and its sort value
            has not changed. Otherwise the place of the first model after the former place
            (`total` if there is none) and False.
        """
        if self._order is not None:
            return self._find_ordered_place(anchor, self._order)
        if self._matches is None:
            return self._find_listed_place(anchor, 0, self.total)
        # Models with the same score are in catalogue order.
        score = -(anchor.score or 0)
        first = bisect_left(self._scores, score, key=neg)
        last = bisect_right(self._scores, score, key=neg)
        return self._find_listed_place(anchor, first, last)

    @cached_property
    def _scores(self) -> Sequence[int]:
        """Points of the models, in list order; empty without a search."""
        groups = (
            repeat(points, (mask & self._mask).bit_count())
            for points, mask in self._matches or ()
        )
        return array("I", chain.from_iterable(groups))

    def _find_listed_place(
        self, anchor: Anchor, first: int, last: int
    ) -> tuple[int, bool]:
        """Find the place of an anchor in the part of the list from `first` to `last`.

        That part must be in catalogue order.
        """
        position = self._index.find_position(anchor.model_id)
        if position is not None:
            model = self._index.models[position]
            if (model.listing_date, model.name) != (anchor.date, anchor.name):
                position = None
        if position is None:
            is_known = False
            position = find_gap(
                self._index,
                date=anchor.date,
                name=anchor.name,
                model_id=anchor.model_id,
            )
        else:
            is_known = True
        place = bisect_left(self.positions, position, first, last)
        is_here = place < last and self.positions[place] == position
        return place, is_known and is_here

    def _find_ordered_place(
        self, anchor: Anchor, order: ModelsOrder
    ) -> tuple[int, bool]:
        models = self._index.models
        values = find_ranked(self._index, order.field).values
        sought = (_read_sort_value(anchor, order.field), anchor.model_id)

        def read(position: int) -> tuple[OrderValue | None, str]:
            return values[position], models[position].model_id

        place = bisect_left(
            range(self.total),
            1,  # the first place whose model sorts after the anchor
            key=lambda i: sorts_after(order, read(self.positions[i]), sought),
        )
        if place and read(self.positions[place - 1]) == sought:
            return place - 1, True
        return place, False


def _read_sort_value(anchor: Anchor, field: OrderField) -> OrderValue | None:
    if field is OrderField.MODEL_ID:
        return anchor.model_id
    if field is OrderField.NAME:
        return None if anchor.name is None else collation_key(anchor.name)
    return anchor.number if field in NUMBER_ORDERS else anchor.date


def select(
    index: CatalogueIndex,
    filter: ModelsFilter,  # noqa: A002 - the word of the contract
    *,
    search: str | None = None,
    order: ModelsOrder | None = None,
) -> Selection:
    """Select the models that match a filter and a search, in an order.

    Args:
        index: The catalogue.
        filter: Which models.
        search: See `search.py`; None or blank: no search.
        order: None for catalogue order, or best match first where there is a search.
    """
    # The key holds the parsed search, so that searches with equal words share an entry.
    key = (filter, parse_search(search), order)
    selection = index.recent.get(key)
    if selection is None:
        mask = match_filter(index, filter) & match_search(index, search)
        matches = find_matches(index, search)
        selection = Selection(index, mask, order=order, matches=matches)
        index.recent.put(key, selection)
    return cast("Selection", selection)
