"""All routes except GraphQL: health, metrics, the schema as text, redirects."""

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from catalograph.errors import CatalographError, UserInputError
from catalograph.observability.request_context import request_context_of
from catalograph.web.negotiation import holds_etag
from catalograph.web.replies import write_errors
from catalograph.web.request import headers_of

ReadyProbe = Callable[[], Awaitable[str | None]]
"""Returns None when operations can be answered, otherwise the reason why not."""

MetricsWriter = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Returns the body of `/metrics` for an `Accept` header, and its media type."""

_JSON: Final = "application/json"
_PROBES: Final = ("GET", "HEAD", "OPTIONS")
"""HAProxy checks by OPTIONS by default, and only looks at the status."""

_USUAL: Final = ("/docs", "/graphiql", "/playground")
"""Where people look for an explorer or for documentation."""


def build_routes(
    *,
    sdl: Callable[[], str] | None,
    ready: ReadyProbe,
    write_metrics: MetricsWriter,
    redirect_root: bool,
    protect: Callable[[ASGIApp], ASGIApp],
) -> list[Route]:
    """Build the routes.

    Args:
        sdl: Prints the API schema, in a thread and once, when it is first asked for: that takes
            100 ms. None answers 404.
        ready: Called for every request to `/readyz`; should be quick.
        write_metrics: Called for every request to `/metrics`.
        redirect_root: Whether `/` and other usual addresses of an explorer lead to ours.
        protect: Wraps routes that show the graph with access control. Health and metrics are
            open; the proxy in front must block them.
    """
    routes = [
        Route("/healthz", _answer_alive, methods=_PROBES),
        Route("/readyz", _build_readiness(ready), methods=_PROBES),
        Route("/metrics", _build_metrics(write_metrics)),
        Route(
            "/schema.graphql",
            _build_schema(sdl),
            middleware=[Middleware(_call, protect)],
        ),
    ]
    if redirect_root:
        # Relative, because a proxy may have removed a prefix of the path.
        routes.append(Route("/", _build_redirect("graphql"), methods=_PROBES))
        routes += [Route(path, _build_redirect("graphql")) for path in _USUAL]
    routes.append(
        Route("/graphql/", _build_redirect("../graphql"), methods=(*_PROBES, "POST"))
    )
    return routes


def _call(app: ASGIApp, wrap: Callable[[ASGIApp], ASGIApp]) -> ASGIApp:
    return wrap(app)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer errors of Starlette (no such route, wrong method) as GraphQL errors."""
    context = request_context_of(request.scope)
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
        shown: CatalographError = UserInputError(
            {
                404: "there is nothing at this address; GraphQL is at /graphql",
                405: f"the method {request.method} is not allowed here",
            }.get(status, "the request cannot be answered")
        )
    else:
        status, headers = 500, None
        shown = CatalographError("something went wrong here")
    context.codes = (shown.code,)
    body = write_errors([shown], context.request_id)
    return Response(body, status, {**(headers or {}), **_NO_STORE}, _JSON)


async def _answer_alive(_: Request) -> Response:
    return _status_json(200, {"status": "ok"})


async def _answer_nothing(_: Request) -> Response:
    raise HTTPException(404)


def _build_redirect(location: str) -> Callable[[Request], Awaitable[Response]]:
    async def redirect(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(location + query, 307)

    return redirect


def _build_readiness(ready: ReadyProbe) -> Callable[[Request], Awaitable[Response]]:
    async def answer_ready(_: Request) -> Response:
        reason = await ready()
        if reason is None:
            return _status_json(200, {"status": "ready"})
        return _status_json(503, {"status": "not ready", "reason": reason})

    return answer_ready


def _build_metrics(
    write_metrics: MetricsWriter,
) -> Callable[[Request], Awaitable[Response]]:
    async def answer_metrics(request: Request) -> Response:
        text, media_type = await write_metrics(request.headers.get("accept", ""))
        return Response(text, 200, {**_NO_STORE, "Content-Type": media_type})

    return answer_metrics


def _build_schema(
    sdl: Callable[[], str] | None,
) -> Callable[[Request], Awaitable[Response]]:
    if sdl is None:
        return _answer_nothing

    @functools.cache
    def build() -> tuple[bytes, dict[str, str]]:
        body = sdl().encode()
        return body, {
            "ETag": f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"',
            "Cache-Control": "no-cache",
            "Content-Type": "text/plain; charset=utf-8",
        }

    async def answer_schema(request: Request) -> Response:
        body, headers = await asyncio.to_thread(build)
        held = headers_of(request.scope).get(b"if-none-match")
        if holds_etag(held, headers["ETag"].encode()):
            return Response(status_code=304, headers=headers)
        return Response(body, 200, headers)

    return answer_schema


def _status_json(status: int, value: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(value), status, _NO_STORE, _JSON)


_NO_STORE: Final = {"Cache-Control": "no-store"}
