"""Records of prices as the upstream lists them; amounts are exact decimals."""

import decimal
import enum
from typing import Final

import msgspec

_SIGNIFICANT_DIGITS: Final = 15
"""A binary double holds no more; further digits that the upstream prints are noise."""

_ROUNDING: Final = decimal.Context(prec=_SIGNIFICANT_DIGITS)
_MAX_CHARACTERS: Final = 64
_MAX_EXPONENT: Final = 30


class PriceListKind(enum.Enum):
    """Meaning of a list of prices.

    STANDARD: prices of a call without special terms. OTHER: another tier, such as batch;
    the upstream does not name it. FLOOR: not what a call costs, but the lowest price of
    each meter over all tiers, conditions and hours.
    """

    STANDARD = "standard"
    OTHER = "other"
    FLOOR = "floor"


class PriceCondition(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """A condition that a request must meet for a price to apply.

    Attributes:
        parameter: Name of the request's property, such as `input_tokens`.
        operator: The upstream's word: `eq`, `in`, `lt`, `lte`, `gt`, `gte`.
        values: Values to compare with, as text; several for `in`.
        group: Conditions of the same group are combined with AND, groups with OR. Together,
            the conditions without a group (None) form one group.
    """

    parameter: str
    operator: str
    values: tuple[str, ...] = ()
    group: int | None = None


class PriceWindow(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Hours of the day in which another amount applies.

    Attributes:
        label: The upstream's word, such as `peak`; None when it gives none.
        start: First minute, `HH:MM`.
        end: First minute after the window, `HH:MM`; on the next day if not after `start`.
        time_zone: Name of the zone, such as `UTC`.
        amount: The amount that applies instead of that of the price.
    """

    label: str | None = None
    start: str
    end: str
    time_zone: str = "UTC"
    amount: decimal.Decimal


class Price(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One price.

    Attributes:
        meter: What is counted, such as `input_text_tokens`.
        unit: Unit of the meter, such as `token`, `image`, `second`.
        unit_size: Number of units that the amount is for.
        amount: Amount of money, at most 15 significant digits.
        currency: ISO 4217 code.
        conditions: Conditions for the price to apply; empty if it always applies.
        windows: Hours with another amount; empty if there are none.
    """

    meter: str
    unit: str
    unit_size: int
    amount: decimal.Decimal
    currency: str
    conditions: tuple[PriceCondition, ...] = ()
    windows: tuple[PriceWindow, ...] = ()


class PriceList(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Prices that belong together.

    Attributes:
        kind: Meaning of the list.
        prices: In the upstream's order.
    """

    kind: PriceListKind
    prices: tuple[Price, ...]


class ListedPrices(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """One list of the upstream's table of prices.

    The same provider, model and endpoint may have several lists, one for each service tier.
    The upstream does not print the names of the tiers, so their order in the table matters.

    Attributes:
        provider_id: Id of the provider.
        model_id: Id of the model.
        endpoint_id: Id of the endpoint, as the upstream names it in this table.
        prices: In the upstream's order.
    """

    provider_id: str
    model_id: str
    endpoint_id: str
    prices: tuple[Price, ...] = ()


def parse_amount(value: str | float) -> decimal.Decimal | None:
    """Read an amount of money without binary noise: `0.9500000000000001` is 0.95.

    Returns:
        The amount with at most 15 significant digits, without trailing zeros. None if the
        value is not a number, is negative, or is implausibly large or small.
    """
    text = str(value).strip()
    if len(text) > _MAX_CHARACTERS or "_" in text:
        return None
    try:
        amount = _ROUNDING.create_decimal(text)
    except decimal.InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0 or abs(amount.adjusted()) > _MAX_EXPONENT:
        return None
    amount = amount.normalize(_ROUNDING)
    # Whole amounts are written without an exponent, and zero has a single form.
    return (
        amount.quantize(decimal.Decimal(1))
        if amount == amount.to_integral()
        else amount
    )
