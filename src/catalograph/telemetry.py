"""Logs and counters: one place that says what is counted, and how a line of the log looks."""

import logging
import sys
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.typing import FilteringBoundLogger

REGISTRY = CollectorRegistry()
"""Every metric of this process, and nothing of the libraries' own."""

UPSTREAM_REQUESTS = Counter(
    "catalograph_upstream_requests_total",
    "Requests sent to the upstream catalogue, by outcome (ok, an error code, abandoned).",
    ["outcome"],
    registry=REGISTRY,
)
UPSTREAM_SECONDS = Histogram(
    "catalograph_upstream_request_seconds",
    "Seconds from sending a request to the upstream until its answer was read.",
    registry=REGISTRY,
)
UPSTREAM_RETRIES = Counter(
    "catalograph_upstream_retries_total",
    "Attempts made again after one that failed.",
    registry=REGISTRY,
)
UPSTREAM_RETRY_BUDGET = Gauge(
    "catalograph_upstream_retry_budget",
    "Retries that may be made now; each request adds a fifth of one.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
UPSTREAM_BREAKER_STATE = Gauge(
    "catalograph_upstream_breaker_state",
    "0: all calls go through; 1: one probe is on its way; 2: no call goes through.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
UPSTREAM_BREAKER_REFUSALS = Counter(
    "catalograph_upstream_breaker_refusals_total",
    "Calls that were not made because the upstream had failed too often.",
    registry=REGISTRY,
)
MALFORMED = Counter(
    "catalograph_upstream_malformed_total",
    "Rows or fields of upstream answers that could not be read and were left out.",
    ["what"],
    registry=REGISTRY,
)
CONTRACT_BREAKS = Counter(
    "catalograph_upstream_contract_breaks_total",
    "Pages thrown away because the upstream had ignored a filter.",
    registry=REGISTRY,
)
CACHE_READS = Counter(
    "catalograph_cache_reads_total",
    "Look-ups by age class: fresh, stale, expired, miss.",
    ["age"],
    registry=REGISTRY,
)
COALESCED = Counter(
    "catalograph_coalesced_callers_total",
    "Callers that waited for somebody else's upstream request instead of making one.",
    registry=REGISTRY,
)
CACHE_BYTES = Gauge(
    "catalograph_cache_bytes",
    "Bytes of memory that kept answers take.",
    registry=REGISTRY,
)
CACHE_EVICTIONS = Counter(
    "catalograph_cache_evictions_total",
    "Kept answers that had to leave for others, or were too large to keep.",
    registry=REGISTRY,
)
TASKS = Gauge(
    "catalograph_tasks",
    "Tasks of the event loop; what only ever grows is a leak.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
REFRESH_FAILURES = Counter(
    "catalograph_cache_refresh_failures_total",
    "Refreshes in the background that failed.",
    registry=REGISTRY,
)
SHARED_CACHE_FAILURES = Counter(
    "catalograph_shared_cache_failures_total",
    "Operations on the shared cache that failed or took too long, by operation.",
    ["operation"],
    registry=REGISTRY,
)
SHARED_CACHE_OPEN = Gauge(
    "catalograph_shared_cache_breaker_open",
    "1 while the shared cache is left alone because it failed, otherwise 0.",
    registry=REGISTRY,
)
SHED = Counter(
    "catalograph_requests_shed_total",
    "Requests refused because too many were being worked on.",
    registry=REGISTRY,
)
REFUSED = Counter(
    "catalograph_requests_refused_total",
    "Requests refused before they reached the graph, by limit or rule.",
    ["rule"],
    registry=REGISTRY,
)


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


def get_logger() -> FilteringBoundLogger:
    """The logger; messages are fixed sentences, values go in as fields."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger
