"""Reloads settings while the process runs: SIGHUP replaces the application.

Requests that are running finish in the old application, so no request is lost and no
connection is closed. Both share the cache of pages, the index and the connections.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send


class AnswerFromCache(Protocol):
    """`CacheHits.answer`; see `server.protocol`."""

    def __call__(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, peer: str
    ) -> tuple[bytes, bytes] | None:
        """Return header lines and body of a 200; None on a miss."""
        ...


class ReloadableApp:
    """Passes every request to the current application, which can be replaced.

    Args:
        app: The first application. It also gets the lifespan events of the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._first = app
        self._app = app
        self._answer: AnswerFromCache | None = None
        self.replace(app)

    def replace(self, app: ASGIApp) -> None:
        """Pass later requests to another application."""
        self._app = app
        self._answer = getattr(app, "answer_from_cache", None)

    def answer_from_cache(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, peer: str
    ) -> tuple[bytes, bytes] | None:
        """Ask the current application. A method, because connections keep a reference to it."""
        return None if self._answer is None else self._answer(headers, body, peer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        app = self._first if scope["type"] == "lifespan" else self._app
        await app(scope, receive, send)


@contextlib.contextmanager
def on_sighup(reload: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
    """Run `reload` in the event loop at each SIGHUP, never two at once.

    Does nothing outside the main thread, or on systems without this signal.
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
