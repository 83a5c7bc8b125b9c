"""The composition root: builds the application from settings; owns start and shutdown."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Final

import anyio.lowlevel
from starlette.types import ASGIApp

from catalograph import __version__
from catalograph.cache.entries import Ages
from catalograph.cache.persisted_queries import SharedDocuments
from catalograph.cache.rate_buckets import SharedBuckets
from catalograph.cache.redis import Redis
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from catalograph.cache.url import find_missing_files
from catalograph.catalogue.query import ModelsQuery
from catalograph.data.access import Access
from catalograph.data.index_keeper import IndexKeeper
from catalograph.data.source import CatalogueSource
from catalograph.demo.service import DEMO_TOKENS, build_demo_app, find_demo_version
from catalograph.errors import SettingsError, UpstreamError
from catalograph.graphql.check.documents import Documents
from catalograph.graphql.check.limits import Limits
from catalograph.graphql.run.engine import Engine
from catalograph.graphql.schema import build_schema
from catalograph.graphql.sdl import print_api_sdl
from catalograph.observability import metrics, tracing
from catalograph.observability.access_log import AccessLog
from catalograph.observability.logs import (
    configure_logging,
    gather_logs,
    get_logger,
    wants_columns,
)
from catalograph.observability.metrics import READY, TASKS
from catalograph.observability.request_metrics import REQUESTS
from catalograph.observability.tracing_variables import read_tracing_variables
from catalograph.origins import LOCAL_ORIGINS
from catalograph.server.gc_tuning import (
    COLLECTOR,
    pause_collector,
    tune_collector,
    tune_threads,
)
from catalograph.server.lifecycle import (
    DRAIN,
    Drain,
    bound_requests,
    handle_signals,
    run_server,
)
from catalograph.server.reloading import ReloadableApp, on_sighup
from catalograph.server.workers import Workers, find_folder, open_folder
from catalograph.settings import PREFIX, Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.environment import (
    find_environment_problems,
    find_ineffective_variables,
)
from catalograph.upstream.report import UpstreamReport
from catalograph.upstream.transport import build_in_process_transport
from catalograph.upstream.versions import Versions
from catalograph.web.application import build_web_app
from catalograph.web.graphiql import Explorer, ExplorerFacts
from catalograph.web.options import Rate, WebOptions
from catalograph.web.persisted_queries import ManifestError, read_manifest
from catalograph.web.rate_limit import MemoryRateLimiter, SharedRateLimiter

DEMO_URL = "http://demo.invalid/v1"
"""Never resolved: in the demo, the upstream is in the same process."""


class Gateway:
    """The objects that exist once per process.

    Attributes:
        engine: Runs operations.
        source: Gives pages and the index.
        documents: Persisted documents, by hash.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        demo: bool = False,
        client: UpstreamClient | None = None,
        clock: Callable[[], float] = time.time,
        building: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        ages = Ages(
            fresh_s=settings.cache_fresh_s,
            stale_s=settings.cache_stale_s,
            expired_s=settings.cache_expired_s,
        )
        self._client = client or _build_client(settings, demo=demo, clock=clock)
        store = open_store(
            settings.cache_url.reveal(),
            max_bytes=settings.cache_max_bytes,
            expired_s=ages.expired_s,
            clock=clock,
        )
        self._cache = RefreshingCache(
            store, ages=ages, clock=clock, patience_s=settings.upstream_timeout_s
        )
        self.documents = SharedDocuments(store.shared, clock=clock)
        # Each caller has an index of its own then, and we have no token to read one with.
        self._has_own_token = settings.upstream_auth == "server"
        self._index_kept = self._has_own_token and settings.index_kept
        self._keeper: IndexKeeper | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_refused = False
        self.source = CatalogueSource(
            self._client,
            self._cache,
            ages=ages,
            fixed_ages=settings.given_ages,
            lists_from=settings.lists_from,
            clock=clock,
            building=building,
        )
        self.engine = Engine(
            self.source,
            documents=Documents(
                build_schema()._schema,  # noqa: SLF001 - Strawberry has no public name for it
                limits=_build_limits(settings),
                introspection_enabled=settings.introspection_enabled,
            ),
            max_cost=settings.max_cost,
            max_references=settings.max_entities,
            max_response_bytes=settings.max_response_bytes,
        )

    async def check_ready(self) -> str | None:
        """Check whether operations can be answered; None if so, otherwise the reason."""
        pending = None if self._keeper is None else self._keeper.pending
        reason = pending or await self.source.check_ready(
            Access(), token_expected=self._has_own_token
        )
        self._is_refused = reason is not None
        return reason

    @property
    def seems_ready(self) -> bool:
        """Whether operations can be answered, as far as is known without a request."""
        if self._keeper is not None and self._keeper.pending is not None:
            return False
        is_failing = self._keeper is not None and self._keeper.is_failing
        return self.source.has_answered or not (self._is_refused or is_failing)

    def start(self) -> None:
        """Start the background work."""
        if self._index_kept:
            self._keeper = IndexKeeper(self.source)
            self._keeping = asyncio.create_task(self._keeper.run())

    def use_token(self, settings: Settings) -> None:
        """Use the token of these settings for later upstream requests."""
        token = settings.upstream_token if self._has_own_token else None
        self._client.use_token(None if token is None else token.reveal())

    async def drain(self) -> None:
        """Wait until all upstream requests have ended, including those in the background."""
        await self.source.drain()
        await self._cache.drain()

    async def aclose(self) -> None:
        """Stop the background work, and close connections."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        self.documents.drop_all()
        await self.source.aclose()
        await self._cache.aclose()
        await self._client.aclose()


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
    manifest = _find_version(settings.trusted_documents)
    check_start(settings, demo=demo or client is not None)
    metrics.BUILD.labels(__version__).set(1)
    tracing.start(os.environ)
    gateway = Gateway(
        settings, demo=demo, client=client, clock=clock, building=pause_collector
    )
    # Cached responses must not live longer when the clock of the machine is set.
    web_clock = time.monotonic if clock is time.time else clock
    shared = _build_limiter(settings)
    limiter = shared[0] if shared else _build_memory_limiter(settings, web_clock)
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
        options = _build_options(settings, demo=demo)
        return build_web_app(
            gateway.engine,
            Explorer(_build_facts(settings, options, demo=demo)),
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


class Reloader:
    """Reads the settings again, and applies those that may change while the process runs.

    Args:
        settings: The current settings.
        gateway: Gets the new token.
        app: Gets the new application.
        build: Builds an application from settings.
        demo: Whether the embedded catalogue is used, which has its own token.
    """

    def __init__(
        self,
        settings: Settings,
        gateway: Gateway,
        app: ReloadableApp,
        build: Callable[[Settings], ASGIApp],
        *,
        demo: bool,
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._app = app
        self._build = build
        self._demo = demo

    async def catch_up(self, manifest: object) -> None:
        """Reload if a file has changed since it was read.

        Args:
            manifest: From `_find_version`, before the manifest was read.
        """
        try:
            found = await asyncio.to_thread(Settings.from_environ, os.environ)
        except SettingsError:
            await self.reload()  # It says why.
            return
        chosen = self._settings.take(found, RELOADABLE)
        is_same = manifest == _find_version(chosen.trusted_documents)
        if not is_same or self._settings.list_differences(chosen):
            await self.reload()

    async def reload(self) -> None:
        """Apply changed settings. If one is invalid, log why and change nothing."""
        try:
            found = await asyncio.to_thread(Settings.from_environ, os.environ)
            chosen = self._settings.take(found, RELOADABLE)
            # In a thread, as a manifest may be large. Its errors are found before any change.
            app = await asyncio.to_thread(self._build, chosen)
        except SettingsError as exc:
            get_logger().error(
                "the settings cannot be reloaded; all stays as it was",
                problems=exc.problems,
            )
            return
        changed = self._settings.list_differences(chosen)
        if not self._demo and "UPSTREAM_TOKEN" in changed:
            self._gateway.use_token(chosen)
        configure_logging(level=chosen.log_level, log_format=chosen.log_format)
        self._settings = chosen
        self._app.replace(app)
        get_logger().info("the settings are reloaded", changed=changed, pid=os.getpid())
        if left := chosen.list_differences(found):
            get_logger().warning(
                "some settings need a restart to change", settings=left
            )


RELOADABLE: Final = frozenset(
    {
        "api_keys",
        "log_level",
        "trusted_documents",
        "trusted_documents_mode",
        "upstream_token",
    }
)
"""Fields of `Settings` that SIGHUP applies."""


@asynccontextmanager
async def open_gateway(
    settings: Settings, *, demo: bool = False
) -> AsyncIterator[Engine]:
    """Run operations without a server, for as long as the context lasts."""
    check_start(settings, demo=demo)
    # Only the response goes to standard output.
    configure_logging(level="error")
    gateway = Gateway(settings, demo=demo)
    try:
        yield gateway.engine
    finally:
        await gateway.aclose()


async def check_upstream(settings: Settings) -> UpstreamReport:
    """Fetch one model and the side tables from the upstream, without the cache.

    Raises:
        UpstreamError: The error that a client would get, with the detail for the operator.
        SettingsError: The client cannot be created with this environment.
    """
    check_start(settings)
    client = _build_client(settings, demo=False)
    try:
        page = await client.fetch_page(ModelsQuery(limit=1))
        tables: dict[str, UpstreamError | None] = {}
        for kind in client.list_tables(page.version):
            try:
                await client.fetch_table(kind, version=page.version or "")
            except UpstreamError as error:
                tables[kind.value] = error
            else:
                tables[kind.value] = None
        return UpstreamReport(
            total=page.total,
            version=page.version,
            release=client.versions.find_release(page.version),
            tables=tables,
            most_models=client.choose_dialect(page.version).most_models,
        )
    finally:
        await client.aclose()


def check_start(settings: Settings, *, demo: bool = False) -> None:
    """Check that everything that settings and environment name can be used.

    Raises:
        SettingsError: Contains every problem, each with its variable.
    """
    problems: list[str] = []
    if not demo:
        problems += find_environment_problems(os.environ, settings.upstream_url)
    url = settings.cache_url.reveal()
    problems += [
        f"{PREFIX}CACHE_URL names a file that cannot be read, in its option {option}"
        for option in find_missing_files(url)
    ]
    try:
        _read_trusted_documents(settings)
    except SettingsError as exc:
        problems += exc.problems
    if problems:
        raise SettingsError(problems)


def find_start_warnings(settings: Settings, *, demo: bool = False) -> list[str]:
    """Find probable mistakes in settings and environment; one sentence each.

    Args:
        settings: Settings of the gateway.
        demo: Whether it uses the embedded catalogue, which needs nothing of an upstream.
    """
    warnings = list(read_tracing_variables(os.environ).problems)
    if not demo:
        warnings += settings.warnings
        warnings += find_ineffective_variables(os.environ, settings.upstream_url)
    return warnings


def serve(
    settings: Settings, listeners: list[socket.socket], *, demo: bool = False
) -> None:
    """Serve until a signal stops the process.

    Args:
        settings: Workers read them again from the environment.
        listeners: Listening sockets; closed at the end.
        demo: Use the embedded catalogue.

    Raises:
        SettingsError: Something that they name cannot be used.
    """
    check_start(settings, demo=demo)
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    gather_logs()
    handle_signals()
    if settings.workers == 1:
        bound_requests(settings.max_body_bytes)
        app = create_app(settings, demo=demo, follows_files=True)
        tune_collector()
        tune_threads()
        run_server(app, listeners)
        return
    factory = create_demo_worker if demo else create_worker
    name = f"{__name__}:{factory.__name__}"
    with open_folder(settings.workers):
        run_server(name, listeners, workers=settings.workers)


def _collect_when_idle() -> None:
    if not REQUESTS.in_flight:
        COLLECTOR.collect_if_due()


def create_worker() -> ASGIApp:
    """Build the application in a worker process, from the environment."""
    return _create_in_worker(demo=False)


def create_demo_worker() -> ASGIApp:
    """Build the application over the embedded catalogue in a worker process."""
    return _create_in_worker(demo=True)


def _create_in_worker(*, demo: bool) -> ASGIApp:
    settings = Settings.from_environ(os.environ)
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    gather_logs()
    handle_signals()
    bound_requests(settings.max_body_bytes)
    folder = find_folder(os.environ)
    app = create_app(
        settings,
        demo=demo,
        workers=None if folder is None else Workers(folder),
        follows_files=True,
    )
    tune_collector()
    tune_threads()
    return app


def _build_client(
    settings: Settings, *, demo: bool, clock: Callable[[], float] = time.time
) -> UpstreamClient:
    # With pass-through not even for those who bring none: it would show them what they
    # may not see.
    is_own = settings.upstream_auth == "server"
    if demo:
        version = find_demo_version(settings.upstream_version)
        return UpstreamClient(
            base_url=DEMO_URL,
            token=DEMO_TOKENS[version] if is_own else None,
            versions=Versions(settings.upstream_version),
            transport=build_in_process_transport(build_demo_app(version=version)),
            clock=clock,
        )
    token = settings.upstream_token if is_own else None
    return UpstreamClient(
        base_url=settings.upstream_url,
        token=None if token is None else token.reveal(),
        versions=Versions(settings.upstream_version),
        clock=clock,
        attempt_timeout_s=settings.upstream_timeout_s,
        total_timeout_s=settings.upstream_total_timeout_s,
    )


def _build_limiter(settings: Settings) -> tuple[SharedRateLimiter, Redis] | None:
    """Build the rate limiter in Redis, if replicas share a cache; otherwise None."""
    url, rate = settings.cache_url.reveal(), settings.rate_limit
    if rate is None or url.startswith("memory:"):
        return None
    # Separate connections and breakers, so that cache and rate limit do not affect each other.
    redis = Redis(url)
    buckets = SharedBuckets(redis, count=rate.count, period_s=rate.period_s)
    return SharedRateLimiter(buckets, Rate(rate.count, rate.period_s)), redis


def _build_memory_limiter(
    settings: Settings, clock: Callable[[], float]
) -> MemoryRateLimiter | None:
    """Build the limiter of this process. A reload keeps it, so that buckets are not refilled."""
    rate = settings.rate_limit
    if rate is None:
        return None
    return MemoryRateLimiter(Rate(rate.count, rate.period_s), clock=clock)


def _build_limits(settings: Settings) -> Limits:
    return Limits(
        tokens=settings.max_tokens,
        depth=settings.max_depth,
        height=settings.max_height,
        aliases=settings.max_aliases,
        root_fields=settings.max_root_fields,
        directives=settings.max_directives,
        operations=settings.max_operations,
        list_size=settings.max_entities,
    )


def _build_options(settings: Settings, *, demo: bool) -> WebOptions:
    rate, partition_key = settings.rate_limit, settings.partition_key
    return WebOptions(
        graphiql_enabled=settings.graphiql_enabled,
        cors_origins=settings.cors_origins or (LOCAL_ORIGINS if demo else ()),
        api_keys=tuple(key.reveal() for key in settings.api_keys),
        rate_limit=None if rate is None else Rate(rate.count, rate.period_s),
        max_body_bytes=settings.max_body_bytes,
        response_cache=settings.response_cache,
        passthrough=settings.upstream_auth == "passthrough",
        partition_key=b"" if partition_key is None else partition_key.reveal().encode(),
        trusted_documents=_read_trusted_documents(settings),
        trusted_documents_mode=settings.trusted_documents_mode,
        trusted_proxies=tuple(str(one) for one in settings.trusted_proxies),
        max_in_flight=settings.max_in_flight,
        request_timeout_s=settings.request_timeout_s,
        # There is nothing to hide about the embedded catalogue.
        trace_enabled=settings.trace_enabled or demo,
    )


def _build_facts(
    settings: Settings, options: WebOptions, *, demo: bool
) -> ExplorerFacts:
    return ExplorerFacts(
        catalogue="demo" if demo else "live",
        version=__version__,
        introspection=settings.introspection_enabled,
        api_keys=bool(options.api_keys),
        passthrough=options.passthrough,
        trace=options.trace_enabled,
    )


def _find_version(path: str | None) -> object:
    """Find what changes when a file is written or replaced; None without a file."""
    if path is None:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read_trusted_documents(settings: Settings) -> dict[str, str] | None:
    if settings.trusted_documents is None:
        return None
    try:
        return read_manifest(Path(settings.trusted_documents).read_bytes())
    except (OSError, ManifestError) as exc:
        reason = str(exc)
        if isinstance(exc, OSError):
            reason = (exc.strerror or reason).lower()
        problem = (
            f"{PREFIX}TRUSTED_DOCUMENTS names {settings.trusted_documents}: {reason}"
        )
        raise SettingsError([problem]) from exc
