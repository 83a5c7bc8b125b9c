"""A real Redis in its own process, which tests can pause, kill and restart."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

BINARY = shutil.which("redis-server") or shutil.which("valkey-server")
"""Path of the server program; None if none is installed."""

_STARTS_WITHIN_S = 10.0


class RedisServer:
    """A Redis on a free port and a unix socket; its data are lost when it ends.

    Args:
        options: Additional options of the command line.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        # Not pytest's folder: the path of a unix socket may have only about 100 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._socket = self._folder / "redis.sock"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL for connections by TCP."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def unix_url(self) -> str:
        """URL for connections by unix socket."""
        return f"unix://{self._socket}?db=0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert BINARY is not None
        self._process = subprocess.Popen(  # noqa: S603 - found on the PATH
            [
                BINARY,
                *("--port", str(self._port), "--bind", "127.0.0.1"),
                *("--unixsocket", str(self._socket), "--dir", str(self._folder)),
                *("--save", "", "--appendonly", "no"),
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            assert time.monotonic() < deadline_s, "redis-server did not start"
            time.sleep(0.01)

    def pause(self) -> None:
        """Let it hang: it accepts connections, but never answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1) as connection:
                connection.sendall(b"PING\r\n")
                # One that wants a password answers, too.
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
