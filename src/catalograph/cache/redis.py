"""Redis or Valkey through aiocache: calls are bounded in time, with a circuit breaker."""

import enum
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiocache import RedisCache
from aiocache.serializers import NullSerializer
from redis import exceptions
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from catalograph.cache.url import hide_secrets
from catalograph.concurrency.breaker import (
    Breaker,
    BreakerState,
    FailuresInARow,
)
from catalograph.observability import metrics, tracing
from catalograph.observability.logs import get_logger

T = TypeVar("T")

_TIMEOUT_S = 0.15
_FAILURES_TO_OPEN = 3
_OPEN_S = 2.0
_MAX_CONNECTIONS = 64
_SECONDS = metrics.SHARED_CACHE_SECONDS

_UNREACHABLE = (
    OSError,
    TimeoutError,
    exceptions.ConnectionError,
    exceptions.TimeoutError,
)
"""Errors without any reply; every other error is a reply that refuses one command."""


class RedisDownError(Exception):
    """The call failed, timed out, or was not made because the circuit breaker is open."""


class _Kind(enum.Enum):
    """Kinds of commands that Redis may refuse separately; the values appear in the log."""

    ALL = "all commands"
    READ = "reading"
    WRITE = "writing"
    SCRIPT = "scripts"


_OF_CLUSTERS = (
    exceptions.AskError,
    exceptions.ClusterDownError,
    exceptions.ClusterCrossSlotError,
    exceptions.MovedError,
)


_HINTS: Final = {
    "unknown command `hello`": "Redis before version 6 needs the option protocol=2",
    "unknown command 'hello'": "Redis before version 6 needs the option protocol=2",
    "unknown command `eval`": "the gateway needs scripts; this server has none",
    "unknown command 'eval'": "the gateway needs scripts; this server has none",
    "unknown command": "this server holds no keys; is it a Sentinel?",
    "hello must be called with the client already authenticated": (
        "this server wants a password"
    ),
    "authentication required": "this server wants a password",
    "connection closed by server": "a server with TLS needs rediss://",
    "db index is out of range": "this server has fewer databases; 0 always exists",
}
"""By a part of the message, in lower case; the first one counts."""


class _Health:
    """Logs when the shared cache begins to fail, and when it works again.

    One line at the beginning, one for each new cause, one at the end.

    Args:
        url: Address of the cache; its secrets are removed from causes.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._failing: set[_Kind] = set()
        self._causes: set[str] = set()
        self._is_failing = False

    def note(self, kind: _Kind, state: BreakerState) -> None:
        """Note the state of the breaker of one kind of commands."""
        if state is BreakerState.CLOSED:
            self._failing.discard(kind)
        else:
            self._failing.add(kind)
        if self._is_failing and not self._failing:
            self._causes.clear()
            get_logger().info("the shared cache works again")
        if self._is_failing is not bool(self._failing):
            self._is_failing = bool(self._failing)
            metrics.SHARED_CACHE_OPEN.inc(1 if self._is_failing else -1)

    def explain(self, kind: _Kind, error: Exception) -> None:
        """Log the cause of a failure while commands of a kind are not made."""
        cause = type(error).__name__
        if kind not in self._failing or cause in self._causes:
            return
        is_first = not self._causes
        self._causes.add(cause)
        get_logger().warning(
            "the shared cache fails; each process uses its own cache"
            if is_first
            else "the shared cache fails for another reason now",
            commands=kind.value,
            # Not its `repr`, which for errors of redis-py is no more than their kind.
            error=hide_secrets(f"{cause}: {error}".removesuffix(": "), self._url),
            **({"hint": hint} if (hint := find_hint(error, self._url)) else {}),
        )

    def close(self) -> None:
        """Stop logging: no calls will follow."""
        if self._is_failing:
            self._is_failing = False
            metrics.SHARED_CACHE_OPEN.dec()


def find_hint(error: Exception, url: str) -> str:
    """Explain an error that comes from a server of the wrong kind; empty if it needs none.

    Args:
        error: Of the client library.
        url: Address of the cache.
    """
    if isinstance(error, _OF_CLUSTERS):
        return "this is a node of a Redis Cluster, which is not supported"
    is_timeout = isinstance(error, TimeoutError | exceptions.TimeoutError)
    if is_timeout and url.startswith("rediss:"):
        return "does that port speak TLS? without it, the address begins with redis://"
    text = str(error).lower()
    return next((hint for part, hint in _HINTS.items() if part in text), "")


class Redis:
    """The commands that are needed; each takes at most 150 ms and raises only `RedisDownError`.

    Args:
        url: `redis://`, `rediss://` or `unix://`; nothing is connected before the first
            call. Options that change the type of replies or the time-out have no effect.
        monotonic: Seconds on a clock that is never set back.

    Raises:
        ValueError: The URL cannot be read.
    """

    def __init__(
        self, url: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        def build_pool(**_: object) -> BlockingConnectionPool:
            # aiocache would build the pool from host and port; only the URL contains TLS,
            # unix sockets and users.
            pool = BlockingConnectionPool.from_url(
                url, max_connections=_MAX_CONNECTIONS
            )
            # After the options of the URL, which must not change these.
            pool.timeout = None
            pool.connection_kwargs |= {
                "decode_responses": False,
                # A retry would exceed the caller's time-out.
                "retry": Retry(NoBackoff(), 0),
                # Its own 5 s were seen to run out once, on a busy machine: in Python 3.11
                # the time-out around all of it, aiocache's, can get lost.
                "socket_timeout": _TIMEOUT_S,
                "socket_connect_timeout": _TIMEOUT_S,
            }
            return pool

        self._cache = RedisCache(
            serializer=NullSerializer(encoding=None),
            timeout=_TIMEOUT_S,
            connection_pool_class=build_pool,
        )
        self._health = _Health(url)
        # An unreachable Redis fails for all kinds of commands. One that is read-only, full
        # or restricted refuses some kinds and still answers others: one breaker for each.
        self._breakers = {kind: self._build_breaker(kind, monotonic) for kind in _Kind}

    async def get(self, key: str) -> bytes | None:
        """Get the bytes of a key; None on a miss."""
        data = await self._call("get", _Kind.READ, self._cache.get, key)
        return data if isinstance(data, bytes) else None

    async def set(self, key: str, data: bytes, *, expires_in_s: float) -> None:
        """Set the bytes of a key, with an expiry."""
        await self._call(
            "set", _Kind.WRITE, self._cache.set, key, data, ttl=float(expires_in_s)
        )

    async def delete(self, key: str) -> None:
        """Remove the key."""
        await self._call("delete", _Kind.WRITE, self._cache.delete, key)

    async def run(
        self,
        operation: str,
        script: str,
        keys: tuple[str, ...],
        *args: str | bytes | float,
    ) -> Any:
        """Run a Lua script atomically.

        Args:
            operation: Name of the script in the metrics.
            script: The source; it reads `KEYS` and `ARGV`.
            keys: All keys that the script touches.
            args: Its other arguments.
        """
        return await self._call(
            operation,
            _Kind.SCRIPT,
            self._cache.raw,
            "eval",
            script,
            len(keys),
            *keys,
            *args,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        self._health.close()
        # Not `close()`: aiocache would call a deprecated method of redis-py.
        await self._cache.client.aclose()

    def _build_breaker(self, kind: _Kind, monotonic: Callable[[], float]) -> Breaker:
        return Breaker(
            FailuresInARow(_FAILURES_TO_OPEN),
            open_s=_OPEN_S,
            monotonic=monotonic,
            on_change=lambda state: self._health.note(kind, state),
        )

    async def _call(
        self,
        operation: str,
        kind: _Kind,
        command: Callable[..., Awaitable[T]],
        *args: object,
        **options: object,
    ) -> T:
        reach, own = self._breakers[_Kind.ALL], self._breakers[kind]
        if not (reach.admits and own.admits):
            raise RedisDownError
        reached, admitted = reach.admit(), own.admit()
        # Cannot happen after the check above, but `admit` may return None.
        if reached is None or admitted is None:
            raise RedisDownError
        try:
            with tracing.span(f"redis {operation}", "client"), _SECONDS.time():
                result = await command(*args, **options)
        except Exception as error:
            # Any exception: a cache failure is never an error for the client.
            metrics.SHARED_CACHE_FAILURES.labels(operation).inc()
            is_unreachable = isinstance(error, _UNREACHABLE)
            reach.settle(reached, failed=is_unreachable)
            if is_unreachable:
                own.abandon(admitted)
            else:
                own.settle(admitted, failed=True)
            self._health.explain(_Kind.ALL if is_unreachable else kind, error)
            raise RedisDownError from error
        except BaseException:
            reach.abandon(reached)
            own.abandon(admitted)
            raise
        reach.settle(reached, failed=False)
        own.settle(admitted, failed=False)
        return result
