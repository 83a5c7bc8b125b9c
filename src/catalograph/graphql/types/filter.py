"""Filter and order: the inputs of a list of models."""

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

_OR_NONE = f"Null as a value: models without any. {_NO_RESTRICTION}"
_MAX_SHOWN = 40

MAX_VALUE_CHARACTERS = 256
"""Maximum length of a filter value; the longest id of the real catalogue has 61 characters."""


@strawberry.enum(description="Stage of a model's life cycle.")
class ModelStatus(enum.Enum):
    """The statuses of the upstream that we know, and one for all others."""

    AVAILABLE = strawberry.enum_value(
        Status.AVAILABLE, description="Released and in use."
    )
    ANNOUNCED = strawberry.enum_value(
        Status.ANNOUNCED, description="Announced by its maker, but not released yet."
    )
    RUMOURED = strawberry.enum_value(
        Status.RUMOURED,
        description="Expected, but not confirmed by its maker.",
    )
    DEPRECATED = strawberry.enum_value(
        Status.DEPRECATED,
        description="Still available, but its maker advises against it.",
    )
    RETIRED = strawberry.enum_value(
        Status.RETIRED, description="No longer offered by its maker."
    )
    OTHER = strawberry.enum_value(
        Status.OTHER,
        description=(
            "A value of the catalogue that this graph does not know; see `statusLabel`."
        ),
    )


@strawberry.enum(description="Fields by which models can be ordered.")
class ModelOrderField(enum.Enum):
    """Orders other than the catalogue's own."""

    RELEASE_DATE = strawberry.enum_value(
        OrderField.RELEASE_DATE, description="Day of release."
    )
    NAME = strawberry.enum_value(
        OrderField.NAME, description="Display name, in alphabetical order."
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
        OrderField.MAX_INPUT_TOKENS, description="`maxInputTokens`."
    )
    MAX_OUTPUT_TOKENS = strawberry.enum_value(
        OrderField.MAX_OUTPUT_TOKENS, description="`maxOutputTokens`."
    )


@strawberry.enum(description="Direction of an order.")
class ModelOrderDirection(enum.Enum):
    """Ascending or descending; nulls are last in both."""

    ASC = strawberry.enum_value(
        "asc", description="Ascending: oldest, first letter, or lowest first."
    )
    DESC = strawberry.enum_value(
        "desc", description="Descending: newest, last letter, or highest first."
    )


@strawberry.input(
    description=(
        "Order of a list of models. Models without a value are last in both "
        "directions; equal ones are ordered by `modelId`."
    )
)
class ModelOrder:
    """An order of a list of models."""

    field: ModelOrderField = strawberry.field(
        description="Field that determines the order."
    )
    direction: ModelOrderDirection = strawberry.field(
        description="Direction of the order."
    )

    def build(self) -> ModelsOrder:
        """Convert to the order of the domain."""
        return ModelsOrder(
            field=OrderField(self.field.value),
            descending=self.direction is ModelOrderDirection.DESC,
        )


@strawberry.input(
    description="A range of days, both ends included. Models without a date never match."
)
class DateRange:
    """A range of days; either end may be open."""

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
        description=f"Whether {word} models are listed. Null: the same as true.",
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
            f"`{price}` is at most this: US dollars per million text tokens "
            "now. Models without such a price never match. Null: no "
            "restriction."
        ),
    )
    return field


@strawberry.input(
    description=(
        "Selects models. A model must match every field that is set; a list "
        "field matches if any of its values does. Values that the catalogue "
        "does not have are not an error; `unknownFilterValues` lists them."
    )
)
class ModelFilter:
    """The filter of a list of models; see `catalogue.filter`."""

    providers: list[str | None] | None = _strings_or_none(
        "Served by any of these providers, by `providerId`. A single "
        "offering must match this and `endpoints`."
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
        "Accepts any of these modalities, such as `text` or `image`, in any case."
    )
    output_modalities: list[str | None] | None = _strings_or_none(
        "Produces any of these modalities, such as `text` or `audio`, in any case."
    )
    include_rumoured: bool | None = _included("rumoured")
    include_deprecated: bool | None = _included("deprecated")
    include_retired: bool | None = _included("retired")
    model_ids: list[str] | None = _strings(
        "Any of these models, by `modelId` or an alias."
    )
    statuses: list[ModelStatus | None] | None = strawberry.field(
        default=UNSET, description=f"Has any of these statuses. {_OR_NONE}"
    )
    is_routable: bool | None = strawberry.field(
        default=UNSET,
        description="Whether the gateway can route the model. Null: no restriction.",
    )
    release_date: DateRange | None = strawberry.field(
        default=UNSET, description="Released in this range. Null: no restriction."
    )
    all_input_modalities: list[str] | None = _strings(
        "Accepts all of these modalities, in any case."
    )
    all_output_modalities: list[str] | None = _strings(
        "Produces all of these modalities, in any case."
    )

    parameters: list[str | None] | None = _strings_or_none(
        "Supports any of these request parameters, such as `tools`, by name "
        "or alias. A single offering must match this, `providers`, "
        "`endpoints` and `allParameters`."
    )
    all_parameters: list[str] | None = _strings(
        "Supports all of these request parameters in a single offering, by "
        "name or alias."
    )
    availability: list[Availability | None] | None = strawberry.field(
        default=UNSET, description=f"Has any of these availabilities. {_OR_NONE}"
    )
    variants: list[str | None] | None = _strings_or_none(
        "Is any of these variants, such as `standard` or `free`."
    )
    min_input_tokens: int | None = _at_least("`maxInputTokens` is at least this.")
    min_output_tokens: int | None = _at_least("`maxOutputTokens` is at least this.")
    max_input_price: Decimal | None = _at_most("inputPrice")
    max_output_price: Decimal | None = _at_most("outputPrice")
    is_free: bool | None = strawberry.field(
        default=UNSET,
        description=(
            "`true`: a routable offering, except those of the endpoint "
            "`batch`, has standard input and output prices of 0. `false`: no "
            "offering does, whether it has prices or not. Null: no "
            "restriction."
        ),
    )

    def count_values(self) -> int:
        """Count the values in all lists of the filter."""
        return sum(
            len(value) for value in vars(self).values() if isinstance(value, list)
        )

    def build(self) -> ModelsFilter:
        """Convert to the filter of the domain, which has the same field names.

        Raises:
            UserInputError: A value that the upstream would misread, or a range that ends
                before it begins.
        """
        return ModelsFilter(
            **{
                name: _convert(name, getattr(self, name))
                for name in FIELDS
                if getattr(self, name) not in (None, UNSET)
            }
        )


def _convert(name: str, value: Any) -> Any:
    """Convert the value of a field, which is neither null nor absent, to that of the domain."""
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
        # `unknownFilterValues` repeats the value in every list, so a long one could swell the
        # response.
        message = (
            f"a value of filter.{field} may have {MAX_VALUE_CHARACTERS} characters "
            f"at most, got {len(value):,}"
        )
        raise UserInputError(message)


def _sort_key(value: Any) -> tuple[bool, Any]:
    """Sort by value, None last."""
    text = value.value if isinstance(value, enum.Enum) else value
    return value is None, text or ""
