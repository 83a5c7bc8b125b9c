"""The cache behind the memory of each process: entries in Redis, and one fetch for all."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from catalograph.cache.encoding import (
    UndecodableError,
    count_plain_bytes,
    decode_entry,
    encode_entry,
    is_younger,
)
from catalograph.cache.entries import MAX_CLOCK_SKEW_S, Codec, Entry
from catalograph.cache.lock import PATIENCE_S, FetchLock, Turn
from catalograph.cache.memory import BoundedMemory
from catalograph.cache.redis import Redis, RedisDownError
from catalograph.observability import metrics
from catalograph.observability.logs import get_logger

V = TypeVar("V")

_THREAD_FROM_BYTES = 65_536
"""From here on, encoding and decoding would hold up the event loop for too long."""

_MAX_BYTES = 8 * 1_024 * 1_024
"""A larger value could not be read within the time a look-up may take."""

_LEASE_S = 1.2
"""Renewed at each third of it: two renewals may get lost, or a loop be held up for 0.8 s, before
somebody else asks as well."""

_REDIS_FORMS = {
    "redis": "redis://[user:password@]host[:port][/db]",
    "rediss": "rediss://[user:password@]host[:port][/db]",
    "unix": "unix://[user:password@]/path/of/socket[?db=0]",
}


class SharedCache(Protocol):
    """What several processes share. Never an error: a cache that is down has no entries."""

    async def read(
        self, key: str, *, codec: Codec[V], known_s: float | None = None
    ) -> Entry[V] | None:
        """Read an entry of any age; None also when the cache is down or slow.

        Args:
            key: From `keys`.
            codec: How entries are encoded.
            known_s: An entry asked for at this unix time or before is of no use.
        """
        ...

    async def write(
        self, key: str, entry: Entry[V], *, codec: Codec[V], expires_in_s: float
    ) -> None:
        """Store an entry, or skip that when the cache is down or slow."""
        ...

    async def fetch_once(
        self,
        key: str,
        fetch: Callable[[], Awaitable[Entry[V]]],
        *,
        codec: Codec[V],
        accepts: Callable[[Entry[V]], bool],
        known_s: float | None,
        expires_in_s: float,
        find: Callable[[Entry[V]], None],
        land: Callable[[Entry[V]], None],
        patience_s: float = PATIENCE_S,
        looked: bool = False,
    ) -> None:
        """Land one entry: the stored one, or one fetched by one process for all.

        Args:
            key: Also names the lock.
            fetch: Asks the upstream; its errors are raised, here and in other processes.
            codec: How entries are encoded.
            accepts: Whether a stored entry will do.
            known_s: When the entry that the caller has was asked for; None if it has none.
            expires_in_s: For how long a new entry is stored.
            find: Told of a stored entry that will not do, but is younger than the caller's.
            land: Told of the entry as soon as there is one; what follows is housekeeping.
            patience_s: For how long another process is waited for.
            looked: The caller has just looked for the key, in vain.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class Store:
    """Memory, with or without a shared cache behind it.

    Attributes:
        memory: Looked at first.
        shared: None when each process has its own cache.
    """

    def __init__(
        self, memory: BoundedMemory, shared: SharedCache | None = None
    ) -> None:
        self.memory = memory
        self.shared = shared

    async def aclose(self) -> None:
        """Forget what is in memory and close the connections."""
        self.memory.drop_all()
        if self.shared is not None:
            await self.shared.aclose()


class RedisSharedCache:
    """A `SharedCache` on Redis or Valkey.

    Args:
        redis: Closed with this object.
        lease_s: For how long a process that was killed holds others up; one that lives renews
            its lease for as long as it works.
        expired_s: The last age of entries; see `Ages`.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        lease_s: float = _LEASE_S,
        expired_s: float = 86_400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._lease_s = lease_s
        self._expired_s = expired_s
        self._clock = clock

    async def read(
        self, key: str, *, codec: Codec[V], known_s: float | None = None
    ) -> Entry[V] | None:
        """Read an entry of any age; None also when Redis is down or slow."""
        try:
            return await self._read(key, codec, known_s)
        except RedisDownError:
            return None

    async def write(
        self, key: str, entry: Entry[V], *, codec: Codec[V], expires_in_s: float
    ) -> None:
        """Store an entry, unless Redis is down or slow or the entry too large."""
        size = codec.size(entry.value)
        data = (
            await asyncio.to_thread(encode_entry, entry, codec)
            if size >= _THREAD_FROM_BYTES
            else encode_entry(entry, codec)
        )
        if len(data) > _MAX_BYTES:
            metrics.SHARED_CACHE_FAILURES.labels("too_large").inc()
            return
        with contextlib.suppress(RedisDownError):
            await self._redis.set(key, data, expires_in_s=expires_in_s)

    async def fetch_once(
        self,
        key: str,
        fetch: Callable[[], Awaitable[Entry[V]]],
        *,
        codec: Codec[V],
        accepts: Callable[[Entry[V]], bool],
        known_s: float | None,
        expires_in_s: float,
        find: Callable[[Entry[V]], None],
        land: Callable[[Entry[V]], None],
        patience_s: float = PATIENCE_S,
        looked: bool = False,
    ) -> None:
        """Land the stored entry, or one that is fetched by one process for all."""
        async with contextlib.AsyncExitStack() as held:
            stored = None
            with contextlib.suppress(
                RedisDownError
            ):  # then each process asks for itself
                if not looked:
                    stored = await self._read(key, codec, known_s)
                after_s = known_s
                if stored is not None and not accepts(stored):
                    find(stored)
                    after_s, stored = stored.as_of_s, None
                if stored is None:
                    lock = FetchLock(
                        self._redis, key, lease_s=self._lease_s, clock=self._clock
                    )
                    turn = await lock.take_turn(
                        -1.0 if after_s is None else after_s,
                        patience_s=patience_s,
                    )
                    if turn is Turn.OURS:
                        await held.enter_async_context(lock.hold())
                    else:
                        stored = await self._read(key, codec, after_s)
            if stored is not None and accepts(stored):
                land(stored)
                return
            entry = await fetch()
            land(entry)
            # Before the lock is released: whoever waits for it has to find the entry.
            await self.write(key, entry, codec=codec, expires_in_s=expires_in_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _read(
        self, key: str, codec: Codec[V], known_s: float | None
    ) -> Entry[V] | None:
        data = await self._redis.get(key)
        # Reading back what the caller has would cost more than all the rest, and its copies
        # would push what was made of the caller's out of other caches.
        if data is None or (known_s is not None and not is_younger(data, known_s)):
            return None
        try:
            entry = (
                await asyncio.to_thread(
                    decode_entry, data, codec, expired_s=self._expired_s
                )
                if max(len(data), count_plain_bytes(data)) >= _THREAD_FROM_BYTES
                else decode_entry(data, codec, expired_s=self._expired_s)
            )
        except UndecodableError as error:
            metrics.SHARED_CACHE_FAILURES.labels("decode").inc()
            get_logger().warning(
                "a shared answer could not be decoded and was deleted",
                key=key,
                error=str(error),
            )
            # It looks young to the lock; left there, nobody would fetch a better one.
            await self._redis.delete(key)
            return None
        now_s = self._clock()
        if entry.as_of_s <= now_s:
            return entry
        if entry.as_of_s <= now_s + MAX_CLOCK_SKEW_S:
            return msgspec.structs.replace(entry, as_of_s=now_s)
        # The clock of the process that wrote it is wrong. It would stay fresh until that
        # time has come; left there, it would look fresh once that has come.
        metrics.SHARED_CACHE_FAILURES.labels("future").inc()
        await self._redis.delete(key)
        return None


def open_store(
    url: str,
    *,
    max_bytes: int,
    lease_s: float = _LEASE_S,
    expired_s: float = 86_400,
    clock: Callable[[], float] = time.time,
) -> Store:
    """Build the store that a URL names; nothing is connected yet.

    Args:
        url: `memory://`, or a Redis or Valkey: `redis://[user:password@]host[:port][/db]`,
            `rediss://…` with TLS, `unix://[user:password@]/path[?db=0]`.
        max_bytes: Most memory that entries take in this process.
        lease_s: For how long a process that was killed while it asked the upstream holds up
            others that share the store.
        expired_s: The last age of entries; see `Ages`.
        clock: Unix time in seconds.

    Raises:
        ValueError: Another URL; says what would be right and never quotes a password.
    """
    memory = BoundedMemory(max_bytes=max_bytes)
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return Store(memory)
    if scheme not in _REDIS_FORMS:
        message = f"must start with memory://, redis://, rediss:// or unix://, got {scheme}://"
        raise ValueError(message)
    try:
        redis = Redis(url)
    except ValueError:
        # The reason is left out: it may quote a password with a slash as port.
        message = f"must look like {_REDIS_FORMS[scheme]}"
        raise ValueError(message) from None
    return Store(
        memory,
        RedisSharedCache(redis, lease_s=lease_s, expired_s=expired_s, clock=clock),
    )
