"""The upstream's one route, asked with patience and read with care."""

import asyncio
import http.cookiejar
import random as random_module
import re
import ssl
import time
from collections.abc import Awaitable, Callable

import httpx

import catalograph
from catalograph.catalogue.query import ModelsPage, ModelsQuery
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamResponseError,
    UpstreamUnavailableError,
)
from catalograph.telemetry import UPSTREAM_REQUESTS, UPSTREAM_SECONDS, get_logger
from catalograph.upstream.failures import AttemptError, from_status, from_transport
from catalograph.upstream.request import (
    build_models_url,
    build_query_string,
    is_loopback,
)
from catalograph.upstream.retry import Breaker, BreakerState, RetryPolicy
from catalograph.upstream.wire import read_page

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Far above any page of 250 models (0.3 MB); what is larger is no page."""

_MAX_ERROR_BODY_BYTES = 64 * 1024
_MAX_CONNECTIONS = 64
_MAX_IDLE_CONNECTIONS = 16
_IDLE_S = 30.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}", re.ASCII)

# Of the codings httpx can undo these two alone, and never one inside the other: what is
# read at once stays within a thousand times its chunk.
_CODINGS = frozenset({"", "identity", "gzip"})


class UpstreamClient:
    """The catalogue's REST API. One for the process: it pools connections.

    Args:
        base_url: Such as `https://host/v1`.
        token: Sent with every request that brings none of its own; None: none is sent.
        attempt_timeout_s: For one attempt in all, from connecting to the last byte.
        total_timeout_s: For all attempts together, with the waits between them.
        transport: In the place of the network.
        clock: Unix time in seconds.
        monotonic: Seconds, for durations.
        sleep: Waits so many seconds.
        random: A number from 0 to 1.

    Raises:
        ValueError: The address cannot be one; says why without repeating it.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        base_url: str,
        token: str | None,
        attempt_timeout_s: float = 3.0,
        total_timeout_s: float = 8.0,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._models_url = build_models_url(base_url)
        self._token = token
        self._attempt_timeout_s = attempt_timeout_s
        self._total_timeout_s = total_timeout_s
        self._clock = clock
        self._monotonic = monotonic
        self._breaker = Breaker(monotonic)
        self._retries = RetryPolicy(
            breaker=self._breaker, monotonic=monotonic, sleep=sleep, random=random
        )
        self._http = httpx.AsyncClient(
            transport=transport,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"catalograph/{catalograph.__version__}",
            },
            # A cookie set in one caller's answer would be sent with the next caller's token.
            cookies=http.cookiejar.CookieJar(
                http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
            ),
            # Elsewhere the token would go with us.
            follow_redirects=False,
            limits=httpx.Limits(
                max_connections=_MAX_CONNECTIONS,
                max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_S,
            ),
            # It bounds each step only, and would never cut a dripping server off: `_ask` does.
            timeout=attempt_timeout_s,
            # Behind a company's proxy HTTPS_PROXY and SSL_CERT_FILE are the way out, and
            # there is no setting of ours for them. But no proxy reaches our own loopback.
            trust_env=not is_loopback(self._models_url),
        )

    @property
    def breaker_state(self) -> BreakerState:
        """Whether calls go through just now."""
        return self._breaker.state

    async def aclose(self) -> None:
        """Close all connections; the client is of no use afterwards."""
        await self._http.aclose()

    async def fetch_page(
        self, query: ModelsQuery, *, token: str | None = None
    ) -> ModelsPage:
        """Ask for one page of models.

        Args:
            query: Its filter may hold only what the upstream has parameters for.
            token: The caller's own, in the place of ours.

        Returns:
            The page. Its sections may be more than asked for, as some upstream versions
            cannot leave any out. They may lack `gateway` where a provider filter was asked:
            such rows are cut down to that provider, and no record may be.

        Raises:
            UpstreamAuthError: The token was refused, or no token looks like that.
            UpstreamRateLimitError: 429, and the wait asked for is too long, or was in vain.
            UpstreamTimeoutError: No complete answer in time; `after_s` is for all attempts.
            UpstreamUnavailableError: No connection, a status of failure, or the breaker is open.
            UpstreamResponseError: A 200 that is not a page, or not the one asked for.
            ValueError: The question is not one for the upstream.

        Source: `GET {base_url}/models`.
        """
        request = self._http.build_request(
            "GET", f"{self._models_url}?{build_query_string(query)}"
        )
        used_token = self._token if token is None else token
        if used_token is not None:
            if not _TOKEN.fullmatch(used_token):
                raise UpstreamAuthError(detail="not sent: no token has such characters")
            request.headers["Authorization"] = f"Bearer {used_token}"
        started = self._monotonic()
        deadline = started + self._total_timeout_s

        async def attempt() -> ModelsPage:
            return await self._attempt(
                request,
                query,
                started=started,
                deadline=deadline,
                # One caller's limit says nothing of the others'.
                is_own_token=token is None,
            )

        try:
            return await self._retries.run(attempt, deadline=deadline)
        except AttemptError as failure:
            error = failure.error
            if error.detail and used_token:
                error.detail = error.detail.replace(used_token, "[token]")
            if failure.was_sent:
                get_logger().warning(
                    "the upstream did not give a page",
                    code=error.code,
                    detail=error.detail,
                    query=request.url.query.decode("ascii"),
                    seconds=round(self._monotonic() - started, 3),
                )
            raise error from failure.__cause__

    async def _attempt(
        self,
        request: httpx.Request,
        query: ModelsQuery,
        *,
        started: float,
        deadline: float,
        is_own_token: bool,
    ) -> ModelsPage:
        """Ask once, within the bounds of one attempt, and tell breaker and metrics.

        Raises:
            AttemptError: In whatever way it failed.
        """
        try:
            is_probe = self._breaker.admit()
        except UpstreamUnavailableError as error:
            raise AttemptError(error, was_sent=False) from None
        began = self._monotonic()
        outcome = "abandoned"
        is_failure = False
        try:
            page = await self._ask(
                request,
                query,
                timeout_s=min(self._attempt_timeout_s, deadline - began),
                started=started,
            )
        except AttemptError as failure:
            outcome = failure.error.code
            is_limited = outcome == "UPSTREAM_RATE_LIMITED"
            is_failure = failure.is_fault and (is_own_token or not is_limited)
            raise
        else:
            outcome = "ok"
            return page
        finally:
            if outcome == "abandoned":
                self._breaker.abandon(is_probe=is_probe)
            else:
                self._breaker.settle(is_probe=is_probe, is_failure=is_failure)
                UPSTREAM_SECONDS.observe(self._monotonic() - began)
            UPSTREAM_REQUESTS.labels(outcome).inc()

    async def _ask(
        self,
        request: httpx.Request,
        query: ModelsQuery,
        *,
        timeout_s: float,
        started: float,
    ) -> ModelsPage:
        as_of_s = self._clock()
        try:
            async with asyncio.timeout(timeout_s):
                body = await self._exchange(request)
        except (
            httpx.HTTPError,
            httpx.StreamError,
            httpx.InvalidURL,
            httpx.CookieConflict,
            OSError,
            ssl.SSLError,
        ) as exc:
            raise from_transport(exc, after_s=self._monotonic() - started) from exc
        try:
            return read_page(body, query, as_of_s=as_of_s)
        except UpstreamResponseError as error:
            # Cut short by somebody in between, who then mended the length.
            is_cut = body.lstrip()[:1] == b"{" and body.rstrip()[-1:] != b"}"
            raise AttemptError(error, again=is_cut) from error.__cause__

    async def _exchange(self, request: httpx.Request) -> bytes:
        """Send a request and give the body of its 200."""
        if self._http.is_closed:
            raise AttemptError(
                UpstreamUnavailableError(detail="not asked: the gateway is closing"),
                was_sent=False,
            )
        response = await self._http.send(request, stream=True)
        try:
            if response.status_code == httpx.codes.OK:
                return await _read_whole(response)
            body = await _read_beginning(response, _MAX_ERROR_BODY_BYTES)
            raise from_status(
                response.status_code, response.headers, body, now_s=self._clock()
            )
        finally:
            await response.aclose()


async def _read_whole(response: httpx.Response) -> bytes:
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS:
        raise AttemptError(
            UpstreamResponseError(
                detail=f"content-encoding {coding[:80]!r} was not asked for"
            )
        )
    try:
        body = await _read_beginning(response, MAX_BODY_BYTES + 1)
    except (httpx.NetworkError, httpx.ProtocolError) as exc:
        raise AttemptError(
            UpstreamResponseError(detail=f"the body was cut off: {exc}"), again=True
        ) from exc
    if len(body) > MAX_BODY_BYTES:
        raise AttemptError(
            UpstreamResponseError(
                detail=f"the body is longer than {MAX_BODY_BYTES} bytes"
            )
        )
    return body


async def _read_beginning(response: httpx.Response, size: int) -> bytes:
    """Read the whole body, or its first `size` bytes."""
    parts: list[bytes] = []
    left = size
    async for part in response.aiter_bytes():
        parts.append(part[:left])
        left -= len(parts[-1])
        if left == 0:
            break
    return b"".join(parts)
