"""Orders of the catalogue, and the place at which a removed model would be."""

import datetime
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import cast

from catalograph.catalogue.index import CatalogueIndex, count_days
from catalograph.catalogue.query import ModelsOrder, OrderField

# In the root collation order of Unicode; dashes and quotation marks follow their ASCII forms.
_BEFORE_LETTERS = (
    " _-\N{EN DASH}\N{EM DASH},;:!?\N{HORIZONTAL ELLIPSIS}."
    "'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
    '"\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}'
    "()[]{}@*/\\&#%`^+<=>|~$" + string.digits
)

# Weights lie below the code points of letters. Letters keep their code points: Latin, Greek,
# Cyrillic and Han have the same order in the root collation as in Unicode.
_WEIGHTS = {ord(character): weight for weight, character in enumerate(_BEFORE_LETTERS)}


def collation_key(text: str) -> tuple[str, str]:
    """Build a key that sorts names as the upstream does.

    White space comes before punctuation, punctuation before digits, digits before
    letters. Case does not count; accents count only between names that are equal
    without them. Equal keys do not mean equal texts: break ties by the model id.

    Returns:
        The weights of the base characters, then the accents.
    """
    lowered = text.lower()
    if lowered.isascii():
        return lowered.translate(_WEIGHTS), ""
    bases: list[str] = []
    accents: list[str] = []
    for character in unicodedata.normalize("NFD", lowered):
        is_accent = unicodedata.combining(character)
        accents.append(character if is_accent else " ")
        if not is_accent:
            bases.append(character)
    return "".join(bases).translate(_WEIGHTS), "".join(accents).rstrip()


OrderValue = datetime.date | str | tuple[str, str] | int | Decimal

_NUMBERS: Mapping[
    OrderField, Callable[[CatalogueIndex], Sequence[int | Decimal | None]]
] = {
    OrderField.INPUT_PRICE: lambda index: index.prices.inputs,
    OrderField.OUTPUT_PRICE: lambda index: index.prices.outputs,
    OrderField.MAX_INPUT_TOKENS: lambda index: [
        model.max_input_tokens for model in index.models
    ],
    OrderField.MAX_OUTPUT_TOKENS: lambda index: [
        model.max_output_tokens for model in index.models
    ],
}
"""Orders by a number, each with a function that gives the number by position."""

PRICE_ORDERS = frozenset({OrderField.INPUT_PRICE, OrderField.OUTPUT_PRICE})


def find_numbers(
    index: CatalogueIndex, field: OrderField
) -> Sequence[int | Decimal | None]:
    """Give the sort numbers of an order by position; empty for an order without numbers."""
    read = _NUMBERS.get(field)
    return () if read is None else read(index)


def read_order_value(
    field: OrderField,
    *,
    model_id: str,
    name: str | None,
    date: datetime.date | None,
    number: int | Decimal | None = None,
) -> OrderValue | None:
    """Give the sort value of a model; `date` is its release date."""
    if field is OrderField.MODEL_ID:
        return model_id
    if field is OrderField.NAME:
        return None if name is None else collation_key(name)
    return number if field in _NUMBERS else date


def find_order(index: CatalogueIndex, order: ModelsOrder) -> Sequence[int]:
    """List all positions of the catalogue in an order; cached after the first call."""
    found = index.orders.get(order)
    if found is None:
        found = index.orders[order] = _build_order(index, order)
    return found


def _build_order(index: CatalogueIndex, order: ModelsOrder) -> Sequence[int]:
    models = index.models
    values: Sequence[OrderValue | None] = find_numbers(index, order.field) or [
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
    # Sorting is stable, also in reverse: ties stay ordered by id.
    with_value.sort(
        key=cast("Callable[[int], str]", values.__getitem__), reverse=order.descending
    )
    return [*with_value, *(p for p in by_id if values[p] is None)]


def sorts_after(
    order: ModelsOrder,
    this: tuple[OrderValue | None, str],
    other: tuple[OrderValue | None, str],
) -> bool:
    """Whether one model comes after another; each is a pair of sort value and id."""
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
    Its comparison of names is known only approximately, so no single neighbour decides:
    the gap is the place with the fewest models on the wrong side.

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
