"""What happens, in which order, and for how long."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import msgspec

from chaos.processes import GatewayProcess, UpstreamProcess
from support.redis_server import RedisServer

RECOVERY_S = 10.0
"""So long after an incident an answer may still say that it is old: the breaker of the
upstream is open for five seconds, then comes a probe, and only then everybody."""

_CALM_SHARE = 0.35


class Stage(msgspec.Struct, frozen=True):
    """Everything that can fail."""

    upstream: UpstreamProcess
    redis: RedisServer
    gateways: list[GatewayProcess]
    chance: random.Random


Incident: TypeAlias = Callable[[Stage, float], AbstractAsyncContextManager[None]]
"""Begins, lasts as long as its context, and ends with everything in order again."""


class Phase(msgspec.Struct, frozen=True):
    """A part of the run.

    Attributes:
        name: For people.
        lasts_s: At the least; ending an incident may take a little.
        incident: None: calm.
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
    """Connections are taken, and no answer comes."""
    stage.upstream.fail({"hang": 1.0})
    yield
    stage.upstream.fail({})


@asynccontextmanager
async def _restart_in_outage(stage: Stage, _: float) -> AsyncIterator[None]:
    """A gateway starts while there is no upstream: all it has is the Redis."""
    await stage.upstream.kill()
    gateway = stage.chance.choice(stage.gateways)
    await gateway.stop()
    await gateway.start()
    yield
    await stage.upstream.start()


@asynccontextmanager
async def _redis_paused(stage: Stage, _: float) -> AsyncIterator[None]:
    """It takes connections and answers nothing."""
    stage.redis.pause()
    yield
    stage.redis.resume()


@asynccontextmanager
async def _redis_killed(stage: Stage, _: float) -> AsyncIterator[None]:
    """It is gone, and so is all it held."""
    await asyncio.to_thread(stage.redis.kill)
    yield
    await asyncio.to_thread(stage.redis.start)


@asynccontextmanager
async def _gateway_killed(stage: Stage, _: float) -> AsyncIterator[None]:
    """One of them ends without a word."""
    gateway = stage.chance.choice(stage.gateways)
    await gateway.kill()
    yield
    await gateway.start()


@asynccontextmanager
async def _rolling_restart(stage: Stage, lasts_s: float) -> AsyncIterator[None]:
    """One after the other is told to stop, and started anew."""
    for gateway in stage.gateways:
        await gateway.stop()
        await gateway.start()
        await asyncio.sleep(lasts_s / 10)
    yield


@asynccontextmanager
async def _all_at_once(stage: Stage, lasts_s: float) -> AsyncIterator[None]:
    """A sick upstream, a Redis that hangs, and a gateway killed meanwhile."""
    stage.upstream.fail({"500": 0.15, "hang": 0.05, "cut": 0.1})
    stage.redis.pause()
    await asyncio.sleep(lasts_s / 3)
    gateway = stage.chance.choice(stage.gateways)
    await gateway.kill()
    yield
    # Started any sooner, it could have no answer from anywhere.
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
"""By name: how long it lasts in a run of a minute, and what it is."""


def plan(
    seconds: float, chance: random.Random, only: list[str], lasts_s: float | None
) -> list[Phase]:
    """Spread the incidents over the time, in an order by chance, with calm between them.

    Args:
        seconds: For everything.
        chance: Decides about the order.
        only: Names of the incidents that are wanted; empty: all.
        lasts_s: For how long each of them lasts; None: as fits.
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
