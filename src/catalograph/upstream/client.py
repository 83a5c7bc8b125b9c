"""HTTP client of the upstream: time-outs, retries, and responses decoded into records."""

import asyncio
import contextlib
import http.cookiejar
import random as random_module
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

import httpx

from catalograph import __version__
from catalograph.catalogue.query import MAX_LIMIT, ModelsPage, ModelsQuery
from catalograph.catalogue.side_tables import SideTable, TableKind
from catalograph.concurrency.breaker import BreakerState
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamResponseError,
    UpstreamUnavailableError,
)
from catalograph.observability import operation_trace, tracing
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import (
    UPSTREAM_BREAKER_REFUSALS,
    UPSTREAM_REQUESTS,
    UPSTREAM_SECONDS,
)
from catalograph.redaction import hide
from catalograph.upstream.body import looks_cut, read_beginning, read_whole
from catalograph.upstream.environment import has_proxies
from catalograph.upstream.failures import AttemptError, from_status, from_transport
from catalograph.upstream.lifetime import NO_LIFETIME, Lifetime, parse_lifetime
from catalograph.upstream.pool import ConnectionPool
from catalograph.upstream.request import check_base_url, is_loopback
from catalograph.upstream.retry import RetryPolicy, build_breaker
from catalograph.upstream.text import to_utf8
from catalograph.upstream.versions import Dialect, Versions
from catalograph.upstream.versions.dialect import Pairs, build_query_string
from catalograph.upstream.wire import TablePage, read_page, read_table_page

_MAX_ERROR_BODY_BYTES = 64 * 1024
_ERROR_BODY_S = 0.5
"""Seconds to wait for the body of an error response. It only serves the log, and may not end."""

_LOCATION = "catalograph.location"

_SUCCESSES = (200, 203)
"""203 is a 200 that a proxy has changed (RFC 9110, 15.3.4)."""

_MODELS = "/models"
_MAX_TABLE_ROWS = 10_000
_MAX_CONNECTIONS = 64
_THREAD_FROM_BYTES = 128 * 1024
"""Responses of this size or more are decoded in a thread; see `_ask`."""
_MAX_IDLE_CONNECTIONS = 16
_IDLE_S = 30.0

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"catalograph/{__version__}",
}

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}", re.ASCII)


_AnswerT = TypeVar("_AnswerT")


class UpstreamClient:
    """The catalogue's REST API. One for the process: it pools connections.

    Args:
        base_url: Such as `https://host/v1`.
        token: Sent with every request of a caller without a token of its own; None: those
            are sent without.
        attempt_timeout_s: Bound on one attempt, from connecting to the last byte.
        total_timeout_s: Bound on all attempts together, including the waits.
        versions: Versions that the upstream may have; None: all that are known.
        transport: Replaces the network, in tests and for the embedded upstream; None: HTTP.
        clock: Unix time in seconds.
        monotonic: Seconds, for durations.
        sleep: Waits so many seconds.
        random: A number from 0 to 1.

    Raises:
        ValueError: `base_url` is not a usable address. The message does not quote it.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str | None,
        attempt_timeout_s: float = 3.0,
        total_timeout_s: float = 8.0,
        versions: Versions | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.versions = versions or Versions()
        self._base_url = check_base_url(base_url)
        self._token = token
        self._attempt_timeout_s = attempt_timeout_s
        # httpx bounds each step only (connect, each read), so a server that sends a byte at a
        # time could hold a request for ever; `_ask` bounds the whole attempt.
        self._step_timeouts = httpx.Timeout(attempt_timeout_s).as_dict()
        self._total_timeout_s = total_timeout_s
        self._reading = asyncio.Semaphore(1)
        self._clock = clock
        self._monotonic = monotonic
        self._breaker = build_breaker(monotonic)
        self._retries = RetryPolicy(
            breaker=self._breaker, monotonic=monotonic, sleep=sleep, random=random
        )
        # HTTPS_PROXY and the like are honoured, as behind a company's proxy there is no other
        # way out. But a proxy cannot reach our loopback.
        trust_env = has_proxies() and not is_loopback(self._base_url)
        # Created once, as loading the certificates takes tens of milliseconds. Without TLS an
        # empty context does. SSL_CERT_FILE counts on loopback, too, where a sidecar may have
        # a certificate of a private authority.
        verify = (
            httpx.create_ssl_context(trust_env=True)
            if transport is None and self._base_url.startswith("https:")
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )

        def build_http() -> httpx.AsyncClient:
            return httpx.AsyncClient(
                transport=transport,
                # No cookies: one set for a caller would be sent with the next caller's token.
                cookies=http.cookiejar.CookieJar(
                    http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
                ),
                # No redirects: the token would be sent to another host.
                follow_redirects=False,
                event_hooks={"response": [_set_location_aside]},
                limits=httpx.Limits(
                    max_connections=1,
                    max_keepalive_connections=1,
                    keepalive_expiry=_IDLE_S,
                ),
                trust_env=trust_env,
                verify=verify,
            )

        self._pool = ConnectionPool(
            build_http,
            most=_MAX_CONNECTIONS,
            rest_most=_MAX_IDLE_CONNECTIONS,
            rest_s=_IDLE_S,
        )

    @property
    def breaker_state(self) -> BreakerState:
        """State of the circuit breaker: whether calls are admitted now."""
        return self._breaker.state

    def use_token(self, token: str | None) -> None:
        """Replace the gateway's own token; requests in flight keep the old one."""
        self._token = token

    async def aclose(self) -> None:
        """Close all connections. Later calls raise UpstreamUnavailableError."""
        await self._pool.aclose()

    def choose_dialect(
        self, version: str | None, *, token: str | None = None
    ) -> Dialect:
        """Choose the dialect for a request.

        Args:
            version: Name of the version that answered last; None before the first answer.
            token: The caller's own; None: the gateway's.
        """
        used_token = self._token if token is None else token
        return self.versions.choose_dialect(version, used_token)

    async def fetch_page(
        self,
        query: ModelsQuery,
        *,
        token: str | None = None,
        version: str | None = None,
    ) -> ModelsPage:
        """Fetch one page of models.

        If another version answers than expected and may have misunderstood the parameters,
        the request is repeated once in the dialect of that version, if it supports the query.

        Args:
            query: Its filter may hold only fields that `choose_dialect` has parameters for.
            token: The caller's own; None: the gateway's.
            version: Name of the version that answered last; None before the first answer.

        Returns:
            The page, with the version that answered. It may have more sections than asked
            for, as some versions cannot leave any out. Sections that the filter narrows are
            missing, as they would be incomplete. The router is removed from filtered pages.

        Raises:
            UpstreamAuthError: The token was refused, or is not a valid header value.
            UpstreamRateLimitError: 429, and the requested wait is too long or did not help.
            UpstreamTimeoutError: No complete answer in time; `after_s` is for all attempts.
            UpstreamUnavailableError: No connection, an error status, or the breaker is open.
            UpstreamResponseError: A 200 that is not a page, or not the requested one.
            ValueError: No dialect can express the query.

        Source: `GET {base_url}/models`.
        """
        asked = self.choose_dialect(version, token=token)
        sent = asked.write(query)
        page = await self._fetch_page(query, sent, token=token)
        answered = self.versions.find(page.version)
        if (
            answered is None
            or answered.dialect is asked
            or answered.dialect.is_understood(query, sent)
            or not answered.dialect.can_ask(query)
            or answered.dialect.widen(query) != query
        ):
            return page
        sent = answered.dialect.write(query)
        return await self._fetch_page(query, sent, token=token)

    async def _fetch_page(
        self, query: ModelsQuery, sent: Pairs, *, token: str | None
    ) -> ModelsPage:
        def read(body: bytes, as_of_s: float, lifetime: Lifetime) -> ModelsPage:
            return read_page(
                body,
                query,
                as_of_s=as_of_s,
                versions=self.versions,
                sent=sent,
                lifetime=lifetime,
            )

        return await self._fetch(_MODELS, sent, read, token=token)

    def list_tables(self, version: str | None) -> tuple[TableKind, ...]:
        """List the side tables of a version; empty for None, before the first answer."""
        found = self.versions.find(version)
        return () if found is None else tuple(found.tables)

    async def fetch_table(
        self, kind: TableKind, *, version: str, token: str | None = None
    ) -> SideTable:
        """Fetch a whole side table.

        Args:
            kind: One of `list_tables`.
            version: Name of the version that answered last.
            token: The caller's own; None: the gateway's.

        Raises:
            UpstreamError: As `fetch_page`; each table fails independently.
            ValueError: The version has no such table.

        Source: `GET {base_url}/providers` and the like, in pages of 250 where it has pages.
        """
        found = self.versions.find(version)
        if found is None or kind not in found.tables:
            raise ValueError(f"{version} has no table of {kind.value}")
        route = found.tables[kind]
        as_of_s = self._clock()

        def read(body: bytes, _: float, lifetime: Lifetime) -> TablePage:
            return read_table_page(body, route, lifetime)

        pages: list[TablePage] = []
        for offset in range(0, _MAX_TABLE_ROWS, MAX_LIMIT):
            window = (("limit", str(MAX_LIMIT)), ("offset", str(offset)))
            pairs = window if route.is_paged else ()
            pages.append(await self._fetch(route.path, pairs, read, token=token))
            if offset + MAX_LIMIT >= (pages[0].total or 0):
                break
        rows: Any = tuple(record for page in pages for record in page.records)
        return SideTable(
            kind=kind,
            as_of_s=as_of_s,
            max_age_s=pages[0].lifetime.max_age_s,
            stale_s=pages[0].lifetime.stale_s,
            **{kind.value: rows},
        )

    async def _fetch(
        self,
        path: str,
        pairs: Pairs,
        read: Callable[[bytes, float, Lifetime], _AnswerT],
        *,
        token: str | None,
    ) -> _AnswerT:
        """Request one route with retries, and decode its response.

        Args:
            path: Below the base address.
            pairs: Query parameters.
            read: Decodes a 200 from its body, the Unix time of the request, and its
                lifetime; raises UpstreamResponseError.
            token: The caller's own; None: the gateway's.
        """
        used_token = self._token if token is None else token
        request = self._build_request(path, pairs, used_token)
        started = self._monotonic()
        deadline = started + self._total_timeout_s

        async def attempt() -> _AnswerT:
            return await self._attempt(
                request,
                path,
                read,
                started=started,
                deadline=deadline,
                # The rate limit of one caller says nothing about other callers.
                is_own_token=token is None,
            )

        try:
            return await self._retries.run(attempt, deadline=deadline)
        except AttemptError as failure:
            error = failure.error
            if error.detail and used_token:
                error.detail = hide(error.detail, used_token)
            if failure.was_sent:
                get_logger().warning(
                    "the upstream did not give an answer",
                    code=error.code,
                    detail=error.detail,
                    path=path,
                    query=request.url.query.decode("ascii"),
                    seconds=round(self._monotonic() - started, 3),
                )
            raise error from failure.__cause__

    def _build_request(
        self, path: str, pairs: Pairs, token: str | None
    ) -> httpx.Request:
        headers = _HEADERS
        if token is not None:
            if not _TOKEN.fullmatch(token):
                raise UpstreamAuthError(detail="not sent: no token has such characters")
            headers = headers | {"Authorization": f"Bearer {token}"}
        query = f"?{build_query_string(pairs)}" if pairs else ""
        try:
            return httpx.Request(
                "GET",
                f"{self._base_url}{path}{query}",
                headers=headers,
                extensions={"timeout": self._step_timeouts},
            )
        except httpx.InvalidURL as exc:  # Too long for httpx, and for any server.
            raise UpstreamUnavailableError(detail=f"not sent: {exc}") from exc

    async def _attempt(
        self,
        request: httpx.Request,
        path: str,
        read: Callable[[bytes, float, Lifetime], _AnswerT],
        *,
        started: float,
        deadline: float,
        is_own_token: bool,
    ) -> _AnswerT:
        """Make one attempt, within its time-out, and report it to breaker and metrics.

        Raises:
            AttemptError: The attempt failed.
        """
        if self._pool.is_closed:
            error = UpstreamUnavailableError(detail="not asked: the gateway is closing")
            raise AttemptError(error, was_sent=False)
        call = self._breaker.admit()
        if call is None:
            UPSTREAM_BREAKER_REFUSALS.inc()
            error = UpstreamUnavailableError(
                detail="not asked: it failed too often in the last seconds"
            )
            raise AttemptError(error, was_sent=False)
        began = self._monotonic()
        outcome = "abandoned"
        is_failure = False
        watched = _Watched(request, path)
        try:
            with watched:
                answer = await self._ask(
                    watched,
                    read,
                    timeout_s=min(self._attempt_timeout_s, deadline - began),
                    started=started,
                )
        except AttemptError as failure:
            outcome = failure.error.code
            is_limited = outcome == "UPSTREAM_RATE_LIMITED"
            is_failure = failure.is_fault and (is_own_token or not is_limited)
            if path != _MODELS and watched.status is not None:
                # A failing side table must not open the breaker for models.
                is_failure = False
            raise
        else:
            outcome = "ok"
            return answer
        finally:
            if outcome == "abandoned":
                self._breaker.abandon(call)
            else:
                self._breaker.settle(call, failed=is_failure)
                UPSTREAM_SECONDS.observe(self._monotonic() - began)
            UPSTREAM_REQUESTS.labels(outcome).inc()
            watched.note(outcome)

    async def _ask(
        self,
        watched: "_Watched",
        read: Callable[[bytes, float, Lifetime], _AnswerT],
        *,
        timeout_s: float,
        started: float,
    ) -> _AnswerT:
        as_of_s = self._clock()
        try:
            async with asyncio.timeout(timeout_s):
                body = await self._exchange(watched)
        except (
            httpx.HTTPError,
            httpx.StreamError,
            httpx.InvalidURL,
            httpx.CookieConflict,
            OSError,
            ssl.SSLError,
        ) as exc:
            raise from_transport(exc, after_s=self._monotonic() - started) from exc

        def read_text() -> _AnswerT:
            text = to_utf8(body, watched.content_type)
            return read(text, as_of_s, watched.lifetime)

        try:
            if len(body) < _THREAD_FROM_BYTES:
                return read_text()
            # Decoding a page of 250 models takes ten milliseconds or more, and a crawl reads
            # several at once: that would block the event loop. A page of 50 takes one or two,
            # little more than handing it to a thread. One thread at a time, as several busy
            # threads would keep the GIL from the event loop for longer.
            async with self._reading:
                return await asyncio.to_thread(read_text)
        except UpstreamResponseError as error:
            raise AttemptError(error, again=looks_cut(body)) from error.__cause__

    async def _exchange(self, watched: "_Watched") -> bytes:
        """Send a request and return the body of a 200.

        Raises:
            AttemptError: Any other status.
        """
        async with self._pool.send(watched.request) as response:
            watched.status = response.status_code
            if response.status_code in _SUCCESSES:
                watched.lifetime = parse_lifetime(response.headers.get("cache-control"))
                watched.content_type = response.headers.get("content-type")
                return await read_whole(response)
            body = b""
            # The status decides; an error body that is cut off does not matter.
            with contextlib.suppress(
                httpx.TransportError, httpx.DecodingError, TimeoutError
            ):
                async with asyncio.timeout(_ERROR_BODY_S):
                    body = await read_beginning(response, _MAX_ERROR_BODY_BYTES)
            raise from_status(
                response.status_code,
                response.headers,
                body,
                now_s=self._clock(),
                url=str(watched.request.url),
                location=response.extensions.get(_LOCATION, ""),
            )


async def _set_location_aside(response: httpx.Response) -> None:
    """Keep the target of a redirect from httpx.

    httpx prepares to follow it, also where it is told not to, and fails if it is no valid
    address. The error would hide that there is a redirect.
    """
    response.extensions[_LOCATION] = response.headers.pop("location", "")


class _Watched:
    """Traces one attempt: as a span, and as a line of the operation's trace.

    Args:
        request: The request to trace.
        path: Its path below the base address.

    Attributes:
        request: The request to trace.
        status: HTTP status; None until a response begins.
        lifetime: Of a 200, from its `Cache-Control`.
        content_type: Of a 200.
    """

    def __init__(self, request: httpx.Request, path: str) -> None:
        self.request = request
        self._path = path
        self.status: int | None = None
        self.lifetime = NO_LIFETIME
        self.content_type: str | None = None
        self._started_s = time.perf_counter()
        # No host and no header: the trace must not reveal where the token is sent.
        self._span = tracing.span(
            f"GET {path}", "client", **{"url.query": request.url.query.decode("ascii")}
        )

    def __enter__(self) -> None:
        self._span.__enter__()
        tracing.pass_on(self.request.headers)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.status is not None:
            tracing.note("http.response.status_code", self.status)
        if isinstance(error, AttemptError):
            tracing.note("error.code", error.error.code)
        self._span.__exit__(kind, error, traceback)

    def note(self, outcome: str) -> None:
        """Add the attempt and its outcome to the operation's trace, if there is one."""
        notes = operation_trace.current()
        if notes is not None:
            query = self.request.url.query.decode("ascii")
            path = f"{self._path}?{query}" if query else self._path
            taken_ms = operation_trace.milliseconds_since(self._started_s)
            notes.record_call(
                operation_trace.UpstreamCall(
                    "GET", path, self.status, outcome, taken_ms
                )
            )
