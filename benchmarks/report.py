"""Writes the results as Markdown."""

import datetime
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from in_process import Step
from load import CONNECTIONS, GENERATOR
from measures import (
    AT_ONCE,
    DELAYS_MS,
    RAW,
    TODAY,
    TODAYS_MODELS,
    Effort,
    Figure,
    Ratio,
    Speeds,
    Stampede,
    Today,
)
from queries import QUERIES
from servers import (
    GO,
    GO_CACHED,
    MERCURIUS,
    MERCURIUS_CACHED,
    OURS,
    OURS_UNCACHED,
    RUST,
    RUST_CACHED,
    STRAWBERRY,
    is_pinned,
)

_BUSY: Final = 0.1
_COMPARED: Final = (
    (OURS, (MERCURIUS_CACHED, RUST_CACHED, GO_CACHED)),
    (OURS_UNCACHED, (MERCURIUS, RUST, GO, STRAWBERRY)),
)
_SPEEDS_NOTE: Final = (
    "Requests per second of the server's own CPU time; behind a proxy relative to raw uvicorn "
    "that gets the same headers. The last row has those of raw uvicorn, which are no ratios."
)
_TITLES: Final = {query.name: query.title for query in QUERIES}


@dataclass
class Results:
    """All results; None or empty for parts that were not measured.

    Attributes:
        speeds: Speeds of all contenders.
        variables: New variables relative to repeated ones, and the share that was not new.
        pages: Speeds by page size.
        workers: Two processes relative to one, by contender and query.
        stampede: Equal requests with an empty cache, by contender and upstream delay in ms.
        start: Seconds from start to the first response, by contender.
        today: Figures over the version of the upstream that is in use now.
        growth: Runs of each operation, by size of the catalogue.
        notes: Remarks for the reader.
        took_s: Seconds of the whole run.
    """

    speeds: Speeds | None = None
    variables: tuple[Figure, float] | None = None
    pages: Speeds | None = None
    workers: dict[str, Figure] = field(default_factory=dict)
    stampede: dict[tuple[str, int], Stampede] = field(default_factory=dict)
    start: dict[str, Figure] = field(default_factory=dict)
    today: Today | None = None
    growth: dict[int, dict[str, list[Step]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    took_s: float = 0.0


def write_report(results: Results, effort: Effort) -> str:
    """Write all tables as Markdown."""
    parts = ["# Results", _describe_run(results, effort)]
    if results.speeds:
        parts += _write_speeds(results.speeds)
    if results.variables:
        parts += _write_variables(*results.variables)
    if results.pages:
        parts += _write_pages(results.pages)
    if results.stampede:
        parts += _write_stampede(results.stampede)
    if results.start or results.speeds:
        parts += _write_start(results)
    if results.today:
        parts += _write_today(results.today)
    if results.growth:
        parts += _write_growth(results.growth)
    if results.workers:
        parts += _write_workers(results.workers)
    return "\n\n".join(parts) + "\n"


def _describe_run(results: Results, effort: Effort) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    places = (
        "servers on one processor, load and upstream on another"
        if is_pinned()
        else "nothing bound to a processor"
    )
    machine = (
        f"`make bench` on {today}: {os.cpu_count()} processors ({platform.machine()}), "
        f"Python {platform.python_version()}, uvicorn {version('uvicorn')}, "
        f"strawberry-graphql {version('strawberry-graphql')}; {places}; "
        f"{GENERATOR}, {CONNECTIONS} connections; {effort.rounds} times "
        f"{effort.seconds:g} s a figure; {results.took_s / 60:.0f} min in all. Each figure is "
        "the median of the rounds, with half of the range of all rounds (±)."
    )
    how = "How it is measured and how to read it: `docs/performance.md`."
    lines = [machine, how, *results.notes]
    foreign = [one.foreign for one in (results.speeds, results.pages) if one]
    if foreign and max(foreign) > _BUSY:
        lines.append(
            f"**The machine was busy**: others took {max(foreign):.0%} of the servers' "
            "processor. Requests per second of CPU time are the figures to trust."
        )
    return "\n\n".join(lines)


def _write_speeds(speeds: Speeds) -> list[str]:
    names = _contenders(speeds)
    asked = _queries(speeds)
    heads = [f"{name}: {_TITLES[name]}" for name in asked]
    raw = [f"{speeds.per_cpu_s[name] / 1000:.1f}k" for name in asked]
    return [
        "## Relative to raw uvicorn sending the same bytes",
        _SPEEDS_NOTE,
        _speed_table(speeds, names, asked, heads, _work)
        + f"\n| {' | '.join([RAW, *raw])} |",
        "Requests per second:",
        _speed_table(speeds, names, asked, heads, lambda one: _show(one.requests)),
        "The 99th percentile of latency in ms, at full load:",
        _speed_table(speeds, names, asked, heads, lambda one: f"{one.p99_ms:.1f}"),
        *_write_leads(speeds, names, asked, heads),
    ]


def _write_leads(
    speeds: Speeds, names: Sequence[str], asked: Sequence[str], heads: Sequence[str]
) -> list[str]:
    """Write the speed of the gateway relative to that of servers with the same caches."""
    rows = []
    for own, peers in _COMPARED:
        for peer in peers:
            if own.name not in names or peer.name not in names:
                continue
            leads = []
            for query in asked:
                works = (speeds.ratios[query, who.name].works for who in (own, peer))
                # A slow peer may have answered nothing in a round.
                pairs = [pair for pair in zip(*works, strict=False) if pair[1]]
                leads.append(_show_all([one / other for one, other in pairs]))
            rows.append([f"{own.name} : {peer.name}", *leads])
    if not rows:
        return []
    return [
        "How many times as many requests per second of CPU time:",
        _table(["", *heads], rows),
    ]


def _write_variables(new: Figure, repeated: float) -> list[str]:
    return [
        "## Variables",
        "Q4 without response cache, lists from the index, requests per second of CPU time: "
        f"variables that are new in each request relative to 200 sets in turn: "
        f"**{_show(new)}**."
        + (f" {repeated:.0%} of the new ones were not new." if repeated else ""),
    ]


def _write_pages(pages: Speeds) -> list[str]:
    asked = _queries(pages)
    heads = [f"{name[1:]} ({pages.body_bytes[name] / 1000:.1f} kB)" for name in asked]
    names = _contenders(pages)
    return [
        "## By page size: everything selected, relative to raw uvicorn",
        "Requests per second of CPU time:",
        _speed_table(pages, names, asked, heads, _work),
    ]


def _write_stampede(stampede: dict[tuple[str, int], Stampede]) -> list[str]:
    names = list(dict.fromkeys(name for name, _ in stampede))
    heads = ["", "upstream requests"]
    heads += [f"p99, upstream delay {delay_ms} ms" for delay_ms in DELAYS_MS]
    heads.append("p99 / delay")
    rows = []
    for name in names:
        many = [stampede[name, delay_ms] for delay_ms in DELAYS_MS]
        slowest = many[-1]
        rows.append(
            [
                name,
                str(max(one.upstream_requests for one in many)),
                *(f"{one.p99_ms:.0f} ms" for one in many),
                f"{slowest.p99_ms / DELAYS_MS[-1]:.2f}",
            ]
        )
    return [f"## Cache stampede: {AT_ONCE} equal requests at once", _table(heads, rows)]


def _write_start(results: Results) -> list[str]:
    rss_mb = results.speeds.rss_mb if results.speeds else {}
    rows = [
        [
            name,
            f"{_show(results.start[name])} s" if name in results.start else "",
            f"{rss_mb[name]:.0f} MB" if rss_mb.get(name) else "",
        ]
        for name in dict.fromkeys([*results.start, *rss_mb])
    ]
    heads = ["", "start to first response", "memory after all queries"]
    return ["## Start and memory", _table(heads, rows)]


def _write_today(today: Today) -> list[str]:
    rows = [
        [
            f"first list after the start, upstream delay {delay_ms} ms",
            f"one upstream request {over.median:+.0f} ms ±{over.noise:.0f}",
        ]
        for delay_ms, over in today.over_ms.items()
    ]
    rows.append(
        [
            "reading all models and building the index",
            f"{_show(today.index_cpu_s)} s of CPU",
        ]
    )
    rows += [
        [
            f"Q2 with prices relative to Q2, CPU time per request, {name}",
            f"{cost.median:+.0%} ±{cost.noise * 100:.0f}",
        ]
        for name, cost in today.priced.items()
    ]
    rows.append(["the same, bytes of the response", f"{today.priced_bytes:+.0%}"])
    title = f"## Today's upstream: {TODAY}, {TODAYS_MODELS} models"
    return [title, _table(["", ""], rows)]


def _write_growth(growth: dict[int, dict[str, list[Step]]]) -> list[str]:
    heads = [
        "models",
        "operation",
        "longest block of the event loop",
        "without other processes",
        "CPU",
        "duration",
        "memory after it",
        "peak",
    ]
    rows = []
    for size, steps in growth.items():
        for name, runs in steps.items():
            rows.append(
                [
                    f"{size:,}",
                    name,
                    f"{_show_ms([one.block_ms for one in runs])}",
                    f"{_show_ms([one.block_cpu_ms for one in runs])}",
                    f"{_show_ms([one.cpu_ms for one in runs])}",
                    f"{_show_ms([one.took_ms for one in runs])}",
                    f"{runs[-1].rss_mb:.0f} MB",
                    f"{max(one.peak_mb for one in runs):.0f} MB",
                ]
            )
    note = (
        "A gateway in a process of its own, without response cache, and with new arguments "
        "each time; medians over its runs. The upstream runs on the other processor."
    )
    return ["## Growth", _table(heads, rows), note]


def _write_workers(workers: dict[str, Figure]) -> list[str]:
    rows = [[name, _show(ratio)] for name, ratio in workers.items()]
    cores = os.cpu_count() or 1
    note = "The load has a processor of its own."
    if cores < 3:  # noqa: PLR2004 - two for the workers, one for the load
        note = (
            "The load shares the two processors, so that 2.00 cannot be reached here."
        )
    table = _table(["", "requests per second, relative"], rows)
    return ["## Two workers relative to one", table, note]


def _speed_table(
    speeds: Speeds,
    names: Iterable[str],
    asked: Sequence[str],
    heads: Sequence[str],
    cell: Callable[[Ratio], str],
) -> str:
    rows = [
        [name, *(cell(speeds.ratios[query, name]) for query in asked)] for name in names
    ]
    return _table(["", *heads], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _work(ratio: Ratio) -> str:
    return _show_all(ratio.works)


def _show_all(values: Sequence[float]) -> str:
    return _show(Figure.of(values)) if values else "?"


def _show(figure: Figure) -> str:
    # Small ratios need more digits.
    digits = 2 if figure.median >= 0.1 else 4  # noqa: PLR2004
    return f"{figure.median:.{digits}f} ±{figure.noise:.{digits}f}"


def _show_ms(values: Sequence[float]) -> str:
    figure = Figure.of(values)
    digits = 1 if figure.median < 100 else 0  # noqa: PLR2004
    return f"{figure.median:,.{digits}f} ±{figure.noise:,.{digits}f} ms"


def _contenders(speeds: Speeds) -> list[str]:
    return list(dict.fromkeys(name for _, name in speeds.ratios))


def _queries(speeds: Speeds) -> list[str]:
    return list(dict.fromkeys(query for query, _ in speeds.ratios))
