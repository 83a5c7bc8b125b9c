"""The commands as real processes, over real sockets, without fakes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

PATIENCE_S = 30
GOOD_TOKEN = "aistats_v1_k_kid_secret"  # noqa: S105 - the embedded upstream takes any
REVOKED_TOKEN = "aistats_v1_k_revoked_secret"  # noqa: S105


def environment(**settings: str) -> dict[str, str]:
    inherited = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("CATALOGRAPH_")
    }
    ours = {f"CATALOGRAPH_{name}": text for name, text in settings.items()}
    return inherited | {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8"} | ours


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "catalograph", *arguments]


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command(*arguments),
        env=environment(**settings),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def started(path: str, *arguments: str, **settings: str) -> Iterator[str]:
    """A server on a port of its own choice; gives its base once `path` is answered."""
    with subprocess.Popen(  # noqa: S603
        command(*arguments, "--port", "0"),
        env=environment(**settings),
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            assert process.stderr is not None
            base = None
            while base is None:
                line = process.stderr.readline()
                assert line, f"ended with {process.wait()}"
                base = re.search(r"http://127\.0\.0\.1:\d+", line)
            wait_until_answered(base[0] + path, process)
            yield base[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)


def wait_until_answered(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"ended with {process.returncode}"
        try:
            httpx.get(url)
        except httpx.TransportError:
            # The server does not listen yet, and there is no event to wait for from outside.
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(url)


@pytest.fixture(scope="module")
def upstream_url() -> Iterator[str]:
    with started("/v1/models", "upstream", "--models", "300") as base:
        yield f"{base}/v1"


def test_the_embedded_catalogue_is_a_rest_server(upstream_url: str) -> None:
    answer = httpx.get(
        f"{upstream_url}/models?limit=1",
        headers={"Authorization": f"Bearer {GOOD_TOKEN}"},
    )

    assert (answer.status_code, answer.json()["total"]) == (200, 300)


def test_check_passes_in_front_of_it(upstream_url: str) -> None:
    done = run("check", UPSTREAM_URL=upstream_url, UPSTREAM_TOKEN=GOOD_TOKEN)

    assert done.returncode == 0
    assert "✗" not in done.stdout
    assert re.search(r"✓ +│ upstream +│ 300 models at ", done.stdout)
    assert re.search(r"✓ +│ token +│ accepted", done.stdout)


def test_check_says_what_is_wrong_with_a_token(upstream_url: str) -> None:
    done = run("check", UPSTREAM_URL=upstream_url, UPSTREAM_TOKEN=REVOKED_TOKEN)

    assert done.returncode == 1
    assert re.search(r"✗ +│ token +│ refused", done.stdout)
    assert "check that it is complete and not revoked" in done.stdout


def test_check_says_what_is_wrong_with_an_address(upstream_url: str) -> None:
    wrong = upstream_url.removesuffix("/v1")

    done = run("check", UPSTREAM_URL=wrong, UPSTREAM_TOKEN=GOOD_TOKEN)

    assert done.returncode == 1
    assert re.search(r"✗ +│ upstream .* is the base before /models", done.stdout)


@pytest.mark.parametrize("auth", ["server", "passthrough"])
def test_a_query_from_the_shell_carries_the_token(upstream_url: str, auth: str) -> None:
    done = run(
        "query",
        "{ models(limit: 1) { totalCount } }",
        UPSTREAM_URL=upstream_url,
        UPSTREAM_TOKEN=GOOD_TOKEN,
        UPSTREAM_AUTH=auth,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"data": {"models": {"totalCount": 300}}}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_gateway_serves_in_front_of_it(upstream_url: str, workers: str) -> None:
    with started(
        "/healthz",
        "serve",
        "--workers",
        workers,
        UPSTREAM_URL=upstream_url,
        UPSTREAM_TOKEN=GOOD_TOKEN,
    ) as base:
        answer = httpx.post(
            f"{base}/graphql", json={"query": "{ models(limit: 1) { totalCount } }"}
        )

    assert answer.json() == {"data": {"models": {"totalCount": 300}}}
