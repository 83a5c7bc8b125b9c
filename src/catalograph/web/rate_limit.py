"""How much one caller may ask: buckets of tokens, weighed by what operations cost."""

import collections
import functools
import ipaddress
import math
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalograph import telemetry
from catalograph.errors import RateLimitedError
from catalograph.web.api_keys import KeyRing
from catalograph.web.exchange import exchange_of
from catalograph.web.options import Rate
from catalograph.web.replies import RawHeaders, Refusal, send_refusal, write_head

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


def judge(rate: Rate, level: float, *, is_allowed: bool) -> Verdict:
    """Make a verdict of what is left in a bucket, which may be a debt."""
    per_s = rate.count / rate.period_s
    return Verdict(
        is_allowed=is_allowed,
        remaining=max(0, int(level)),
        full_in_s=(rate.count - level) / per_s,
        retry_after_s=0.0 if is_allowed else (1 - level) / per_s,
    )


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
        return self.take_now(caller)

    def take_now(self, caller: str) -> Verdict:
        """The same for those who cannot wait."""
        now_s = self._clock()
        # As `_level` and `_store`, in one go: this is done for every kept answer.
        size, buckets = self._size, self._buckets
        found = buckets.get(caller)
        level = size
        if found is not None:
            level = found[0] + (now_s - found[1]) * self._per_s
            level = min(level, size)
            buckets.move_to_end(caller)
        is_allowed = level >= 1
        if is_allowed:
            level -= 1
        buckets[caller] = (level, now_s)
        if len(buckets) > self._max_callers:
            buckets.popitem(last=False)
        return Verdict(
            is_allowed,
            int(level) if level > 0 else 0,
            (self._size - level) / self._per_s,
            0.0 if is_allowed else (1 - level) / self._per_s,
        )

    async def charge(self, caller: str, tokens: float) -> None:
        """Take tokens; nobody owes more than a full bucket."""
        now_s = self._clock()
        level = max(self._level(caller, now_s) - tokens, -self._size)
        self._store(caller, level, now_s)

    def _level(self, caller: str, now_s: float) -> float:
        found = self._buckets.get(caller)
        if found is None:
            return self._size
        level, at_s = found
        return min(self._size, level + (now_s - at_s) * self._per_s)

    def _store(self, caller: str, level: float, now_s: float) -> None:
        self._buckets[caller] = (level, now_s)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > self._max_callers:
            self._buckets.popitem(last=False)


class RateGuard:
    """Applies a limiter to requests: who is asking, and what the headers say.

    Args:
        limiter: Counts.
        rate: For the headers.
    """

    def __init__(self, limiter: RateLimiter, rate: Rate) -> None:
        self._limiter = limiter
        # A coroutine more for each kept answer can be told from none.
        self._at_hand = limiter if isinstance(limiter, MemoryRateLimiter) else None
        self._constant: RawHeaders = [
            (b"ratelimit-limit", b"%d" % rate.count),
            (b"ratelimit-policy", b"%d;w=%d" % (rate.count, math.ceil(rate.period_s))),
        ]
        self._lines = write_head(self._constant).replace(b"%", b"%%") + (
            b"ratelimit-remaining: %d\r\nratelimit-reset: %d\r\n"
        )

    async def take(self, address: str, key_id: str) -> Verdict:
        """Take a token of a caller: by key where there is one, otherwise by address.

        Unknown keys count for the address, so that trying keys out is limited too.
        """
        verdict = self.take_now(address, key_id)
        if verdict is None:
            verdict = await self._limiter.take(_name(address, key_id))
        if not verdict.is_allowed:
            telemetry.REFUSED.labels("rate_limit").inc()
        return verdict

    def take_now(self, address: str, key_id: str) -> Verdict | None:
        """The same without waiting; None where that takes `take`."""
        if self._at_hand is None:
            return None
        return self._at_hand.take_now(_name(address, key_id))

    def write_headers(self, verdict: Verdict) -> RawHeaders:
        """What the client may know about its tokens."""
        return [
            *self._constant,
            (b"ratelimit-remaining", b"%d" % verdict.remaining),
            (b"ratelimit-reset", b"%d" % math.ceil(verdict.full_in_s)),
        ]

    def write_lines(self, verdict: Verdict) -> bytes:
        """The same as they go over the wire."""
        return self._lines % (verdict.remaining, math.ceil(verdict.full_in_s))

    async def charge(self, address: str, key_id: str, cost: int) -> None:
        """Take what an operation's cost makes beyond the first token."""
        more = math.ceil(cost / COST_OF_A_TOKEN) - 1
        if more > 0:
            await self._limiter.charge(_name(address, key_id), more)


class RateLimitMiddleware:
    """Refuses a caller who asks too much; what is answered from memory costs one token.

    Args:
        app: What answers.
        guard: Counts.
        keys: The keys that callers may have.
    """

    def __init__(self, app: ASGIApp, guard: RateGuard, keys: KeyRing) -> None:
        self._app = app
        self._guard = guard
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a token first, and the rest when the cost is known."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        key_id = self._keys.find(dict(scope["headers"])) if self._keys else None
        verdict = await self._guard.take(exchange.address, key_id or "")
        headers = self._guard.write_headers(verdict)

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
        if exchange.cache not in {"hit", "joined"}:
            await self._guard.charge(exchange.address, key_id or "", exchange.cost)


def _name(address: str, key_id: str) -> str:
    """Whose bucket it is; an IPv6 address stands for its /64, which one customer gets."""
    if key_id:
        return f"key:{key_id}"
    return _network(address) if ":" in address else address


@functools.lru_cache(maxsize=1_024)
def _network(address: str) -> str:
    try:
        network = ipaddress.ip_network((address, _IPV6_BITS), strict=False)
    except ValueError:
        return address
    return str(network.network_address)
