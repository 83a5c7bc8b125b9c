"""The explorer in a real browser, on the demo gateway, every other host blocked.

`explorer/test/browser.mjs` acts and reports; what must be true is said here. Set
`EXPLORER_SHOTS` to a folder to get screenshots.
"""

import contextlib
import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catalograph.web.graphiql import Explorer

_EXPLORER = Path(__file__).parents[2] / "explorer"
_CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_TABS = ["ModelsThatSee", "WhoServesIt", "NewThisMonth", "FilteredList", "CompareThree"]
_FIRST_VISIT_BYTES = 1_000_000  # compressed; measured: 956 kB in 18 files

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not Path(_CHROMIUM).is_file(), reason="Chromium is not installed"
    ),
    pytest.mark.skipif(
        not (_EXPLORER / "node_modules/playwright-core").is_dir(),
        reason="playwright-core is not installed: npm ci in explorer/",
    ),
    pytest.mark.skipif(not Explorer().is_built, reason="the explorer is not built"),
]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Start demo gateways; all are stopped after the last test."""
    folder = tmp_path_factory.mktemp("gateways")
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CATALOGRAPH_")
        }
        log = folder / f"{port}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "catalograph", "serve", "--demo"],
                env={
                    **inherited,
                    "CATALOGRAPH_HOST": "127.0.0.1",
                    "CATALOGRAPH_PORT": str(port),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
        # Connecting is tried again, with growing pauses, until the server listens.
        with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as client:
            try:
                client.get(f"http://127.0.0.1:{port}/healthz").raise_for_status()
            except httpx.HTTPError:
                pytest.fail(f"the gateway did not start:\n{log.read_text()}")
        return f"http://127.0.0.1:{port}/graphql"

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=20)


@contextlib.contextmanager
def _listen(app: Starlette) -> Iterator[str]:
    """Serve an application of this process; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def _visit(url: str) -> dict[str, Any]:
    """Let the browser act; its report."""
    done = subprocess.run(  # noqa: S603
        ["node", "test/browser.mjs", url, os.environ.get("EXPLORER_SHOTS", "")],  # noqa: S607
        cwd=_EXPLORER,
        env={**os.environ, "CHROMIUM": _CHROMIUM},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def report(serve: Callable[[], str]) -> dict[str, Any]:
    """What one visit to the demo gateway saw."""
    return _visit(serve())


def test_stranger_finds_examples_completes_a_query_and_sees_its_result(
    report: dict[str, Any],
) -> None:
    assert report["problems"] == []
    assert report["outside"] == []
    assert report["schema"] == "introspected"
    assert report["tabs"] == _TABS
    total = report["completed"]["catalogue"]["totalModels"]
    assert total > 100
    shown = f'{{ "data": {{ "catalogue": {{ "totalModels": {total} }} }} }}'
    assert report["shown"] == shown
    assert report["tabsAfterReload"] == [*_TABS, "Completed"]
    assert report["reopened"] == _TABS[0]
    assert '"inputModalities": ["image"]' in report["variables"]
    assert report["firstVisit"]["bytes"] < _FIRST_VISIT_BYTES


def test_every_example_has_an_answer_worth_seeing(report: dict[str, Any]) -> None:
    examples = report["examples"]

    assert {name: answer["errors"] for name, answer in examples.items()} == {
        name: [] for name in _TABS
    }
    data = {name: answer["data"] for name, answer in examples.items()}
    seeing = data["ModelsThatSee"]["models"]
    assert seeing["totalCount"] > 5
    assert all("image" in model["inputModalities"] for model in seeing["nodes"])
    assert len(data["WhoServesIt"]["model"]["offerings"]) > 1
    assert len(data["NewThisMonth"]["newest"]["nodes"]) == 5
    this_month = datetime.datetime.now().astimezone().strftime("%Y-%m")
    assert all(
        model["releaseDate"].startswith(this_month)
        for model in data["NewThisMonth"]["thisMonth"]["nodes"]
    )
    filtered = data["FilteredList"]["models"]
    assert filtered["totalCount"] > 5
    assert filtered["unknownFilterValues"] == [
        {"field": "organisations", "value": "antropic", "suggestion": "anthropic"}
    ]
    assert all(data["CompareThree"].values())


def test_refused_introspection_is_said_and_nothing_hangs() -> None:
    explorer = Explorer()

    async def answer(request: Request) -> Response:
        if request.method == "GET":
            return explorer.page(request)
        return JSONResponse({"errors": [{"message": "introspection is off"}]}, 400)

    routes = [*explorer.routes, Route("/graphql", answer, methods=["GET", "POST"])]
    with _listen(Starlette(routes=routes)) as address:
        report = _visit(f"{address}/graphql")

    assert report["schema"] == "refused"
    assert report["tabs"] == _TABS
    assert report["shown"] == (
        '{ "errors": [ { "message": "introspection is off" } ] }'
    )
    assert report["outside"] == []
