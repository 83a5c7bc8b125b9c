"""Orders of the catalogue, and the position at which a removed model would be."""

import datetime
from bisect import bisect_left
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import accumulate

from catalograph.catalogue.collation import collation_key
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.postings import (
    Ranked,
    build_flags,
    build_listing_key,
    build_mask,
)
from catalograph.catalogue.query import ModelsOrder, OrderField

OrderValue = datetime.date | str | tuple[str, str] | int | Decimal

_RANKED: Mapping[OrderField, Callable[[CatalogueIndex], Ranked]] = {
    OrderField.RELEASE_DATE: lambda index: index.postings.released,
    OrderField.NAME: lambda index: index.postings.names,
    OrderField.MODEL_ID: lambda index: index.postings.ids,
    OrderField.INPUT_PRICE: lambda index: index.prices.input,
    OrderField.OUTPUT_PRICE: lambda index: index.prices.output,
    OrderField.MAX_INPUT_TOKENS: lambda index: index.postings.input_tokens,
    OrderField.MAX_OUTPUT_TOKENS: lambda index: index.postings.output_tokens,
}

PRICE_ORDERS = frozenset({OrderField.INPUT_PRICE, OrderField.OUTPUT_PRICE})

NUMBER_ORDERS = PRICE_ORDERS | {
    OrderField.MAX_INPUT_TOKENS,
    OrderField.MAX_OUTPUT_TOKENS,
}


def find_ranked(index: CatalogueIndex, field: OrderField) -> Ranked:
    """Find all models, ranked by an order field."""
    return _RANKED[field](index)


def sorts_after(
    order: ModelsOrder,
    this: tuple[OrderValue | None, str],
    other: tuple[OrderValue | None, str],
) -> bool:
    """Whether one model comes after another; each is a pair of sort value and model id."""
    (value, model_id), (other_value, other_id) = this, other
    if value == other_value:
        return model_id > other_id
    if value is None or other_value is None:
        return value is None
    # Both values have the same type, that of the field.
    return (value > other_value) != order.descending  # type: ignore[operator]


def find_gap(
    index: CatalogueIndex,
    *,
    date: datetime.date | None,
    name: str | None,
    model_id: str,
) -> int:
    """Find the former place of a removed model in catalogue order.

    The upstream orders by day, newest first and undated last, then by name, then by id.
    How it compares names is known only approximately, so a single neighbour could mislead.
    The gap is the place with the fewest models on the wrong side.

    Returns:
        The position of the first model after the gap; the size of the catalogue if the gap
        is at the end.
    """
    listing = index.postings.listing
    key = build_listing_key(date, None if name is None else collation_key(name))
    before = bisect_left(
        listing.rising,
        (key, model_id),
        key=lambda at: (listing.values[at], index.models[at].model_id),
    )
    size = len(index.models)
    # +1 for each model that belongs before the gap, -1 for each that belongs behind it.
    flags = build_flags(build_mask(listing.rising[:before], size), size)
    votes = [1 if is_before else -1 for is_before in flags]
    balances = list(accumulate(votes, initial=0))
    return balances.index(max(balances))
