"""Dashboard and alerts query existing metrics; tested with a real Prometheus."""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalograph.observability.metrics import REGISTRY
from catalograph.observability.request_metrics import REQUESTS
from catalograph.server.worker_metrics import Presence
from support.gateway_process import start_gateways
from support.redis_server import BINARY, RedisServer
from support.stub_upstream import Status, StubUpstream, serve

pytestmark = pytest.mark.shapes(
    "sectioned", reason="starts processes; the version is not what it tests"
)


ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docker/grafana-dashboard.json").read_text("utf-8"))
ALERTS = ROOT / "docker/prometheus-alerts.yml"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")

_TRIED_FOR_S = 12.0


def expressions() -> Iterator[tuple[str, str]]:
    """List all panels: title and query."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def known_names() -> set[str]:
    """List the names of all metrics of the gateway and of processes."""
    assert REQUESTS is not None  # registered when it is imported
    names = {"up"}
    for family in chain(REGISTRY.collect(), Presence({}).collect()):
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(
                f"{family.name}_total" if family.type == "counter" else family.name
            )
    return names


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:catalograph|process)_\w+", text))


def test_panels_show_what_is_counted() -> None:
    named = {name for _, query in expressions() for name in names_in(query)}

    assert named <= known_names()
    counted = {name for name in known_names() if name.startswith("catalograph_")}
    unshown = {
        name
        for name in counted - named
        if not name.endswith(("_sum", "_count", "_created"))
    }
    assert unshown == set()


def test_alerts_look_at_what_is_counted() -> None:
    named = {
        name
        for line in ALERTS.read_text("utf-8").splitlines()
        if "expr:" in line
        for name in names_in(line)
    }

    assert named
    assert named <= known_names()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
async def test_prometheus_understands_the_alerts() -> None:
    assert PROMTOOL is not None
    process = await asyncio.create_subprocess_exec(
        PROMTOOL, "check", "rules", str(ALERTS), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()


@contextlib.asynccontextmanager
async def scraping(port: int, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run a Prometheus that scrapes a gateway every second."""
    assert PROMETHEUS is not None
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: catalograph\n"
        f'    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]\n',
        encoding="utf-8",
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        PROMETHEUS,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=error",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://{address}", trust_env=False
        ) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def find_empty(prometheus: httpx.AsyncClient) -> dict[str, str]:
    """Queries that give no data yet, by panel and query."""
    empty = {}
    for title, query in expressions():
        filled = query.replace("$__rate_interval", "10s").replace("$job", "catalograph")
        answer = await prometheus.get("/api/v1/query", params={"query": filled})
        body: dict[str, Any] = answer.json()
        assert body["status"] == "success", (title, query, body)
        if not body["data"]["result"]:
            empty[f"{title}: {query}"] = filled
    return empty


@pytest.mark.skipif(
    PROMETHEUS is None or BINARY is None, reason="Prometheus or Redis is not installed"
)
async def test_every_panel_has_data(upstream: StubUpstream, tmp_path: Path) -> None:
    for number in range(300):
        upstream.add_model(f"lab/model-{number}", rows=[("a", "chat")])
    questions = [
        "query List { models(limit: 2) { nodes { modelId } } }",
        'query One { model(modelId: "lab/model-7") { name } }',
        "{ models(limit: 1) { nodes { offerings { id } } } }",
        "{ nope }",
        "{ models(limit: 0) { totalCount } }",
        "{" + " ".join(f"a{n}: __typename" for n in range(31)) + "}",
    ]
    with RedisServer() as redis:
        async with (
            serve(upstream) as url,
            start_gateways(
                1,
                url,
                WORKERS="2",
                CACHE_URL=redis.url,
                CACHE_FRESH_S="1",
                DRAIN_S="0",
            ) as (gateway,),
            scraping(gateway.port, tmp_path) as prometheus,
        ):
            ends_s = time.monotonic() + 4 * _TRIED_FOR_S
            empty: dict[str, str] = {"everything": ""}
            turn = 0
            while empty and time.monotonic() < ends_s:
                turn += 1
                if turn % 10 == 0:
                    upstream.fail(Status(500))
                for question in questions:
                    await gateway.ask(question)
                await gateway.ask(f"{{ models(offset: {turn}) {{ totalCount }} }}")
                await asyncio.sleep(0.2)
                if turn % 15 == 0:
                    with contextlib.suppress(httpx.TransportError):
                        empty = await find_empty(prometheus)
            gateway.tell_to_stop()
            await gateway.wait()

    assert empty == {}
