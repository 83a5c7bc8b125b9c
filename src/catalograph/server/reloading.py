"""Settings that change while the process runs: SIGHUP puts another application in place.

What is being answered goes on in the application that began it, so no request is lost, and
no connection is closed. What both need (caches of pages, the index, connections) is shared.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send


class AnswerFromCache(Protocol):
    """As in `server.protocol`: the way of a cache hit."""

    def __call__(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, peer: str
    ) -> tuple[bytes, bytes] | None:
        """Give header lines and body of a 200; None on a miss."""
        ...


class ReloadableApp:
    """Leads every request to the present application.

    Args:
        app: The first one; it also gets the events of the server's start and end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._first = app
        self._app = app
        self._answer: AnswerFromCache | None = None
        self.replace(app)

    def replace(self, app: ASGIApp) -> None:
        """Let requests that begin from now on go to another application."""
        self._app = app
        self._answer = getattr(app, "answer_from_cache", None)

    def answer_from_cache(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, peer: str
    ) -> tuple[bytes, bytes] | None:
        """Ask the present application; connections hold this method while they last."""
        return None if self._answer is None else self._answer(headers, body, peer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        app = self._first if scope["type"] == "lifespan" else self._app
        await app(scope, receive, send)


@contextlib.contextmanager
def on_sighup(reload: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
    """Run something in the loop at each SIGHUP, one after the other, never two at once.

    In another thread than the main one, and where there is no such signal, never.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "SIGHUP"):
        yield
        return
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGHUP)
    one_at_a_time = asyncio.Lock()
    running: set[asyncio.Task[None]] = set()

    async def run() -> None:
        async with one_at_a_time:
            await reload()

    def begin() -> None:
        task = loop.create_task(run())
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_signal_handler(signal.SIGHUP, begin)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)
        for task in running:
            task.cancel()
