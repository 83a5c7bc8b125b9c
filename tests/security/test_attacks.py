"""About five hundred attacks on real gateways, over real sockets."""

import json

import pytest

from catalograph.graphql.check.limits import Limits
from support.hostile.battle import (
    Outcome,
    all_attacks,
    fight,
    find_leak,
    start_victims,
)

MAX_BLOCK_MS = 50
"""Longest time for which one request may block the event loop."""

# Shared machines are slow at times; the loop's own CPU time is what is compared, and it
# stretches too when neighbours fill the caches.
SLOWNESS = 2

MAX_MEMORY_BYTES = 400 * 1024 * 1024


@pytest.fixture(scope="module")
async def outcomes() -> list[Outcome]:
    """Run all attacks; the logs of the gateways are checked as well."""
    async with start_victims() as victims:
        outcomes = await fight(victims)
        for victim in victims.values():
            said = victim.log.read_bytes()
            assert b"Traceback" not in said
            assert b"open-sesame" not in said
            assert b"aistats_v1_k_" not in said
            for line in said.splitlines():
                assert json.loads(line)["event"]
            assert (await victim.watch()).tasks < 20
        return outcomes


async def test_every_attack_is_refused_or_harmless(outcomes: list[Outcome]) -> None:
    failed = [
        f"{outcome.attack.group}: {outcome.attack.name}: {outcome.problem}"
        for outcome in outcomes
        if outcome.problem is not None
    ]

    assert len(outcomes) == len(all_attacks()) >= 520
    assert failed == [], "\n".join(failed)


async def test_no_attack_delays_other_requests(outcomes: list[Outcome]) -> None:
    slow = {
        outcome.attack.name: round(outcome.watched.cpu_ms)
        for outcome in outcomes
        if outcome.watched.cpu_ms > MAX_BLOCK_MS * SLOWNESS
    }

    assert slow == {}


async def test_memory_is_bounded(outcomes: list[Outcome]) -> None:
    assert max(one.watched.peak_bytes for one in outcomes) < MAX_MEMORY_BYTES


def test_a_leak_would_be_found() -> None:
    """The checks fail for a response with a leak."""
    assert find_leak(b'{"message":"Traceback (most recent call last)"}') is not None
    assert find_leak(b"'NoneType' has no attribute") is not None
    assert find_leak(b'{"message":"limit must be at most 250, got 251"}') is None


def test_limits_are_the_ones_attacked() -> None:
    """The attacks just exceed these limits, so both must be changed together."""
    assert Limits() == Limits(
        tokens=4_000,
        depth=15,
        height=400,
        aliases=30,
        root_fields=20,
        directives=50,
        operations=10,
        list_size=1_000,
    )
