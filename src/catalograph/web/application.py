"""The web application, put together: what a request passes on its way to the graph."""

import os
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from catalograph.telemetry import REGISTRY
from catalograph.web.answers import KeptAnswers
from catalograph.web.callers import Callers
from catalograph.web.documents import (
    DocumentFinder,
    MemoryDocuments,
    PersistedDocuments,
    TrustedDocuments,
)
from catalograph.web.engine import Engine, ExplorerPages
from catalograph.web.graphql_http import GraphQLOverHTTP
from catalograph.web.media import prefers_html
from catalograph.web.middleware import RequestIdMiddleware
from catalograph.web.options import WebOptions
from catalograph.web.parameters import names_operation
from catalograph.web.routes import ReadyProbe, answer_http_exception, build_routes


async def _always_ready() -> str | None:
    return None


def build_web_app(  # noqa: PLR0913
    engine: Engine,
    explorer: ExplorerPages | None,
    options: WebOptions,
    *,
    sdl: str = "",
    ready: ReadyProbe = _always_ready,
    persisted: PersistedDocuments | None = None,
    registry: CollectorRegistry = REGISTRY,
    lifespan: Lifespan[Starlette] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """Build the ASGI application.

    Args:
        engine: Runs the operations.
        explorer: The page for browsers; not used unless the options allow it.
        options: How to behave.
        sdl: What `/schema.graphql` shows.
        ready: Gives None when operations can be answered, otherwise the reason.
        persisted: Where documents are kept by hash; in this process's memory if None.
        registry: What `/metrics` shows.
        lifespan: Starts and stops what the engine needs.
        clock: Seconds, monotonic; for the age of kept answers.
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
    kept = None
    if options.response_cache:
        kept = KeptAnswers(max_bytes=options.response_cache_max_bytes, clock=clock)
    graphql: ASGIApp = GraphQLOverHTTP(
        engine,
        callers=callers,
        documents=DocumentFinder(persisted or MemoryDocuments(), trusted),
        kept=kept,
        max_body_bytes=options.max_body_bytes,
        timeout_s=options.request_timeout_s,
        is_private=options.passthrough or bool(options.api_keys),
        clock=clock,
    )
    pages = explorer if options.graphiql_enabled else None
    if pages is not None:
        graphql = _PageForBrowsers(graphql, pages)
    routes: list[BaseRoute] = [
        Route("/graphql", graphql),
        *build_routes(
            sdl=sdl, ready=ready, registry=registry, redirect_root=pages is not None
        ),
        *(pages.routes if pages is not None else ()),
    ]
    app: ASGIApp = Starlette(
        routes=routes,
        exception_handlers={HTTPException: answer_http_exception},
        lifespan=lifespan,
    )
    return RequestIdMiddleware(app)


class _PageForBrowsers:
    """Shows the explorer to a browser that opens `/graphql` without a question."""

    def __init__(self, app: ASGIApp, explorer: ExplorerPages) -> None:
        self._app = app
        self._explorer = explorer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["method"] in {"GET", "HEAD"}
            and prefers_html(dict(scope["headers"]).get(b"accept"))
            and not names_operation(scope["query_string"])
        ):
            response = self._explorer.page(Request(scope))
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)
