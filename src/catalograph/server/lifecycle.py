"""Serving, and a graceful shutdown that loses no request.

On SIGTERM, `/readyz` first reports that the process is draining, while it still accepts
connections: the load balancer needs a moment to notice. Every response from then on closes
its connection. After the drain period the process accepts nothing more, finishes the
requests in flight, and ends. On SIGINT (Ctrl-C) there is no drain period.

Other signals that would end the process at once are treated as SIGTERM. SIGHUP reloads the
settings; SIGUSR1 and SIGUSR2 are ignored.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import ClassVar, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from catalograph.observability.logs import get_logger
from catalograph.server.listening import BACKLOG
from catalograph.server.protocol import BoundedHttpProtocol, bounded_protocol
from catalograph.web.cache_hits import CacheHits

FINISH_S = 20
"""Seconds for requests in flight after the process has stopped accepting."""

_IDLE_S = 75
"""Longer than proxies keep idle connections (60 s is usual): the client should be the one
that closes, or a request may meet a connection that is just being closed."""

_SAME_SIGNAL_S = 1.0
"""Seconds; the parent of the workers takes up to half a second to pass a signal on."""

_ENDING: Final = (
    "SIGQUIT",
    "SIGALRM",
    "SIGVTALRM",
    "SIGPROF",
    "SIGXCPU",
    "SIGIO",
    "SIGPWR",
    "SIGSTKFLT",
)
_IGNORED: Final = ("SIGHUP", "SIGUSR1", "SIGUSR2")
"""Ignored signals: sent by log rotation, by a closing terminal, or by mistake."""


class Drain:
    """Whether this process is draining before it stops.

    Args:
        monotonic: Clock in seconds that is never set back.

    Attributes:
        has_begun: Whether draining has begun; never False again.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.has_begun = False
        self._monotonic = monotonic
        self._began_s = 0.0

    @contextlib.contextmanager
    def on_sigterm(self, *, for_s: float) -> Iterator[None]:
        """Pass the first SIGTERM to the server after a delay, and a second one at once.

        A repetition within a second does not count as the second one: a service manager
        signals every process of a group, and a parent its workers.

        Does nothing when no server has installed a handler, or in another thread.

        Args:
            for_s: Length of the delay in seconds.
        """
        stop = signal.getsignal(signal.SIGTERM)
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or not callable(stop):
            yield
            return
        loop = asyncio.get_running_loop()

        def begin(number: int, frame: FrameType | None) -> None:
            now_s = self._monotonic()
            if self.has_begun:
                if now_s - self._began_s > _SAME_SIGNAL_S:
                    stop(number, frame)
                return
            self.has_begun = True
            self._began_s = now_s
            # A signal may arrive between any two instructions, also within the loop's own code.
            loop.call_soon_threadsafe(loop.call_later, for_s, stop, number, None)
            loop.call_soon_threadsafe(self._say, for_s)

        signal.signal(signal.SIGTERM, begin)
        try:
            with _stop_with_parent(loop):
                yield
        finally:
            signal.signal(signal.SIGTERM, stop)

    @staticmethod
    def _say(for_s: float) -> None:
        get_logger().info("the gateway is told to stop", drain_s=for_s, pid=os.getpid())


@contextlib.contextmanager
def _stop_with_parent(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Stop a worker process when the process that started it is killed.

    Otherwise it would serve for ever, and a new gateway could not listen on the port.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return
    # The descriptor becomes readable when the parent has ended.
    sentinel = parent.sentinel

    def stop() -> None:
        loop.remove_reader(sentinel)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, stop)
    try:
        yield
    finally:
        loop.remove_reader(sentinel)


DRAIN = Drain()
"""One for this process: signals are sent to processes."""


class DrainingProtocol(BoundedHttpProtocol):
    """Closes each connection after its response while the process is draining.

    Attributes:
        drain: Checked when a request arrives.
    """

    drain: ClassVar[Drain] = DRAIN

    def find_hits(self) -> CacheHits | None:
        """As inherited; None while draining, as a cache hit would not close the connection."""
        return None if self.drain.has_begun else super().find_hits()

    def begin(self) -> None:
        """Start the task of a request, and close the connection after it while draining."""
        super().begin()
        if self.drain.has_begun:
            self.cycle.keep_alive = False


def bound_requests(max_body_bytes: int) -> None:
    """Set the largest request body that the protocol of this process accepts."""
    bound = bounded_protocol(max_body_bytes).max_request_bytes
    DrainingProtocol.max_request_bytes = bound


def handle_signals() -> None:
    """Make sure that only SIGKILL can end this process with requests in flight.

    Call it in the main thread, before the server starts and again in each worker.
    """
    for name in _IGNORED:
        # Workers inherit this, and are protected before they call this function themselves.
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, _end_as_by_sigterm)


def _end_as_by_sigterm(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)


class _Parent(Multiprocess):
    """Starts workers, passes signals on, and replaces workers that have ended."""

    def handle_hup(self) -> None:
        """Let the workers reload; uvicorn would restart them."""
        for process in self.processes:
            if process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGHUP)

    def handle_quit(self) -> None:
        """Treat SIGQUIT as SIGTERM."""
        self.handle_term()

    @property
    def has_failed(self) -> bool:
        """Whether a worker could not start, for a permanent reason."""
        return any(one.exitcode == STARTUP_FAILURE for one in self.processes)


def run_server(
    app: ASGIApp | str, listeners: list[socket.socket], *, workers: int = 1
) -> None:
    """Serve until a signal stops the process.

    Args:
        app: With several workers the name of a factory, `module:function`.
        listeners: Sockets that listen; closed at the end.
        workers: Processes that share them.

    Raises:
        SystemExit: The application could not start.
    """
    config = uvicorn.Config(
        app,
        # Explicitly: None would be replaced by the environment's WEB_CONCURRENCY.
        workers=workers,
        factory=isinstance(app, str),
        loop="uvloop",
        # By name, because the configuration is pickled for worker processes.
        http=f"{__name__}:{DrainingProtocol.__name__}",
        ws="none",
        # No log configuration of uvicorn's: its lines go to our own log.
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        # Our own list of trusted proxies decides about forwarded headers.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=FINISH_S,
        backlog=BACKLOG,
    )
    if workers == 1:
        server = uvicorn.Server(config)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=listeners)
        has_failed = not server.started
    else:
        parent = _Parent(config, sockets=listeners)
        parent.run()
        has_failed = parent.has_failed
    if has_failed:
        sys.exit(STARTUP_FAILURE)
