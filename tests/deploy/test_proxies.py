"""The shipped proxies, as Debian packages them, in front of two real gateways."""

import asyncio
import contextlib
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from support.gateway_process import GatewayProcess, start_gateways
from support.stub_upstream import StubUpstream, serve

ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
CADDY, NGINX = (shutil.which(name, path=PATH) for name in ("caddy", "nginx"))

QUERY = {"query": "{ models(limit: 1) { totalCount } }"}
ANSWER = {"data": {"models": {"totalCount": 3}}}

_STARTS_WITHIN_S = 10.0

Command = tuple[list[str], dict[str, str]]
Proxied = tuple[httpx.AsyncClient, list[GatewayProcess]]


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def caddy_command(folder: Path, port: int, gateways: list[int]) -> Command:
    """The file as it is; addresses come from the environment."""
    assert CADDY is not None
    environ = {
        "HOME": str(folder),
        "CATALOGRAPH_PROXY_PORT": str(port),
        "CATALOGRAPH_UPSTREAMS": " ".join(f"127.0.0.1:{one}" for one in gateways),
    }
    return [CADDY, "run", "--config", str(ROOT / "docker/Caddyfile")], environ


def nginx_command(folder: Path, port: int, gateways: list[int]) -> Command:
    """The file with its addresses replaced, in a server of its own."""
    assert NGINX is not None
    text = (ROOT / "docker/nginx.conf").read_text("utf-8")
    for number, one in enumerate(gateways, start=1):
        text = text.replace(f"gateway-{number}:8000", f"127.0.0.1:{one}")
    (folder / "site.conf").write_text(
        text.replace("listen 8080", f"listen 127.0.0.1:{port}"), "utf-8"
    )
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}include {folder}/site.conf;\n}}\n",
        "utf-8",
    )
    return [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], {}


@contextlib.asynccontextmanager
async def run_proxy(command: Command, port: int) -> AsyncIterator[httpx.AsyncClient]:
    arguments, environ = command
    process = await asyncio.create_subprocess_exec(
        *arguments,
        env=os.environ | environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    http = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False
    )
    try:
        deadline_s = time.monotonic() + _STARTS_WITHIN_S
        while not await answers(http):
            assert time.monotonic() < deadline_s, "the proxy did not start"
            await asyncio.sleep(0.05)
        yield http
    finally:
        await http.aclose()
        process.terminate()
        await process.wait()


async def answers(http: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await http.get("/healthz")).status_code == 200
    return False


PROXIES = [
    pytest.param(
        caddy_command,
        marks=pytest.mark.skipif(CADDY is None, reason="caddy is not installed"),
        id="caddy",
    ),
    pytest.param(
        nginx_command,
        marks=pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
        id="nginx",
    ),
]


@contextlib.asynccontextmanager
async def run_both(
    build: Callable[[Path, int, list[int]], Command], folder: Path
) -> AsyncIterator[Proxied]:
    upstream = StubUpstream()
    for number in range(3):
        upstream.add_model(f"acme/m{number}")
    port = find_port()
    async with (
        serve(upstream) as url,
        start_gateways(2, url, TRUSTED_PROXIES="127.0.0.1") as gateways,
        run_proxy(build(folder, port, [one.port for one in gateways]), port) as http,
    ):
        yield http, gateways


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Module scope, so that a proxy and its gateways are started once."""
    return "asyncio"


@pytest.fixture(scope="module", params=PROXIES)
async def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Proxied]:
    async with run_both(request.param, tmp_path_factory.mktemp("proxy")) as both:
        yield both


def below(prefix: str) -> Iterator[str]:
    yield from (
        f"{prefix}/metrics",
        f"{prefix}/metrics/",
        f"{prefix}//metrics",
        f"{prefix}/%6detrics",
        f"{prefix}/metrics?x=/graphql",
        f"{prefix}/METRICS",
        f"{prefix}/graphql/assets/../../metrics",
        f"{prefix}/graphql/assets/..%2f..%2fmetrics",
    )


async def test_clients_are_served_at_the_root_and_below_a_prefix(
    proxied: Proxied,
) -> None:
    http, _ = proxied
    for prefix in ("", "/catalogue"):
        posted = await http.post(f"{prefix}/graphql", json=QUERY)
        got = await http.get(f"{prefix}/graphql", params=QUERY)
        ready = await http.get(f"{prefix}/readyz")
        schema = await http.get(f"{prefix}/schema.graphql")

        assert (posted.status_code, posted.json()) == (200, ANSWER)
        assert (got.status_code, got.json()) == (200, ANSWER)
        assert (ready.status_code, schema.status_code) == (200, 200)
        assert schema.text == (ROOT / "schema.graphql").read_text("utf-8")


async def test_graphiql_loads_all_its_files_below_a_prefix(proxied: Proxied) -> None:
    """From `/catalogue/`, too: the redirect stays below the prefix."""
    http, _ = proxied
    starts = [("", "/"), ("", "/graphql/")]
    starts += [("/catalogue", "/catalogue/"), ("/catalogue", "/catalogue/graphql/")]
    for prefix, start in starts:
        page = await http.get(
            start, headers={"accept": "text/html"}, follow_redirects=True
        )
        assert page.url.path == f"{prefix}/graphql"
        assert page.status_code == 200
        assets = [
            part.split('"')[0]
            for part in page.text.replace("src=", "href=").split('href="')[1:]
            if "assets/" in part.split('"')[0]
        ]
        assert assets
        for asset in assets:
            answer = await http.get(page.url.join(asset))
            assert answer.status_code == 200, asset
            assert answer.url.path.startswith(f"{prefix}/graphql/assets/")


async def test_metrics_cannot_be_reached(proxied: Proxied) -> None:
    http, gateways = proxied
    inside = await gateways[0].http.get("/metrics")
    assert inside.status_code == 200

    for path in (*below(""), *below("/catalogue")):
        reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()

        assert answer.split(b" ", 2)[1] in {b"404", b"400"}, path
        assert b"catalograph_" not in answer, path


@pytest.mark.parametrize("build", PROXIES)
async def test_no_request_is_lost_while_a_gateway_stops(
    build: Callable[[Path, int, list[int]], Command], tmp_path: Path
) -> None:
    statuses: list[int] = []
    async with run_both(build, tmp_path) as (http, gateways):

        async def ask_until_it_has_stopped() -> None:
            while not stopped.done():
                answer = await http.post("/graphql", json=QUERY)
                statuses.append(answer.status_code)

        stopped = asyncio.ensure_future(gateways[0].wait())
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(ask_until_it_has_stopped())
            gateways[0].tell_to_stop()
        for _ in range(50):
            answer = await http.post("/graphql", json=QUERY)
            statuses.append(answer.status_code)

    assert len(statuses) > 60
    assert set(statuses) == {200}
