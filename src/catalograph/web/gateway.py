"""The shortest way to an answer that is kept: before routing and all middleware."""

import contextlib
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph.observability import metrics
from catalograph.observability.access_log import AccessLog
from catalograph.observability.request_context import STARTED, choose_request_id
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.deadline import run_for_client
from catalograph.web.forwarded import Proxies
from catalograph.web.joining import JOINED, Joined, Shared
from catalograph.web.rate_limit import RateGuard
from catalograph.web.raw_requests import RawRequest
from catalograph.web.replies import find_whole_writer, read_head
from catalograph.web.response_cache import ResponseCache, Shortcut
from catalograph.web.shedding import InFlight


class Gateway:
    """Serves a question that was asked in the same bytes before; hands on all others.

    It was measured at a third of the time that the same answer takes behind the routing.
    A request that was answered once has passed every check that does not change with
    time, so that only the rate limit is left to ask.

    Args:
        app: Everything else.
        kept: Answers.
        joined: Answers that are on their way.
        in_flight: Requests that are being worked on, or wait for such answers.
        timeout_s: For a whole request.
        log: Gets a line for each request, as from the middleware.
        guard: Counts requests; None when there is no limit.
        proxies: Whose word on addresses counts.
        brings_token: Whether `Authorization` makes a difference to answers.
        is_wrapped: Whether something around this changes what is sent, so that nothing
            may be written past it.
        clock: The same as that of `kept`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        kept: ResponseCache,
        joined: Joined[Any],
        in_flight: InFlight,
        timeout_s: float,
        log: AccessLog,
        guard: RateGuard | None,
        proxies: Proxies,
        brings_token: bool,
        is_wrapped: bool,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._kept = kept
        self._joined = joined
        self._in_flight = in_flight
        self._timeout_s = timeout_s
        self._log = log
        self._guard = guard
        self._proxies = proxies or None
        self._brings_token = brings_token
        self._is_wrapped = is_wrapped
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or leave it to the application behind."""
        if (
            scope["type"] != "http"
            or scope["path"] != "/graphql"
            or scope["method"] != "POST"
        ):
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        raw = RawRequest(scope)
        if not raw.may_repeat:
            await self._app(scope, receive, send)
            return
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            raw.body = message.get("body", b"")
            alias = raw.alias(brings_token=self._brings_token)
            shared = self._joined.find_alias(alias)
            if shared is not None and not self._in_flight.is_full:
                metrics.COALESCED.inc()
                with self._in_flight:
                    scope[JOINED] = await self._wait(shared, receive, started_s)
            if await self._answer(raw, alias, send, started_s):
                return

        # If it has waited, that counts towards its deadline.
        scope[STARTED] = started_s
        first: Message | None = message

        async def receive_again() -> Message:
            nonlocal first
            if first is None:
                return await receive()
            replayed, first = first, None
            return replayed

        await self._app(scope, receive_again, send)

    async def _wait(
        self, shared: Shared[Any], receive: Receive, started_s: float
    ) -> object:
        """Wait for what an equal request is answered with; None when nothing came of it.

        Whatever goes wrong, for that request or for this one, is worded behind us.
        """
        left_s = self._timeout_s - (time.perf_counter() - started_s)
        work = shared.wait()
        with contextlib.suppress(Exception):
            return await run_for_client(work, receive, self._timeout_s, left_s=left_s)
        return None

    def answer_kept(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, peer: str
    ) -> tuple[bytes, bytes] | None:
        """Answer a POST to `/graphql` that has come whole, before a task is made of it.

        Args:
            headers: Names in lower case.
            body: Whole.
            peer: Address of the other end.

        Returns:
            The head's lines and the body; None: it goes the way of all others.
        """
        if self._is_wrapped:
            return None
        started_s = time.perf_counter()
        raw = RawRequest({"method": "POST", "headers": headers})
        if not raw.may_repeat:
            return None
        raw.body = body
        now_s = self._clock()
        found = self._kept.find_alias(raw.alias(brings_token=self._brings_token), now_s)
        if found is None:
            return None
        address = peer
        if self._proxies is not None and self._proxies.trusts(peer):
            address = self._proxies.find_address(peer, raw.headers)
        limits = b""
        if self._guard is not None:
            lines = self._guard.take_at_once(address, found.key_id, now_s)
            if lines is None:
                return None
            limits = lines
        request_id = choose_request_id(raw.headers.get(b"x-request-id"))
        self._note(found, request_id, address, started_s)
        own = b"x-request-id: %b\r\n%b" % (request_id.encode("ascii"), limits)
        return found.head(now_s) + own, found.body

    async def _answer(
        self, raw: RawRequest, alias: Hashable, send: Send, started_s: float
    ) -> bool:
        now_s = self._clock()
        found = self._kept.find_alias(alias, now_s)
        if found is None:
            return False
        client = raw.scope.get("client")
        address = client[0] if client else ""
        if self._proxies is not None:
            address = self._proxies.find_address(address, raw.headers)
        request_id = choose_request_id(raw.headers.get(b"x-request-id"))
        limits = b""
        if self._guard is not None:
            verdict, limits = await self._guard.take(address, found.key_id)
            if not verdict.is_allowed:
                return False
        own = b"x-request-id: %b\r\n%b" % (request_id.encode("ascii"), limits)
        # Past ASGI, where the server can and nobody has to see it.
        write = None if self._is_wrapped else find_whole_writer(raw.scope)
        if write is None or not write(raw.scope, found.head(now_s) + own, found.body):
            headers = [*found.headers(now_s), *read_head(own)]
            start = {"type": "http.response.start", "status": 200, "headers": headers}
            await send(start)
            await send({"type": "http.response.body", "body": found.body})
        self._note(found, request_id, address, started_s)
        return True

    def _note(
        self, found: Shortcut, request_id: str, address: str, started_s: float
    ) -> None:
        took_s = time.perf_counter() - started_s
        REQUESTS.count_hit(found.reply.name, took_s, len(found.body))
        if self._log.is_on:
            self._log.add_prepared(request_id, address, took_s, found.log_tail)
