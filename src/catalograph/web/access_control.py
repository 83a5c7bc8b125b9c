"""The gate: who may ask at all, and how much."""

import math
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph.errors import RateLimitedError, UnauthenticatedError
from catalograph.observability import metrics
from catalograph.observability.request_context import request_context_of
from catalograph.web.api_keys import KeyRing
from catalograph.web.rate_limit import COST_OF_A_TOKEN, RateGuard, Verdict
from catalograph.web.replies import Refusal, send_refusal
from catalograph.web.request import headers_of


class AccessControlMiddleware:
    """Lets nobody pass without a key, should there be any, nor who asks too much.

    Who is asking is counted first, so that trying keys out is limited, too. One wrapper
    does both, since each costs every request the same again.

    Args:
        app: What answers.
        keys: The keys that callers may have.
        guard: Counts requests; None when there is no limit.
        clock: The guard's.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyRing,
        guard: RateGuard | None,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._keys = keys or None
        self._guard = guard
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a token first, and the rest when the cost is known; a preflight is free."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        context = request_context_of(scope)
        key_id: str | None = ""
        if self._keys is not None:
            key_id = self._keys.find(headers_of(scope))
        if self._guard is not None:
            caller = context.address, key_id or ""
            verdict = None
            lines = self._guard.take_at_once(*caller, self._clock())
            if lines is None:
                verdict, lines = await self._guard.take(*caller)
            context.head = lines
            if verdict is not None and not verdict.is_allowed:
                metrics.REFUSED.labels("rate_limit").inc()
                await send_refusal(scope, send, _say_when(verdict))
                return
        if key_id is None:
            metrics.REFUSED.labels("api_key").inc()
            error = UnauthenticatedError("X-API-Key must hold a key that is known here")
            refusal = Refusal(401, error, {"WWW-Authenticate": "ApiKey"})
            await send_refusal(scope, send, refusal)
            return
        context.key_id = key_id
        await self._app(scope, receive, send)
        # What is answered from memory costs one token.
        if (
            self._guard is not None
            and context.cost > COST_OF_A_TOKEN
            and context.cache not in {"hit", "joined"}
        ):
            await self._guard.charge(context.address, key_id, context.cost)


def _say_when(verdict: Verdict) -> Refusal:
    retry_s = math.ceil(verdict.retry_after_s)
    error = RateLimitedError(float(retry_s))
    return Refusal(429, error, {"Retry-After": str(retry_s)})
