"""Builds the gateway as an ASGI application, and owns start and shutdown."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio.lowlevel
from starlette.types import ASGIApp

from catalograph import __version__
from catalograph.app.gateway import Gateway
from catalograph.app.options import (
    build_facts,
    build_memory_limiter,
    build_options,
    build_shared_limiter,
)
from catalograph.app.reloader import Reloader, find_file_version
from catalograph.app.start import check_start
from catalograph.graphql.sdl import print_api_sdl
from catalograph.observability import metrics, tracing
from catalograph.observability.access_log import AccessLog
from catalograph.observability.logs import (
    get_logger,
    wants_columns,
)
from catalograph.observability.metrics import READY, TASKS
from catalograph.observability.request_metrics import REQUESTS
from catalograph.server.gc_tuning import (
    COLLECTOR,
    pause_collector,
)
from catalograph.server.lifecycle import (
    DRAIN,
    Drain,
)
from catalograph.server.reloading import ReloadableApp, on_sighup
from catalograph.server.workers import Workers
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.web.application import build_web_app
from catalograph.web.graphiql import Explorer


def create_app(
    settings: Settings | None = None,
    *,
    demo: bool = False,
    client: UpstreamClient | None = None,
    clock: Callable[[], float] = time.time,
    drain: Drain = DRAIN,
    workers: Workers | None = None,
    follows_files: bool = False,
) -> ASGIApp:
    """Build the gateway as an ASGI application with a lifespan.

    Args:
        settings: None: read from the environment.
        demo: Use the embedded catalogue: no network, no token.
        client: Client of the upstream; None: built from the settings.
        clock: Unix time in seconds.
        drain: Whether the process is draining.
        workers: The workers whose metrics `/metrics` shows; None: only this process.
        follows_files: Whether files that the environment names are looked at again once
            SIGHUP is noticed: one that came while the process started is not.

    Raises:
        SettingsError: They are invalid, or something that they name cannot be used.
    """
    settings = settings or Settings.from_environ(os.environ)
    manifest = find_file_version(settings.trusted_documents)
    check_start(settings, demo=demo or client is not None)
    metrics.BUILD.labels(__version__).set(1)
    tracing.start(os.environ)
    gateway = Gateway(
        settings, demo=demo, client=client, clock=clock, building=pause_collector
    )
    # Cached responses must not live longer when the clock of the machine is set.
    web_clock = time.monotonic if clock is time.time else clock
    shared = build_shared_limiter(settings)
    limiter = shared[0] if shared else build_memory_limiter(settings, web_clock)
    access_log = AccessLog(
        sys.stderr,
        mode=settings.access_log,
        has_columns=wants_columns(sys.stderr, settings.log_format),
    )

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        # Loads what the first connection to the upstream would load while others wait.
        await anyio.lowlevel.checkpoint()
        gateway.start()
        if workers is not None:
            await workers.join()
        loop = asyncio.get_running_loop()
        TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
        READY.set_function(lambda: not drain.has_begun and gateway.seems_ready)
        watch = metrics.LoopWatch(loop, on_look=_collect_when_idle)
        with drain.on_sigterm(for_s=settings.drain_s), on_sighup(reloader.reload):
            if follows_files:
                await reloader.catch_up(manifest)
            yield
        if workers is not None:
            await workers.leave()
        watch.stop()
        await gateway.aclose()
        if shared is not None:
            await shared[1].aclose()
        # In a thread: it sends what is left, to a collector that may be slow.
        await asyncio.to_thread(tracing.stop)
        get_logger().info("the gateway has stopped", pid=os.getpid())

    async def check_ready() -> str | None:
        if drain.has_begun:
            return "this process is about to stop"
        return await gateway.check_ready()

    def build(settings: Settings) -> ASGIApp:
        options = build_options(settings, demo=demo)
        return build_web_app(
            gateway.engine,
            Explorer(build_facts(settings, options, demo=demo)),
            options,
            sdl=print_api_sdl if settings.introspection_enabled else None,
            ready=check_ready,
            persisted=gateway.documents,
            limiter=limiter,
            access_log=access_log,
            metrics_writer=None if workers is None else workers.write_metrics,
            lifespan=lifespan,
            clock=web_clock,
        )

    app = ReloadableApp(build(settings))
    reloader = Reloader(settings, gateway, app, build, demo=demo)
    return app


def _collect_when_idle() -> None:
    if not REQUESTS.in_flight:
        COLLECTOR.collect_if_due()
