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
"""Seconds for which a stored error answers waiting and later callers."""

_FAILURES_BORNE = 2
"""Failed look-ups in a row that a waiting process tolerates. Giving up after a single one, which
a busy machine may cause, would send a second request beside the running one."""

PATIENCE_S = 30.0
"""Most seconds to wait for another process; fetching one page takes far less."""

# Atomic: looks for a younger value, then for an error, then takes the lock. With separate steps,
# a value written between looking and locking would cost a second request. If the lock is already
# ours, we got it earlier and only the reply was lost. The time in a value's header is read as in
# `encoding.HEADER`; a time ahead of our clock does not count. Every holder renews its lease, so
# a lock without expiry (or with a very long one) has no live holder: its lease begins now.
_TAKE_TURN = """
local header = redis.call('GETRANGE', KEYS[1], 0, 9)
if #header == 10 then
  local as_of = struct.unpack('>d', string.sub(header, 3))
  if as_of > tonumber(ARGV[1]) and as_of <= tonumber(ARGV[4]) then return {'found'} end
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
    """Outcome of `take_turn`."""

    FOUND = "found"
    OURS = "ours"


_TURNS = {turn.value.encode(): turn for turn in Turn}


class FetchLock:
    """The lock on one key, for one fetch.

    Args:
        redis: Every method but the release raises its errors.
        key: Key of the value.
        lease_s: After this time, the lock of a killed holder expires.
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
            after_s: Unix time; a value requested after it suffices.
            patience_s: Most seconds to wait.

        Raises:
            UpstreamError: The failure that another process just got from the upstream.
            RedisDownError: Redis fails, or the other process takes far too long.
        """
        try:
            return await self._poll(after_s, patience_s)
        except (RedisDownError, asyncio.CancelledError):
            # Redis may have given us the lock although its reply did not arrive.
            await self._release()
            raise

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Renew our lock for as long as the block runs, then release it.

        An `UpstreamError` raised in the block is stored for the waiting processes.
        """
        renewing = asyncio.create_task(self._renew())
        failure = b""
        try:
            yield
        except UpstreamError as error:
            failure = encode_failure(error)
            raise
        finally:
            # Cancel repeatedly: aiocache bounds its calls with `wait_for`, which in Python 3.11
            # swallows a cancellation at the moment the call ends. The lease would then be
            # renewed for ever.
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
        # Until the first reply, it is not known that another process holds the lock.
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
            # Jitter, so that processes do not poll at the same moment; not security relevant.
            await asyncio.sleep(poll_s * random.uniform(0.5, 1.5))  # noqa: S311
            poll_s = min(poll_s * 1.5, _LAST_POLL_S)
        raise RedisDownError

    async def _release(self, failure: bytes = b"") -> None:
        """Release the lock if it is ours; store the failure, if there is one."""
        # If Redis is down now, the lease expires by itself.
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
    """Parse the reply of a script.

    Raises:
        RedisDownError: The reply has another form, so the server is not a usable Redis.
    """
    match reply:
        case [(b"found" | b"ours" | b"theirs") as word]:
            return [word]
        case [b"failed", bytes() as failure]:
            return [b"failed", failure]
        case _:
            raise RedisDownError
