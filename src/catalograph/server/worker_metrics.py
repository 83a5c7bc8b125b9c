"""Metrics of several workers as one text for Prometheus.

Each worker writes its own text, with its number on every sample. Merging then only moves
bytes: the worker that answers the scrape neither parses nor encodes the samples of others.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_LABEL: Final = "worker"
_HELP: Final = b"\n# HELP "
"""Begins a metric; it cannot occur within samples, as their texts are escaped."""
_END: Final = b"# EOF\n"
"""Last line of OpenMetrics; the older format has none."""


class Numbered(Collector):
    """Adds the number of a worker to every sample of another collector.

    Args:
        collector: Has no label `worker` of its own.
        number: Number of the worker.
    """

    def __init__(self, collector: Collector, number: int) -> None:
        self._collector = collector
        self._label = {_LABEL: str(number)}

    def collect(self) -> Iterator[Metric]:
        """Collect the metrics, with the label added."""
        for metric in self._collector.collect():
            copy = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            copy.samples = [
                sample._replace(labels={**sample.labels, **self._label})
                for sample in metric.samples
            ]
            yield copy


class Presence(Collector):
    """A metric that says for each worker whether its metrics are included.

    Args:
        present: Whether they are included, by number of the worker.
    """

    def __init__(self, present: Mapping[int, bool]) -> None:
        self._present = present

    def collect(self) -> Iterator[Metric]:
        """One sample for each worker."""
        up = GaugeMetricFamily(
            "catalograph_worker_up",
            "1: the metrics of this worker are included; 0: it did not answer in time, or "
            "is being started.",
            labels=[_LABEL],
        )
        for number, is_present in self._present.items():
            up.add_metric([str(number)], is_present)
        yield up


def merge_texts(texts: Sequence[bytes]) -> bytes:
    """Merge texts of one format: each metric once, with the samples of all workers.

    Args:
        texts: As `metrics.write_metrics` gives them. No two hold the same sample.
    """
    families: dict[bytes, list[bytes]] = {}
    end = b""
    for text in texts:
        if text.endswith(_END):
            end = _END
        lines = text.removesuffix(_END).removesuffix(b"\n")
        for family in (b"\n" + lines).split(_HELP)[1:]:
            head, samples = _divide(family)
            name = head.partition(b" ")[0]
            families.setdefault(name, [_HELP + head]).append(samples)
    return b"".join(chain.from_iterable(families.values()))[1:] + b"\n" + end


def _divide(family: bytes) -> tuple[bytes, bytes]:
    """Divide a metric into its header lines and its samples."""
    end = family.index(b"\n")
    while family.startswith(b"# ", end + 1):
        end = family.find(b"\n", end + 1)
        if end < 0:
            return family, b""
    return family[:end], family[end:]
