"""Smoke test of an installed catalograph, in an environment without anything else.

    python -I release/smoke.py

`release/build.py` runs it. It uses only the standard library.
"""

import contextlib
import importlib
import json
import pkgutil
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_QUERY: Final = "{ models(limit: 1) { totalCount } }"
_STARTS_WITHIN_S: Final = 60.0


def main() -> None:
    """Import everything, run the commands, and serve."""
    assert shutil.which("node") is None, "there must be no Node"
    modules = import_all()
    program = Path(sys.executable).with_name("catalograph")
    version = run(program, "--version").strip()
    answer = json.loads(run(program, "query", "--demo", _QUERY))
    total = answer["data"]["models"]["totalCount"]
    assert total > 0, answer
    assert "directive @key" not in run(program, "schema")
    assert "@link" in run(program, "schema", "--subgraph")
    with serve(program) as base:
        assert fetch(f"{base}/readyz")[0] == "application/json"
        kind, page = fetch(f"{base}/graphql", accept="text/html")
        assert kind.startswith("text/html"), kind
        assets = [
            part.split(b'"')[0] for part in page.split(b'"') if b"assets/" in part
        ]
        assert assets, "the explorer has no files"
        for asset in assets:
            assert fetch(f"{base}/{asset.decode().removeprefix('./')}")[1]
        assert b"catalograph_build_info" in fetch(f"{base}/metrics")[1]
    print(
        f"{version} on Python {platform.python_version()}: {modules} modules imported, "
        f"{total} models, the explorer with {len(assets)} files"
    )


def import_all() -> int:
    """Import every module of the package, and count them."""
    package = importlib.import_module("catalograph")
    names = [
        one.name
        for one in pkgutil.walk_packages(package.__path__, "catalograph.")
        if not one.name.endswith("__main__")
    ]
    for name in names:
        importlib.import_module(name)
    return len(names)


def run(program: Path, *arguments: str) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(  # noqa: S603
        [program, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@contextlib.contextmanager
def serve(program: Path) -> Iterator[str]:
    """Serve the embedded catalogue on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gateway = subprocess.Popen(  # noqa: S603
        [program, "serve", "--demo", "--port", str(port)], stderr=subprocess.DEVNULL
    )
    base = f"http://127.0.0.1:{port}"
    try:
        deadline_s = time.monotonic() + _STARTS_WITHIN_S
        while not is_alive(base):
            assert time.monotonic() < deadline_s, "the gateway did not start"
            time.sleep(0.1)
        yield base
    finally:
        gateway.terminate()
        gateway.wait()


def is_alive(base: str) -> bool:
    """Whether `/readyz` answers with status 200."""
    try:
        return bool(fetch(f"{base}/readyz"))
    except OSError:
        return False


def fetch(address: str, *, accept: str = "*/*") -> tuple[str, bytes]:
    """Fetch a URL; return the content type and the body of a response with status 200."""
    request = urllib.request.Request(address, headers={"accept": accept})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return answer.headers["content-type"], answer.read()


if __name__ == "__main__":
    main()
