"""Builds the web application: middleware, routes, and GraphQL over HTTP."""

import os
import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from catalograph.observability import tracing
from catalograph.observability.access_log import AccessLog
from catalograph.observability.metrics import REGISTRY, write_metrics
from catalograph.web.access_control import (
    AccessControlMiddleware,
    Callers,
    KeyRing,
    Proxies,
)
from catalograph.web.cache_hits import CacheHits
from catalograph.web.cors import Cors
from catalograph.web.engine import Engine, ExplorerPages
from catalograph.web.graphql_http import GraphQLOverHTTP
from catalograph.web.middleware import (
    RequestContextMiddleware,
    TracingMiddleware,
)
from catalograph.web.negotiation import prefers_html
from catalograph.web.options import WebOptions
from catalograph.web.persisted_queries import (
    DocumentFinder,
    PersistedDocuments,
    TrustedDocuments,
)
from catalograph.web.rate_limit import (
    MemoryRateLimiter,
    RateGuard,
    RateLimiter,
)
from catalograph.web.request import (
    BodyReader,
    InFlight,
    headers_of,
    names_stored_document,
)
from catalograph.web.response_cache import ResponseCache
from catalograph.web.routes import (
    MetricsWriter,
    ReadyProbe,
    answer_http_exception,
    build_routes,
)


async def _always_ready() -> str | None:
    return None


async def _write_metrics(accept: str) -> tuple[bytes, str]:
    return write_metrics(REGISTRY, accept)


def build_web_app(
    engine: Engine,
    explorer: ExplorerPages | None,
    options: WebOptions,
    *,
    sdl: Callable[[], str] | None = str,
    ready: ReadyProbe = _always_ready,
    persisted: PersistedDocuments | None = None,
    limiter: RateLimiter | None = None,
    access_log: AccessLog | None = None,
    metrics_writer: MetricsWriter | None = None,
    lifespan: Lifespan[Starlette] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """Build the ASGI application.

    Args:
        engine: Runs the operations.
        explorer: The page for browsers; not used unless the options allow it.
        options: Options of the web layer.
        sdl: Prints the text of `/schema.graphql`; None: 404.
        ready: Gives None when operations can be answered, otherwise the reason.
        persisted: Stores documents by hash; None: no persisted queries.
        limiter: Counts requests; None: in the memory of this process.
        access_log: Gets a line for each request; None: there is none.
        metrics_writer: Writes `/metrics`; None: the metrics of this process.
        lifespan: Starts and stops what the engine needs.
        clock: Seconds, monotonic; for the age of cached responses.
    """
    callers = Callers(
        (options.partition_key or os.urandom(32)) if options.passthrough else None,
        trace_enabled=options.trace_enabled,
    )
    trusted = None
    if options.trusted_documents is not None:
        trusted = TrustedDocuments(
            options.trusted_documents, options.trusted_documents_mode
        )
    responses = None
    if options.response_cache:
        responses = ResponseCache(
            max_bytes=options.response_cache_max_bytes, clock=clock
        )
    keys = KeyRing(options.api_keys)
    proxies = Proxies(options.trusted_proxies)
    log = access_log or AccessLog(None)
    guard = None
    if options.rate_limit is not None:
        guard = RateGuard(
            limiter or MemoryRateLimiter(options.rate_limit, clock=clock),
            options.rate_limit,
        )

    def protect(app: ASGIApp) -> ASGIApp:
        if not keys and guard is None:
            return app
        return AccessControlMiddleware(app, keys, guard, clock=clock)

    graphql: ASGIApp = GraphQLOverHTTP(
        engine,
        callers=callers,
        documents=DocumentFinder(persisted, trusted),
        responses=responses,
        bodies=BodyReader(options.max_body_bytes),
        in_flight=InFlight(options.max_in_flight),
        timeout_s=options.request_timeout_s,
        is_private=options.passthrough or bool(keys),
        clock=clock,
    )
    graphql = protect(graphql)
    pages = explorer if options.graphiql_enabled else None
    if pages is not None:
        graphql = _PageForBrowsers(graphql, pages)

    routes = build_routes(
        sdl=sdl,
        ready=ready,
        write_metrics=metrics_writer or _write_metrics,
        redirect_root=pages is not None,
        protect=protect,
    )
    starlette = Starlette(
        routes=[*routes, *(pages.routes if pages is not None else ())],
        exception_handlers={
            HTTPException: answer_http_exception,
            Exception: answer_http_exception,
        },
        lifespan=lifespan,
    )
    # A redirect from `/healthz/` to `/healthz` would contain the `Host` that the client sent.
    starlette.router.redirect_slashes = False
    app: ASGIApp = _Fork(graphql, starlette)
    is_wrapped = tracing.is_on()
    cors = Cors(options.cors_origins)
    hits = None
    if responses is not None and not is_wrapped:
        hits = CacheHits(
            responses,
            log=log,
            guard=guard,
            proxies=proxies,
            brings_token=callers.bring_tokens,
            cors=cors,
            clock=clock,
        )
    app = RequestContextMiddleware(
        app, log, proxies, is_wrapped=is_wrapped, hits=hits, cors=cors
    )
    return TracingMiddleware(app) if is_wrapped else app


class _Fork:
    """Passes GraphQL requests on directly, and all others through Starlette's slower routing.

    `OPTIONS *` asks about the server as a whole, which health checks of HAProxy do. It is
    answered like `/healthz`.
    """

    def __init__(self, graphql: ASGIApp, others: ASGIApp) -> None:
        self._graphql = graphql
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_graphql = scope["type"] == "http" and _path(scope) == "/graphql"
        if _is_star(scope):
            scope["path"] = "/healthz"
        app = self._graphql if is_graphql else self._others
        await app(scope, receive, send)


def _is_star(scope: Scope) -> bool:
    return bool(
        scope["type"] == "http"
        and scope["path"] == "*"
        and scope["method"] == "OPTIONS"
    )


def _path(scope: Scope) -> str:
    """Return the path of a request, without the root path of the server."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


class _PageForBrowsers:
    """Shows the explorer to a browser that opens `/graphql`, with or without a query.

    The page does not run the query of a link from another site, so it is safe to serve it then.
    A stored document is run as for every client, as the page cannot show its text.
    """

    def __init__(self, app: ASGIApp, explorer: ExplorerPages) -> None:
        self._app = app
        self._explorer = explorer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["method"] in {"GET", "HEAD"}
            and prefers_html(headers_of(scope).get(b"accept"))
            and not names_stored_document(scope["query_string"])
        ):
            response = self._explorer.page(Request(scope))
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)
