"""The rate limit: token buckets for callers, charged by the cost of operations.

The buckets are in the memory of this process, or in Redis for all replicas.
"""

import collections
import functools
import ipaddress
import math
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import msgspec

from catalograph.web.options import Rate
from catalograph.web.replies import write_head

COST_OF_A_TOKEN: Final = 1_000
"""Estimated cost per token; an operation takes its cost divided by this, rounded up."""

_IPV6_BITS: Final = 64

_TRANSLATED: Final = tuple(
    ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "::ffff:0:0:0/96")
)
"""IPv6 networks with embedded IPv4 addresses (NAT64 and the like). As /64 networks, all callers
behind one translator would share a bucket."""

TakeAtOnce: TypeAlias = Callable[[str, str, float], bytes | None]

_ROUNDING: Final = 1e-3
"""Fraction of a token that is ignored: rounding errors of a clock with large values must not
take away the last token of a full bucket."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether a request is allowed.

    Attributes:
        is_allowed: Whether it is.
        remaining: Whole tokens that are left.
        full_in_s: Seconds until the bucket is full again.
        retry_after_s: Seconds until a request is allowed again; 0 if this one is.
    """

    is_allowed: bool
    remaining: int
    full_in_s: float
    retry_after_s: float


def judge(rate: Rate, level: float, *, is_allowed: bool) -> Verdict:
    """Build a verdict from the tokens left in a bucket; `level` is negative for a debt."""
    per_s = rate.count / rate.period_s
    return Verdict(
        is_allowed=is_allowed,
        remaining=max(0, int(level + _ROUNDING)),
        full_in_s=(rate.count - level) / per_s,
        retry_after_s=0.0 if is_allowed else (1 - level) / per_s,
    )


class RateLimiter(Protocol):
    """Counts the requests of callers, in this process or for all replicas."""

    async def take(self, caller: str) -> Verdict:
        """Take one token from the bucket of a caller, if it has one."""

    async def charge(self, caller: str, tokens: float) -> None:
        """Take more tokens afterwards, which may leave a debt."""


class MemoryRateLimiter:
    """A bounded number of buckets in the memory of one process.

    A bucket is stored as one number: the time at which it is full again. The least recently
    used one is evicted, which gives its caller a full bucket.

    Args:
        rate: A bucket holds `count` tokens and is refilled in `period_s`.
        max_callers: Maximum number of buckets.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        max_callers: int = 50_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._per_s = rate.count / rate.period_s
        self._token_s = rate.period_s / rate.count
        self._longest_s = rate.period_s + _ROUNDING * self._token_s
        self._max_callers = max_callers
        self._clock = clock
        self._lines = _build_lines(rate)
        self._full_at_s: collections.OrderedDict[str, float] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at_s)

    async def take(self, caller: str) -> Verdict:
        """Take one token, if there is a whole one."""
        now_s = self._clock()
        full_in_s = max(self._full_at_s.get(caller, now_s) - now_s, 0.0)
        after_s = full_in_s + self._token_s
        is_allowed = after_s <= self._longest_s
        if is_allowed:
            full_in_s = after_s
        self._store(caller, now_s + full_in_s)
        level = self._rate.count - full_in_s / self._token_s
        return judge(self._rate, level, is_allowed=is_allowed)

    def draw(self, address: str, key_id: str, now_s: float) -> bytes | None:
        """Take one token like `take`, but without awaiting: every cache hit calls this.

        Args:
            address: Address of the caller.
            key_id: Public name of its API key; empty without one.
            now_s: Clock reading.

        Returns:
            The header lines. None if there is no whole token; then nothing is taken.
        """
        # The same as `name_caller`, inlined for speed.
        if key_id:
            address = f"key:{key_id}"
        elif ":" in address:
            address = name_caller(address, key_id)
        buckets = self._full_at_s
        full_in_s = buckets.get(address, now_s) - now_s
        full_in_s = self._token_s + (full_in_s if full_in_s > 0 else 0.0)
        if full_in_s > self._longest_s:
            return None
        buckets[address] = now_s + full_in_s
        buckets.move_to_end(address)
        if len(buckets) > self._max_callers:
            buckets.popitem(last=False)
        remaining = self._rate.count - full_in_s * self._per_s + _ROUNDING
        return self._lines % (int(remaining), math.ceil(full_in_s))

    async def charge(self, caller: str, tokens: float) -> None:
        """Take tokens; the debt is at most a full bucket."""
        now_s = self._clock()
        full_at_s = max(self._full_at_s.get(caller, now_s), now_s)
        full_at_s += tokens * self._token_s
        self._store(caller, min(full_at_s, now_s + 2 * self._rate.period_s))

    def _store(self, caller: str, full_at_s: float) -> None:
        buckets = self._full_at_s
        buckets[caller] = full_at_s
        buckets.move_to_end(caller)
        if len(buckets) > self._max_callers:
            buckets.popitem(last=False)


class RateGuard:
    """Applies a limiter to requests: names the bucket of a caller, and builds the headers.

    Args:
        limiter: Counts requests.
        rate: The limit, for the headers.

    Attributes:
        take_at_once: As `MemoryRateLimiter.draw`. It returns None if `take` must be called
            instead: the buckets are in Redis, or there is no token.
    """

    def __init__(self, limiter: RateLimiter, rate: Rate) -> None:
        self._limiter = limiter
        self._lines = _build_lines(rate)
        # A coroutine and a verdict for each cache hit would cost measurable time.
        self.take_at_once: TakeAtOnce = (
            limiter.draw if isinstance(limiter, MemoryRateLimiter) else _take_later
        )

    async def take(self, address: str, key_id: str) -> tuple[Verdict, bytes]:
        """Take a token from the bucket of a caller: of its key, otherwise of its address.

        Unknown keys count for the address, so that guessing keys is limited, too.

        Returns:
            The verdict, and the header lines.
        """
        verdict = await self._limiter.take(name_caller(address, key_id))
        lines = self._lines % (verdict.remaining, math.ceil(verdict.full_in_s))
        return verdict, lines

    async def charge(self, address: str, key_id: str, cost: int) -> None:
        """Take the tokens for the cost of an operation, except the first one."""
        more = math.ceil(cost / COST_OF_A_TOKEN) - 1
        await self._limiter.charge(name_caller(address, key_id), more)


def _build_lines(rate: Rate) -> bytes:
    """Build header lines with placeholders for remaining tokens and seconds until full."""
    policy = b"%d;w=%d" % (rate.count, math.ceil(rate.period_s))
    constant = [(b"ratelimit-limit", b"%d" % rate.count), (b"ratelimit-policy", policy)]
    return write_head(constant) + (
        b"ratelimit-remaining: %d\r\nratelimit-reset: %d\r\n"
    )


def _take_later(_address: str, _key_id: str, _now_s: float) -> None:
    """Return None: the buckets are not in this process."""


def name_caller(address: str, key_id: str) -> str:
    """Name the bucket of a caller; IPv6 addresses share one per /64, a customer's network."""
    if key_id:
        return f"key:{key_id}"
    return _network(address) if ":" in address else address


@functools.lru_cache(maxsize=1_024)
def _network(address: str) -> str:
    """Find the /64 network of an IPv6 address, or the IPv4 address that it contains."""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    if parsed.teredo is not None:
        return str(parsed.teredo[1])
    if any(parsed in network for network in _TRANSLATED):
        return str(ipaddress.IPv4Address(parsed.packed[-4:]))
    network = ipaddress.ip_network((parsed.packed, _IPV6_BITS), strict=False)
    return str(network.network_address)


_TRUSTED_S: Final = 0.1
"""Seconds for which the local copy of a bucket is used, while more than half of it is left."""

_PLENTY: Final = 2
"""Exact counting begins when no more than this fraction of a bucket is left: one half."""

_BATCH: Final = 16
"""Fraction of a bucket that may be taken before the shared bucket is updated: a sixteenth."""

_MOST_CALLERS: Final = 50_000


class SharedBuckets(Protocol):
    """Buckets outside this process; see `cache.rate_buckets`."""

    async def take(
        self, name: str, *, spent: float, wanted: float
    ) -> tuple[bool, float] | None:
        """Take tokens; None if the shared buckets are not available."""


class _Seen:
    """The local copy of one shared bucket.

    Attributes:
        level: Tokens at the last synchronisation.
        pending: Tokens taken here that are not synchronised yet.
        at_s: Time of the last synchronisation.
    """

    __slots__ = ("at_s", "level", "pending")

    def __init__(self, level: float) -> None:
        self.level = level
        self.pending = 0.0
        self.at_s = float("-inf")


class SharedRateLimiter:
    """Counts in Redis for all replicas; in each process separately while Redis is down.

    A caller that is slow, or has used half of its bucket, is counted exactly. A fast caller
    with more left is counted in batches, so that requests seldom wait for Redis. Each process may
    give such a caller up to a sixteenth of a bucket too much.

    Args:
        shared: The shared buckets.
        rate: The limit.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        shared: SharedBuckets,
        rate: Rate,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._rate = rate
        self._own = MemoryRateLimiter(rate, clock=clock)
        self._clock = clock
        self._seen: collections.OrderedDict[str, _Seen] = collections.OrderedDict()

    async def take(self, caller: str) -> Verdict:
        """Take one token, if there is a whole one."""
        seen = self._find(caller)
        left = seen.level - seen.pending
        if (
            self._clock() - seen.at_s < _TRUSTED_S
            and left > max(1, self._rate.count / _PLENTY)
            and seen.pending < self._rate.count / _BATCH
        ):
            seen.pending += 1
            return judge(self._rate, left - 1, is_allowed=True)
        return await self._ask(caller, seen, wanted=1)

    async def charge(self, caller: str, tokens: float) -> None:
        """Take more tokens afterwards; the shared bucket is updated at once if they are many."""
        seen = self._find(caller)
        seen.pending += tokens
        if seen.pending >= self._rate.count / _BATCH:
            await self._ask(caller, seen, wanted=0)

    async def _ask(self, caller: str, seen: _Seen, *, wanted: int) -> Verdict:
        spent, seen.pending = seen.pending, 0.0
        answer = await self._shared.take(caller, spent=spent, wanted=wanted)
        if answer is None:
            await self._own.charge(caller, spent)
            return await self._own.take(caller)
        is_allowed, seen.level = answer
        seen.at_s = self._clock()
        return judge(self._rate, seen.level, is_allowed=is_allowed)

    def _find(self, caller: str) -> _Seen:
        seen = self._seen.get(caller)
        if seen is None:
            seen = self._seen[caller] = _Seen(self._rate.count)
            if len(self._seen) > _MOST_CALLERS:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(caller)
        return seen
