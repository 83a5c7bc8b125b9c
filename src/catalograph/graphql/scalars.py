"""Days and instants as text."""

import datetime
import re
from typing import Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

Date = NewType("Date", datetime.date)
"""A calendar day in a GraphQL type."""

DateTime = NewType("DateTime", datetime.datetime)
"""An instant in a GraphQL type."""


_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME: Final = re.compile(
    # RFC 3339, section 5.6; Python alone would also read week dates and lack a zone.
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)


def _parse_date(value: object) -> datetime.date:
    """Read `2025-12-18` and nothing else; the framework words the error around ours."""
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
    DateTime: strawberry.scalar(
        name="DateTime",
        description="An instant in UTC, such as `2025-12-18T00:00:00Z`.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=format_date_time,
        parse_value=_parse_date_time,
    ),
}
