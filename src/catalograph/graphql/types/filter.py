"""Which models, and in what order: the inputs of a list of models."""

import decimal
import enum
from typing import Any

import strawberry
from strawberry import UNSET

from catalograph.catalogue.filter import (
    FIELDS,
    DayRange,
    ModelsFilter,
    is_sendable,
    to_camel_case,
)
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import Status
from catalograph.errors import UserInputError
from catalograph.graphql.scalars import Date, Decimal
from catalograph.graphql.types.availability import Availability

_NO_RESTRICTION = "Null or empty: no restriction."

_OR_NONE = f"Null among the values: models that have none. {_NO_RESTRICTION}"
_MAX_SHOWN = 40

MAX_VALUE_CHARACTERS = 256
"""Of one filter value; the longest id of the real catalogue has 61."""


@strawberry.enum(description="Where a model is in its life.")
class ModelStatus(enum.Enum):
    """The words of the upstream that we know, and one for all others."""

    AVAILABLE = strawberry.enum_value(
        Status.AVAILABLE, description="Released and in use."
    )
    ANNOUNCED = strawberry.enum_value(
        Status.ANNOUNCED, description="Made known by its maker, not released yet."
    )
    RUMOURED = strawberry.enum_value(
        Status.RUMOURED,
        description="Said to be coming; its maker has not confirmed it.",
    )
    DEPRECATED = strawberry.enum_value(
        Status.DEPRECATED, description="Still there, but its maker advises against it."
    )
    RETIRED = strawberry.enum_value(
        Status.RETIRED, description="No longer offered by its maker."
    )
    OTHER = strawberry.enum_value(
        Status.OTHER,
        description="A word of the catalogue that this graph does not know; see `statusLabel`.",
    )


@strawberry.enum(description="What models can be ordered by.")
class ModelOrderField(enum.Enum):
    """Orders beside the catalogue's own."""

    RELEASE_DATE = strawberry.enum_value(
        OrderField.RELEASE_DATE, description="Day of release."
    )
    NAME = strawberry.enum_value(
        OrderField.NAME, description="Display name, as a dictionary orders it."
    )
    MODEL_ID = strawberry.enum_value(
        OrderField.MODEL_ID, description="Natural id, by code point."
    )
    INPUT_PRICE = strawberry.enum_value(
        OrderField.INPUT_PRICE,
        description="`inputPrice`: US dollars per million input text tokens now.",
    )
    OUTPUT_PRICE = strawberry.enum_value(
        OrderField.OUTPUT_PRICE,
        description="`outputPrice`: US dollars per million output text tokens now.",
    )
    MAX_INPUT_TOKENS = strawberry.enum_value(
        OrderField.MAX_INPUT_TOKENS, description="Most input tokens."
    )
    MAX_OUTPUT_TOKENS = strawberry.enum_value(
        OrderField.MAX_OUTPUT_TOKENS, description="Most output tokens."
    )


@strawberry.enum(description="Which end of an order comes first.")
class ModelOrderDirection(enum.Enum):
    """Nulls are last in both."""

    ASC = strawberry.enum_value(
        "asc", description="Oldest, first letter, or least first."
    )
    DESC = strawberry.enum_value(
        "desc", description="Newest, last letter, or most first."
    )


@strawberry.input(
    description=(
        "How to order models. Models without a value are last in both directions; "
        "equal ones are ordered by `modelId`."
    )
)
class ModelOrder:
    """An order of a list of models."""

    field: ModelOrderField = strawberry.field(description="What to order by.")
    direction: ModelOrderDirection = strawberry.field(
        description="Which end comes first."
    )

    def build(self) -> ModelsOrder:
        """The same as the domain has it."""
        return ModelsOrder(
            field=OrderField(self.field.value),
            descending=self.direction is ModelOrderDirection.DESC,
        )


@strawberry.input(
    description="A range of days, both ends included. Models without a date never match."
)
class DateRange:
    """From and to, either of which may be open."""

    from_: Date | None = strawberry.field(
        name="from", default=UNSET, description="First day. Null: no lower bound."
    )
    to: Date | None = strawberry.field(
        default=UNSET, description="Last day. Null: no upper bound."
    )


def _strings(meaning: str) -> list[str] | None:
    field: list[str] | None = strawberry.field(
        default=UNSET, description=f"{meaning} {_NO_RESTRICTION}"
    )
    return field


def _strings_or_none(meaning: str) -> list[str | None] | None:
    field: list[str | None] | None = strawberry.field(
        default=UNSET, description=f"{meaning} {_OR_NONE}"
    )
    return field


def _included(word: str) -> bool | None:
    field: bool | None = strawberry.field(
        default=True,
        description=f"Whether models that are {word} are listed. Null: as true.",
    )
    return field


def _at_least(meaning: str) -> int | None:
    field: int | None = strawberry.field(
        default=UNSET,
        description=(
            f"{meaning} Models without a known limit never match. Null: no restriction."
        ),
    )
    return field


def _at_most(price: str) -> Decimal | None:
    field: Decimal | None = strawberry.field(
        default=UNSET,
        description=(
            f"Costs so much or less, by `{price}`: US dollars per million text tokens now. "
            "Models without such a price never match. Null: no restriction."
        ),
    )
    return field


@strawberry.input(
    description=(
        "Which models. A list matches any of its values, the fields together match what "
        "all of them match. Values that the catalogue does not hold are no error: "
        "`unknownFilterValues` names them."
    )
)
class ModelFilter:
    """The filter of a list of models; see `catalogue.filter`."""

    providers: list[str | None] | None = _strings_or_none(
        "Served by any of these providers, by `providerId`; together with `endpoints`, "
        "one offering satisfies both."
    )
    organisations: list[str | None] | None = _strings_or_none(
        "Made by any of these organisations, by `organisationId`."
    )
    endpoints: list[str | None] | None = _strings_or_none(
        "Served on any of these endpoints, by `endpointId`."
    )
    exclude_endpoints: list[str] | None = _strings(
        "Served on none of these endpoints, by `endpointId`."
    )
    input_modalities: list[str | None] | None = _strings_or_none(
        "Takes any of these, such as `text` or `image`; case does not count."
    )
    output_modalities: list[str | None] | None = _strings_or_none(
        "Gives any of these, such as `text` or `audio`; case does not count."
    )
    include_rumoured: bool | None = _included("rumoured")
    include_deprecated: bool | None = _included("deprecated")
    include_retired: bool | None = _included("retired")
    model_ids: list[str] | None = _strings(
        "Any of these models, by `modelId` or an alias."
    )
    statuses: list[ModelStatus | None] | None = strawberry.field(
        default=UNSET, description=f"In any of these statuses. {_OR_NONE}"
    )
    is_routable: bool | None = strawberry.field(
        default=UNSET,
        description="Whether the gateway can route the model. Null: no restriction.",
    )
    release_date: DateRange | None = strawberry.field(
        default=UNSET, description="Released in this range. Null: no restriction."
    )
    all_input_modalities: list[str] | None = _strings(
        "Takes all of these; case does not count."
    )
    all_output_modalities: list[str] | None = _strings(
        "Gives all of these; case does not count."
    )

    parameters: list[str | None] | None = _strings_or_none(
        "Takes any of these in a request, such as `tools`, by name or alias; together with "
        "`providers`, `endpoints` and `allParameters`, one offering satisfies all of them."
    )
    all_parameters: list[str] | None = _strings(
        "Takes all of these in a request, by name or alias, by one offering."
    )
    availability: list[Availability | None] | None = strawberry.field(
        default=UNSET, description=f"Available in any of these ways. {_OR_NONE}"
    )
    variants: list[str | None] | None = _strings_or_none(
        "Of any of these variants, such as `standard` or `free`."
    )
    min_input_tokens: int | None = _at_least(
        "Takes so many input tokens or more, by `maxInputTokens`."
    )
    min_output_tokens: int | None = _at_least(
        "Gives so many output tokens or more, by `maxOutputTokens`."
    )
    max_input_price: Decimal | None = _at_most("inputPrice")
    max_output_price: Decimal | None = _at_most("outputPrice")
    is_free: bool | None = strawberry.field(
        default=UNSET,
        description=(
            "`true`: one routable offering, the endpoint `batch` left out, has standard "
            "input and output prices of 0. `false`: none has, be it priced or not. Null: no "
            "restriction."
        ),
    )

    def count_values(self) -> int:
        """Count the members of all its lists."""
        return sum(
            len(value) for value in vars(self).values() if isinstance(value, list)
        )

    def build(self) -> ModelsFilter:
        """The same as the domain has it, field by field under the same names.

        Raises:
            UserInputError: A value that the upstream would misread, or an empty range.
        """
        return ModelsFilter(
            **{
                name: _convert(name, getattr(self, name))
                for name in FIELDS
                if getattr(self, name) not in (None, UNSET)
            }
        )


def _convert(name: str, value: Any) -> Any:
    """Convert the value of a field, neither null nor absent, to that of the domain."""
    match value:
        case DateRange():
            return _convert_days(name, value)
        case list():
            return _convert_list(name, value)
        case int() | decimal.Decimal() if value < 0:
            message = f"filter.{to_camel_case(name)} must be 0 or more, got {value}"
            raise UserInputError(message)
        case _:
            return value


def _convert_days(name: str, days: DateRange) -> DayRange | None:
    first, last = days.from_ or None, days.to or None
    if first and last and first > last:
        message = (
            f"filter.{to_camel_case(name)}.from must not be after to, "
            f"got {first} and {last}"
        )
        raise UserInputError(message)
    return DayRange(first, last) if first or last else None


def _convert_list(name: str, values: list[Any]) -> tuple[Any, ...]:
    for value in values:
        if isinstance(value, str):
            _check_value(name, value)
    found = {one.value if isinstance(one, enum.Enum) else one for one in values}
    return tuple(sorted(found, key=_sort_key))


def _check_value(name: str, value: str) -> None:
    field = to_camel_case(name)
    # Model ids are looked up, and sent only if the upstream would read them as they are.
    if FIELDS[name].dimension is not None and not is_sendable(value):
        shown = value[:_MAX_SHOWN] + "…" if len(value) > _MAX_SHOWN else value
        message = (
            f"filter.{field} must hold values without commas, white space, braces or "
            f'quotes, and none that is empty; got "{shown}"'
        )
        raise UserInputError(message)
    if len(value) > MAX_VALUE_CHARACTERS:
        # `unknownFilterValues` repeats each below every parent.
        message = (
            f"a value of filter.{field} may have {MAX_VALUE_CHARACTERS} characters "
            f"at most, got {len(value):,}"
        )
        raise UserInputError(message)


def _sort_key(value: Any) -> tuple[bool, Any]:
    """Sort by value, None last."""
    text = value.value if isinstance(value, enum.Enum) else value
    return value is None, text or ""
