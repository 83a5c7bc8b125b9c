"""Measure the gateway side by side with alternatives: `make bench`.

    python benchmarks/run.py                    everything; writes results.md and chart.svg
    python benchmarks/run.py --quick            the same in some minutes, less exact; only prints
    python benchmarks/run.py --only Q2,stampede some parts; only prints

`--only` takes Q1 to Q5, variables, pages, workers, stampede, start, today and growth.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from chart import draw_chart
from load import GENERATOR
from measures import (
    PAGE_CONTENDERS,
    PAGE_SIZES,
    SIZES,
    Effort,
    WrongAnswerError,
    measure_growth,
    measure_page_sizes,
    measure_speeds,
    measure_stampede,
    measure_start,
    measure_today,
    measure_variables,
    measure_workers,
    say,
)
from queries import QUERIES
from report import Results, write_report
from servers import OURS, OURS_UNCACHED, Contender, find_contenders, join_load

_FOLDER = Path(__file__).parent
_QUICK_SIZES = (1, 250)
_WORKERS = ((OURS, ("Q5",)), (OURS_UNCACHED, ("Q2", "Q3")))
_QUICK_WORKERS = ((OURS_UNCACHED, ("Q2",)),)
_PARTS: dict[str, tuple[str, Callable[[list[Contender], Effort, bool], object]]] = {
    "variables": (
        "New variables relative to repeated ones",
        lambda _, effort, __: measure_variables(effort),
    ),
    "pages": (
        "Page sizes",
        lambda contenders, effort, quick: measure_page_sizes(
            [one for one in PAGE_CONTENDERS if one in contenders],
            effort,
            _QUICK_SIZES if quick else PAGE_SIZES,
        ),
    ),
    "workers": (
        "Two workers relative to one",
        lambda _, effort, quick: measure_workers(
            effort, _QUICK_WORKERS if quick else _WORKERS
        ),
    ),
    "stampede": (
        "A hundred equal requests at once, with an empty cache",
        lambda contenders, _, __: measure_stampede(contenders),
    ),
    "start": (
        "Start to first response",
        lambda contenders, effort, _: measure_start(contenders, effort.rounds),
    ),
    "today": (
        "Today's version of the upstream, at its real size",
        lambda _, effort, __: measure_today(effort),
    ),
    "growth": (
        "Growth",
        lambda _, __, quick: measure_growth(SIZES[:2] if quick else SIZES),
    ),
}
"""Title and measurement of each part, by the attribute of `Results` that it fills."""

_FULL = Effort(seconds=2, rounds=4)
_QUICK = Effort(seconds=1, rounds=1)
_MOST_ROUNDS = 3
"""Of the parts other than the queries, in which there are fewer contenders to compare."""


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="parts, separated by commas")
    parser.add_argument(
        "--quick", action="store_true", help="a few minutes, less exact"
    )
    parser.add_argument("--seconds", type=float, help="per figure and round")
    parser.add_argument("--rounds", type=int, help="of which the median counts")
    parser.add_argument("--out", type=Path, help="folder for results.md and chart.svg")
    asked = parser.parse_args()
    known = {query.name for query in QUERIES} | set(_PARTS)
    asked.parts = set(filter(None, asked.only.split(","))) or known
    if asked.parts - known:
        parser.error(f"--only takes {', '.join(sorted(known))}")
    if asked.parts == known and not asked.quick and asked.out is None:
        asked.out = _FOLDER
    return asked


def _measure(
    parts: set[str],
    contenders: list[Contender],
    effort: Effort,
    results: Results,
    *,
    quick: bool,
) -> None:
    """Fill the results part by part."""
    if GENERATOR != "wrk":
        say(
            "wrk is not installed: the load comes from Python, which a fast server outruns."
        )
    queries = [one for one in QUERIES if one.name in parts]
    if queries:
        say("Queries, requests per second of CPU time relative to raw uvicorn")
        results.speeds = measure_speeds(contenders, queries, effort)
    effort = effort._replace(rounds=min(effort.rounds, _MOST_ROUNDS))
    # A proxy makes no difference to the other parts.
    contenders = [one for one in contenders if not one.is_behind_proxy]
    for part, (title, measure) in _PARTS.items():
        if part in parts:
            say(title)
            setattr(results, part, measure(contenders, effort, quick))


def main() -> int:
    """Measure the requested parts, and print or write the report."""
    asked = _read_arguments()
    effort = _QUICK if asked.quick else _FULL
    effort = Effort(asked.seconds or effort.seconds, asked.rounds or effort.rounds)
    # On SIGTERM, exit through the context managers, which stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = Results()
    contenders, results.notes = find_contenders()
    for note in results.notes:
        say(note)
    join_load()
    began = time.perf_counter()
    try:
        _measure(asked.parts, contenders, effort, results, quick=asked.quick)
    except WrongAnswerError as error:
        say(str(error))
        return 1
    finally:
        # Also when a part failed: the others took long.
        results.took_s = time.perf_counter() - began
        text = write_report(results, effort)
        say(f"\n{text}")
    if asked.out is not None:
        (asked.out / "results.md").write_text(text, encoding="utf-8")
        (asked.out / "chart.svg").write_text(draw_chart(results), encoding="utf-8")
        say(f"Written to {asked.out / 'results.md'} and {asked.out / 'chart.svg'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
