"""Prices: lists of prices, and what a usage costs."""

import datetime
import enum
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import strawberry
from strawberry import UNSET

from catalograph.catalogue import pricing
from catalograph.catalogue.prices import PriceListKind as Kind
from catalograph.errors import UserInputError
from catalograph.graphql.context import Info
from catalograph.graphql.run.needs import Need, needs
from catalograph.graphql.scalars import DateTime, Decimal
from catalograph.graphql.types.list_cost import assume_size

_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII | re.IGNORECASE)


@strawberry.enum(description="Tier of a list of prices.")
class PriceListKind(enum.Enum):
    """The upstream does not name its tiers."""

    STANDARD = strawberry.enum_value(
        Kind.STANDARD,
        description=(
            "Prices of a call without special terms. The catalogue does not "
            "name the tiers of its price list, so the first list of an "
            "offering is assumed to be the standard one. That was right in "
            "152 of 156 cases that could be compared (August 2026)."
        ),
    )
    OTHER = strawberry.enum_value(
        Kind.OTHER,
        description="Another tier, such as batch, flex or priority; the catalogue does not say which.",
    )
    FLOOR = strawberry.enum_value(
        Kind.FLOOR,
        description=(
            "Not what a call costs: the lowest of all prices, of any tier, "
            "condition and time. Only present when the price list cannot be "
            "read."
        ),
    )


@strawberry.federation.type(
    description="A condition under which a price applies.", shareable=True
)
class PriceCondition:
    """Read from `prices.PriceCondition`."""

    parameter: str = strawberry.field(
        description=(
            "Value that is compared, such as `input_tokens` or `image_params.quality`."
        )
    )
    operator: str = strawberry.field(
        description=(
            "Comparison: `eq`, `in`, `lt`, `lte`, `gt` or `gte`; the catalogue "
            "may add others."
        )
    )
    values: list[str] = strawberry.field(
        directives=[assume_size(2)],
        description="Values to compare with, as text; one, or several with `in`.",
    )
    group: int | None = strawberry.field(
        description=(
            "The price applies when all conditions of any one group are met. "
            "Conditions with null form a group, too."
        )
    )


@strawberry.federation.type(
    description="Hours of each day at which another amount applies.", shareable=True
)
class PriceWindow:
    """Read from `prices.PriceWindow`."""

    label: str | None = strawberry.field(
        description="Name, such as `peak`. Null when the catalogue gives none."
    )
    start: str = strawberry.field(description="First minute of the window, `HH:MM`.")
    end: str = strawberry.field(
        description=(
            "First minute after the window, `HH:MM`; on the next day if it is "
            "before `start`."
        )
    )
    time_zone: str = strawberry.field(description="IANA name, such as `UTC`.")
    amount: Decimal = strawberry.field(
        description=(
            "Replaces the amount of the price, for the same number of units in "
            "the same currency."
        )
    )


@strawberry.federation.type(
    description="The price of a number of units.", shareable=True
)
class Price:
    """Read from `prices.Price`."""

    meter: str = strawberry.field(
        description="Name of what is charged, such as `input_text_tokens`."
    )
    unit: str = strawberry.field(
        description="Unit of the meter, such as `token`, `image` or `second`."
    )
    unit_size: int = strawberry.field(
        description="Number of units that `amount` is for, such as 1000000."
    )
    amount: Decimal = strawberry.field(
        description="In `currency`, for `unitSize` units; 0 is free of charge."
    )
    currency: str = strawberry.field(description="ISO 4217, such as `USD`.")
    conditions: list[PriceCondition] = strawberry.field(
        directives=[assume_size(2)],
        description="Conditions under which the price applies; empty: always.",
    )
    windows: list[PriceWindow] = strawberry.field(
        directives=[assume_size(1)],
        description="Hours of the day at which another amount applies; may be empty.",
    )


@strawberry.federation.type(
    description="The prices of one tier of an offering.", shareable=True
)
class PriceList:
    """Read from `prices.PriceList`."""

    kind: PriceListKind = strawberry.field(description="Tier of the list.")
    prices: list[Price] = strawberry.field(
        directives=[assume_size(5)],
        description="In the catalogue's order; if several apply, the first one counts.",
    )


@strawberry.federation.type(
    description="The cost of one meter of a usage.", shareable=True
)
class CostPart:
    """Read from `pricing.CostPart`."""

    meter: str = strawberry.field(
        description="Name of what is charged, such as `input_text_tokens`."
    )
    quantity: int = strawberry.field(description="Number of units that are charged.")
    amount: Decimal = strawberry.field(
        description="Exact cost of this quantity, in the currency of the whole cost."
    )


@strawberry.federation.type(description="The cost of a usage.", shareable=True)
class Cost:
    """Read from `pricing.Cost`."""

    amount: Decimal = strawberry.field(
        description="Exact sum of the parts, in `currency`."
    )
    currency: str = strawberry.field(description="ISO 4217, such as `USD`.")
    parts: list[CostPart] = strawberry.field(
        directives=[assume_size(3)],
        description=(
            "Input, cached input and output, as far as they have a quantity. "
            "Cached input without a separate price is part of the input."
        ),
    )


@strawberry.input(description="Text tokens that are used, and the time of use.")
class Usage:
    """Token counts of one call."""

    input_tokens: int = strawberry.field(
        default=0,
        description=(
            "All input tokens, including cached ones. Prices that depend on the "
            "length of the input are chosen by this number."
        ),
    )
    cached_input_tokens: int = strawberry.field(
        default=0,
        description="Input tokens that the provider reads from its cache.",
    )
    output_tokens: int = strawberry.field(default=0, description="Output tokens.")
    at: DateTime | None = strawberry.field(
        default=UNSET,
        description=(
            "Time of use, for prices that depend on the hour. Null or absent: now."
        ),
    )

    def build(self, now: datetime.datetime) -> pricing.Usage:
        """The same as the domain has it.

        Raises:
            UserInputError: A number is negative, or more is cached than there is.
        """
        for name, count in (
            ("inputTokens", self.input_tokens),
            ("cachedInputTokens", self.cached_input_tokens),
            ("outputTokens", self.output_tokens),
        ):
            if count < 0:
                message = f"usage.{name} must be 0 or more, got {count}"
                raise UserInputError(message)
        if self.cached_input_tokens > self.input_tokens:
            message = (
                "usage.cachedInputTokens must be at most usage.inputTokens, which include "
                f"them, got {self.cached_input_tokens} of {self.input_tokens}"
            )
            raise UserInputError(message)
        return pricing.Usage(
            input_tokens=self.input_tokens,
            cached_input_tokens=self.cached_input_tokens,
            output_tokens=self.output_tokens,
            at=self.at or now,
        )


def price_field(
    read_at: Callable[[Any, datetime.datetime], Any], need: Need, description: str
) -> Any:
    """Declare a field that is computed from its record and the time."""

    def resolve(root: strawberry.Parent[Any], info: Info) -> Any:
        return read_at(root, info.context.loaders.moment)

    return strawberry.field(
        resolver=resolve, metadata=needs(need, read_at=read_at), description=description
    )


def find_offering_prices(offering: Any, at: datetime.datetime) -> pricing.TokenPrices:
    """Find the standard prices of an offering."""
    return pricing.find_token_prices(pricing.find_standard(offering), at)


UsageArgument: TypeAlias = Annotated[
    Usage,
    strawberry.argument(
        name="usage", description="The usage to calculate the cost of."
    ),
]


def find_cost(root: strawberry.Parent[Any], info: Info, usage: UsageArgument) -> Any:
    """Work out what a usage costs by an offering."""
    return pricing.find_cost(
        pricing.find_standard(root), usage.build(info.context.loaders.moment)
    )


def find_cheapest(
    root: strawberry.Parent[Any],
    info: Info,
    usage: UsageArgument,
    currency: Annotated[
        str,
        strawberry.argument(
            description=(
                "The one currency whose prices are compared, ISO 4217, in any case."
            )
        ),
    ] = pricing.DOLLARS,
) -> Any:
    """Find the offering of a model that costs least for a usage.

    Raises:
        UserInputError: The currency is not three letters, or as for `Usage.build`.
    """
    if not _CURRENCY.fullmatch(currency):
        message = f'currency must be three letters such as USD, got "{currency[:20]}"'
        raise UserInputError(message)
    return pricing.find_cheapest(
        root, usage.build(info.context.loaders.moment), currency.upper()
    )
