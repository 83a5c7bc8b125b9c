"""The incidents: what fails, in which order, and for how long."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import msgspec

from chaos.processes import GatewayProcess, UpstreamProcess
from support.redis_server import RedisServer

RECOVERY_S = 10.0
"""Seconds after an incident in which answers may still warn that they are stale. The circuit
breaker of the upstream is open for five seconds, then admits a probe, and only then closes."""

_CALM_SHARE = 0.35


class Stage(msgspec.Struct, frozen=True):
    """Everything that can fail."""

    upstream: UpstreamProcess
    redis: RedisServer
    gateways: list[GatewayProcess]
    chance: random.Random


Incident: TypeAlias = Callable[[Stage, float], AbstractAsyncContextManager[None]]
"""A context manager that causes a fault on entry, and repairs it on exit."""


class Phase(msgspec.Struct, frozen=True):
    """A part of the run.

    Attributes:
        name: Name in the report.
        lasts_s: Minimum length; repairing a fault takes a little longer.
        incident: The fault; None in a calm phase.
    """

    name: str
    lasts_s: float
    incident: Incident | None = None


@asynccontextmanager
async def _upstream_half(stage: Stage, _: float) -> AsyncIterator[None]:
    """Half of all requests fail, each in one of seven ways."""
    stage.upstream.fail(
        {
            "500": 0.1,
            "429": 0.05,
            "hang": 0.05,
            "cut": 0.1,
            "html": 0.05,
            "reset": 0.1,
            "shape": 0.05,
        }
    )
    yield
    stage.upstream.fail({})


@asynccontextmanager
async def _upstream_down(stage: Stage, _: float) -> AsyncIterator[None]:
    """The process is gone: connections are refused."""
    await stage.upstream.kill()
    yield
    await stage.upstream.start()


@asynccontextmanager
async def _upstream_hangs(stage: Stage, _: float) -> AsyncIterator[None]:
    """The upstream accepts connections, but never answers."""
    stage.upstream.fail({"hang": 1.0})
    yield
    stage.upstream.fail({})


@asynccontextmanager
async def _restart_in_outage(stage: Stage, _: float) -> AsyncIterator[None]:
    """A gateway restarts while the upstream is down, so it can only read from the Redis."""
    await stage.upstream.kill()
    gateway = stage.chance.choice(stage.gateways)
    await gateway.stop()
    await gateway.start()
    yield
    await stage.upstream.start()


@asynccontextmanager
async def _redis_paused(stage: Stage, _: float) -> AsyncIterator[None]:
    """The Redis accepts connections, but never answers."""
    stage.redis.pause()
    yield
    stage.redis.resume()


@asynccontextmanager
async def _redis_killed(stage: Stage, _: float) -> AsyncIterator[None]:
    """The Redis is killed, and loses all its data."""
    await asyncio.to_thread(stage.redis.kill)
    yield
    await asyncio.to_thread(stage.redis.start)


@asynccontextmanager
async def _gateway_killed(stage: Stage, _: float) -> AsyncIterator[None]:
    """One gateway is killed without a graceful stop."""
    gateway = stage.chance.choice(stage.gateways)
    await gateway.kill()
    yield
    await gateway.start()


@asynccontextmanager
async def _rolling_restart(stage: Stage, lasts_s: float) -> AsyncIterator[None]:
    """The gateways are restarted gracefully, one after the other."""
    for gateway in stage.gateways:
        await gateway.stop()
        await gateway.start()
        await asyncio.sleep(lasts_s / 10)
    yield


@asynccontextmanager
async def _all_at_once(stage: Stage, lasts_s: float) -> AsyncIterator[None]:
    """The upstream partly fails, the Redis hangs, and a gateway is killed."""
    stage.upstream.fail({"500": 0.15, "hang": 0.05, "cut": 0.1})
    stage.redis.pause()
    await asyncio.sleep(lasts_s / 3)
    gateway = stage.chance.choice(stage.gateways)
    await gateway.kill()
    yield
    # Before the Redis answers again, the new gateway might find no data anywhere.
    stage.redis.resume()
    await gateway.start()
    stage.upstream.fail({})


INCIDENTS: dict[str, tuple[float, Incident]] = {
    "upstream half failing": (7, _upstream_half),
    "upstream down": (6, _upstream_down),
    "upstream hanging": (6, _upstream_hangs),
    "restart in outage": (4, _restart_in_outage),
    "redis paused": (5, _redis_paused),
    "redis killed": (5, _redis_killed),
    "gateway killed": (4, _gateway_killed),
    "rolling restart": (3, _rolling_restart),
    "all at once": (6, _all_at_once),
}
"""By name: seconds of the incident in a run of one minute, and the incident."""


def plan(
    seconds: float, chance: random.Random, only: list[str], lasts_s: float | None
) -> list[Phase]:
    """Spread the incidents over the run in random order, with calm phases between them.

    Args:
        seconds: Length of the whole run.
        chance: Decides about the order.
        only: Names of the incidents to run; empty means all, `none` means only calm.
        lasts_s: Length of each incident; None derives it from the length of the run.
    """
    names = only or list(INCIDENTS)
    if only == ["none"]:
        return [Phase("calm", seconds)]
    chance.shuffle(names)
    whole_s = sum(INCIDENTS[name][0] for name in names)
    unit = seconds * (1 - _CALM_SHARE) / whole_s
    calm_s = seconds * _CALM_SHARE / (len(names) + 1)
    phases = [Phase("calm", calm_s)]
    for name in names:
        weight_s, incident = INCIDENTS[name]
        phase = Phase(name, weight_s * unit if lasts_s is None else lasts_s, incident)
        phases += [phase, Phase("calm", calm_s)]
    return phases
