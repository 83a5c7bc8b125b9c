"""Reloads settings while the process runs: SIGHUP replaces the application.

Requests that are running finish in the old application, so no request is lost and no
connection is closed. Both share the cache of pages, the index and the connections.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph.web.cache_hits import CacheHits


class ReloadableApp:
    """Passes every request to the current application, which can be replaced.

    Args:
        app: The first application. It also gets the lifespan events of the server.

    Attributes:
        cache_hits: See `RequestContextMiddleware`; of the current application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._first = app
        self._app = app
        self.cache_hits: CacheHits | None = None
        self.replace(app)

    def replace(self, app: ASGIApp) -> None:
        """Pass later requests to another application."""
        self._app = app
        self.cache_hits = getattr(app, "cache_hits", None)

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
    one_at_a_time = asyncio.Lock()
    running: set[asyncio.Task[None]] = set()

    async def run() -> None:
        async with one_at_a_time:
            await reload()

    def begin() -> None:
        task = loop.create_task(run())
        running.add(task)
        task.add_done_callback(running.discard)

    def receive(_number: int, _frame: FrameType | None) -> None:
        # A signal may arrive between any two instructions, also within the loop's own code.
        loop.call_soon_threadsafe(begin)

    # Not by the loop's `add_signal_handler`: removing that leaves, for a moment, the default
    # action, which ends the process.
    before = signal.signal(signal.SIGHUP, receive)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
        for task in running:
            task.cancel()
