"""The health check of a container finds its gateway, and says what is wrong with it."""

import http.server
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from catalograph.commands import cli, health

DOCKERFILE = Path(__file__).parents[2] / "docker" / "Dockerfile"
SERVE = ["/app/bin/python", "/app/bin/catalograph", "serve"]


class Alive(http.server.BaseHTTPRequestHandler):
    """Answers like a gateway whose health route has the status of its server."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Alive) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CATALOGRAPH_"):
            monkeypatch.delenv(name)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr(health, "read_arguments", lambda: list(arguments))
    return CliRunner().invoke(cli.app, ["health"])


@pytest.mark.parametrize(
    ("environ", "arguments", "address"),
    [
        ({}, [], ("127.0.0.1", 8000)),
        ({"PORT": "9001"}, SERVE, ("127.0.0.1", 9001)),
        ({"PORT": "tcp://10.1.2.3:80"}, SERVE, ("127.0.0.1", 8000)),
        ({"HOST": "0.0.0.0"}, SERVE, ("127.0.0.1", 8000)),  # noqa: S104
        ({"HOST": "::"}, SERVE, ("127.0.0.1", 8000)),
        ({"HOST": "[::1]"}, SERVE, ("::1", 8000)),
        ({"HOST": "10.1.2.3"}, SERVE, ("10.1.2.3", 8000)),
        ({"PORT": "1"}, [*SERVE, "--port", "2"], ("127.0.0.1", 2)),
        ({"PORT": "1"}, [*SERVE, "--port=2", "--demo"], ("127.0.0.1", 2)),
        ({}, ["/init", "--", *SERVE, "--host=::1", "--port", "2"], ("::1", 2)),
        ({}, ["sh", "-c", "catalograph serve --port 2"], ("127.0.0.1", 2)),
        # What another first process has among its options is no address of ours.
        ({}, ["/sbin/init", "--port", "2"], ("127.0.0.1", 8000)),
        ({}, [*SERVE, "--port"], ("127.0.0.1", 8000)),
    ],
)
def test_the_address_is_the_one_that_serve_chooses(
    environ: dict[str, str], arguments: list[str], address: tuple[str, int]
) -> None:
    given = {f"CATALOGRAPH_{name}": value for name, value in environ.items()}

    assert health.find_address(given, arguments) == address


def test_a_gateway_that_is_alive_is_status_0(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "port"
    file.write_text(f"{port}\n", "utf-8")
    monkeypatch.setenv("CATALOGRAPH_PORT_FILE", str(file))
    # Nothing listens there; a client that used it would fail.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    result = run(monkeypatch, *SERVE)

    assert (result.exit_code, result.output) == (0, "")


def test_a_gateway_that_fails_is_status_1(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Alive, "status", 503)

    result = run(monkeypatch, *SERVE, "--port", str(port))

    assert (result.exit_code, result.output) == (
        1,
        f"catalograph: HTTP 503 at 127.0.0.1 port {port}\n",
    )


def test_no_gateway_is_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    result = run(monkeypatch, *SERVE, "--port", str(port))

    assert (result.exit_code, result.output) == (
        1,
        f"catalograph: no answer at 127.0.0.1 port {port}: connection refused\n",
    )


def test_a_free_port_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, *SERVE, "--port", "0")

    assert (result.exit_code, result.output) == (
        1,
        "catalograph: the port is unknown: it is 0, which takes a free one\n",
    )


def test_invalid_settings_are_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOGRAPH_PORT", "http")

    assert run(monkeypatch).exit_code == 2


def test_the_arguments_are_those_of_a_process() -> None:
    own = health.read_arguments(Path("/proc/self/cmdline"))

    assert own[0] == sys.orig_argv[0]
    assert health.read_arguments(Path("/proc/0/cmdline")) == []


def test_the_image_checks_its_health_with_the_command() -> None:
    assert 'CMD ["catalograph", "health"]' in DOCKERFILE.read_text("utf-8")
