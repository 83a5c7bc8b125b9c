"""Records of prices as the upstream lists them; amounts are decimals."""

import decimal
import enum
from typing import Final

import msgspec

_SIGNIFICANT_DIGITS: Final = 15
"""As many as a binary double holds; what the upstream prints beyond them is noise."""

_ROUNDING: Final = decimal.Context(prec=_SIGNIFICANT_DIGITS)
_MAX_CHARACTERS: Final = 64
_MAX_EXPONENT: Final = 30


class PriceListKind(enum.Enum):
    """Meaning of a list of prices."""

    STANDARD = "standard"
    OTHER = "other"
    FLOOR = "floor"


class PriceCondition(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """A condition that a request must meet for a price to apply.

    Attributes:
        parameter: Of the request, such as `input_tokens`.
        operator: The upstream's word: `eq`, `in`, `lt`, `lte`, `gt`, `gte`.
        values: Compared with, as text; several for `in`.
        group: All conditions of one group must hold; one group that holds is enough.
            Conditions without a group form a group of their own.
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
        amount: Replaces the amount of the price.
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
        unit: Such as `token`, `image`, `second`.
        unit_size: How many units the amount is for.
        amount: At most 15 significant digits.
        currency: ISO 4217.
        conditions: Under which it applies; empty: always.
        windows: Hours with another amount; empty: none.
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
        prices: Upstream order.
    """

    kind: PriceListKind
    prices: tuple[Price, ...]


class ListedPrices(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """One list of the upstream's table of prices.

    Several may have the same provider, model and endpoint: one for each tier, whose name
    the upstream does not print. They are in the order of the table.

    Attributes:
        provider_id: Id of the provider.
        model_id: Id of the model.
        endpoint_id: Id of the endpoint, as the upstream names it in this table.
        prices: Upstream order.
    """

    provider_id: str
    model_id: str
    endpoint_id: str
    prices: tuple[Price, ...] = ()


def parse_amount(value: str | float) -> decimal.Decimal | None:
    """Read an amount of money without binary noise: `0.9500000000000001` is 0.95.

    Returns:
        At most 15 significant digits, without trailing zeros; None for what is no number,
        negative, or of a size no price has.
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
    # Zero has one form only, and no exponent where a plain number will do.
    return (
        amount.quantize(decimal.Decimal(1))
        if amount == amount.to_integral()
        else amount
    )
