"""SIGHUP: which settings change, which stay, and that no client notices."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from catalograph.app import RELOADABLE, create_app
from catalograph.server.reloading import on_sighup
from catalograph.settings import Settings
from support.gateway_process import GatewayProcess, start_gateways
from support.stub_upstream import StubUpstream, serve
from support.web_client import running

OLD, NEW = "old-key-0123456789abcdef", "new-key-0123456789abcdef"
QUERY = "{ models(limit: 1) { totalCount } }"
OTHER = "{ models(limit: 2) { totalCount } }"

_HAPPENS_WITHIN = 400


async def ask(http: httpx.AsyncClient, *, key: str = OLD, query: str = QUERY) -> int:
    answer = await http.post(
        "/graphql", json={"query": query}, headers={"x-api-key": key}
    )
    return answer.status_code


async def until(http: httpx.AsyncClient, status: int, **how: str) -> None:
    """Ask until the answer has that status."""
    for _ in range(_HAPPENS_WITHIN):
        if await ask(http, **how) == status:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(status)


class Files:
    """Settings in files, and an application that reads them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = monkeypatch

    def write(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text, "utf-8")
        self._patch.setenv(f"CATALOGRAPH_{name}_FILE", str(path))

    def write_manifest(self, *queries: str) -> None:
        path = self._folder / "manifest.json"
        documents = {str(number): query for number, query in enumerate(queries)}
        path.write_text(json.dumps(documents), "utf-8")
        self._patch.setenv("CATALOGRAPH_TRUSTED_DOCUMENTS", str(path))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    return Files(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def _default_logging() -> Iterator[None]:
    """A reload configures the log, of the whole process."""
    yield
    structlog.reset_defaults()


def read_log(capfd: pytest.CaptureFixture[str]) -> str:
    """What was logged since the last look, before and after it was configured."""
    return "".join(capfd.readouterr())


def reload() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


def build_http(app: Callable[..., object]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://g")


async def test_keys_change_and_nothing_cached_is_served_for_an_old_one(
    files: Files,
) -> None:
    files.write("API_KEYS", OLD)
    app = create_app(demo=True)
    async with running(app), build_http(app) as http:
        before = [await ask(http, key=key) for key in (OLD, OLD, OLD, NEW)]
        files.write("API_KEYS", NEW)
        reload()
        await until(http, 200, key=NEW)
        after = [await ask(http, key=key) for key in (OLD, NEW)]

    assert (before, after) == ([200, 200, 200, 401], [401, 200])


async def test_trusted_documents_change(files: Files) -> None:
    files.write_manifest(QUERY)
    app = create_app(demo=True)
    async with running(app), build_http(app) as http:
        before = [await ask(http, query=query) for query in (QUERY, OTHER)]
        files.write_manifest(OTHER)
        reload()
        await until(http, 200, query=OTHER)
        after = await ask(http, query=QUERY)

    assert (before, after) == ([200, 403], 403)


async def test_what_changes_while_the_process_starts_is_not_missed(
    files: Files,
) -> None:
    """A SIGHUP that comes before the application runs is ignored."""
    files.write("API_KEYS", OLD)
    files.write_manifest(QUERY)
    app = create_app(demo=True, follows_files=True)
    files.write("API_KEYS", NEW)
    files.write_manifest(OTHER, QUERY)
    async with running(app), build_http(app) as http:
        statuses = [
            await ask(http, key=OLD),
            await ask(http, key=NEW),
            await ask(http, key=NEW, query=OTHER),
        ]

    assert statuses == [401, 200, 200]


async def test_nothing_is_reloaded_at_start_if_no_file_has_changed(
    files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    files.write("API_KEYS", OLD)
    files.write_manifest(QUERY)
    app = create_app(demo=True, follows_files=True)
    async with running(app), build_http(app) as http:
        assert await ask(http) == 200

    assert "reloaded" not in read_log(capfd)


@pytest.mark.parametrize("wrong", ["", "short"])
async def test_what_is_wrong_changes_nothing(
    files: Files, wrong: str, capfd: pytest.CaptureFixture[str]
) -> None:
    files.write("API_KEYS", OLD)
    files.write_manifest(QUERY)
    app = create_app(demo=True)
    async with running(app), build_http(app) as http:
        files.write_manifest(OTHER)
        files.write("LOG_LEVEL", wrong)
        reload()
        said = ""
        for _ in range(_HAPPENS_WITHIN):
            await asyncio.sleep(0.01)
            if "cannot be reloaded" in (said := read_log(capfd)):
                break
        statuses = [await ask(http, query=query) for query in (QUERY, OTHER)]

    assert "CATALOGRAPH_LOG_LEVEL" in said
    assert statuses == [200, 403]


async def test_what_needs_a_restart_is_named(
    files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    files.write("API_KEYS", OLD)
    files.write("MAX_DEPTH", "15")
    app = create_app(demo=True)
    async with running(app), build_http(app) as http:
        files.write("API_KEYS", NEW)
        files.write("MAX_DEPTH", "14")
        reload()
        await until(http, 200, key=NEW)
    said = read_log(capfd)

    assert NEW not in said
    assert "MAX_DEPTH" in said
    assert "API_KEYS" in said


async def test_no_moment_is_left_in_which_the_signal_would_end_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not when the application stops, either: a service manager may ask at any time."""
    handlers: list[object] = []
    reloads: list[None] = []
    set_handler = signal.signal

    def note(number: int, handler: Any) -> object:
        if number == signal.SIGHUP:
            handlers.append(handler)
        return set_handler(number, handler)

    async def reload_once() -> None:
        reloads.append(None)

    before = set_handler(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(signal, "signal", note)
    try:
        with on_sighup(reload_once):
            reload()
            async with asyncio.timeout(5):
                while not reloads:  # noqa: ASYNC110
                    await asyncio.sleep(0)
    finally:
        set_handler(signal.SIGHUP, before)

    assert len(reloads) == 1
    assert signal.SIG_DFL not in handlers
    assert handlers[-1] == signal.SIG_IGN


def test_reloadable_fields_are_fields() -> None:
    assert set(Settings.__struct_fields__) >= RELOADABLE


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_no_request_is_lost_and_the_upstream_gets_the_new_token(
    tmp_path: Path, workers: str
) -> None:
    """Real processes under load; with several workers the parent tells each of them."""
    keys, token = tmp_path / "keys", tmp_path / "token"
    keys.write_text(OLD, "utf-8")
    token.write_text("aistats_v1_k_1_old", "utf-8")
    upstream = StubUpstream()
    upstream.add_model("acme/m1")
    statuses: list[int] = []
    async with (
        serve(upstream) as url,
        start_gateways(
            1,
            url,
            WORKERS=workers,
            API_KEYS_FILE=str(keys),
            UPSTREAM_TOKEN="",
            UPSTREAM_TOKEN_FILE=str(token),
            CACHE_FRESH_S="0",
            CACHE_STALE_S="0",
        ) as (gateway,),
    ):
        done = asyncio.Event()
        callers = [
            asyncio.create_task(ask_on(gateway, done, statuses)) for _ in range(4)
        ]
        await until(gateway.http, 200)
        keys.write_text(f"{OLD},{NEW}", "utf-8")
        token.write_text("aistats_v1_k_1_new", "utf-8")
        gateway.tell_to_reload()
        # Every worker has it when as many answers in a row as this are right.
        for _ in range(30):
            await until(gateway.http, 200, key=NEW)
        for _ in range(_HAPPENS_WITHIN):
            if upstream.tokens and upstream.tokens[-1] == "Bearer aistats_v1_k_1_new":
                break
            await asyncio.sleep(0.01)
        done.set()
        await asyncio.gather(*callers)

    assert len(statuses) > 50
    assert set(statuses) == {200}
    assert upstream.tokens[-1] == "Bearer aistats_v1_k_1_new"


async def ask_on(
    gateway: GatewayProcess, done: asyncio.Event, statuses: list[int]
) -> None:
    """Ask with the key that is always right, over one connection, and never twice."""
    base = f"http://127.0.0.1:{gateway.port}"
    async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as http:
        while not done.is_set():
            statuses.append(await ask(http))
