"""Token buckets of the rate limit, shared by several processes through Redis."""

import math

from catalograph.cache.redis import Redis, RedisDownError

_PREFIX = "catalograph:rate:"

# Uses the clock of Redis, so that the clocks of replicas do not matter. A full bucket needs no
# entry, so it expires. A debt is never larger than a full bucket.
_TAKE = """
local size, per_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local spent, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local stored = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = size
if stored[1] then
  level = math.min(size, tonumber(stored[1]) + (now - tonumber(stored[2])) * per_s)
end
level = math.max(level - spent, -size)
local allowed = 0
if level >= wanted then
  level = level - wanted
  allowed = 1
end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil((size - level) / per_s) + 1)
return {allowed, tostring(level)}
"""


class SharedBuckets:
    """Token buckets in Redis; each holds `count` tokens and is refilled in `period_s`.

    Args:
        redis: The connection; the caller closes it.
        count: Tokens of a full bucket.
        period_s: Seconds in which an empty bucket is refilled.
    """

    def __init__(self, redis: Redis, *, count: int, period_s: float) -> None:
        self._redis = redis
        self._size = count
        self._per_s = count / period_s

    async def take(
        self, name: str, *, spent: float, wanted: float
    ) -> tuple[bool, float] | None:
        """Take tokens out of a bucket.

        Args:
            name: Name of the bucket, one for each caller.
            spent: Tokens to take in any case, which may leave a debt.
            wanted: Tokens to take only if there are so many.

        Returns:
            Whether `wanted` was taken, and how many tokens are left, fractions and debts
            too; None when Redis is down or slow.
        """
        try:
            allowed, level = await self._redis.run(
                "rate",
                _TAKE,
                (f"{_PREFIX}{self._size}/{self._per_s:g}:{name}",),
                *(self._size, self._per_s, spent, wanted),
            )
        except RedisDownError:
            return None
        left = float(level)
        return bool(allowed), left if math.isfinite(left) else 0.0
