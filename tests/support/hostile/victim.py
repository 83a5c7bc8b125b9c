"""The attacked gateway: a process that measures its own event loop.

It reads settings from the environment as usual. For every line on standard input it writes
a line of JSON: the longest block of the event loop since the previous line, in
wall-clock time and in CPU time of the loop, and its use of memory.
"""

import asyncio
import json
import os
import sys
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph.app import create_app
from catalograph.observability.logs import configure_logging, gather_logs
from catalograph.server.gc_tuning import tune_collector
from catalograph.server.lifecycle import (
    DrainingProtocol,
    bound_requests,
    run_server,
)
from catalograph.server.listening import open_listeners
from catalograph.settings import Settings
from support.memory import memory_bytes, peak_memory_bytes

_BEAT_S = 0.001
_ARRIVAL_S = 1.5


class Watch:
    """Measures for how long the event loop was blocked."""

    def __init__(self) -> None:
        self._wall_s = 0.0
        self._cpu_s = 0.0

    async def run(self) -> None:
        """Measure the delay of very short sleeps, forever."""
        while True:
            wall_s, cpu_s = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_BEAT_S)
            self._wall_s = max(self._wall_s, time.perf_counter() - wall_s - _BEAT_S)
            self._cpu_s = max(self._cpu_s, time.thread_time() - cpu_s)

    def report(self) -> None:
        """Report the measurements, and reset them."""
        if not sys.stdin.readline():
            return
        figures = {
            "wall_ms": self._wall_s * 1000,
            "cpu_ms": self._cpu_s * 1000,
            "memory_bytes": memory_bytes(),
            "peak_bytes": peak_memory_bytes(),
            "tasks": len(asyncio.all_tasks()),
            "cpu_s": time.process_time(),
        }
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()
        self._wall_s = self._cpu_s = 0.0


class Watched:
    """An application that runs a watch during its lifespan."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the watch as long as the application runs."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        watch = Watch()
        beating = asyncio.create_task(watch.run())
        asyncio.get_running_loop().add_reader(sys.stdin, watch.report)
        await self._app(scope, receive, send)
        beating.cancel()


def main() -> None:
    """Serve until killed."""
    settings = Settings.from_environ(os.environ)
    configure_logging(level=settings.log_level)
    gather_logs()
    bound_requests(settings.max_body_bytes)
    if os.environ.get("VICTIM_IS_HASTY"):
        # The default of ten seconds for a request to arrive would make tests slow.
        DrainingProtocol.arrival_timeout_s = _ARRIVAL_S
    app = Watched(create_app(settings))
    tune_collector()
    run_server(app, open_listeners(settings.host, settings.port))


if __name__ == "__main__":
    main()
