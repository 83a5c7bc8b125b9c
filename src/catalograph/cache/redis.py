"""A Redis or Valkey through aiocache: every call bounded in time, and left alone when it fails."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from aiocache import RedisCache
from aiocache.serializers import NullSerializer
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from catalograph.observability import metrics, tracing
from catalograph.observability.logs import get_logger

T = TypeVar("T")

_TIMEOUT_S = 0.15
_FAILURES_TO_OPEN = 3
_OPEN_S = 2.0
_MAX_CONNECTIONS = 64
_SECONDS = metrics.SHARED_CACHE_SECONDS


class RedisDownError(Exception):
    """The call failed, took too long, or was not made because others did."""


class Breaker:
    """Lets calls through until several in a row have failed; then one probe at a time.

    Args:
        clock: Seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until_s: float | None = None
        self._probing = False

    def admit(self) -> bool:
        """Whether the call may be made; each one admitted ends in one of the next three."""
        if self._open_until_s is None:
            return True
        if self._probing or self._clock() < self._open_until_s:
            return False
        self._probing = True
        return True

    def succeed(self) -> None:
        """The call went well."""
        self._failures = 0
        if self._open_until_s is not None:
            self._open_until_s = None
            self._probing = False
            metrics.SHARED_CACHE_OPEN.dec()
            get_logger().info("the shared cache answers again")

    def fail(self, error: Exception) -> None:
        """The call failed; logged once until one goes well again."""
        self._failures += 1
        self._probing = False
        if self._failures < _FAILURES_TO_OPEN:
            return
        if self._open_until_s is None:
            metrics.SHARED_CACHE_OPEN.inc()
            get_logger().warning(
                "the shared cache does not answer; each process keeps its own answers",
                # Not its `repr`, which for errors of redis-py is no more than their kind.
                error=f"{type(error).__name__}: {error}".removesuffix(": "),
            )
        self._open_until_s = self._clock() + _OPEN_S

    def forget(self) -> None:
        """The call was given up by its caller, which says nothing."""
        self._probing = False

    def close(self) -> None:
        """Nothing will be called any more."""
        if self._open_until_s is not None:
            self._open_until_s = None
            metrics.SHARED_CACHE_OPEN.dec()


class Redis:
    """The few commands needed; each takes at most 150 ms and raises `RedisDownError` alone.

    Args:
        url: `redis://`, `rediss://` or `unix://`; nothing is connected before the first call.
        breaker: One of its own, unless given.

    Raises:
        ValueError: The URL cannot be read.
    """

    def __init__(self, url: str, *, breaker: Breaker | None = None) -> None:
        def build_pool(**_: object) -> BlockingConnectionPool:
            # aiocache would build the pool from host and port; only the URL knows about TLS,
            # unix sockets and users. A retry here would spend the time of the caller.
            return BlockingConnectionPool.from_url(
                url,
                max_connections=_MAX_CONNECTIONS,
                timeout=None,
                retry=Retry(NoBackoff(), 0),
                # Its own 5 s were seen to run out once, on a busy machine: in Python 3.11
                # the time-out around all of it, aiocache's, can get lost.
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
            )

        self._cache = RedisCache(
            serializer=NullSerializer(encoding=None),
            timeout=_TIMEOUT_S,
            connection_pool_class=build_pool,
        )
        self._breaker = breaker or Breaker()

    async def get(self, key: str) -> bytes | None:
        """The bytes under the key; None where there are none."""
        return cast("bytes | None", await self._call("get", self._cache.get, key))

    async def set(self, key: str, data: bytes, *, expires_in_s: float) -> None:
        """Put bytes under the key until they expire."""
        await self._call("set", self._cache.set, key, data, ttl=float(expires_in_s))

    async def delete(self, key: str) -> None:
        """Remove the key."""
        await self._call("delete", self._cache.delete, key)

    async def run(
        self,
        operation: str,
        script: str,
        keys: tuple[str, ...],
        *args: str | bytes | float,
    ) -> Any:
        """Run a Lua script, in one step as others see it.

        Args:
            operation: Its name in the metrics.
            script: Finds the keys in `KEYS` and the rest in `ARGV`.
            keys: All the keys it touches.
            args: The rest.
        """
        return await self._call(
            operation, self._cache.raw, "eval", script, len(keys), *keys, *args
        )

    async def aclose(self) -> None:
        """Close the connections."""
        self._breaker.close()
        # Not `close()`, by which aiocache calls what redis-py has deprecated.
        await self._cache.client.aclose()

    async def _call(
        self,
        operation: str,
        command: Callable[..., Awaitable[T]],
        *args: object,
        **options: object,
    ) -> T:
        if not self._breaker.admit():
            raise RedisDownError
        try:
            with tracing.span(f"redis {operation}", "client"), _SECONDS.time():
                result = await command(*args, **options)
        except Exception as error:
            # Whatever it is: a cache is never an error for the client.
            metrics.SHARED_CACHE_FAILURES.labels(operation).inc()
            self._breaker.fail(error)
            raise RedisDownError from error
        except BaseException:
            self._breaker.forget()
            raise
        self._breaker.succeed()
        return result
