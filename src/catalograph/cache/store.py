"""Where answers are kept: the memory of this process, and what replicas share behind it."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from catalograph.cache.entries import Codec, Entry
from catalograph.cache.memory import BoundedMemory
from catalograph.cache.redis import Redis
from catalograph.cache.shared import RedisSharedCache

V = TypeVar("V")

_LEASE_S = 1.2
"""Renewed at each third of it: two renewals may get lost, or a loop be held up for 0.8 s, before
somebody else asks as well."""

_REDIS_FORMS = {
    "redis": "redis://[user:password@]host[:port][/db]",
    "rediss": "rediss://[user:password@]host[:port][/db]",
    "unix": "unix://[user:password@]/path/of/socket[?db=0]",
}


class SharedCache(Protocol):
    """What several processes share. Never an error: a cache that is down has nothing."""

    async def read(
        self, key: str, *, codec: Codec[V], known_s: float | None = None
    ) -> Entry[V] | None:
        """What is kept, whatever its age; None also when the cache is down or slow.

        Args:
            key: From `keys`.
            codec: How entries are written down.
            known_s: An entry asked for at this unix time or before is of no use.
        """
        ...

    async def write(
        self, key: str, entry: Entry[V], *, codec: Codec[V], expires_in_s: float
    ) -> None:
        """Keep the entry, or skip that when the cache is down or slow."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the entry, as above."""
        ...

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
        """Land one entry: the kept one, or one fetched by one process for all.

        Args:
            key: Also names the lock.
            fetch: Asks the upstream; its errors are raised, here and in other processes.
            codec: How entries are written down.
            accept_s: A kept entry asked for since then (unix time) will do.
            known_s: When the entry that the caller has was asked for; None if it has none.
            expires_in_s: For how long a new entry is kept.
            find: Told of a kept entry that is too old to land, but younger than the caller's.
            land: Told of the entry as soon as there is one; what follows is housekeeping.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class Store:
    """Memory, with or without something shared behind it.

    Attributes:
        memory: Looked at first.
        shared: None when each process keeps its own.
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


def open_store(url: str, *, max_bytes: int, lease_s: float = _LEASE_S) -> Store:
    """Build the store that a URL names; nothing is connected yet.

    Args:
        url: `memory://`, or a Redis or Valkey: `redis://[user:password@]host[:port][/db]`,
            `rediss://…` with TLS, `unix://[user:password@]/path[?db=0]`.
        max_bytes: Most memory that kept answers take in this process.
        lease_s: For how long a process that was killed while it asked the upstream holds up
            others that share the store.

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
    return Store(memory, RedisSharedCache(redis, lease_s=lease_s))
