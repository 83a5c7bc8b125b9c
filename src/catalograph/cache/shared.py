"""The shared cache behind the memory of each process: entries in Redis, one fetch for all."""

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
"""Bytes; larger values are encoded and decoded in a thread, to not block the event loop."""

_MAX_BYTES = 8 * 1_024 * 1_024
"""Bytes; a larger value could not be read within the time-out of a look-up."""

_LEASE_S = 1.2
"""Seconds; renewed at each third of it. Two renewals may get lost, or the loop be blocked for
0.8 s, before another process sends a second request."""

_REDIS_FORMS = {
    "redis": "redis://[user:password@]host[:port][/db]",
    "rediss": "rediss://[user:password@]host[:port][/db]",
    "unix": "unix://[user:password@]/path/of/socket[?db=0]",
}


class SharedCache(Protocol):
    """A cache for several processes. Never raises: a cache that is down has no entries."""

    async def read(
        self, key: str, *, codec: Codec[V], known_s: float | None = None
    ) -> Entry[V] | None:
        """Read an entry of any age; None also when the cache is down or slow.

        Args:
            key: From `keys`.
            codec: How entries are encoded.
            known_s: An entry requested at this Unix time or before counts as a miss.
        """
        ...

    async def write(
        self, key: str, entry: Entry[V], *, codec: Codec[V], expires_in_s: float
    ) -> None:
        """Store an entry; skipped if the cache is down or slow."""
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
            fetch: Asks the upstream; its errors are raised here and in other processes.
            codec: How entries are encoded.
            accepts: Whether a stored entry is good enough.
            known_s: Unix time of the request of the caller's entry; None if it has none.
            expires_in_s: For how long a new entry is stored.
            find: Called with a stored entry that is not good enough, but younger than the
                caller's.
            land: Called with the entry as soon as it is known; storing it comes later.
            patience_s: Most seconds to wait for another process.
            looked: The caller just had a miss for the key.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class Store:
    """Memory, with or without a shared cache behind it.

    Attributes:
        memory: The first level.
        shared: The second level; None: each process has its own cache.
    """

    def __init__(
        self, memory: BoundedMemory, shared: SharedCache | None = None
    ) -> None:
        self.memory = memory
        self.shared = shared

    async def aclose(self) -> None:
        """Clear the memory and close the connections."""
        self.memory.remove_all()
        if self.shared is not None:
            await self.shared.aclose()


class RedisSharedCache:
    """A `SharedCache` on Redis or Valkey.

    Args:
        redis: Closed with this object.
        lease_s: Seconds for which the lock of a killed process blocks others; a live process
            renews its lease while it works.
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
            # Before the lock is released: the waiting processes must find the entry.
            await self.write(key, entry, codec=codec, expires_in_s=expires_in_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _read(
        self, key: str, codec: Codec[V], known_s: float | None
    ) -> Entry[V] | None:
        data = await self._redis.get(key)
        # Do not decode an entry that the caller has already. It is the most expensive step,
        # and the copy would be a miss in caches that are keyed by the identity of records.
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
            # Its header looks young to the lock; unless deleted, no process would refetch it.
            await self._redis.delete(key)
            return None
        now_s = self._clock()
        if entry.as_of_s <= now_s:
            return entry
        if entry.as_of_s <= now_s + MAX_CLOCK_SKEW_S:
            return msgspec.structs.replace(entry, as_of_s=now_s)
        # The clock of the writing process is wrong. Unless deleted, the entry would become
        # fresh when that time has come.
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
        max_bytes: Bound on the memory of entries in this process.
        lease_s: Seconds for which the lock of a killed process blocks others.
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
