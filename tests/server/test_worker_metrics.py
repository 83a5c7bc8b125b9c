"""Texts of several workers become one that Prometheus understands."""

from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric, Sample
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from catalograph.observability.metrics import write_metrics
from catalograph.server.worker_metrics import (
    Numbered,
    Presence,
    merge_texts,
)

OPEN_METRICS = "application/openmetrics-text;version=1.0.0"
FORMATS = ["", "text/plain;version=1.0.0", OPEN_METRICS]


def metrics_of(things: int, *, extra: bool = False) -> CollectorRegistry:
    """Some metrics of each kind."""
    registry = CollectorRegistry()
    counter = Counter("things", 'Things\nof "all" kinds.', ["kind"], registry=registry)
    counter.labels('a\n# HELP b="\\c').inc(things)
    Gauge("size_bytes", "Size.", unit="bytes", registry=registry).set(1.5)
    Histogram("wait", "Waits.", buckets=(0.1, 1), registry=registry).observe(0.5)
    if extra:
        Counter("more", "", registry=registry).inc()
    return registry


def write(number: int, accept: str, *, things: int, extra: bool = False) -> bytes:
    registry = metrics_of(things, extra=extra)
    return write_metrics(Numbered(registry, number), accept)[0]


def test_each_metric_is_there_once_with_the_samples_of_all() -> None:
    registries = [CollectorRegistry() for _ in range(2)]
    for number, registry in enumerate(registries):
        Gauge("first", "One.", registry=registry).set(number)
        Gauge("second", "Two.", ["kind"], registry=registry).labels("a").set(number)

    merged = merge_texts(
        [
            write_metrics(Numbered(registry, number), "")[0]
            for number, registry in enumerate(registries)
        ]
    )

    assert merged.decode().splitlines() == [
        "# HELP first One.",
        "# TYPE first gauge",
        'first{worker="0"} 0.0',
        'first{worker="1"} 1.0',
        "# HELP second Two.",
        "# TYPE second gauge",
        'second{kind="a",worker="0"} 0.0',
        'second{kind="a",worker="1"} 1.0',
    ]


@pytest.mark.parametrize("accept", FORMATS)
def test_one_text_stays_as_it_is(accept: str) -> None:
    text = write(3, accept, things=1)

    assert merge_texts([text]) == text


@pytest.mark.parametrize("accept", FORMATS)
def test_what_is_merged_is_read_as_the_samples_of_all(accept: str) -> None:
    """One of them counts what the others do not, and one has nothing to say."""
    texts = [
        write(0, accept, things=3),
        write(1, accept, things=4, extra=True),
        write_metrics(CollectorRegistry(), accept)[0],
    ]
    parse = parse_openmetrics if accept == OPEN_METRICS else parse_plain

    merged = list(parse(merge_texts(texts).decode()))

    names = [family.name for family in merged]
    assert len(names) == len(set(names))
    assert {"things", "size_bytes", "wait", "more"} <= set(names)
    assert sorted(map(repr, samples_of(merged))) == sorted(
        repr(sample) for text in texts for sample in samples_of(parse(text.decode()))
    )


def samples_of(families: Iterable[Metric]) -> list[Sample]:
    return [sample for family in families for sample in family.samples]


def test_the_number_stands_beside_the_labels() -> None:
    (things, *_) = Numbered(metrics_of(2), 7).collect()

    assert things.samples[0].labels == {"kind": 'a\n# HELP b="\\c', "worker": "7"}
    assert things.samples[0].value == 2


def test_presence_shows_which_workers_are_included() -> None:
    text, _ = write_metrics(Presence({0: True, 2: False}), "")

    assert text.decode().splitlines()[1:] == [
        "# TYPE catalograph_worker_up gauge",
        'catalograph_worker_up{worker="0"} 1.0',
        'catalograph_worker_up{worker="2"} 0.0',
    ]


@pytest.mark.parametrize("accept", [*FORMATS, "*/*", "text/plain;version=x"])
def test_the_media_type_asks_for_its_own_format(accept: str) -> None:
    registry = metrics_of(1)
    text, media_type = write_metrics(registry, accept)

    assert write_metrics(registry, media_type) == (text, media_type)
