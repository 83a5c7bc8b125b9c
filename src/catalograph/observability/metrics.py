"""All Prometheus metrics, except those of requests."""

import asyncio
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry()
"""Every metric of this process; of the client library's own, only memory, CPU and files."""

ProcessCollector(registry=REGISTRY)

BUILD = Gauge(
    "catalograph_build_info",
    "Always 1; the label says which version runs.",
    ["version"],
    registry=REGISTRY,
)

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
    "Retries of failed attempts.",
    registry=REGISTRY,
)
UPSTREAM_RETRY_BUDGET = Gauge(
    "catalograph_upstream_retry_budget",
    "Retries that the budget allows now; each request adds a fifth of one.",
    registry=REGISTRY,
)
UPSTREAM_BREAKER_STATE = Gauge(
    "catalograph_upstream_breaker_state",
    "Circuit breaker. 0: closed; 1: half open, one probe; 2: open, no calls.",
    registry=REGISTRY,
)
UPSTREAM_BREAKER_REFUSALS = Counter(
    "catalograph_upstream_breaker_refusals_total",
    "Calls that were not made because the breaker was open.",
    registry=REGISTRY,
)
MALFORMED = Counter(
    "catalograph_upstream_malformed_total",
    "Rows or fields of upstream responses that could not be read and were left out.",
    ["what"],
    registry=REGISTRY,
)
CONTRACT_BREAKS = Counter(
    "catalograph_upstream_contract_breaks_total",
    "Pages discarded because the upstream had ignored a filter.",
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
    "Callers that shared the response or upstream request of another caller.",
    registry=REGISTRY,
)
CACHE_BYTES = Gauge(
    "catalograph_cache_bytes",
    "Bytes of memory that cached pages and indexes take.",
    registry=REGISTRY,
)
CACHE_EVICTIONS = Counter(
    "catalograph_cache_evictions_total",
    "Cached entries that were evicted for others, or were too large to cache.",
    registry=REGISTRY,
)
TASKS = Gauge(
    "catalograph_tasks",
    "Tasks of the event loop; a number that only grows is a leak.",
    registry=REGISTRY,
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
    "1 while the circuit breaker of the shared cache is open, otherwise 0.",
    registry=REGISTRY,
)
SHED = Counter(
    "catalograph_requests_shed_total",
    "Requests refused because too many were in flight.",
    registry=REGISTRY,
)
REFUSED = Counter(
    "catalograph_requests_refused_total",
    "Requests refused, by the limit or rule that refused them.",
    ["rule"],
    registry=REGISTRY,
)
ERRORS = Counter(
    "catalograph_errors_total",
    "Errors in responses, by code.",
    ["code"],
    registry=REGISTRY,
)
SHARED_CACHE_SECONDS = Histogram(
    "catalograph_shared_cache_seconds",
    "Seconds that one call of the shared cache took, failed ones included.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25),
    registry=REGISTRY,
)
INDEX_TIME = Gauge(
    "catalograph_index_timestamp_seconds",
    "Unix time of the data in the index; 0 before the first. Always 0 with tokens passed "
    "through, as each token has its own index.",
    registry=REGISTRY,
)
INDEX_MODELS = Gauge(
    "catalograph_index_models",
    "Models in the index; always 0 with tokens passed through.",
    registry=REGISTRY,
)
LOG_LINES_LOST = Counter(
    "catalograph_log_lines_lost_total",
    "Lines of the log that were dropped: the stream stalled, was closed or was full.",
    registry=REGISTRY,
)
CRAWLS = Counter(
    "catalograph_index_readings_total",
    "Crawls of the whole catalogue, by outcome: ok, torn (it changed meanwhile), failed.",
    ["outcome"],
    registry=REGISTRY,
)
for _outcome in ("ok", "torn", "failed"):
    CRAWLS.labels(_outcome)
CRAWL_PAGES = Gauge(
    "catalograph_index_reading_pages",
    "Pages of the catalogue, as far as the latest crawl knows.",
    registry=REGISTRY,
)
CRAWL_PAGES_READ = Gauge(
    "catalograph_index_reading_pages_read",
    "Pages that the latest crawl has read so far.",
    registry=REGISTRY,
)
IRREGULAR_MODELS = Counter(
    "catalograph_index_irregular_models_total",
    "Models that the catalogue lists twice (repeated), or by which its total is wrong "
    "(missing), counted when two readings agree.",
    ["what"],
    registry=REGISTRY,
)
for _what in ("repeated", "missing"):
    IRREGULAR_MODELS.labels(_what)
TABLE_READINGS = Counter(
    "catalograph_side_table_readings_total",
    "Readings of the tables beside the models, by table and outcome: ok, failed.",
    ["table", "outcome"],
    registry=REGISTRY,
)
for _table in ("providers", "organisations", "endpoints", "prices"):
    for _outcome in ("ok", "failed"):
        TABLE_READINGS.labels(_table, _outcome)
STALE_ANSWERS = Counter(
    "catalograph_stale_answers_total",
    "Responses with old data and the warning STALE_DATA, because the upstream failed.",
    registry=REGISTRY,
)
READY = Gauge(
    "catalograph_ready",
    "1 while operations can be answered, 0 while they cannot; as /readyz says.",
    registry=REGISTRY,
)
LOOP_LAG = Gauge(
    "catalograph_event_loop_lag_seconds",
    "Longest time that the event loop was blocked since the last scrape.",
    registry=REGISTRY,
)


class LoopWatch:
    """Measures how long the event loop is blocked, until stopped.

    Args:
        loop: The running loop; a timer runs on it four times a second.
        on_look: Called each time.
    """

    _EVERY_S = 0.25

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_look: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._on_look = on_look
        self._longest_s = 0.0
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        LOOP_LAG.set_function(self._take)
        self._wait()

    def stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        LOOP_LAG.set_function(float)

    def _wait(self) -> None:
        self._due_s = self._loop.time() + self._EVERY_S
        self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        self._longest_s = max(self._longest_s, self._loop.time() - self._due_s)
        self._on_look()
        self._wait()

    def _take(self) -> float:
        """Return the longest block since the last scrape, and reset it."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s


def write_metrics(collector: Collector, accept: str) -> tuple[bytes, str]:
    """Write metrics in the format that an `Accept` header asks for.

    Returns:
        The text, and its media type, which gives the same format when sent as `accept`.
    """
    try:
        encode, media_type = choose_encoder(accept)
    except (TypeError, ValueError):
        # The library compares versions without checking that they are numbers.
        encode, media_type = choose_encoder("")
    return encode(collector), media_type
