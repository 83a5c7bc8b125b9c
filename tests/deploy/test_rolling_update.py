"""A rolling update with the chart's own figures, played with processes instead of pods.

As in Kubernetes: a new pod is started beside the old ones and joins when its readiness probe
says so; an old one then gets SIGTERM at the moment at which its address begins to disappear
from the balancers, which takes them a while; who already has a connection keeps it; and a pod
that is still there after the grace period is killed.
"""

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml

from support.gateway_process import GatewayProcess, start_gateways
from support.nightly import IS_NIGHTLY, chance
from support.stub_upstream import StubUpstream, serve

ROOT = Path(__file__).parents[2]
MANIFESTS: dict[str, dict[str, Any]] = {
    one["kind"]: one
    for one in yaml.safe_load_all(
        (ROOT / "docker/kubernetes/catalograph.yaml").read_text("utf-8")
    )
}
CALLERS = 8
QUERY = {"query": "{ models(limit: 3) { totalCount nodes { modelId } } }"}


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the chart says, in seconds but for the first two.

    Attributes:
        spread_s: That balancers take to notice that a pod came or leaves; ours to assume.
    """

    pods: int
    surge: int
    probe_s: float
    drain_s: float
    grace_s: float
    spread_s: float


def read_figures() -> Figures:
    """Take them from the manifests; shortened together unless it is night."""
    deployment = MANIFESTS["Deployment"]["spec"]
    rolling = deployment["strategy"]["rollingUpdate"]
    assert rolling["maxUnavailable"] == 0
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    environ = {one["name"]: one["value"] for one in container["env"]}
    drain_s = float(environ["CATALOGRAPH_DRAIN_S"])
    grace_s = float(pod["terminationGracePeriodSeconds"])
    shorter = 1 if IS_NIGHTLY else 4
    return Figures(
        pods=MANIFESTS["HorizontalPodAutoscaler"]["spec"]["minReplicas"],
        surge=rolling["maxSurge"],
        probe_s=container["readinessProbe"]["periodSeconds"] / shorter,
        drain_s=drain_s / shorter,
        grace_s=grace_s - drain_s + drain_s / shorter,
        spread_s=drain_s / shorter / 2,
    )


class Cluster:
    """The pods, and what balancers believe of them."""

    def __init__(self, figures: Figures, upstream_url: str) -> None:
        self.endpoints: list[GatewayProcess] = []
        self.killed = 0
        self._figures = figures
        self._url = upstream_url
        self._pods = contextlib.AsyncExitStack()
        self._stopping: list[asyncio.Task[None]] = []

    async def add_pods(self, count: int) -> None:
        """Start some and wait until each is ready and known."""
        pods = await self._pods.enter_async_context(
            start_gateways(count, self._url, DRAIN_S=str(self._figures.drain_s))
        )
        for pod in pods:
            await self._wait_until_ready(pod)
        await asyncio.sleep(self._figures.spread_s)
        self.endpoints += pods

    async def remove_pod(self, pod: GatewayProcess) -> None:
        """Tell it to stop; balancers find out later, and the update does not wait for its end."""
        pod.tell_to_stop()
        self._stopping.append(asyncio.create_task(self._await_end(pod)))
        await asyncio.sleep(self._figures.spread_s)
        self.endpoints.remove(pod)

    async def _wait_until_ready(self, pod: GatewayProcess) -> None:
        for _ in range(20):
            if (await pod.http.get("/readyz")).status_code == 200:
                return
            await asyncio.sleep(self._figures.probe_s)
        raise AssertionError

    async def _await_end(self, pod: GatewayProcess) -> None:
        try:
            await asyncio.wait_for(pod.wait(), self._figures.grace_s)
        except TimeoutError:
            self.killed += 1
            pod.kill()

    async def aclose(self) -> None:
        """Wait for processes that are stopping, and end the others."""
        await asyncio.gather(*self._stopping)
        await self._pods.aclose()


async def ask_on(
    cluster: Cluster, done: asyncio.Event, rng: random.Random
) -> tuple[int, list[str]]:
    """Ask over one connection until it is closed, then over another; never a second time.

    Returns:
        How many were answered, and why the others were not.
    """
    answered, lost = 0, []
    while not done.is_set():
        pod = rng.choice(cluster.endpoints)
        base = f"http://127.0.0.1:{pod.port}"
        async with httpx.AsyncClient(
            base_url=base, timeout=20, trust_env=False
        ) as http:
            is_open = True
            while is_open and not done.is_set():
                try:
                    answer = await http.post("/graphql", json=QUERY)
                    assert answer.json()["data"]["models"]["totalCount"] == 1
                    answered += 1
                    is_open = answer.headers.get("connection") != "close"
                except (httpx.TransportError, AssertionError, KeyError) as exc:
                    lost.append(repr(exc))
                    is_open = False
                await asyncio.sleep(rng.uniform(0, 0.02))
    return answered, lost


async def test_no_request_is_lost() -> None:
    figures = read_figures()
    upstream = StubUpstream()
    upstream.add_model("acme/m1")
    async with serve(upstream) as url:
        cluster = Cluster(figures, url)
        async with contextlib.aclosing(cluster):
            await cluster.add_pods(figures.pods)
            old = list(cluster.endpoints)
            done = asyncio.Event()
            callers = [
                asyncio.create_task(ask_on(cluster, done, chance(number)))
                for number in range(CALLERS)
            ]
            for pod in old:
                await cluster.add_pods(figures.surge)
                await cluster.remove_pod(pod)
            ends = [await pod.wait() for pod in old]
            done.set()
            results = await asyncio.gather(*callers)

    lost = [reason for _, reasons in results for reason in reasons]
    answered = sum(count for count, _ in results)
    assert lost == []
    assert answered > 100
    assert (cluster.killed, len(ends)) == (0, figures.pods)
