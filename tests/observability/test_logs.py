"""Lines of the log: their shape, and how often a traceback is in them."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from catalograph.observability.logs import (
    LogFormat,
    TracebackLimit,
    configure_logging,
    get_logger,
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logging(stream=stream)
    yield stream
    structlog.reset_defaults()


def fail(number: int) -> None:
    raise ValueError(number)


def report(number: int) -> None:
    try:
        fail(number)
    except ValueError as error:
        get_logger().error("a field failed", exc_info=error, row=number)


def test_a_line_begins_like_those_of_the_access_log(log: io.StringIO) -> None:
    get_logger().info("it happened", zone="z", request_id="r-1")

    line = log.getvalue()
    assert list(json.loads(line)) == [
        "event",
        "level",
        "timestamp",
        "request_id",
        "zone",
    ]
    assert line.startswith('{"event":"it happened","level":"info","timestamp":"')


def test_an_error_of_each_row_has_one_traceback(log: io.StringIO) -> None:
    for number in range(250):
        report(number)
    try:
        int("x")
    except ValueError:
        get_logger().exception("something else failed")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["row"] for line in lines[:-1]] == list(range(250))
    assert [("exception" in line) for line in lines] == [True] + [False] * 249 + [True]
    assert lines[7]["error"] == "ValueError: 7"
    assert len(log.getvalue()) < 100_000


def test_a_traceback_comes_again_after_ten_seconds() -> None:
    now_s = 0.0
    limit = TracebackLimit(lambda: now_s)
    error = ValueError("x")

    first = limit(None, "error", {"exc_info": error})
    second = limit(None, "error", {"exc_info": (ValueError, error, None)})
    now_s = 10.0
    third = limit(None, "error", {"exc_info": error})

    assert ("exc_info" in first, "exc_info" in second, "exc_info" in third) == (
        True,
        False,
        True,
    )


def test_without_standard_error_there_is_no_log_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    configure_logging()

    get_logger().warning("nobody reads this")

    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("log_format", "is_terminal", "is_json"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("json", True, True),
        ("console", False, False),
    ],
)
def test_the_format_is_the_one_asked_for(
    *, log_format: LogFormat, is_terminal: bool, is_json: bool
) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal  # type: ignore[method-assign]

    configure_logging(stream=stream, log_format=log_format)
    get_logger().info("something happened", count=3)

    assert stream.getvalue().startswith("{") is is_json
    assert "something happened" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) is (not is_json and is_terminal)
