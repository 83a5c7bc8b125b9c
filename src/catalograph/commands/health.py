"""`catalograph health`: the health check of a container, which runs beside its gateway."""

import http.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from catalograph.settings import Settings

FIRST_PROCESS: Final = Path("/proc/1/cmdline")
"""The command of a container, which is its first process."""

_TIMEOUT_S: Final = 2.0
_OK: Final = 200
# Socket addresses that mean every address of the machine.
_ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def read_arguments(path: Path = FIRST_PROCESS) -> list[str]:
    """Read the arguments of a process; empty if they cannot be read."""
    try:
        return path.read_text("utf-8", "replace").split("\0")
    except OSError:
        return []


def find_address(
    environ: Mapping[str, str], arguments: Sequence[str]
) -> tuple[str, int]:
    """Find the host and port of the gateway, as `catalograph serve` chooses them.

    Args:
        environ: The environment, which a health check shares with the gateway.
        arguments: Those of the gateway, which take precedence. Others are ignored.

    Raises:
        SettingsError: The settings are invalid.
    """
    settings = Settings.from_environ(environ)
    # A shell gets the whole command as one argument.
    words = [word for argument in arguments for word in argument.split()]
    given = _read_options(words) if "serve" in words else {}
    host = given.get("--host", settings.host)
    port = given.get("--port", "")
    if host in _ANYWHERE:
        host = "127.0.0.1"
    return host, int(port) if port.isdecimal() else settings.port


def _read_options(arguments: Sequence[str]) -> dict[str, str]:
    """Read options as `--name value` or `--name=value`; the last one counts."""
    found = {}
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if not equals and place + 1 < len(arguments):
            value = arguments[place + 1]
        found[name] = value
    return found


def find_failure(host: str, port: int) -> str | None:
    """Ask a gateway whether it is alive; None if so, otherwise the reason why not.

    No proxy is used, whatever the environment says.
    """
    if not port:
        return "the port is unknown: it is 0, which takes a free one"
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as exc:
        reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        return f"no answer at {host} port {port}: {reason.lower()}"
    finally:
        connection.close()
    return None if status == _OK else f"HTTP {status} at {host} port {port}"
