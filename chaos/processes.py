"""The processes under test, upstream and gateways: start, probe, stop and kill."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import msgspec

from catalograph.demo import UpstreamVersion
from catalograph.demo.service import DEMO_TOKENS
from chaos.client import Client, LostError
from chaos.truth import Truth

_STARTS_WITHIN_S = 60.0
_STOPS_WITHIN_S = 40.0


def find_port() -> int:
    """Find a port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class UpstreamProcess:
    """The upstream, which can be killed and started again on the same port."""

    def __init__(self, truth: Truth, log_path: Path, release: UpstreamVersion) -> None:
        self.log_path = log_path
        self._truth = truth
        self._release = release
        self._port = find_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def token(self) -> str:
        """A key that it accepts."""
        return DEMO_TOKENS[self._release]

    @property
    def url(self) -> str:
        """Base URL for the gateways."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def start(self) -> None:
        """Start it, without faults."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chaos.upstream", str(self._port)),
            *(str(self._truth.epoch_s), str(self._truth.period_s), str(self.log_path)),
            self._release,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        await self._process.stdout.readline()

    def fail(self, rates: Mapping[str, float]) -> None:
        """Let requests fail at these rates from now on; empty means no faults."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(json.dumps(rates).encode() + b"\n")

    async def kill(self) -> None:
        """End it at once: connections are reset, new ones refused."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


class Resources(msgspec.Struct, frozen=True):
    """Resources that a process uses.

    Attributes:
        rss_mb: Resident memory, in millions of bytes.
        files: Number of open file descriptors.
        tasks: Number of tasks of its event loop; None if `/metrics` does not show it.
    """

    rss_mb: float
    files: int
    tasks: int | None


class GatewayProcess:
    """One `catalograph serve`.

    Attributes:
        name: Name in the report.
        is_ready: Result of the last probe of `/readyz`.
        is_stopping: Whether it is stopping, killed or starting, and may say that it is not
            ready.
        killed_at_s: Time of the last kill, on the monotonic clock.
        client: Client for its address.
    """

    def __init__(self, name: str, settings: Mapping[str, str], log_path: Path) -> None:
        self.name = name
        self.is_ready = False
        self.is_stopping = True
        self.killed_at_s = float("-inf")
        self._log_path = log_path
        self._port = find_port()
        self._environ = os.environ | {
            "CATALOGRAPH_PORT": str(self._port),
            "CATALOGRAPH_LOG_LEVEL": "warning",
            **{f"CATALOGRAPH_{key}": value for key, value in settings.items()},
        }
        self._process: asyncio.subprocess.Process | None = None
        self.client = Client(self._port)

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "catalograph", "serve"),
                env=self._environ,
                stderr=log,
                stdout=log,
            )
        deadline_s = time.monotonic() + _STARTS_WITHIN_S
        while not (await self.look() and self.is_ready):
            if time.monotonic() > deadline_s or self._process.returncode is not None:
                message = f"{self.name} did not become ready; see {self._log_path}"
                raise RuntimeError(message)
            await asyncio.sleep(0.1)
        self.is_stopping = False

    async def look(self) -> bool:
        """Probe its readiness; False only if it answers that it is not ready."""
        try:
            answer = await self.client.get("/readyz", timeout_s=2.0)
        except TimeoutError:
            # On a busy machine, one late probe does not take a gateway out of rotation.
            return True
        except (OSError, LostError):
            self.is_ready = False
            return True
        self.is_ready = answer.status == HTTPStatus.OK
        return self.is_ready

    async def stop(self) -> float:
        """Stop it gracefully, as an orchestrator does; return the seconds that it took."""
        assert self._process is not None
        began_s = time.monotonic()
        self.is_stopping = True
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_STOPS_WITHIN_S):
            await self._process.wait()
        return time.monotonic() - began_s

    async def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self.is_stopping = True
        self.killed_at_s = time.monotonic()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self.is_ready = False

    async def measure(self) -> Resources:
        """Measure the resources that it uses now."""
        assert self._process is not None
        folder = Path("/proc") / str(self._process.pid)
        pages = int((folder / "statm").read_text().split()[1])
        files = len(list((folder / "fd").iterdir()))
        metrics = (await self.client.get("/metrics")).body.decode()
        tasks = [
            int(float(line.split()[1]))
            for line in metrics.splitlines()
            if line.startswith("catalograph_tasks ")
        ]
        rss_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return Resources(rss_mb, files, tasks[0] if tasks else None)

    async def aclose(self) -> None:
        """Kill it if it still runs, and close the connections."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()
        self.client.close()
