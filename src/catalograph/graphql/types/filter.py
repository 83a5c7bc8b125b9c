"""Which models, and in what order: the inputs of a list of models."""

import datetime
import enum
import re

import strawberry
from strawberry import UNSET

from catalograph.catalogue.query import (
    ModelsFilter,
    ModelsOrder,
    OrderField,
    normalise,
)
from catalograph.catalogue.records import Status
from catalograph.errors import UserInputError
from catalograph.graphql.scalars import Date

_NO_RESTRICTION = "Null or empty: no restriction."

# The upstream splits at commas and white space, reads braces and quotes as lists, and
# drops a filter that is empty, so that it would answer with everything. To JavaScript
# a byte order mark is white space.
MAX_VALUE_CHARACTERS = 256
"""Of one filter value; the longest id of the real catalogue has 61."""

_UNSAFE = re.compile(r"[\s\ufeff,{}\"']|^$")


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


@strawberry.enum(description="Which end of an order comes first.")
class ModelOrderDirection(enum.Enum):
    """Nulls are last in both."""

    ASC = strawberry.enum_value("asc", description="Oldest, or first letter, first.")
    DESC = strawberry.enum_value("desc", description="Newest, or last letter, first.")


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


def _included(word: str) -> bool | None:
    field: bool | None = strawberry.field(
        default=True,
        description=f"Whether models that are {word} are listed. Null: as true.",
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
    """What the upstream can filter by, and what the index adds."""

    providers: list[str] | None = _strings(
        "Served by any of these providers, by `providerId`; together with `endpoints`, "
        "one offering satisfies both."
    )
    organisations: list[str] | None = _strings(
        "Made by any of these organisations, by `organisationId`."
    )
    endpoints: list[str] | None = _strings(
        "Served on any of these endpoints, by `endpointId`."
    )
    exclude_endpoints: list[str] | None = _strings(
        "Served on none of these endpoints, by `endpointId`."
    )
    input_modalities: list[str] | None = _strings(
        "Takes any of these, such as `text` or `image`; case does not count."
    )
    output_modalities: list[str] | None = _strings(
        "Gives any of these, such as `text` or `audio`; case does not count."
    )
    include_rumoured: bool | None = _included("rumoured")
    include_deprecated: bool | None = _included("deprecated")
    include_retired: bool | None = _included("retired")
    model_ids: list[str] | None = _strings(
        "Any of these models, by `modelId`; aliases are not taken here."
    )
    statuses: list[ModelStatus] | None = strawberry.field(
        default=UNSET, description=f"In any of these statuses. {_NO_RESTRICTION}"
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

    def count_values(self) -> int:
        """Count the members of all its lists."""
        return sum(
            len(value) for value in vars(self).values() if isinstance(value, list)
        )

    def build(self) -> ModelsFilter:
        """The same as the domain has it.

        Raises:
            UserInputError: A value that the upstream would misread.
        """
        released = self.release_date or DateRange(from_=None, to=None)
        return ModelsFilter(
            providers=_values("providers", self.providers),
            organisations=_values("organisations", self.organisations),
            endpoints=_values("endpoints", self.endpoints),
            exclude_endpoints=_values("excludeEndpoints", self.exclude_endpoints),
            input_modalities=_values("inputModalities", self.input_modalities),
            output_modalities=_values("outputModalities", self.output_modalities),
            include_rumoured=self.include_rumoured is not False,
            include_deprecated=self.include_deprecated is not False,
            include_retired=self.include_retired is not False,
            model_ids=_bounded("modelIds", self.model_ids),
            statuses=tuple(
                sorted(
                    {Status(status.value) for status in self.statuses or ()},
                    key=lambda status: status.value,
                )
            ),
            is_routable=None if self.is_routable is UNSET else self.is_routable,
            released_from=_day(released.from_),
            released_to=_day(released.to),
            all_input_modalities=_values(
                "allInputModalities", self.all_input_modalities
            ),
            all_output_modalities=_values(
                "allOutputModalities", self.all_output_modalities
            ),
        )


def _day(value: Date | None) -> datetime.date | None:
    return value or None


def _bounded(field: str, values: list[str] | None) -> tuple[str, ...]:
    """Refuse long values: `unknownFilterValues` repeats each below every parent."""
    for value in values or ():
        if len(value) > MAX_VALUE_CHARACTERS:
            message = (
                f"a value of filter.{field} may have {MAX_VALUE_CHARACTERS} characters "
                f"at most, got {len(value):,}"
            )
            raise UserInputError(message)
    return normalise(values or ())


def _values(field: str, values: list[str] | None) -> tuple[str, ...]:
    for value in values or ():
        if _UNSAFE.search(value):
            shown = value if len(value) <= 40 else value[:40] + "…"  # noqa: PLR2004
            message = (
                f"filter.{field} must hold values without commas, white space, braces "
                f'or quotes, and none that is empty; got "{shown}"'
            )
            raise UserInputError(message)
    return _bounded(field, values)
