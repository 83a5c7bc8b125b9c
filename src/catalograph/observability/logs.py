"""The log: how a line looks, and how lines of libraries become lines of ours."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import FilteringBoundLogger


def configure_logging(*, stream: TextIO = sys.stderr, level: str = "info") -> None:
    """Send structured lines to `stream`: JSON, or coloured columns where it is a terminal."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if stream.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


class _Passer(logging.Handler):
    """Passes what libraries log on to our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line of ours."""
        get_logger().log(
            record.levelno,
            record.getMessage(),
            exc_info=record.exc_info,
            logger=record.name,
        )


def gather_logs() -> None:
    """Let warnings of the server and of other libraries be lines as all others are."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Passer()], force=True)


def get_logger() -> FilteringBoundLogger:
    """The logger; messages are fixed sentences, values go in as fields."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger
