"""What several processes share: entries in Redis, and one fetch for all of them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from catalograph.cache.encoding import (
    UndecodableError,
    decode_entry,
    encode_entry,
    is_younger,
)
from catalograph.cache.entries import Codec, Entry
from catalograph.cache.lock import FetchLock, Turn
from catalograph.cache.redis import Redis, RedisDownError
from catalograph.observability import metrics
from catalograph.observability.logs import get_logger

V = TypeVar("V")

_THREAD_FROM_BYTES = 65_536
"""From here on, writing down and reading back would hold the loop up for too long."""

_MAX_BYTES = 8 * 1_024 * 1_024
"""A larger value could not be read within the time a look-up may take."""


class RedisSharedCache:
    """`store.SharedCache` on Redis or Valkey.

    Args:
        redis: Closed with this object.
        lease_s: For how long a process that was killed holds others up; one that lives renews
            its lease for as long as it works.
    """

    def __init__(self, redis: Redis, *, lease_s: float) -> None:
        self._redis = redis
        self._lease_s = lease_s

    async def read(
        self, key: str, *, codec: Codec[V], known_s: float | None = None
    ) -> Entry[V] | None:
        """What is kept, whatever its age; None also when Redis is down or slow."""
        try:
            return await self._read(key, codec, known_s)
        except RedisDownError:
            return None

    async def write(
        self, key: str, entry: Entry[V], *, codec: Codec[V], expires_in_s: float
    ) -> None:
        """Keep the entry, unless Redis is down or slow or the entry too large."""
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

    async def delete(self, key: str) -> None:
        """Forget the entry, unless Redis is down or slow."""
        with contextlib.suppress(RedisDownError):
            await self._redis.delete(key)

    async def fetch_once(
        self,
        key: str,
        fetch: Callable[[], Awaitable[Entry[V]]],
        *,
        codec: Codec[V],
        accept_s: float,
        known_s: float | None,
        expires_in_s: float,
        find: Callable[[Entry[V]], None],
        land: Callable[[Entry[V]], None],
    ) -> None:
        """Land the kept entry, or one that is fetched by one process for all."""
        async with contextlib.AsyncExitStack() as held:
            try:
                kept = await self._read(key, codec, known_s)
                if kept is None or kept.as_of_s < accept_s:
                    if kept is not None:
                        find(kept)
                    lock = FetchLock(self._redis, key, lease_s=self._lease_s)
                    kept = None
                    if await lock.take_turn(accept_s) is Turn.KEPT:
                        kept = await self._read(key, codec)
                    else:
                        await held.enter_async_context(lock.hold())
            except RedisDownError:
                # Then each process asks for itself.
                kept = None
            if kept is not None:
                land(kept)
                return
            entry = await fetch()
            land(entry)
            # Before the lock is released: whoever waits for it has to find the entry.
            await self.write(key, entry, codec=codec, expires_in_s=expires_in_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _read(
        self, key: str, codec: Codec[V], known_s: float | None = None
    ) -> Entry[V] | None:
        data = await self._redis.get(key)
        # Reading back what the caller has would cost more than all the rest, and its copies
        # would push what was made of the caller's out of other caches.
        if data is None or (known_s is not None and not is_younger(data, known_s)):
            return None
        try:
            if len(data) >= _THREAD_FROM_BYTES:
                return await asyncio.to_thread(decode_entry, data, codec)
            return decode_entry(data, codec)
        except UndecodableError as error:
            metrics.SHARED_CACHE_FAILURES.labels("decode").inc()
            get_logger().warning(
                "a shared answer could not be read and was thrown away",
                key=key,
                error=str(error),
            )
            # It looks young to the lock; left there, nobody would fetch a better one.
            await self._redis.delete(key)
            return None
