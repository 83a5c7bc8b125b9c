"""How much one caller may ask: buckets of tokens, weighed by what operations cost."""

import collections
import ipaddress
import math
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph import telemetry
from catalograph.errors import RateLimitedError
from catalograph.web.api_keys import KeyRing
from catalograph.web.exchange import exchange_of
from catalograph.web.options import Rate
from catalograph.web.replies import RawHeaders, Refusal, send_refusal

COST_OF_A_TOKEN: Final = 1_000
"""An operation takes one token for each that much of estimated cost, begun ones included."""

_IPV6_BITS: Final = 64


class Verdict(msgspec.Struct, frozen=True):
    """Whether one more request is taken.

    Attributes:
        is_allowed: Whether it is.
        remaining: Tokens left, whole ones.
        full_in_s: Seconds until the bucket is full again.
        retry_after_s: Seconds until a request is taken; 0 when this one was.
    """

    is_allowed: bool
    remaining: int
    full_in_s: float
    retry_after_s: float


class RateLimiter(Protocol):
    """Counts what callers ask, in this process or in one place for all."""

    async def take(self, caller: str) -> Verdict:
        """Take one token of a caller, if there is one."""

    async def charge(self, caller: str, tokens: float) -> None:
        """Take more of them afterwards, which may leave a debt."""


class MemoryRateLimiter:
    """Buckets of one process, a bounded number of them.

    The one that was not used for longest is forgotten, which gives its caller a full one.

    Args:
        rate: A bucket holds `count` tokens and fills up in `period_s`.
        max_callers: Buckets held.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        max_callers: int = 50_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size = float(rate.count)
        self._per_s = rate.count / rate.period_s
        self._max_callers = max_callers
        self._clock = clock
        self._buckets: collections.OrderedDict[str, tuple[float, float]] = (
            collections.OrderedDict()
        )

    def __len__(self) -> int:
        return len(self._buckets)

    async def take(self, caller: str) -> Verdict:
        """Take one token, if there is a whole one."""
        level = self._level(caller)
        is_allowed = level >= 1
        if is_allowed:
            level -= 1
        self._store(caller, level)
        return Verdict(
            is_allowed=is_allowed,
            remaining=max(0, int(level)),
            full_in_s=(self._size - level) / self._per_s,
            retry_after_s=0.0 if is_allowed else (1 - level) / self._per_s,
        )

    async def charge(self, caller: str, tokens: float) -> None:
        """Take tokens; nobody owes more than a full bucket."""
        self._store(caller, max(self._level(caller) - tokens, -self._size))

    def _level(self, caller: str) -> float:
        found = self._buckets.get(caller)
        if found is None:
            return self._size
        level, at_s = found
        return min(self._size, level + (self._clock() - at_s) * self._per_s)

    def _store(self, caller: str, level: float) -> None:
        self._buckets[caller] = (level, self._clock())
        self._buckets.move_to_end(caller)
        if len(self._buckets) > self._max_callers:
            self._buckets.popitem(last=False)


class RateGuard:
    """Applies a limiter to requests: who is asking, and what the headers say.

    Args:
        limiter: Counts.
        rate: For the headers.
        keys: Callers with a key are counted by key, others by address.
    """

    def __init__(self, limiter: RateLimiter, rate: Rate, keys: KeyRing) -> None:
        self._limiter = limiter
        self._rate = rate
        self._keys = keys
        self._limit = b"%d" % rate.count
        self._policy = b"%d;w=%d" % (rate.count, math.ceil(rate.period_s))

    def name(self, address: str, headers: Mapping[bytes, bytes]) -> str:
        """Whose bucket it is.

        Unknown keys count for the address, so that trying keys out is limited too. An
        IPv6 address stands for its /64, which is what one customer gets.
        """
        key_id = self._keys.find(headers) if self._keys else None
        if key_id is not None:
            return f"key:{key_id}"
        if ":" in address:
            try:
                network = ipaddress.ip_network((address, _IPV6_BITS), strict=False)
            except ValueError:
                return address
            return str(network.network_address)
        return address

    async def take(self, caller: str) -> tuple[Verdict, RawHeaders]:
        """Take a token, and word what the client may know about the rest."""
        verdict = await self._limiter.take(caller)
        if not verdict.is_allowed:
            telemetry.REFUSED.labels("rate_limit").inc()
        headers = [
            (b"ratelimit-limit", self._limit),
            (b"ratelimit-remaining", b"%d" % verdict.remaining),
            (b"ratelimit-reset", b"%d" % math.ceil(verdict.full_in_s)),
            (b"ratelimit-policy", self._policy),
        ]
        return verdict, headers

    async def charge(self, caller: str, cost: int) -> None:
        """Take what an operation's cost makes beyond the first token."""
        more = math.ceil(cost / COST_OF_A_TOKEN) - 1
        if more > 0:
            await self._limiter.charge(caller, more)


class RateLimitMiddleware:
    """Refuses a caller who asks too much; what is answered from memory costs one token."""

    def __init__(self, app: ASGIApp, guard: RateGuard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a token first, and the rest when the cost is known."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        caller = self._guard.name(exchange.address, dict(scope["headers"]))
        verdict, headers = await self._guard.take(caller)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        if not verdict.is_allowed:
            retry_s = math.ceil(verdict.retry_after_s)
            refusal = Refusal(
                429, RateLimitedError(float(retry_s)), {"Retry-After": str(retry_s)}
            )
            await send_refusal(scope, send_with_limits, refusal)
            return
        await self._app(scope, receive, send_with_limits)
        if exchange.cache != "hit":
            await self._guard.charge(caller, exchange.cost)
