"""The log: its format, and a handler that passes records of libraries to it."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Literal, TextIO, TypeAlias, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from catalograph.observability.log_writer import open_writer
from catalograph.redaction import redact

_FIRST_FIELDS: Final = ("event", "level", "timestamp", "request_id")
_TRACEBACK_EVERY_S: Final = 10.0
_MOST_PLACES: Final = 256


LogFormat: TypeAlias = Literal["auto", "json", "console"]
"""`auto`: columns where the stream is a terminal, otherwise JSON."""


def configure_logging(
    *,
    stream: TextIO | None = None,
    level: str = "info",
    log_format: LogFormat = "auto",
) -> None:
    """Send structured lines to a stream, as JSON or as columns.

    Args:
        stream: None is the standard error of the process, which may be missing.
        level: Lowest level that is written.
        log_format: Format of the lines.
    """
    stream = stream or sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=is_terminal(stream))
        if wants_columns(stream, log_format)
        else structlog.processors.JSONRenderer(separators=(",", ":"))
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            TracebackLimit(),
            structlog.processors.format_exc_info,
            _order_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        # The writer never blocks, and has the two methods of a stream that structlog uses.
        logger_factory=structlog.WriteLoggerFactory(
            cast("TextIO", open_writer(stream))
        ),
        cache_logger_on_first_use=False,
    )


def wants_columns(stream: TextIO | None, log_format: LogFormat) -> bool:
    """Whether lines are columns for people."""
    return log_format == "console" or (log_format == "auto" and is_terminal(stream))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; False for None, as a process may have no stream."""
    return stream is not None and stream.isatty()


def _order_fields(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """Begin a line like those of the access log."""
    first = {name: line.pop(name) for name in _FIRST_FIELDS if name in line}
    return {**first, **line}


class TracebackLimit:
    """Shortens the lines of an error that is logged repeatedly.

    Of errors raised at the same place within ten seconds, the first is logged with its
    traceback and the others as one line each. A bug in a field occurs once for each row of
    a page, and its tracebacks would be megabytes.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_s: dict[tuple[object, ...], float] = {}

    def __call__(self, _logger: Any, _method: str, line: EventDict) -> EventDict:
        """Process one line; this is a processor of structlog."""
        error = line.get("exc_info")
        if error is True:
            error = sys.exception()
        elif isinstance(error, tuple):
            error = error[1]
        if not isinstance(error, BaseException):
            return line
        now_s = self._clock()
        place = _find_place(error)
        if now_s - self._logged_s.get(place, float("-inf")) < _TRACEBACK_EVERY_S:
            del line["exc_info"]
            line["error"] = f"{type(error).__name__}: {error}"[:500]
            line["traceback"] = "see the line before with the same error"
            return line
        if len(self._logged_s) >= _MOST_PLACES:
            self._logged_s.clear()
        self._logged_s[place] = now_s
        return line


def _find_place(error: BaseException) -> tuple[object, ...]:
    """Find where an error was raised: its class, file and line."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return (type(error),)
    return type(error), frame.tb_frame.f_code.co_filename, frame.tb_lineno


class _Passer(logging.Handler):
    """Passes log records of libraries on to our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record with our own logger."""
        get_logger().log(
            record.levelno,
            redact(record.getMessage()),
            exc_info=record.exc_info,
            logger=record.name,
        )


def gather_logs() -> None:
    """Route warnings of the server and of other libraries into our own log."""
    # Our protocol logs this itself, with the address, and not for each request.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: record.getMessage() != "Invalid HTTP request received."
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Passer()], force=True)
    # Their own handlers would write to the stream directly, and block with it.
    logging.captureWarnings(capture=True)


def get_logger() -> FilteringBoundLogger:
    """Return the logger. Messages are fixed sentences; values are passed as fields."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger
