"""Scalars for days, instants and amounts of money."""

import contextlib
import datetime
import decimal
import re
from typing import Final, NewType

import strawberry
from graphql import FloatValueNode, IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from catalograph.catalogue.pricing import format_amount

Date = NewType("Date", datetime.date)
"""A calendar day in a GraphQL type."""

DateTime = NewType("DateTime", datetime.datetime)
"""An instant in a GraphQL type."""

Decimal = NewType("Decimal", decimal.Decimal)
"""An exact number in a GraphQL type."""

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME: Final = re.compile(
    # RFC 3339, section 5.6; Python alone would also read week dates and lack a zone. The
    # offset -00:00 (section 4.3) is excluded by the scalar's specification.
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|(?!-00:00)[+-]\d\d:\d\d)",
    re.ASCII,
)


def _parse_date(value: object) -> datetime.date:
    """Parse exactly `2025-12-18`; the framework adds the context to our error message."""
    # Python alone would also read 20251218 and 2025-W51-4.
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            pass
    message = "a Date is a calendar day such as 2025-12-18"
    raise ValueError(message)


def _parse_date_time(value: object) -> datetime.datetime:
    """Read an instant of RFC 3339 with its zone; beyond microseconds digits are dropped."""
    found = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        day, time, fraction, zone = found.groups(default="0")
        try:
            return datetime.datetime.fromisoformat(
                f"{day}T{time}.{fraction[:6]:0<6}{zone.upper()}"
            ).astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            pass
    message = "a DateTime is an instant with its zone such as 2025-12-18T00:00:00Z"
    raise ValueError(message)


# Python alone would also read 1_000, other scripts' digits, and what is no number.
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?([Ee][+-]?\d+)?", re.ASCII)
_MAX_DECIMAL_CHARACTERS: Final = 64


def _parse_decimal(value: object) -> decimal.Decimal:
    """Parse a plain number, as text or as a number; a float by its shortest decimal form."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value)
        if len(text) > _MAX_DECIMAL_CHARACTERS:
            message = (
                f"a Decimal has {_MAX_DECIMAL_CHARACTERS} characters at most, got "
                f"{len(text)}"
            )
            raise ValueError(message)
        if _DECIMAL.fullmatch(text):
            # Exponents can be too large even for a decimal.
            with contextlib.suppress(decimal.InvalidOperation):
                return decimal.Decimal(text)
    message = 'a Decimal is a number such as 0.25, or the same as text: "0.25"'
    raise ValueError(message)


def _parse_decimal_literal(
    node: ValueNode, _variables: object = None
) -> decimal.Decimal:
    """Parse a literal from its digits, as a float would round it."""
    if isinstance(node, IntValueNode | FloatValueNode | StringValueNode):
        return _parse_decimal(node.value)
    return _parse_decimal(None)


def format_decimal(value: decimal.Decimal) -> str:
    """Write plain notation, without exponent and trailing zeros."""
    return format_amount(value)


def format_date(value: datetime.date) -> str:
    """Write `2025-12-18`."""
    return value.isoformat()


def format_date_time(value: datetime.datetime) -> str:
    """Write `2025-12-18T00:00:00Z`; the value is in UTC."""
    return value.isoformat().replace("+00:00", "Z")


SCALARS: dict[object, ScalarDefinition] = {
    Date: strawberry.scalar(
        name="Date",
        description="A calendar day without time zone, such as `2025-12-18`.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
        serialize=format_date,
        parse_value=_parse_date,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description=(
            "An exact decimal number. In responses a string in plain notation without trailing "
            'zeros, such as `"0.25"`; in arguments a string or a number of at most 64 characters.'
        ),
        specified_by_url="https://scalars.graphql.org/chillicream/decimal.html",
        serialize=format_decimal,
        parse_value=_parse_decimal,
        parse_literal=_parse_decimal_literal,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="An instant in UTC, such as `2025-12-18T00:00:00Z`.",
        specified_by_url="https://scalars.graphql.org/chillicream/date-time.html",
        serialize=format_date_time,
        parse_value=_parse_date_time,
    ),
}
