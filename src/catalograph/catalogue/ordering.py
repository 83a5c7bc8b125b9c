"""Orders of the catalogue: what sorts after what, and where a lost model would stand."""

import datetime
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import cast

from catalograph.catalogue.collation import collation_key
from catalograph.catalogue.index import CatalogueIndex, count_days
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import Model

OrderValue = datetime.date | str | tuple[str, str]


def read_order_value(
    field: OrderField, *, model_id: str, name: str | None, date: datetime.date | None
) -> OrderValue | None:
    """Give what a model is ordered by; `date` is its release date."""
    if field is OrderField.MODEL_ID:
        return model_id
    if field is OrderField.NAME:
        return None if name is None else collation_key(name)
    return date


def find_order(index: CatalogueIndex, order: ModelsOrder) -> Sequence[int]:
    """List all positions of the catalogue in an order, from memory when asked before."""
    build = partial(_build_order, index.models, order)
    return index.orders.find_or_build(order, build)


def _build_order(models: Sequence[Model], order: ModelsOrder) -> Sequence[int]:
    values = [
        read_order_value(
            order.field,
            model_id=model.model_id,
            name=model.name,
            date=model.release_date,
        )
        for model in models
    ]
    by_id = sorted(
        range(len(models)), key=[model.model_id for model in models].__getitem__
    )
    with_value = [position for position in by_id if values[position] is not None]
    # Sorting keeps the order of equals, also in reverse: ties stay by id.
    with_value.sort(
        key=cast("Callable[[int], str]", values.__getitem__), reverse=order.descending
    )
    return [*with_value, *(p for p in by_id if values[p] is None)]


def sorts_after(
    order: ModelsOrder,
    this: tuple[OrderValue | None, str],
    other: tuple[OrderValue | None, str],
) -> bool:
    """Say whether one model comes after another; each is its order value and its id."""
    (value, model_id), (other_value, other_id) = this, other
    if value == other_value:
        return model_id > other_id
    if value is None or other_value is None:
        return value is None
    # Both are of the one type that the field has.
    return (value > other_value) != order.descending  # type: ignore[operator]


def find_gap(
    index: CatalogueIndex,
    *,
    date: datetime.date | None,
    name: str | None,
    model_id: str,
) -> int:
    """Find where in catalogue order a model stood that is there no longer.

    The upstream orders by day, newest first and undated last, then by name, then by
    id. How it compares names we know only nearly, so no single neighbour is trusted:
    the gap is where the fewest models stand on the wrong side of it.

    Returns:
        The position of the first model after it; the size of the catalogue for none.
    """
    day = count_days(date)
    tie = (collation_key(name or ""), model_id)
    # +1 for each model that belongs before the gap, -1 for each that belongs behind it.
    votes = (
        (1 if other_day < day else -1)
        if other_day != day
        else (1 if (collation_key(model.name or ""), model.model_id) < tie else -1)
        for other_day, model in zip(index.listing_days, index.models, strict=True)
    )
    balances = list(accumulate(votes, initial=0))
    return balances.index(max(balances))
