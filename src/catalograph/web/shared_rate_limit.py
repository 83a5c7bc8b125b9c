"""A rate limit that holds over all replicas, at little more cost than that of one."""

import collections
import time
from collections.abc import Callable
from typing import Final, Protocol

from catalograph.web.options import Rate
from catalograph.web.rate_limit import MemoryRateLimiter, Verdict, judge

_TRUSTED_S: Final = 0.1
"""For so long what the shared buckets said last is believed, while there is plenty."""

_PLENTY: Final = 2
"""A bucket that is more than the second part full has plenty."""

_BATCH: Final = 16
"""Of a bucket this part may be taken before the shared one is told."""

_MOST_CALLERS: Final = 50_000


class SharedBuckets(Protocol):
    """Buckets outside this process; see `cache.buckets`."""

    async def take(
        self, name: str, *, spent: float, wanted: float
    ) -> tuple[bool, float] | None:
        """Take tokens; None when nobody answers."""


class _Seen:
    """What is known here of one bucket.

    Attributes:
        level: As the shared buckets had it.
        pending: Tokens taken here that they do not know of.
        at_s: When they were asked.
    """

    __slots__ = ("at_s", "level", "pending")

    def __init__(self, level: float) -> None:
        self.level = level
        self.pending = 0.0
        self.at_s = float("-inf")


class SharedRateLimiter:
    """Counts in one place for all replicas; in each by itself when that place is down.

    Who asks slowly, or has used up half of a bucket, is counted exactly. Who asks fast with
    plenty left is counted in batches, so that a request seldom waits for Redis; replicas
    together can give such a caller a sixteenth of a bucket each too much.

    Args:
        shared: The buckets of all.
        rate: As theirs.
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
        """Take more afterwards; told at once when it is much."""
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
