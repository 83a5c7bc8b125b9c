"""Scalars accept exactly what they document."""

import datetime
import decimal
from typing import Any

import pytest

from catalograph.graphql.schema import build_schema

TYPES = build_schema()._schema.type_map  # noqa: SLF001 - Strawberry has no public name for it


def parse(name: str, value: object) -> Any:
    scalar: Any = TYPES[name]
    return scalar.parse_value(value)


def test_a_date_is_a_calendar_day() -> None:
    assert parse("Date", "2024-02-29") == datetime.date(2024, 2, 29)


@pytest.mark.parametrize(
    "value",
    [
        *("20240101", "20240101xx", "20240101  ", "20240101\x00\x1b", "2024-W01-1"),
        *("2024-1-01", "2024-01-1", " 2024-01-01", "2024-01-01\n", "+024-01-01"),
        *("2023-02-29", "2024-13-01", "0000-01-01", "٢٠٢٤-01-01", "2024-01-01Z"),
        *("", 20240102, 2024.5, True, None, ["2024-01-01"]),
    ],
)
def test_anything_else_is_no_date(value: object) -> None:
    with pytest.raises(ValueError, match="calendar day such as 2025-12-18"):
        parse("Date", value)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-12-18T00:00:00Z", (2025, 12, 18, 0, 0, 0, 0)),
        ("2025-12-18t10:30:00.5z", (2025, 12, 18, 10, 30, 0, 500_000)),
        ("2025-12-18T10:30:00.123456789Z", (2025, 12, 18, 10, 30, 0, 123_456)),
        ("2025-12-18T00:30:00+01:00", (2025, 12, 17, 23, 30, 0, 0)),
        ("2025-12-18T23:30:00-01:00", (2025, 12, 19, 0, 30, 0, 0)),
    ],
)
def test_a_date_time_is_an_instant_of_rfc_3339(
    text: str, instant: tuple[int, ...]
) -> None:
    year, month, day, hour, minute, second, microsecond = instant
    expected = datetime.datetime(
        year, month, day, hour, minute, second, microsecond, tzinfo=datetime.UTC
    )

    assert parse("DateTime", text) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("2025-12-18", "2025-12-18T00:00:00", "2025-12-18 00:00:00Z"),
        "2025-12-18T00:00:00-00:00",
        *("20251218T000000Z", "2025-W51-4T00:00:00Z", "2025-12-18T00:00Z"),
        *("2025-12-18T24:00:00Z", "2025-12-18T00:00:60Z", "2025-12-18T00:00:00+0100"),
        *(
            "2025-12-18T00:00:00.Z",
            "2025-12-18T00:00:00Z\n",
            "2025-12-18T00:00:00+25:00",
        ),
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
        *("", 1_765_000_000, True, None),
    ],
)
def test_anything_else_is_no_date_time(value: object) -> None:
    with pytest.raises(ValueError, match="instant with its zone such as 2025-12-18T00"):
        parse("DateTime", value)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *(("0.25", "0.25"), ("-0.5", "-0.5"), ("00.10", "0.1"), ("1e3", "1000")),
        *(("1E-2", "0.01"), (0.1, "0.1"), (3, "3"), (1e300, "1e300")),
        ("0." + "0" * 60 + "1", "1e-61"),
    ],
)
def test_a_decimal_is_a_number_or_its_text(value: object, number: str) -> None:
    assert parse("Decimal", value) == decimal.Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        *("1_000", "٣", " 1", "1 ", "1\n", "1,5", "1.", ".5", "+1", "0x10", "1e"),
        *("", "-", "NaN", "Infinity", float("nan"), float("inf"), True, None, [1], {}),
        "1e99999999999999999999",
    ],
)
def test_anything_else_is_no_decimal(value: object) -> None:
    with pytest.raises(ValueError, match=r"a Decimal is a number such as 0\.25"):
        parse("Decimal", value)


def test_a_decimal_has_a_greatest_length() -> None:
    with pytest.raises(ValueError, match="64 characters at most, got 65"):
        parse("Decimal", "1" * 65)
