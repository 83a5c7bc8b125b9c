"""The measured processes: starts them on a free port, binds them to a CPU, stops them."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from load import API_KEY
from queries import encode

TOKEN: Final = "aistats_v1_k_benchmark_0123456789"  # noqa: S105 - opens nothing but the embedded upstream

_HERE: Final = Path(__file__).parent
_NODE: Final = _HERE / "peers" / "node"
_RUST: Final = _HERE / "peers" / "rust"
_GO: Final = _HERE / "peers" / "go"
_SCRATCH: Final = _HERE.parent / ".tools" / "peers"
"""For what is built of the peers; not in git, and removed by `make clean`."""

_START_WITHIN_S: Final = 60.0
_STOP_WITHIN_S: Final = 10.0
_MOST_COMPLAINTS: Final = 1000
_CORES: Final = os.cpu_count() or 1
_TASKSET: Final = shutil.which("taskset")


class Contender(NamedTuple):
    """A server that can be measured.

    Attributes:
        name: Name in the tables.
        command: Command that starts it; `{port}` stands for its port.
        folder: Working directory.
        environment: Variables in addition to `PORT`, `UPSTREAM` and `TOKEN`.
        is_behind_proxy: Whether the load sends what a proxy adds: each request has headers of
            its own.
    """

    name: str
    command: Sequence[str]
    folder: Path = _HERE
    environment: Mapping[str, str] = {}
    is_behind_proxy: bool = False


def _uvicorn(target: str) -> list[str]:
    options = "--host 127.0.0.1 --port {port} --loop uvloop --http httptools"
    return [
        *(sys.executable, "-m", "uvicorn", target, *options.split()),
        *("--log-level", "warning", "--no-access-log"),
    ]


def _gateway(*, workers: int = 1) -> list[str]:
    options = f"serve --host 127.0.0.1 --port {{port}} --workers {workers}"
    return [sys.executable, "-m", "catalograph", *options.split()]


# What a public gateway has: the access log, metrics and request ids are on in any case.
_GUARDED: Final = {
    "CATALOGRAPH_API_KEYS": f"{API_KEY},another-key",
    "CATALOGRAPH_RATE_LIMIT": "1000000/s",
}
_UNCACHED: Final = {"CATALOGRAPH_RESPONSE_CACHE": "off"}
_PROXIED: Final = {"CATALOGRAPH_TRUSTED_PROXIES": "127.0.0.1"}
_MERCURIUS: Final = ("node", "mercurius.mjs")
_ASYNC_GRAPHQL: Final = (str(_SCRATCH / "rust" / "release" / "peer"),)
_GQLGEN: Final = (str(_SCRATCH / "go" / "peer"),)
_ONE_CORE: Final = {"GOMAXPROCS": "1", "GOGC": "400"}
_CACHED: Final = {"CACHE": "1"}

OURS: Final = Contender("catalograph", _gateway(), environment=_GUARDED)
OURS_PROXIED: Final = OURS._replace(
    name="catalograph, behind a proxy",
    environment=_GUARDED | _PROXIED,
    is_behind_proxy=True,
)
OURS_UNCACHED: Final = OURS._replace(
    name="catalograph, without response cache", environment=_GUARDED | _UNCACHED
)
MERCURIUS_CACHED: Final = Contender(
    "Mercurius, JIT + cache", _MERCURIUS, _NODE, _CACHED
)
MERCURIUS: Final = Contender("Mercurius, JIT", _MERCURIUS, _NODE)
RUST_CACHED: Final = Contender(
    "async-graphql + response cache", _ASYNC_GRAPHQL, environment=_CACHED
)
RUST: Final = Contender("async-graphql", _ASYNC_GRAPHQL)
GO_CACHED: Final = Contender(
    "gqlgen + response cache", _GQLGEN, environment=_ONE_CORE | _CACHED
)
GO: Final = Contender("gqlgen", _GQLGEN, environment=_ONE_CORE)
STRAWBERRY: Final = Contender(
    "plain Strawberry", _uvicorn("strawberry_app:app"), _HERE / "peers" / "python"
)


def with_workers(contender: Contender, workers: int) -> Contender:
    """Copy a contender with a number of worker processes; only for our gateway."""
    return contender._replace(command=_gateway(workers=workers))


def raw(bodies: Path) -> Contender:
    """Build the upper limit of all speeds: a bare server of the files in a folder."""
    return Contender(
        "raw uvicorn",
        _uvicorn("raw_app:app"),
        _HERE / "peers" / "python",
        {"BODIES": str(bodies)},
    )


def find_contenders() -> tuple[list[Contender], list[str]]:
    """Install and build the peers.

    Returns:
        Everything that can be measured here, and a line for each peer that is left out.
    """
    contenders = [OURS, OURS_PROXIED, OURS_UNCACHED]
    notes = []
    for names, tool, make, peers in (
        ("Mercurius", "npm", _install_node, (MERCURIUS_CACHED, MERCURIUS)),
        ("async-graphql", "cargo", _build_rust, (RUST_CACHED, RUST)),
        ("gqlgen", "go", _build_go, (GO_CACHED, GO)),
    ):
        path = shutil.which(tool)
        if path is None:
            notes.append(f"{names} is left out: there is no {tool}.")
        elif not make(path):
            notes.append(f"{names} is left out: {tool} could not build it.")
        else:
            contenders += peers
    return [*contenders, STRAWBERRY], notes


def _install_node(npm: str) -> bool:
    if (_NODE / "node_modules").is_dir():
        return True
    print("Installing Mercurius into benchmarks/peers/node ...", flush=True)
    return _succeeds([npm, "ci", "--silent"], _NODE)


def _build_rust(cargo: str) -> bool:
    print("Building async-graphql, some minutes the first time ...", flush=True)
    target = ["--target-dir", str(_SCRATCH / "rust")]
    return _succeeds(
        [cargo, "build", "--quiet", "--release", "--locked", *target], _RUST
    )


def _build_go(go: str) -> bool:
    print("Building gqlgen, a minute the first time ...", flush=True)
    source = _SCRATCH / "go" / "source"
    shutil.copytree(_GO, source, dirs_exist_ok=True)
    shutil.copy(_GO.parent / "schema.graphql", source)
    return _succeeds([go, "tool", "gqlgen", "generate"], source) and _succeeds(
        [go, "build", "-mod=readonly", "-o", _GQLGEN[0], "."], source
    )


def _succeeds(command: Sequence[str], folder: Path) -> bool:
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


def pin(*, load: bool = False, cores: int = 1) -> list[str]:
    """Build the command prefix that binds a server, or its load, to CPUs.

    Servers get the first `cores` CPUs. The load and the upstream get the next one, or share
    the last one if there are not enough. Empty if binding is not possible.
    """
    if _TASKSET is None or _CORES == 1:
        return []
    chosen = min(cores, _CORES - 1) if load else f"0-{min(cores, _CORES) - 1}"
    return [_TASKSET, "--cpu-list", str(chosen)]


def join_load() -> None:
    """Bind this process to the CPU of the load, if binding is possible."""
    if is_pinned():
        os.sched_setaffinity(0, {min(1, _CORES - 1)})


def is_pinned() -> bool:
    """Whether servers and load are bound to CPUs of their own."""
    return bool(pin())


class Server:
    """One running process; a context manager that ends it.

    Attributes:
        contender: The server that it runs.
        port: Port on which it listens, on this machine.
        started_s: `time.perf_counter()` just before it was started.
    """

    def __init__(
        self, contender: Contender, *, upstream: str = "", pinned: Sequence[str] = ()
    ) -> None:
        self.contender = contender
        self.port = _find_free_port()
        command = [part.format(port=self.port) for part in contender.command]
        own = {name: value for name, value in os.environ.items() if _is_neutral(name)}
        settings = {
            "PORT": str(self.port),
            "UPSTREAM": upstream,
            "TOKEN": TOKEN,
            "NODE_ENV": "production",
            "CATALOGRAPH_UPSTREAM_URL": upstream,
            "CATALOGRAPH_UPSTREAM_TOKEN": TOKEN,
        }
        self.started_s = time.perf_counter()
        # Output goes to a file, as under a supervisor, so that every figure includes the cost
        # of the access log.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            [*pinned, *command],
            cwd=contender.folder,
            env={**own, **settings, **contender.environment},
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._complaints.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait(self) -> Self:
        """Wait until it answers a request.

        Raises:
            RuntimeError: It ended, or did not answer in time.
        """
        while time.perf_counter() < self.started_s + _START_WITHIN_S:
            if self._process.poll() is not None:
                break
            try:
                self.ask("/graphql", encode("{__typename}"))
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
            else:
                return self
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace")[-_MOST_COMPLAINTS:]
        raise RuntimeError(f"{self.contender.name} did not start: {said}")

    def ask(self, path: str, payload: bytes | None = None) -> bytes:
        """Send a request, by POST if it has a body; return the body of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"accept": "application/json", "x-api-key": API_KEY}
        if payload is None:
            headers["authorization"] = f"Bearer {TOKEN}"
            connection.request("GET", path, headers=headers)
        else:
            headers["content-type"] = "application/json"
            connection.request("POST", path, payload, headers)
        try:
            return connection.getresponse().read()
        finally:
            connection.close()

    def cpu_s(self) -> float:
        """Return its CPU time in seconds so far; 0 if unknown."""
        ticks = 0
        for process in self._tree():
            fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Return its resident memory in MB, including child processes; 0 if unknown."""
        kilobytes = 0
        for process in self._tree():
            _, _, rest = _read(f"/proc/{process}/status").partition("VmRSS:")
            kilobytes += int(rest.split()[0]) if rest else 0
        return kilobytes / 1024

    def _tree(self) -> list[int]:
        found = [self._process.pid]
        for process in found:
            children = _read(f"/proc/{process}/task/{process}/children")
            found += map(int, children.split())
        return found


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_neutral(name: str) -> bool:
    return not name.startswith("CATALOGRAPH_") and name not in {"CACHE", "BODIES"}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
