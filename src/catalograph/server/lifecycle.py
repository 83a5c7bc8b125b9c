"""Serving, and a graceful shutdown that loses no request.

On SIGTERM a process first says at `/readyz` that it is about to stop, while it still takes
connections: the load balancer needs a moment to notice. Every response from then on
closes its connection. Only after that moment is nothing accepted any more, what is in
flight finishes, and the process ends. On SIGINT (Ctrl-C) there is no such moment.

Other signals that would end the process at once are taken for SIGTERM, but for those that
mean something else: SIGHUP reloads settings, SIGUSR1 and SIGUSR2 end nothing.
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

FINISH_S = 20
"""For requests in flight when nothing is accepted any more."""

_IDLE_S = 75
"""Longer than proxies keep idle connections (60 s is usual): the client should be the one
that closes, or a request may meet a connection that is just being closed."""

_SAME_SIGNAL_S = 1.0
"""Longer than the parent of worker processes takes to pass a signal on, half a second."""

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
_ENDING_NOTHING: Final = ("SIGHUP", "SIGUSR1", "SIGUSR2")
"""Sent by log rotation, by a terminal that closes, and by people to a program that they take
this one for."""


class Drain:
    """Whether this process is about to stop.

    Args:
        monotonic: Seconds.

    Attributes:
        has_begun: Never goes back.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.has_begun = False
        self._monotonic = monotonic
        self._began_s = 0.0

    @contextlib.contextmanager
    def on_sigterm(self, *, for_s: float) -> Iterator[None]:
        """Let the server hear of SIGTERM only after a moment; of a second one at once.

        One that comes within a second is the first again: a service manager tells every
        process of a group, and a parent its workers.

        Where no server has asked to hear of it, or in another thread, nothing changes.

        Args:
            for_s: How long the moment is.
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
            # A signal arrives between any two instructions, of the loop's own code too.
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
    """Let a worker process stop when the process that started it is killed.

    It would serve for ever, and a successor could not listen on the port.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return
    # Readable once the parent has ended.
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
"""Of this process: signals are sent to processes."""


class DrainingProtocol(BoundedHttpProtocol):
    """Closes each connection behind its answer once the process is about to stop.

    Attributes:
        drain: Looked at when a request arrives.
    """

    drain: ClassVar[Drain] = DRAIN

    def may_be_cached(self) -> bool:
        """As before, until then."""
        return not self.drain.has_begun and super().may_be_cached()

    def begin(self) -> None:
        """Make a task of a request, and know whether it is the connection's last."""
        super().begin()
        if self.drain.has_begun:
            self.cycle.keep_alive = False


def bound_requests(max_body_bytes: int) -> None:
    """Let the protocol of this process take bodies of up to that size."""
    bound = bounded_protocol(max_body_bytes).max_request_bytes
    DrainingProtocol.max_request_bytes = bound


def handle_signals() -> None:
    """Let no signal but SIGKILL end this process with requests in flight.

    To be called in the main thread, before the server starts and again in each worker.
    """
    for name in _ENDING_NOTHING:
        # Workers inherit this, and are safe before they come to call this themselves.
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, _end_as_by_sigterm)


def _end_as_by_sigterm(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)


class _Parent(Multiprocess):
    """Starts workers, passes signals on, and replaces workers that end."""

    def handle_hup(self) -> None:
        """Let the workers reload; uvicorn would restart them."""
        for process in self.processes:
            if process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGHUP)

    def handle_quit(self) -> None:
        """End as by SIGTERM."""
        self.handle_term()

    @property
    def has_failed(self) -> bool:
        """Whether a worker could not start, for a reason that would stay."""
        return any(one.exitcode == STARTUP_FAILURE for one in self.processes)


def run_server(
    app: ASGIApp | str, listeners: list[socket.socket], *, workers: int = 1
) -> None:
    """Serve until told to stop.

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
        # By name, because worker processes are told by pickle.
        http=f"{__name__}:{DrainingProtocol.__name__}",
        ws="none",
        # Not its own: what it says goes where everything goes.
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        # Whose forwarded headers count is decided by our own list.
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
