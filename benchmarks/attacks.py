"""Attacks on running gateways: their results and their cost.

    PYTHONPATH=tests python benchmarks/attacks.py

Prints a row for each class of attacks, then the attacks that blocked the event loop longest:
CPU time of the loop, and wall-clock time.
"""

import asyncio

from support.hostile.battle import Outcome, fight, start_victims

SHOWN = 10


def show(outcomes: list[Outcome]) -> None:
    """Print the tables."""
    print("| class | tried | refused | survived | failed | worst block, ms |")
    print("|---|---|---|---|---|---|")
    for group in dict.fromkeys(outcome.attack.group for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.attack.group == group]
        failed = sum(outcome.problem is not None for outcome in mine)
        refused = sum(
            outcome.problem is None and outcome.attack.is_to_be_refused
            for outcome in mine
        )
        worst_ms = max(outcome.watched.cpu_ms for outcome in mine)
        survived = len(mine) - refused - failed
        print(
            f"| {group} | {len(mine)} | {refused} | {survived} | {failed} | {worst_ms:.0f} |"
        )
    peak = max(outcome.watched.peak_bytes for outcome in outcomes)
    print(f"\n{len(outcomes)} attacks; peak memory {peak / 2**20:.0f} MiB\n")
    print("| attack | CPU of the loop, ms | by the clock, ms | in all, ms |")
    print("|---|---|---|---|")
    slowest = sorted(outcomes, key=lambda outcome: -outcome.watched.cpu_ms)
    for outcome in slowest[:SHOWN]:
        watched = outcome.watched
        print(
            f"| {outcome.attack.name} | {watched.cpu_ms:.1f} | {watched.wall_ms:.1f} "
            f"| {outcome.taken_s * 1000:.1f} |"
        )
    for outcome in outcomes:
        if outcome.problem is not None:
            print(f"\nFAILED {outcome.attack.name}: {outcome.problem}")


async def main() -> None:
    """Run all attacks, and print the results."""
    async with start_victims() as victims:
        show(await fight(victims))


if __name__ == "__main__":
    asyncio.run(main())
