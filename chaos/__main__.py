"""The command: starts all processes, runs the plan, and reports."""

import argparse
import asyncio
import contextlib
import itertools
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from rich.console import Console

from catalograph.demo.service import DEMO_TOKENS
from chaos.checker import Ages, Checker
from chaos.incidents import INCIDENTS, RECOVERY_S, Phase, Stage, plan
from chaos.load import Load
from chaos.processes import GatewayProcess, Resources, UpstreamProcess
from chaos.report import Span, count_figures, print_table, write_chart
from chaos.truth import Truth
from support.redis_server import RedisServer

_ATTEMPT_S, _TOTAL_S, _REQUEST_S = 1.0, 2.5, 6.0
_SHOWN = 20

console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 180)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1, help="order of the incidents")
    parser.add_argument("--rate", type=float, default=100, help="questions a second")
    parser.add_argument("--gateways", type=int, default=3)
    parser.add_argument(
        "--ages", default="2,8", help="fresh and stale age, in seconds (60,600 in life)"
    )
    parser.add_argument("--period", type=float, default=5, help="of a version, seconds")
    parser.add_argument(
        "--only", default="", help=f"of: none, {', '.join(INCIDENTS)}; joined by commas"
    )
    parser.add_argument("--lasts", type=float, help="seconds of each incident")
    parser.add_argument(
        "--known-only", action="store_true", help="put no question for the first time"
    )
    parser.add_argument("--upstream-version", choices=[*DEMO_TOKENS], default="2026-08")
    parser.add_argument("--warm", type=float, default=5, help="seconds before all")
    parser.add_argument("--drain", type=float, default=3, help="DRAIN_S of gateways")
    parser.add_argument("--out", type=Path, default=Path("chaos/out"))
    return parser.parse_args()


@contextlib.asynccontextmanager
async def _set_up(
    arguments: argparse.Namespace, truth: Truth, folder: Path, chance: random.Random
) -> AsyncIterator[Stage]:
    fresh_s, stale_s = arguments.ages.split(",")
    upstream = UpstreamProcess(
        truth, folder / "upstream.log", arguments.upstream_version
    )
    async with contextlib.AsyncExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        stack.push_async_callback(upstream.kill)
        await upstream.start()
        gateways = []
        for number in range(1, arguments.gateways + 1):
            gateway = GatewayProcess(
                f"gateway {number}",
                {
                    "UPSTREAM_URL": upstream.url,
                    "UPSTREAM_TOKEN": upstream.token,
                    "CACHE_URL": redis.url,
                    "CACHE_FRESH_S": fresh_s,
                    "CACHE_STALE_S": stale_s,
                    "UPSTREAM_TIMEOUT_S": str(_ATTEMPT_S),
                    "UPSTREAM_TOTAL_TIMEOUT_S": str(_TOTAL_S),
                    "REQUEST_TIMEOUT_S": str(_REQUEST_S),
                    "DRAIN_S": str(arguments.drain),
                },
                folder / f"gateway-{number}.log",
            )
            stack.push_async_callback(gateway.aclose)
            await gateway.start()
            gateways.append(gateway)
        yield Stage(upstream, redis, gateways, chance)


async def _go_through(
    phases: list[Phase], stage: Stage, load: Load, *, asks_new: bool
) -> list[Span]:
    spans = []
    for phase in phases:
        began_s = load.now_s
        load.asks_new = asks_new
        if phase.incident is None:
            await _pass(phase, load)
        else:
            async with phase.incident(stage, phase.lasts_s):
                await _pass(phase, load)
        spans.append(Span(phase.name, began_s, load.now_s))
    return spans


async def _pass(phase: Phase, load: Load) -> None:
    end_s = load.now_s + phase.lasts_s
    while load.now_s < end_s:
        _show_progress(phase.name, load)
        await asyncio.sleep(min(1.0, max(0.01, end_s - load.now_s)))


def _show_progress(name: str, load: Load) -> None:
    failed = sum(bool(one.failure) for one in load.results)
    line = (
        f"{load.now_s:5.0f} s  {name:<22} {len(load.results)} asked, {failed} failed, "
        f"{len(load.lies)} untrue"
    )
    if console.is_terminal:
        print(f"\r{line:<78}", end="", flush=True)
    elif int(load.now_s) % 10 == 0:
        print(line, flush=True)


def _find_violations(load: Load, spans: list[Span]) -> list[str]:
    """List everything that a client should not have seen."""
    found = [
        f"{one.at_s:.1f} s: a known question was not answered: {one.failure}"
        for one in load.results
        if one.is_known and one.failure
    ]
    found += [
        f"{one.at_s:.1f} s: a new question was not answered: {one.failure}"
        for one in load.results
        if not one.is_known and one.failure
    ]
    found += [f"{at_s:.1f} s: not true: {lie}" for at_s, lie in load.lies]
    found += [
        f"{at_s:.1f} s: {name} said it is not ready" for at_s, name in load.unready
    ]
    for before, span in itertools.pairwise(spans):
        recovered_s = before.to_s + RECOVERY_S
        if span.name == "calm":
            late = [
                one
                for one in load.results
                if one.is_stale and recovered_s < one.at_s < span.to_s
            ]
            if late:
                found.append(
                    f"{late[0].at_s:.1f} s: {len(late)} answers are old "
                    f"{RECOVERY_S:.0f} s after {before.name!r}"
                )
    return found


def _read_upstream_log(path: Path, start_s: float) -> list[float]:
    with path.open(encoding="utf-8") as lines:
        return [float(line.split(" ", 1)[0]) - start_s for line in lines]


async def _measure(stage: Stage) -> list[Resources]:
    return [await gateway.measure() for gateway in stage.gateways]


async def run(arguments: argparse.Namespace) -> int:
    """Run the whole plan; return the exit status."""
    chance = random.Random(arguments.seed)  # noqa: S311 - a plan that can be repeated
    only = [name.strip() for name in arguments.only.split(",") if name.strip()]
    phases = plan(arguments.seconds, chance, only, arguments.lasts)
    last = phases[-1]
    phases[-1] = msgspec.structs.replace(
        last, lasts_s=max(last.lasts_s, RECOVERY_S + 3)
    )
    truth = Truth(time.time(), arguments.period)
    fresh_s, stale_s = map(float, arguments.ages.split(","))
    # One load may repeat its requests after an answer that breaks the contract. The last
    # request still begins within the total timeout.
    checker = Checker(truth, Ages(fresh_s, stale_s, _TOTAL_S))
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        async with _set_up(arguments, truth, folder, chance) as stage:
            load = Load(stage.gateways, checker, chance)
            await load.warm()
            is_over = asyncio.Event()
            start_s = time.time() - load.now_s
            async with load.look_after():
                asking = asyncio.create_task(
                    load.run(arguments.rate, until=is_over.is_set)
                )
                asks_new = not arguments.known_only
                warming = [Phase("calm", arguments.warm)]
                spans = await _go_through(warming, stage, load, asks_new=asks_new)
                before = await _measure(stage)
                spans += await _go_through(phases, stage, load, asks_new=asks_new)
                is_over.set()
                await asking
                after = await _measure(stage)
        times_s = _read_upstream_log(folder / "upstream.log", start_s)
        arguments.out.mkdir(parents=True, exist_ok=True)
        for log in folder.glob("*.log"):
            (arguments.out / log.name).write_bytes(log.read_bytes())
    print()
    whole = Span("all", 0, load.now_s)
    rows = [count_figures(span, load.results, times_s) for span in [*spans, whole]]
    print_table(console, rows)
    for gateway, one, other in zip(stage.gateways, before, after, strict=True):
        print(
            f"{gateway.name}: memory {one.rss_mb:.0f} -> {other.rss_mb:.0f} MB, "
            f"open files {one.files} -> {other.files}, tasks {one.tasks} -> {other.tasks}"
        )
    chart = arguments.out / "chaos.svg"
    write_chart(chart, spans, load.results, times_s)
    (arguments.out / "chaos.json").write_bytes(
        msgspec.json.encode(
            {"phases": rows, "before": before, "after": after, "violations": load.lies}
        )
    )
    violations = _find_violations(load, spans)
    print(f"chart: {chart}; logs beside it; seed {arguments.seed}")
    for violation in violations[:_SHOWN]:
        print(f"NOTICED {violation}")
    print(f"{len(violations)} things were noticed that nobody should notice")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(_parse_arguments())))
