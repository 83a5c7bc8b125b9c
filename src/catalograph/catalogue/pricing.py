"""Computes the cost of a usage: finds the price that applies by list, step and hour.

A step is a range of input tokens with a price of its own: long requests may cost more per
token. Amounts are decimals from the wire to the answer, never floats, and are compared only
within one currency. A price that cannot be interpreted with certainty (unknown operator,
unknown time zone) counts as missing, because no price is better than a wrong one.
"""

import bisect
import copy
import datetime
import math
import operator
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

import msgspec

from catalograph.catalogue.postings import Ranked, build_mask
from catalograph.catalogue.prices import (
    Price,
    PriceCondition,
    PriceList,
    PriceListKind,
    PriceWindow,
)
from catalograph.catalogue.records import Model, Offering

INPUT: Final = "input_text_tokens"
OUTPUT: Final = "output_text_tokens"
CACHED_INPUT: Final = "cached_read_text_tokens"
DOLLARS: Final = "USD"
BATCH: Final = "batch"
"""The endpoint of batch calls. They are answered within a day, so prices are not comparable."""

_MILLION: Final = Decimal(1_000_000)
_DAY_S: Final = 86_400
_CONDITION_ON_INPUT: Final = "input_tokens"

_OPERATORS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    "eq": operator.eq,
    "in": operator.eq,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}

# Amounts have at most 15 digits and quantities 10, so 60 digits make all results exact.
_EXACT: Final = Context(prec=60)
_ROUNDED: Final = Context(prec=15)


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The usage whose cost is requested.

    Attributes:
        input_tokens: All input tokens, including cached ones.
        cached_input_tokens: Input tokens that the provider reads from its cache.
        output_tokens: Tokens that the model generates.
        at: Time of the call, with time zone.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    at: datetime.datetime


class CostPart(msgspec.Struct, frozen=True):
    """Cost of one meter: `quantity` units cost `amount`."""

    meter: str
    quantity: int
    amount: Decimal


class Cost(msgspec.Struct, frozen=True):
    """Cost of a usage; `amount` is exactly the sum of the parts."""

    amount: Decimal
    currency: str
    parts: tuple[CostPart, ...]


class TokenPrices(msgspec.Struct, frozen=True):
    """The standard prices of an offering at one moment, at the lowest step.

    Attributes:
        input: Price of a million input text tokens; None when there is no such price.
        output: Price of a million output text tokens; None when there is no such price.
        currency: ISO 4217 code of both; None when there is neither.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    currency: str | None = None

    @property
    def is_free(self) -> bool:
        """Whether both prices are known and zero."""
        return self.input == 0 and self.output == 0


NO_PRICES: Final = TokenPrices()


def normalise(amount: Decimal) -> Decimal:
    """Drop trailing zeros and the sign of zero."""
    return amount.normalize(_EXACT) if amount else Decimal(0)


def format_amount(amount: Decimal) -> str:
    """Write an amount in plain notation, without exponent and trailing zeros."""
    return format(normalise(amount), "f")


def find_standard(offering: Offering) -> Sequence[Price]:
    """Find the standard prices of an offering; empty if it has no standard list."""
    lists: Sequence[PriceList] = offering.price_lists
    for one in lists:
        if one.kind is PriceListKind.STANDARD:
            return one.prices
    return ()


def list_compared(model: Model) -> list[Offering]:
    """List the offerings whose prices are compared: all routable ones except batch."""
    offerings = () if model.gateway is None else model.gateway.offerings
    return [
        one
        for one in offerings
        if one.is_routable and one.endpoint.endpoint_id != BATCH
    ]


def find_model_prices(model: Model, at: datetime.datetime) -> TokenPrices:
    """Find the lowest standard input and output prices of a model in US dollars.

    The two prices are independent, and may come from different offerings.
    """
    found = [
        find_token_prices(find_standard(offering), at)
        for offering in list_compared(model)
    ]
    dollars = [one for one in found if one.currency == DOLLARS]
    if not dollars:
        return NO_PRICES
    return TokenPrices(
        min((one.input for one in dollars if one.input is not None), default=None),
        min((one.output for one in dollars if one.output is not None), default=None),
        DOLLARS,
    )


def is_free(model: Model, at: datetime.datetime) -> bool:
    """Whether a compared offering has input and output prices of zero."""
    return any(
        find_token_prices(find_standard(offering), at).is_free
        for offering in list_compared(model)
    )


def find_cheapest(model: Model, usage: Usage, currency: str) -> Offering | None:
    """Find the cheapest offering for a usage; None if no offering has a known cost.

    Of equally cheap offerings, the first one wins.
    """
    best: tuple[Decimal, Offering] | None = None
    for offering in list_compared(model):
        cost = find_cost(find_standard(offering), usage)
        if cost is None or cost.currency != currency:
            continue
        if best is None or cost.amount < best[0]:
            best = cost.amount, offering
    return None if best is None else best[1]


def find_token_prices(prices: Sequence[Price], at: datetime.datetime) -> TokenPrices:
    """Find the prices of a million text tokens at the lowest step of a list.

    Returns:
        `NO_PRICES` if input and output are priced in different currencies.
    """
    found = [_find_lowest(prices, meter) for meter in (INPUT, OUTPUT)]
    currencies = {price.currency for price in found if price is not None}
    if len(currencies) != 1:
        return NO_PRICES
    amounts = [None if price is None else _per_million(price, at) for price in found]
    return TokenPrices(amounts[0], amounts[1], currencies.pop())


def find_cost(prices: Sequence[Price], usage: Usage) -> Cost | None:
    """Compute the cost of a usage by a list of prices.

    The number of all input tokens decides the step. Cached tokens without a price of their
    own cost as much as other input tokens.

    Returns:
        None if a part of the usage has no price, if the parts are priced in different
        currencies, or if nothing is used and nothing is priced.
    """
    step = usage.input_tokens
    cached_price = (
        _find_step(prices, CACHED_INPUT, step) if usage.cached_input_tokens else None
    )
    # Without a price of their own, cached tokens are billed as other input tokens.
    cached = 0 if cached_price is None else usage.cached_input_tokens
    wanted = (
        (usage.input_tokens - cached, _find_step(prices, INPUT, step)),
        (cached, cached_price),
        (usage.output_tokens, _find_step(prices, OUTPUT, step)),
    )
    used = [(quantity, price) for quantity, price in wanted if quantity]
    parts: list[CostPart] = []
    for quantity, price in used:
        amount = None if price is None else find_amount(price, usage.at)
        if price is None or amount is None:
            return None
        parts.append(
            CostPart(price.meter, quantity, _multiply(amount, quantity, price))
        )
    # An empty usage costs 0, in the currency of the prices that it would use.
    currencies = {price.currency for _, price in used or wanted if price is not None}
    if len(currencies) != 1:
        return None
    total = Decimal(0)
    for part in parts:
        total = _EXACT.add(total, part.amount)
    return Cost(normalise(total), currencies.pop(), tuple(parts))


def find_amount(price: Price, at: datetime.datetime) -> Decimal | None:
    """Find the amount of a price at a moment; None if a window cannot be interpreted."""
    for window in price.windows:
        holds = _is_within(window, at)
        if holds is None:
            return None
        if holds:
            return window.amount
    return price.amount


class PricePostings:
    """Prices of all models at one moment, for filters and orders.

    Args:
        models: In catalogue order.
        at: The moment.
        by_id: All positions in the order of model ids.

    Attributes:
        input: Models ranked by input price, in US dollars per million text tokens.
        output: Models ranked by output price, in US dollars per million text tokens.
    """

    def __init__(
        self, models: Sequence[Model], at: datetime.datetime, by_id: Sequence[int]
    ) -> None:
        self._models = models
        self._by_id = by_id
        self._windows = list_windows(models)
        # Only prices with windows change from hour to hour.
        self._windowed = [
            position
            for position, model in enumerate(models if self._windows else ())
            if list_windows((model,))
        ]
        self._free: set[int] = set()
        self.input: Ranked
        self.output: Ranked
        nothing = [None] * len(models)
        self._set(range(len(models)), at, nothing, nothing)

    def _set(
        self,
        positions: Iterable[int],
        at: datetime.datetime,
        inputs: Sequence[Decimal | None],
        outputs: Sequence[Decimal | None],
    ) -> None:
        """Compute the prices of some positions; all others are taken from the arguments."""
        inputs, outputs = [*inputs], [*outputs]
        self._at = at
        self._open = find_open_windows(self._windows, at)
        for position in positions:
            model = self._models[position]
            prices = find_model_prices(model, at)
            inputs[position] = prices.input
            outputs[position] = prices.output
            self._free.discard(position)
            if is_free(model, at):
                self._free.add(position)
        self.input = Ranked(inputs, self._by_id)
        self.output = Ranked(outputs, self._by_id)
        self._free_mask = build_mask(self._free, len(self._models))

    def holds_at(self, at: datetime.datetime) -> bool:
        """Whether all prices are the same at another moment."""
        return not self._windows or self.find_open(at) == self._open

    def find_open(self, at: datetime.datetime) -> tuple[bool | None, ...]:
        """Find which price windows are open; as long as they are the same, so are all prices."""
        return find_open_windows(self._windows, at)

    def find_seconds_left(self, at: datetime.datetime) -> float:
        """Count the seconds for which prices stay the same; infinite without windows."""
        return min((_count_seconds(one, at) for one in self._windows), default=math.inf)

    def list_of_a_day(
        self, at_most: int
    ) -> Mapping[tuple[bool | None, ...], "PricePostings"]:
        """Build the prices of the next 24 hours, by open windows.

        Args:
            at_most: Maximum number of states; further ones are left out.
        """
        states = {self._open: self}
        at, until = self._at, self._at + datetime.timedelta(days=1)
        while len(states) < at_most and at < until:
            seconds = self.find_seconds_left(at)
            if seconds == math.inf:
                break
            at += datetime.timedelta(seconds=seconds)
            key = self.find_open(at)
            if key not in states:
                states[key] = self.move_to(at)
        return states

    def move_to(self, at: datetime.datetime) -> "PricePostings":
        """Return the prices at another moment; only models with windows are recomputed."""
        moved = copy.copy(self)
        moved._free = set(self._free)  # noqa: SLF001 - its own
        moved._set(  # noqa: SLF001 - its own
            self._windowed, at, self.input.values, self.output.values
        )
        return moved

    def match_free(self, *, is_free: bool) -> int:
        """Find the models that are free, or those that are not."""
        everything = (1 << len(self._models)) - 1
        return self._free_mask if is_free else everything & ~self._free_mask


def list_windows(models: Iterable[Model]) -> tuple[PriceWindow, ...]:
    """List the windows of all standard prices, one for each distinct span of time."""
    windows: dict[tuple[str, str, str], PriceWindow] = {}
    for model in models:
        for offering in () if model.gateway is None else model.gateway.offerings:
            for price in find_standard(offering):
                for window in price.windows:
                    span = (window.start, window.end, window.time_zone)
                    windows.setdefault(span, window)
    return tuple(windows.values())


def find_open_windows(
    windows: Sequence[PriceWindow], at: datetime.datetime
) -> tuple[bool | None, ...]:
    """Find which windows are open; None for a window that cannot be interpreted."""
    return tuple(_is_within(window, at) for window in windows)


def _multiply(amount: Decimal, quantity: int, price: Price) -> Decimal:
    product = _EXACT.multiply(amount, Decimal(quantity))
    return normalise(_EXACT.divide(product, Decimal(price.unit_size)))


def _per_million(price: Price, at: datetime.datetime) -> Decimal | None:
    amount = find_amount(price, at)
    if amount is None:
        return None
    return normalise(
        _ROUNDED.divide(_EXACT.multiply(amount, _MILLION), Decimal(price.unit_size))
    )


def _find_lowest(prices: Sequence[Price], meter: str) -> Price | None:
    """Find the price of the lowest step of a meter; of several, the first one."""
    best: tuple[Decimal, Price] | None = None
    for price in prices:
        if price.meter != meter or not _is_by_input_alone(price):
            continue
        start = _find_start(price.conditions)
        if start is not None and (best is None or start < best[0]):
            best = start, price
    return None if best is None else best[1]


def _find_step(prices: Sequence[Price], meter: str, tokens: int) -> Price | None:
    """Find the first price of a meter that applies to this number of input tokens."""
    for price in prices:
        if (
            price.meter == meter
            and _is_by_input_alone(price)
            and _holds(price.conditions, tokens)
        ):
            return price
    return None


def _is_by_input_alone(price: Price) -> bool:
    return all(one.parameter == _CONDITION_ON_INPUT for one in price.conditions)


def _group(
    conditions: Iterable[PriceCondition],
) -> Iterable[Sequence[PriceCondition]]:
    groups: dict[int | None, list[PriceCondition]] = {}
    for condition in conditions:
        groups.setdefault(condition.group, []).append(condition)
    return groups.values()


def _holds(conditions: Sequence[PriceCondition], tokens: int) -> bool:
    if not conditions:
        return True
    return any(
        all(_compare(condition, tokens) for condition in group)
        for group in _group(conditions)
    )


def _compare(condition: PriceCondition, tokens: int) -> bool:
    """Whether a condition holds; False if it cannot be interpreted."""
    bounds = _parse_bounds(condition)
    compare = _OPERATORS.get(condition.operator)
    if not bounds or compare is None:
        return False
    return any(compare(Decimal(tokens), bound) for bound in bounds)


def _parse_bounds(condition: PriceCondition) -> list[Decimal]:
    """Parse the numbers of a condition on tokens; empty if any is not a number."""
    values = [_parse_number(value) for value in condition.values]
    bounds = [value for value in values if value is not None]
    return bounds if len(bounds) == len(values) else []


def _find_start(conditions: Sequence[PriceCondition]) -> Decimal | None:
    """Find the smallest number of input tokens at which a price applies; None if unknown."""
    if not conditions:
        return Decimal(0)
    starts = [_find_group_start(group) for group in _group(conditions)]
    return min((start for start in starts if start is not None), default=None)


def _find_group_start(group: Sequence[PriceCondition]) -> Decimal | None:
    start = Decimal(0)
    for condition in group:
        bounds = _parse_bounds(condition)
        if not bounds or condition.operator not in _OPERATORS:
            return None
        # Tokens are whole numbers: more than n means n + 1.
        if condition.operator == "gt":
            start = max(start, min(bounds) + 1)
        elif condition.operator not in {"lt", "lte"}:
            start = max(start, min(bounds))
    return start


@lru_cache(maxsize=1_024)
def _parse_number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_within(window: PriceWindow, at: datetime.datetime) -> bool | None:
    """Whether a window is open; None if it cannot be interpreted."""
    start, end = _parse_minutes(window.start), _parse_minutes(window.end)
    zone = _find_zone(window.time_zone)
    if start is None or end is None or zone is None:
        return None
    try:
        local = at.astimezone(zone)
    except OverflowError:  # at an end of the calendar
        return None
    now = local.hour * 60 + local.minute
    if start <= end:
        return start <= now < end
    # The window continues past midnight.
    return now >= start or now < end


def _count_seconds(window: PriceWindow, at: datetime.datetime) -> float:
    """Count the seconds until a window may open or close next; infinite if it never does.

    A change to or from daylight saving time counts as well, because it moves the window.
    """
    zone = _find_zone(window.time_zone)
    bounds = [_parse_minutes(text) for text in (window.start, window.end)]
    if zone is None or None in bounds:
        return math.inf
    local = at.astimezone(zone)
    now_s = local.hour * 3_600 + local.minute * 60 + local.second
    seconds = min((60 * (one or 0) - now_s - 1) % _DAY_S + 1 for one in bounds)
    return _count_to_change_of_clocks(at, zone, seconds)


def _count_to_change_of_clocks(
    at: datetime.datetime, zone: datetime.tzinfo, at_most: int
) -> int:
    """Count the seconds until the UTC offset of a zone changes, at most `at_most`."""

    def find_offset(seconds: int) -> datetime.timedelta | None:
        try:
            later = at + datetime.timedelta(seconds=seconds)
            return later.astimezone(zone).utcoffset()
        except OverflowError:  # after the year 9999
            return offset

    offset = at.astimezone(zone).utcoffset()
    if find_offset(at_most) == offset:
        return at_most
    # The offset changes at most once a day, so a binary search finds the change.
    return bisect.bisect_left(
        range(at_most), 1, key=lambda seconds: int(find_offset(seconds) != offset)
    )


@lru_cache(maxsize=1_024)
def _parse_minutes(text: str) -> int | None:
    """Parse `HH:MM` or `HH:MM:00` into minutes; 24:00 is the end of the day."""
    hours, _, rest = text.partition(":")
    minutes, _, seconds = rest.partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and seconds in {"", "00"}):
        return None
    total = int(hours) * 60 + int(minutes)
    return total if int(minutes) < 60 and total <= 24 * 60 else None  # noqa: PLR2004


@lru_cache(maxsize=256)
def _find_zone(name: str) -> datetime.tzinfo | None:
    if name.upper() in {"UTC", "ETC/UTC", "GMT", "Z"}:
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
