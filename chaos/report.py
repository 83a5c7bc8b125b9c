"""Reports the results as a table and a chart."""

import collections
import html
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from chaos.load import Result

_WIDTH, _HEIGHT, _LEFT, _TOP = 1_100, 420, 60, 40
_COLOURS = {"calm": "#ffffff"}
_INCIDENT_COLOUR = "#fdf0d5"


class Span(msgspec.Struct, frozen=True):
    """A phase as it took place, in seconds since the start."""

    name: str
    from_s: float
    to_s: float


class Figures(msgspec.Struct, frozen=True):
    """Figures of one phase, or of the whole run.

    Attributes:
        name: Name of the phase.
        seconds: Length of the phase.
        asked: Questions that were sent in it.
        answered: Questions with a good answer.
        known_failed: Questions without a good answer that had been asked before.
        stale: Answers that warned about stale data.
        failures: Number of failures, by cause.
        retried: Questions that another gateway answered on a second try.
        p50_ms: Median latency of good answers.
        p99_ms: 99th percentile of the latency of good answers.
        upstream: Requests that reached the upstream.
        upstream_peak: Requests in the busiest second.
    """

    name: str
    seconds: float
    asked: int
    answered: int
    known_failed: int
    stale: int
    failures: dict[str, int]
    retried: int
    p50_ms: float
    p99_ms: float
    upstream: int
    upstream_peak: int


def count_figures(
    span: Span, results: Sequence[Result], upstream_times_s: Sequence[float]
) -> Figures:
    """Compute the figures of all questions that were sent within a span."""
    inside = [one for one in results if span.from_s <= one.at_s < span.to_s]
    good = sorted(one.took_s for one in inside if not one.failure)
    sent = [time_s for time_s in upstream_times_s if span.from_s <= time_s < span.to_s]
    by_second = collections.Counter(int(time_s) for time_s in sent)
    return Figures(
        name=span.name,
        seconds=span.to_s - span.from_s,
        asked=len(inside),
        answered=len(good),
        known_failed=sum(one.is_known and bool(one.failure) for one in inside),
        stale=sum(one.is_stale for one in inside),
        failures=dict(
            collections.Counter(one.failure for one in inside if one.failure)
        ),
        retried=sum(one.tries > 1 and not one.failure for one in inside),
        p50_ms=_quantile(good, 0.5) * 1_000,
        p99_ms=_quantile(good, 0.99) * 1_000,
        upstream=len(sent),
        upstream_peak=max(by_second.values(), default=0),
    )


def _quantile(ascending: Sequence[float], share: float) -> float:
    if not ascending:
        return math.nan
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]


def print_table(console: Console, rows: Sequence[Figures]) -> None:
    """Print one line for each phase."""
    table = Table(title="chaos", title_justify="left")
    for name in ("phase", "s", "asked", "answered", "known failed", "old"):
        table.add_column(name, justify="left" if name == "phase" else "right")
    for name in ("again", "p50 ms", "p99 ms", "upstream", "peak/s", "failures"):
        table.add_column(name, justify="left" if name == "failures" else "right")
    for row in rows:
        share = row.answered / row.asked if row.asked else math.nan
        table.add_row(
            row.name,
            f"{row.seconds:.0f}",
            str(row.asked),
            f"{share:.2%}",
            str(row.known_failed),
            str(row.stale),
            str(row.retried),
            f"{row.p50_ms:.1f}",
            f"{row.p99_ms:.1f}",
            str(row.upstream),
            str(row.upstream_peak),
            ", ".join(f"{count} {cause}" for cause, count in row.failures.items()),
        )
    console.print(table)


def write_chart(
    path: Path,
    spans: Sequence[Span],
    results: Sequence[Result],
    upstream_times_s: Sequence[float],
) -> None:
    """Draw latencies (on a logarithmic scale), failures and upstream requests over time."""
    end_s = max(span.to_s for span in spans)
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]

    def x(time_s: float) -> float:
        return _LEFT + time_s / end_s * (_WIDTH - _LEFT - 20)

    def y(took_s: float) -> float:
        # From a third of a millisecond to twelve seconds.
        share = (math.log10(max(took_s, 0.0003)) + 3.5) / 4.6
        return _HEIGHT - 110 - share * (_HEIGHT - 110 - _TOP)

    for span in spans:
        colour = _COLOURS.get(span.name, _INCIDENT_COLOUR)
        left, width = x(span.from_s), x(span.to_s) - x(span.from_s)
        parts.append(
            f'<rect x="{left:.1f}" y="{_TOP}" width="{width:.1f}" '
            f'height="{_HEIGHT - 60 - _TOP}" fill="{colour}"/>'
        )
        if span.name != "calm":
            parts.append(
                f'<text x="{left + 2:.1f}" y="{_TOP - 6}" transform="rotate(-12 '
                f'{left:.1f} {_TOP - 6})">{html.escape(span.name)}</text>'
            )
    for took_s, label in (
        (0.001, "1 ms"),
        (0.01, "10 ms"),
        (0.1, "100 ms"),
        (1, "1 s"),
    ):
        parts.append(
            f'<path d="M{_LEFT} {y(took_s):.1f}H{_WIDTH - 20}" stroke="#dddddd"/>'
            f'<text x="8" y="{y(took_s) + 4:.1f}">{label}</text>'
        )
    by_second: dict[int, list[float]] = collections.defaultdict(list)
    for one in results:
        if one.failure:
            parts.append(
                f'<path d="M{x(one.at_s):.1f} {_TOP}v8" stroke="#c1121f" stroke-width="2"/>'
            )
        else:
            by_second[int(one.at_s)].append(one.took_s)
    for share, colour in ((0.5, "#2a9d8f"), (0.99, "#1d3557")):
        points = " ".join(
            f"{x(second + 0.5):.1f},{y(_quantile(sorted(times), share)):.1f}"
            for second, times in sorted(by_second.items())
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
    sent = collections.Counter(int(one) for one in upstream_times_s if one >= 0)
    most = max(sent.values(), default=1)
    for second, count in sent.items():
        height = count / most * 60
        parts.append(
            f'<rect x="{x(second):.1f}" y="{_HEIGHT - 30 - height:.1f}" '
            f'width="{max(1.0, x(1) - x(0) - 0.5):.1f}" height="{height:.1f}" fill="#adb5bd"/>'
        )
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 10}">green: half of the answers took less; '
        "blue: 99 in 100; red marks: failures; grey: upstream requests a second "
        f"(at most {most}); {end_s:.0f} s in all</text></svg>"
    )
    path.write_text("\n".join(parts), encoding="utf-8")
