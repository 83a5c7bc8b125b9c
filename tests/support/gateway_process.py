"""Processes that run `catalograph serve`."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from catalograph.demo.service import DEMO_TOKEN

_STARTS_WITHIN_S = 30.0


class GatewayProcess:
    """One gateway process.

    Attributes:
        http: An HTTP client for its address.
        port: Port on which it listens.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            timeout=20,
            limits=httpx.Limits(max_connections=200),
            trust_env=False,
        )
        self._process = process

    async def ask(self, document: str) -> httpx.Response:
        """Send an operation by POST."""
        return await self.http.post("/graphql", json={"query": document})

    def tell_to_stop(self) -> None:
        """Send SIGTERM, as an orchestrator does."""
        self._process.send_signal(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def tell_to_reload(self) -> None:
        """Signal a reload, as a service manager does."""
        self._process.send_signal(signal.SIGHUP)

    def tell_all_to_stop(self) -> None:
        """Signal the whole process group, as service managers do; workers get the signal twice."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        for each in (*children.split(), str(pid)):
            os.kill(int(each), signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()

    def find_workers(self) -> list[int]:
        """Return the process ids of its workers; works on Linux only."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        return [
            int(child)
            for child in children
            # Another child process tracks the resources that workers share.
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text("utf-8")
        ]

    async def wait(self) -> int:
        """Wait for its end; return the exit status, negative for a signal."""
        return await self._process.wait()

    async def aclose(self) -> None:
        """Kill it if it still runs, and close the connections."""
        with contextlib.suppress(ProcessLookupError):
            # The whole group, because workers would outlive their parent.
            os.killpg(self._process.pid, signal.SIGKILL)
        await self.wait()
        await self.http.aclose()


@contextlib.asynccontextmanager
async def start_gateways(
    count: int, upstream_url: str, **settings: str
) -> AsyncIterator[list[GatewayProcess]]:
    """Start several gateways at once, and wait until they are alive.

    Each has its own token, so that the upstream can distinguish them: the number of
    the gateway is its last letter.

    Args:
        count: Number of gateways.
        upstream_url: Base URL of the upstream.
        settings: Settings, by name of the variable without prefix.
    """
    gateways = []
    try:
        for number in range(count):
            port = _find_port()
            given = {
                "PORT": str(port),
                "UPSTREAM_URL": upstream_url,
                "UPSTREAM_TOKEN": f"{DEMO_TOKEN}_{number}",
                "LOG_LEVEL": "error",
                # No crawls in the background: tests compare the exact calls to the upstream.
                "INDEX_KEPT": "off",
                **settings,
            }
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "catalograph", "serve"),
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join(sys.path)}
                | {f"CATALOGRAPH_{name}": value for name, value in given.items()},
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            gateways.append(GatewayProcess(process, port))
        async with asyncio.timeout(_STARTS_WITHIN_S):
            for gateway in gateways:
                await _wait_until_alive(gateway)
        yield gateways
    finally:
        for gateway in gateways:
            await gateway.aclose()


async def _wait_until_alive(gateway: GatewayProcess) -> None:
    while True:
        with contextlib.suppress(httpx.TransportError):
            await gateway.http.get("/healthz")
            return
        await asyncio.sleep(0.05)


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
