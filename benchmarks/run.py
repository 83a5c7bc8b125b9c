"""Measure the gateway side by side with alternatives: `make bench`.

    python benchmarks/run.py                 everything; writes results.md and chart.svg
    python benchmarks/run.py --quick         the same in a few minutes, less exact; only prints
    python benchmarks/run.py --only Q2,cold  some parts; only prints

`--only` takes Q1 to Q5, pages, workers, cold, start and growth.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from chart import draw_chart
from load import GENERATOR
from measures import (
    PAGE_CONTENDERS,
    PAGE_SIZES,
    SIZES,
    Effort,
    WrongAnswerError,
    measure_cold,
    measure_growth,
    measure_page_sizes,
    measure_speeds,
    measure_start,
    measure_workers,
    say,
)
from questions import QUESTIONS
from report import Results, write_report
from servers import (
    CONTENDERS,
    MERCURIUS,
    MERCURIUS_CACHED,
    OURS,
    OURS_UNKEPT,
    install_peers,
    join_load,
)

_FOLDER = Path(__file__).parent
_PARTS = ("pages", "workers", "cold", "start", "growth")
_QUICK_SIZES = (1, 250)
_WORKERS = ((OURS, ("Q5",)), (OURS_UNKEPT, ("Q2", "Q3")))
_QUICK_WORKERS = ((OURS_UNKEPT, ("Q2",)),)
_FULL = Effort(seconds=3, rounds=3)
_QUICK = Effort(seconds=1, rounds=1)


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
    known = {question.name for question in QUESTIONS} | set(_PARTS)
    asked.parts = set(filter(None, asked.only.split(","))) or known
    if asked.parts - known:
        parser.error(f"--only takes {', '.join(sorted(known))}")
    if asked.parts == known and not asked.quick and asked.out is None:
        asked.out = _FOLDER
    return asked


def _measure(parts: set[str], effort: Effort, *, quick: bool) -> Results:
    contenders = list(CONTENDERS)
    results = Results()
    if not install_peers():
        say(
            "Mercurius is left out: there is no node and npm, or it cannot be installed."
        )
        results.notes.append("Mercurius was left out: no node and npm.")
        contenders.remove(MERCURIUS)
        contenders.remove(MERCURIUS_CACHED)
    if GENERATOR != "wrk":
        say(
            "wrk is not installed: the load comes from Python, which a fast server outruns."
        )
    questions = [one for one in QUESTIONS if one.name in parts]
    if questions:
        say("Questions, relative to raw uvicorn with the same bytes")
        results.speeds = measure_speeds(contenders, questions, effort)
    if "pages" in parts:
        say("Page sizes")
        chosen = [one for one in PAGE_CONTENDERS if one in contenders]
        page_sizes = _QUICK_SIZES if quick else PAGE_SIZES
        results.pages = measure_page_sizes(chosen, effort, page_sizes)
    if "workers" in parts:
        say("Two workers relative to one")
        results.workers = measure_workers(effort, _QUICK_WORKERS if quick else _WORKERS)
    if "cold" in parts:
        say("A hundred at once, cold")
        results.cold = measure_cold(contenders)
    if "start" in parts:
        say("Start to first answer")
        results.start = measure_start(contenders, effort.rounds)
    if "growth" in parts:
        say("Growth")
        results.growth = measure_growth(effort, SIZES[:2] if quick else SIZES)
    return results


def main() -> int:
    """Measure the requested parts, and print or write the report."""
    asked = _read_arguments()
    effort = _QUICK if asked.quick else _FULL
    effort = Effort(asked.seconds or effort.seconds, asked.rounds or effort.rounds)
    # On SIGTERM, exit through the context managers, which stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    join_load()
    began = time.perf_counter()
    try:
        results = _measure(asked.parts, effort, quick=asked.quick)
    except WrongAnswerError as error:
        say(str(error))
        return 1
    results.took_s = time.perf_counter() - began
    text = write_report(results, effort)
    print()
    print(text)
    if asked.out is not None:
        (asked.out / "results.md").write_text(text, encoding="utf-8")
        (asked.out / "chart.svg").write_text(draw_chart(results), encoding="utf-8")
        say(f"Written to {asked.out / 'results.md'} and {asked.out / 'chart.svg'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
