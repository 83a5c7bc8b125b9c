"""Counters of requests, as plain numbers that cost almost nothing."""

import bisect
import collections
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from catalograph.observability.metrics import REGISTRY

_BOUNDS_S: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
_MOST_NAMES: Final = 200
_OTHER: Final = "(other)"
_UNNAMED: Final = "(unnamed)"


class RequestMetrics(Collector):
    """Counters of this process, collected by Prometheus.

    The client library's own counters take locks that are not needed on one event loop;
    with them the metrics would cost as much as a cache hit.

    Attributes:
        in_flight: Requests in flight.
        cached_bytes: Memory that the response cache takes.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.cached_bytes = 0
        self._names: set[str] = set()
        self._operations: collections.Counter[tuple[str, str]] = collections.Counter()
        self._statuses: collections.Counter[int] = collections.Counter()
        self._look_ups: collections.Counter[str] = collections.Counter()
        self._sent_bytes = 0
        self._buckets = [0] * (len(_BOUNDS_S) + 1)
        self._seconds = 0.0

    def count_operation(self, name: str, outcome: str) -> None:
        """Count an operation; after the first 200 names, all others share one label.

        Args:
            name: Empty when it has none.
            outcome: `ok`, `errors` or `refused`.
        """
        label = name or _UNNAMED
        if label not in self._names:
            # Clients choose the names, and each name is a permanent time series.
            if len(self._names) >= _MOST_NAMES:
                label = _OTHER
            else:
                self._names.add(label)
        self._operations[label, outcome] += 1

    def count_hit(self, name: str, seconds: float, sent_bytes: int) -> None:
        """Count a cache hit: operation, request, look-up, time and bytes."""
        self._look_ups["hit"] += 1
        self._statuses[200] += 1
        self._buckets[bisect.bisect_left(_BOUNDS_S, seconds)] += 1
        self._seconds += seconds
        self._sent_bytes += sent_bytes
        label = name or _UNNAMED
        self._operations[label if label in self._names else _OTHER, "ok"] += 1

    def count_look_up(self, outcome: str) -> None:
        """Count a look-up in the response cache: `hit` or `miss`."""
        self._look_ups[outcome] += 1

    def count_request(self, status: int, seconds: float, sent_bytes: int) -> None:
        """Count a request that was answered."""
        self._statuses[status] += 1
        self._buckets[bisect.bisect_left(_BOUNDS_S, seconds)] += 1
        self._seconds += seconds
        self._sent_bytes += sent_bytes

    def collect(self) -> Iterator[Metric]:
        """Give the counters as Prometheus metrics."""
        operations = CounterMetricFamily(
            "catalograph_operations",
            "Operations, by name (a bounded number of them) and outcome.",
            labels=["operation", "outcome"],
        )
        for labels, count in self._operations.items():
            operations.add_metric(labels, count)
        yield operations
        requests = CounterMetricFamily(
            "catalograph_requests", "Requests, by HTTP status.", labels=["status"]
        )
        for status, count in self._statuses.items():
            requests.add_metric([str(status)], count)
        yield requests
        look_ups = CounterMetricFamily(
            "catalograph_response_cache_lookups",
            "Look-ups in the response cache, by outcome (hit or miss).",
            labels=["outcome"],
        )
        for outcome, count in self._look_ups.items():
            look_ups.add_metric([outcome], count)
        yield look_ups
        yield self._collect_seconds()
        yield CounterMetricFamily(
            "catalograph_response_bytes",
            "Bytes of response bodies, as sent.",
            value=self._sent_bytes,
        )
        yield GaugeMetricFamily(
            "catalograph_requests_in_flight",
            "Requests in flight.",
            value=self.in_flight,
        )
        yield GaugeMetricFamily(
            "catalograph_response_cache_bytes",
            "Bytes of memory that the response cache takes.",
            value=self.cached_bytes,
        )

    def _collect_seconds(self) -> Metric:
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound_s, count in zip(_BOUNDS_S, self._buckets, strict=False):
            total += count
            buckets.append((str(bound_s), total))
        buckets.append(("+Inf", total + self._buckets[-1]))
        seconds = HistogramMetricFamily(
            "catalograph_request_seconds",
            "Seconds from a request's headers to the last byte handed to the server.",
        )
        seconds.add_metric([], buckets=list(buckets), sum_value=self._seconds)
        return seconds


REQUESTS: Final = RequestMetrics()
"""The counters of this process."""

REGISTRY.register(REQUESTS)
