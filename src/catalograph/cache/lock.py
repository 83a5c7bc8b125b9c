"""One process asks the upstream for a key, the others wait: a lock with token and lease."""

import asyncio
import contextlib
import enum
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable

from catalograph.cache import keys
from catalograph.cache.encoding import decode_failure, encode_failure
from catalograph.cache.entries import MAX_CLOCK_SKEW_S
from catalograph.cache.redis import Redis, RedisDownError
from catalograph.errors import UpstreamError

_FIRST_POLL_S = 0.005
_LAST_POLL_S = 0.05

_FAILURE_SHARED_S = 1.0
"""For how long an error stands for the upstream, for those who waited and those who come late."""

_FAILURES_BORNE = 2
"""So many look-ups in a row may fail for one who waits: who asks at once, because of one that a
busy machine held up, asks beside the one who asks already."""

PATIENCE_S = 30.0
"""Nobody waits longer for others: far above what asking for one page may take."""

# Looks for a value that is younger, for an error, and else for the lock, in one step: a value
# written between looking and locking would cost a second request. The lock is ours already
# where it was given to us and only the reply got lost. The time in a value's header is read as
# in `encoding.HEADER`; one that is ahead of our clock does not count. Each holder renews its
# lease, so a lock without one (or with a very long one) has no holder: its lease begins now.
_TAKE_TURN = """
local header = redis.call('GETRANGE', KEYS[1], 0, 9)
if #header == 10 then
  local as_of = struct.unpack('>d', string.sub(header, 3))
  if as_of > tonumber(ARGV[1]) and as_of <= tonumber(ARGV[4]) then return {'kept'} end
end
local failure = redis.call('GET', KEYS[2])
if failure then return {'failed', failure} end
if redis.call('SET', KEYS[3], ARGV[2], 'NX', 'PX', ARGV[3]) then return {'ours'} end
if redis.call('GET', KEYS[3]) == ARGV[2] then
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
  return {'ours'}
end
local left = redis.call('PTTL', KEYS[3])
if left < 0 or left > math.max(60000, tonumber(ARGV[3])) then
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end
return {'theirs'}
"""

_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# A failure says why the lock is free again, so both happen in one step.
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return redis.call('DEL', KEYS[1])
"""


class Turn(enum.Enum):
    """What taking a turn came to."""

    KEPT = "kept"
    OURS = "ours"


_TURNS = {turn.value.encode(): turn for turn in Turn}


class FetchLock:
    """The lock on one key, as one fetch sees it.

    Args:
        redis: Its errors come out of every method but the release.
        key: Of the value.
        lease_s: After a holder that was killed, others wait this long.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        redis: Redis,
        key: str,
        *,
        lease_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._keys = (key, keys.failure_key(key), keys.lock_key(key))
        self._token = secrets.token_hex(16)
        self._lease_s = lease_s
        self._clock = clock

    async def take_turn(
        self, after_s: float, *, patience_s: float = PATIENCE_S
    ) -> Turn:
        """Wait until there is a value, or the lock is ours.

        Args:
            after_s: A value asked for after this unix time will do.
            patience_s: Most seconds to wait.

        Raises:
            UpstreamError: What another process was told by the upstream just now.
            RedisDownError: Also when the others take far too long.
        """
        try:
            return await self._poll(after_s, patience_s)
        except (RedisDownError, asyncio.CancelledError):
            # Redis may have given us the lock, and only its answer did not come.
            await self._release()
            raise

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Keep a lock that is ours for as long as the work takes, then release it.

        An `UpstreamError` that leaves the block is left behind for those who wait.
        """
        renewing = asyncio.create_task(self._renew())
        failure = b""
        try:
            yield
        except UpstreamError as error:
            failure = encode_failure(error)
            raise
        finally:
            # Python 3.11's `wait_for`, by which aiocache bounds its calls, swallows a
            # cancellation that comes just as the call ends: then it would be renewed for ever.
            while not renewing.done():
                renewing.cancel()
                await asyncio.wait({renewing}, timeout=_LAST_POLL_S)
            await self._release(failure)

    @property
    def _lease_ms(self) -> int:
        return max(1, round(self._lease_s * 1_000))

    async def _poll(self, after_s: float, patience_s: float) -> Turn:
        gives_up_s = time.monotonic() + patience_s
        poll_s = _FIRST_POLL_S
        # Before it is known that anybody asks, there is nobody to wait for.
        failures_borne = 0
        while time.monotonic() < gives_up_s:
            try:
                reply = await self._redis.run(
                    "lock",
                    _TAKE_TURN,
                    self._keys,
                    repr(after_s),
                    self._token,
                    self._lease_ms,
                    repr(self._clock() + MAX_CLOCK_SKEW_S),
                )
                word, *rest = _read_reply(reply)
            except RedisDownError:
                if not failures_borne:
                    raise
                failures_borne -= 1
            else:
                if word == b"failed":
                    raise decode_failure(rest[0])
                if word in _TURNS:
                    return _TURNS[word]
                failures_borne = _FAILURES_BORNE
            # Not all at the same moment. Nothing secret about it.
            await asyncio.sleep(poll_s * random.uniform(0.5, 1.5))  # noqa: S311
            poll_s = min(poll_s * 1.5, _LAST_POLL_S)
        raise RedisDownError

    async def _release(self, failure: bytes = b"") -> None:
        """Free the lock if it is ours; with a failure, leave that behind."""
        # When Redis is down now, the lease runs out by itself.
        with contextlib.suppress(RedisDownError):
            await self._redis.run(
                "unlock",
                _RELEASE,
                (self._keys[2], self._keys[1]),
                self._token,
                failure,
                round(_FAILURE_SHARED_S * 1_000),
            )

    async def _renew(self) -> None:
        renewed = 1
        while renewed:
            await asyncio.sleep(self._lease_s / 3)
            with contextlib.suppress(RedisDownError):
                renewed = await self._redis.run(
                    "renew", _RENEW, self._keys[2:], self._token, self._lease_ms
                )


def _read_reply(reply: object) -> list[bytes]:
    """Read what a script gave.

    Raises:
        RedisDownError: It is nothing that ours give: whatever answers is no Redis of ours.
    """
    match reply:
        case [(b"kept" | b"ours" | b"theirs") as word]:
            return [word]
        case [b"failed", bytes() as failure]:
            return [b"failed", failure]
        case _:
            raise RedisDownError
