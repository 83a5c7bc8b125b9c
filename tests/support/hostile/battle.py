"""Runs all attacks on real gateways over real sockets, and judges the results."""

import asyncio
import contextlib
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from support.hostile import (
    before_parsing,
    before_running,
    what_comes_out,
    while_running,
    who_may_ask,
)
from support.hostile.attack import TRUSTED, Attack, Gateway, ask, carry_out, judge

MODELS: Final = 1_000
"""Number of models in the catalogue: four pages."""

_STARTS_WITHIN_S: Final = 120.0
_GOOD: Final = "aistats_v1_k_hostile_0123456789"
_SECRETS: Final = (_GOOD, "open-sesame", "a-secret-of-the-partitions")

# Responses must not mention the runtime, a library or this machine.
_LEAKS: Final = re.compile(
    rb"Traceback|NoneType|site-packages|/usr/|/root|/home|\.py\b|0x[0-9a-f]{6}|<class|"
    rb"object at|msgspec|starlette|uvicorn|httpx|httptools|graphql-core|strawberry|"
    rb"Exception\b|\wError\(|\bdict\b|\bbytes-like|\bstr\b|\bself\b|asyncio|redis|"
    rb"db_error|Checking your browser|"
    rb"\b(?:None|True|False|Undefined)\b|evil\.example"
)

_ENVIRONMENTS: Final[dict[Gateway, dict[str, str]]] = {
    "open": {},
    "guarded": {
        "API_KEYS": "open-sesame",
        "RATE_LIMIT": "100000/min",
        "CORS_ORIGINS": "https://app.example",
        "INTROSPECTION_ENABLED": "off",
        "GRAPHIQL_ENABLED": "off",
    },
    "passing": {
        "UPSTREAM_AUTH": "passthrough",
        "PARTITION_KEY": "a-secret-of-the-partitions",
    },
    "trusting": {"TRUSTED_DOCUMENTS": "manifest.json"},
}


class Watched(msgspec.Struct, frozen=True):
    """What a gateway reports about itself; see `victim`."""

    wall_ms: float
    cpu_ms: float
    memory_bytes: int
    peak_bytes: int
    tasks: int
    cpu_s: float


class Outcome(msgspec.Struct, frozen=True):
    """The result of one attack.

    Attributes:
        attack: The attack.
        answer: The response.
        problem: What is wrong with the response; None if nothing is.
        taken_s: Seconds from connecting to the end.
        watched: Measurements of the gateway meanwhile.
    """

    attack: Attack
    answer: bytes
    problem: str | None
    taken_s: float
    watched: Watched


class Victim:
    """One attacked gateway."""

    def __init__(
        self, process: asyncio.subprocess.Process, port: int, log: Path
    ) -> None:
        self.port = port
        self.log = log
        self._process = process
        self._turn = asyncio.Lock()

    async def watch(self) -> Watched:
        """Get the measurements since the last call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(b"\n")
            line = await self._process.stdout.readline()
        return msgspec.json.decode(line, type=Watched)

    async def suffer(self, attack: Attack) -> Outcome:
        """Run one attack, and check that other clients are still answered."""
        await self.watch()
        started_s = time.perf_counter()
        answer = await carry_out(attack, self.port)
        taken_s = time.perf_counter() - started_s
        watched = await self.watch()
        problem = judge(attack, answer) or find_leak(answer) or find_bare(answer)
        if attack.gateway == "guarded" and b"Did you mean" in answer:
            problem = "a suggestion where introspection is off"
        if problem is None and not await self.is_well():
            problem = "others are not answered any more"
        return Outcome(attack, answer, problem, taken_s, watched)

    async def is_well(self) -> bool:
        """Whether a harmless question is answered."""
        probe = Attack(
            group="", name="", send=ask("{__typename}"), wants=(200, 401, 403)
        )
        return judge(probe, await carry_out(probe, self.port)) is None


def find_leak(answer: bytes) -> str | None:
    """Find internal details in a response; None if there are none."""
    for secret in _SECRETS:
        if secret.encode() in answer:
            return "a secret in the answer"
    # An error may repeat what the client sent.
    found = _LEAKS.search(answer)
    return None if found is None else f"the answer says {found[0]!r}"


def find_bare(answer: bytes) -> str | None:
    """Find a missing security header, or one that names the server; None if all is well."""
    head = answer.partition(b"\r\n\r\n")[0].lower()
    if not head or head.startswith(b"http/1.1 100"):
        return None
    for header in (b"x-content-type-options: nosniff", b"content-security-policy: "):
        if header not in head:
            return f"no header {header!r}"
    return "its name in a header" if b"\r\nserver:" in head else None


def all_attacks() -> list[Attack]:
    """List all attacks, in the order in which a request is processed."""
    groups = (
        before_parsing,
        before_running,
        while_running,
        who_may_ask,
        what_comes_out,
    )
    return [attack for group in groups for attack in group.attacks()]


@contextlib.asynccontextmanager
async def start_victims(
    names: Sequence[Gateway] = ("open", "guarded", "passing", "trusting"),
    **settings: str,
) -> AsyncIterator[dict[Gateway, Victim]]:
    """Start an upstream and gateways over it; stop them all at the end."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "manifest.json").write_text(json.dumps(TRUSTED), "utf-8")
        upstream_port = _find_port()
        await _start(
            stack,
            [
                *("-m", "catalograph", "upstream", "--models", str(MODELS)),
                *("--port", str(upstream_port)),
            ],
            {},
            folder / "upstream",
        )
        victims: dict[Gateway, Victim] = {}
        for name in names:
            port = _find_port()
            log = folder / name
            given = {
                "PORT": str(port),
                "UPSTREAM_URL": f"http://127.0.0.1:{upstream_port}/v1",
                "UPSTREAM_TOKEN": _GOOD,
                **_ENVIRONMENTS[name],
                **settings,
            }
            environ = {f"CATALOGRAPH_{key}": value for key, value in given.items()}
            process = await _start(
                stack, ["-m", "support.hostile.victim"], environ, log
            )
            victims[name] = Victim(process, port, log)
        ports = [upstream_port, *(victim.port for victim in victims.values())]
        async with asyncio.timeout(_STARTS_WITHIN_S):
            for port in ports:
                await _wait_until_listening(port)
        yield victims


async def fight(victims: dict[Gateway, Victim]) -> list[Outcome]:
    """Run the attacks one after the other; those that only wait run together at the end."""
    outcomes, waiting = [], []
    for attack in all_attacks():
        if 408 in attack.wants and "any" not in attack.wants:
            waiting.append(attack)
        else:
            outcomes.append(await victims[attack.gateway].suffer(attack))
    outcomes += await asyncio.gather(
        *(victims[attack.gateway].suffer(attack) for attack in waiting)
    )
    return outcomes


async def _start(
    stack: contextlib.AsyncExitStack,
    arguments: Sequence[str],
    environ: dict[str, str],
    log: Path,
) -> asyncio.subprocess.Process:
    file = stack.enter_context(log.open("wb"))
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CATALOGRAPH_")
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=log.parent,
        env=inherited
        | {"PYTHONPATH": os.pathsep.join(sys.path), "VICTIM_IS_HASTY": "1"}
        | environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=file,
    )

    async def stop() -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    stack.push_async_callback(stop)
    return process


async def _wait_until_listening(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
