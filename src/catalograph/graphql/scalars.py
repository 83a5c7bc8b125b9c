"""Days and instants as text."""

import datetime
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

Date = NewType("Date", datetime.date)
"""A calendar day in a GraphQL type."""

DateTime = NewType("DateTime", datetime.datetime)
"""An instant in a GraphQL type."""


def _parse_date(value: object) -> datetime.date:
    """Read `2025-12-18` and nothing else; the framework words the error around ours."""
    if isinstance(value, str) and len(value) == len("2025-12-18"):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            pass
    message = "a Date is a calendar day such as 2025-12-18"
    raise ValueError(message)


def _parse_date_time(value: object) -> datetime.datetime:
    """Read an instant with its zone."""
    if isinstance(value, str):
        try:
            instant = datetime.datetime.fromisoformat(value)
        except ValueError:
            instant = None
        if instant is not None and instant.tzinfo is not None:
            return instant.astimezone(datetime.UTC)
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
