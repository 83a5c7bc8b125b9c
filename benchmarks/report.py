"""Writes the results as Markdown."""

import datetime
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from load import CONNECTIONS, GENERATOR
from measures import AT_ONCE, DELAYS_MS, Cold, Effort, Growth, Ratio, Speeds
from questions import QUESTIONS
from servers import OURS, is_pinned

_BUSY: Final = 0.1
_TITLES: Final = {question.name: question.title for question in QUESTIONS}


@dataclass
class Results:
    """All results; None or empty for parts that were not measured.

    Attributes:
        speeds: Speeds of all contenders.
        pages: Speeds by page size.
        workers: Two processes relative to one, by contender and question.
        cold: Equal questions with an empty cache, by contender and upstream delay in ms.
        start: Seconds from start to the first answer, by contender.
        growth: Figures by size of the catalogue.
        notes: Remarks for the reader.
        took_s: Seconds of the whole run.
    """

    speeds: Speeds | None = None
    pages: Speeds | None = None
    workers: dict[str, float] = field(default_factory=dict)
    cold: dict[tuple[str, int], Cold] = field(default_factory=dict)
    start: dict[str, float] = field(default_factory=dict)
    growth: dict[int, Growth] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    took_s: float = 0.0


def write_report(results: Results, effort: Effort) -> str:
    """Write all tables as Markdown."""
    parts = ["# Results", _describe_run(results, effort)]
    if results.speeds:
        parts += _write_speeds(results.speeds)
    if results.pages:
        parts += _write_pages(results.pages)
    if results.cold:
        parts += _write_cold(results.cold)
    if results.start or results.speeds:
        parts += _write_start(results)
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
        f"{effort.seconds:g} s a figure, medians; {results.took_s / 60:.0f} min in all."
    )
    how = "How it is measured and how to read it: `docs/performance.md`."
    lines = [machine, how, *results.notes]
    foreign = [one.foreign for one in (results.speeds, results.pages) if one]
    if foreign and max(foreign) > _BUSY:
        lines.append(
            f"**The machine was busy**: others took {max(foreign):.0%} of the servers' "
            "processor. Requests per processor second are the figures to trust."
        )
    return "\n\n".join(lines)


def _write_speeds(speeds: Speeds) -> list[str]:
    names = _contenders(speeds)
    asked = _questions(speeds)
    heads = [f"{name}: {_TITLES[name]}" for name in asked]
    return [
        "## Relative to raw uvicorn sending the same bytes",
        "Requests per second:",
        _speed_table(speeds, names, asked, heads, lambda one: _ratio(one.requests)),
        "Requests per second of the server's own processor time:",
        _speed_table(speeds, names, asked, heads, lambda one: _ratio(one.work)),
        "The 99th percentile of latency in ms, at full load:",
        _speed_table(speeds, names, asked, heads, lambda one: f"{one.p99_ms:.1f}"),
        *_write_leads(speeds, names, asked, heads),
    ]


def _write_leads(
    speeds: Speeds, names: Sequence[str], asked: Sequence[str], heads: Sequence[str]
) -> list[str]:
    """Write the speed of the gateway relative to each of the other servers."""
    ours = [name for name in names if name.startswith(OURS.name)]
    peers = [name for name in names if name not in ours]
    rows = []
    for own in ours:
        for peer in peers:
            leads = []
            for question in asked:
                one, other = (speeds.ratios[question, who] for who in (own, peer))
                leads.append(f"{one.requests / other.requests:.2f}")
            rows.append([f"{own} : {peer}", *leads])
    if not rows:
        return []
    return ["How many times as many requests per second:", _table(["", *heads], rows)]


def _write_pages(pages: Speeds) -> list[str]:
    asked = _questions(pages)
    heads = [f"{name[1:]} ({pages.body_bytes[name] / 1000:.1f} kB)" for name in asked]
    names = _contenders(pages)
    return [
        "## By page size: everything selected, relative to raw uvicorn",
        _speed_table(pages, names, asked, heads, lambda one: _ratio(one.requests)),
    ]


def _write_cold(cold: dict[tuple[str, int], Cold]) -> list[str]:
    names = list(dict.fromkeys(name for name, _ in cold))
    heads = ["", "upstream requests"]
    heads += [f"p99, upstream delay {delay_ms} ms" for delay_ms in DELAYS_MS]
    heads.append("p99 / delay")
    rows = []
    for name in names:
        many = [cold[name, delay_ms] for delay_ms in DELAYS_MS]
        slowest = many[-1]
        rows.append(
            [
                name,
                str(max(one.upstream_requests for one in many)),
                *(f"{one.p99_ms:.0f} ms" for one in many),
                f"{slowest.p99_ms / DELAYS_MS[-1]:.2f}",
            ]
        )
    return [f"## Cold: {AT_ONCE} equal questions at once", _table(heads, rows)]


def _write_start(results: Results) -> list[str]:
    rss_mb = results.speeds.rss_mb if results.speeds else {}
    rows = [
        [
            name,
            f"{results.start[name]:.2f} s" if name in results.start else "",
            f"{rss_mb[name]:.0f} MB" if rss_mb.get(name) else "",
        ]
        for name in dict.fromkeys([*results.start, *rss_mb])
    ]
    heads = ["", "start to first answer", "memory after all questions"]
    return ["## Start and memory", _table(heads, rows)]


def _write_growth(growth: dict[int, Growth]) -> list[str]:
    heads = [
        "models",
        "start to first page",
        "memory",
        "first search, reading all models",
        "memory",
        "page, relative",
        "search with facets, relative",
        "upstream requests meanwhile",
    ]
    rows = [
        [
            f"{size:,}",
            f"{one.ready_s:.2f} s",
            f"{one.page_mb:.0f} MB",
            f"{one.index_s:.2f} s",
            f"{one.index_mb:.0f} MB",
            f"{one.page:.2f}",
            f"{one.search:.3f}",
            f"{one.search_asked:,}",
        ]
        for size, one in growth.items()
    ]
    note = (
        "Requests per second relative to the smallest catalogue; a page is kept, a search"
        " is worked out anew."
    )
    return ["## Growth", _table(heads, rows), note]


def _write_workers(workers: dict[str, float]) -> list[str]:
    rows = [[name, f"{ratio:.2f}"] for name, ratio in workers.items()]
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
        [name, *(cell(speeds.ratios[question, name]) for question in asked)]
        for name in names
    ]
    return _table(["", *heads], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"  # noqa: PLR2004 - small ones need more digits


def _contenders(speeds: Speeds) -> list[str]:
    return list(dict.fromkeys(name for _, name in speeds.ratios))


def _questions(speeds: Speeds) -> list[str]:
    return list(dict.fromkeys(question for question, _ in speeds.ratios))
