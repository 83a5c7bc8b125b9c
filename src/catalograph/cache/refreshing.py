"""A read-through cache: fresh entries are served, stale ones refreshed in the background.

An expired entry is served only if the upstream fails. All callers of a key share one fetch.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

import msgspec

from catalograph.cache.entries import MAX_CLOCK_SKEW_S, Age, Ages, Codec, Entry
from catalograph.cache.keys import is_of_one_caller
from catalograph.cache.lock import PATIENCE_S
from catalograph.cache.shared import SharedCache, Store
from catalograph.concurrency.bounded_lru import BoundedLru
from catalograph.concurrency.single_flight import Flight, SingleFlight
from catalograph.errors import (
    CatalographError,
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from catalograph.observability import metrics, operation_trace
from catalograph.observability.logs import get_logger

V = TypeVar("V")

Fetch = Callable[[], Awaitable[Entry[V]]]
"""Asks the upstream; returns the value with the time of the request."""

_REFRESH_AGAIN_AFTER_S = 3.0
"""Seconds before a failed background refresh is tried again."""

_ASK_AGAIN_AFTER_S = 1.0
"""Seconds before a failing upstream is asked again, while an old entry can be served."""

_FAILURE_KNOWN_S = 10.0
"""Seconds after a failure in which callers with an old entry do not wait for the upstream."""

_FAILURES_OF_AN_OUTAGE = 3
"""After so many failures in a row, of any keys, the upstream as a whole is considered down."""

_MAX_FAILURES = 4_096
"""Keys whose last failure is remembered. Clients can invent tokens, and each one fails under
its own key, thousands a second; the oldest are forgotten."""

_READS = {age: metrics.CACHE_READS.labels(age.value) for age in Age}


class _Answer(msgspec.Struct, frozen=True):
    """Result of a flight.

    Attributes:
        asked: Whether this process itself asked the upstream.
    """

    entry: Entry[Any]
    asked: bool


class RefreshingCache:
    """Entries by key, each with its age class; see `Ages`.

    Args:
        store: Where entries are stored; closed with this object.
        ages: Bounds of the age classes of entries without bounds of their own.
        clock: Unix time in seconds.
        patience_s: Seconds that a caller with an old entry waits for a new one.
    """

    def __init__(
        self,
        store: Store,
        *,
        ages: Ages,
        clock: Callable[[], float] = time.time,
        patience_s: float = 3.0,
    ) -> None:
        self._store = store
        self._memory = store.memory
        self._ages = ages
        self._clock = clock
        self._patience_s = patience_s
        self._flights: SingleFlight[Hashable] = SingleFlight(_build_abandoned)
        self._failures = _Failures(clock)

    def ages_of(self, entry: Entry[Any]) -> Ages:
        """Give the bounds of the age classes of an entry."""
        return entry.ages or self._ages

    def peek(self, key: str) -> Entry[Any] | None:
        """Find a fresh entry in memory, without waiting; only a hit is counted."""
        entry = self._memory.find(key)
        if entry is None or self._classify(entry) is not Age.FRESH:
            return None
        _READS[Age.FRESH].inc()
        return entry

    def find(self, key: str) -> Entry[Any] | None:
        """Find an entry of any age in memory, without waiting; not counted as a read.

        Returns:
            None when there is none, or it is past its last age.
        """
        entry = self._memory.find(key)
        if entry is not None and self._classify(entry) is Age.MISS:
            self._memory.remove(key)
            return None
        return entry

    async def read(self, key: str, *, codec: Codec[V]) -> Entry[V] | None:
        """Read an entry of any age up to expired, from memory or the shared cache.

        Returns:
            The younger of the two; None if neither has one. The upstream is not asked.
        """
        held = self.find(key)
        if held is not None and self._classify(held) is Age.FRESH:
            _READS[Age.FRESH].inc()
            return held
        shared = self._store.shared
        if shared is None:
            return held
        known_s = None if held is None else held.as_of_s
        # Single flight: many simultaneous reads of one key would take too long.
        found = await self._flights.run(
            (key, "read"),
            lambda: _read(shared, key, codec, known_s),
            # Detached: cancelling a Redis call would lose its connection.
            detached=True,
        )
        if found is None or self._classify(found) is Age.MISS:
            return held
        self._put_in_memory(key, found, codec)
        _note_origin(found, asked=False)
        return found if held is None or held.as_of_s < found.as_of_s else held

    async def fetch_through(
        self,
        key: str,
        fetch: Fetch[V],
        *,
        codec: Codec[V],
        oldest_s: float | None = None,
        serves: Callable[[V], bool] | None = None,
        variant: Hashable = None,
        detached: bool = False,
        longest_s: float = PATIENCE_S,
        looked: bool = False,
    ) -> Entry[V]:
        """Serve the cached entry or fetch a new one, depending on its age.

        Fresh: served. Stale: served, and refreshed once in the background. Expired: fetched,
        and served only if the fetch fails. Miss: fetched. All callers of a key share one
        fetch and its outcome.

        While the upstream is known to fail, callers with an old entry get it at once, and
        the upstream is asked in the background.

        Args:
            key: From `keys`; contains everything that the value depends on.
            fetch: Asks the upstream. May go on after its caller has left, for others or in
                the background.
            codec: How values under this key are weighed and encoded.
            oldest_s: An entry requested before this Unix time counts as a miss, also when
                the upstream fails.
            serves: Whether a value is sufficient, for example has all sections; an
                insufficient one counts as a miss. None: every value is sufficient.
            variant: Tells different fetches of one key apart; callers share only the fetch
                of their variant.
            detached: Whether the fetch goes on after its last caller has left.
            longest_s: Most seconds to wait for the fetch of another process.
            looked: The caller just had a miss for the key in the shared cache.

        Returns:
            The entry; `failed` if it is past its stale age and the upstream failed.

        Raises:
            UpstreamError: The upstream failed and no usable entry is cached.
            UpstreamAuthError: It refused the token. An old entry is not served: a revoked
                token is not an outage.
        """

        def is_of_use(entry: Entry[Any]) -> bool:
            return (oldest_s is None or entry.as_of_s >= oldest_s) and (
                serves is None or serves(entry.value)
            )

        # Also after a look: another caller may have stored an entry since.
        held = self.find(key)
        order = _Order(
            key=key,
            fetch=fetch,
            codec=codec,
            is_of_use=is_of_use,
            flight_key=(key, variant),
            longest_s=longest_s,
            looked=looked,
            known_s=None if held is None else held.as_of_s,
        )
        old = held if held is not None and is_of_use(held) else None
        if old is not None:
            age = self._classify(old)
            if age is Age.FRESH or age is Age.STALE:
                _READS[age].inc()
                if age is Age.STALE:
                    self._refresh(order)
                return old
        try:
            # Any held entry bounds the wait, also one of no use to this caller: the shared
            # cache may hold a usable one. `_find_fallback` looks again after a failure.
            if held is None:
                answer = await self._join(order, detached=detached)
            else:
                self._raise_known_failure(order)
                answer = await self._join_patiently(order, detached=detached)
        except UpstreamError as error:
            fallback = self._find_fallback(order, old)
            _READS[Age.MISS if fallback is None else Age.EXPIRED].inc()
            if fallback is None or not may_serve_old(error):
                raise
            return msgspec.structs.replace(fallback, failed=True, error=error)
        entry: Entry[V] = answer.entry
        _note_origin(entry, asked=answer.asked)
        if answer.asked:
            _READS[Age.MISS if old is None else Age.EXPIRED].inc()
            return entry
        # Another process stored this entry, possibly some time ago.
        age = self._classify(entry)
        _READS[age].inc()
        if age is not Age.FRESH:
            self._refresh(order)
        return entry

    def replace(self, key: str, entry: Entry[V], *, codec: Codec[V]) -> None:
        """Replace an entry in memory by one that was computed from it."""
        self._put_in_memory(key, entry, codec)

    def is_failing(self, key: str) -> bool:
        """Whether a request to the upstream for a key would very likely fail now."""
        return self._failures.find_outage(key) is not None

    async def drain(self) -> None:
        """Wait until all fetches have ended, including those in the background."""
        await self._flights.drain()

    async def aclose(self) -> None:
        """Stop all fetches, wait for them to end, and close the store."""
        await self._flights.aclose()
        await self._store.aclose()

    async def _join(self, order: "_Order[V]", *, detached: bool) -> _Answer:
        """Join the flight of this key, or start it."""
        while True:
            flight = self._flights.find(order.flight_key)
            started = flight is None
            if flight is None:
                flight = self._start(order, detached=detached)
            else:
                metrics.COALESCED.inc()
            answer: _Answer = await flight.wait()
            # The flight may have been started by a caller with weaker requirements.
            if started or order.is_of_use(answer.entry):
                return answer

    async def _join_patiently(self, order: "_Order[V]", *, detached: bool) -> _Answer:
        """Fetch with bounded waiting, because an old entry can be served instead.

        Raises:
            UpstreamTimeoutError: The fetch takes too long; it goes on in the background.
        """
        fetching = asyncio.ensure_future(self._join(order, detached=detached))
        try:
            await asyncio.wait({fetching}, timeout=self._patience_s)
            if fetching.done():
                return fetching.result()
            flight = self._flights.find(order.flight_key)
            if flight is not None:
                flight.detached = True
        finally:
            fetching.cancel()
        error = UpstreamTimeoutError(self._patience_s)
        self._note_failure(order.key, error, background=False)
        raise error

    def _find_fallback(
        self, order: "_Order[V]", old: Entry[V] | None
    ) -> Entry[V] | None:
        """Find an old entry; the shared cache may have delivered one meanwhile."""
        found = self.find(order.key)
        return found if found is not None and order.is_of_use(found) else old

    def _raise_known_failure(self, order: "_Order[Any]") -> None:
        """Fail at once for a caller with an old entry, if the upstream is known to fail.

        Raises:
            UpstreamError: The upstream's recent failure.
        """
        error = self._failures.find_outage(order.key)
        if error is not None:
            self._refresh(order, again_after_s=_ASK_AGAIN_AFTER_S)
            raise error.with_traceback(None)

    def _refresh(
        self,
        order: "_Order[Any]",
        *,
        again_after_s: float = _REFRESH_AGAIN_AFTER_S,
    ) -> None:
        """Fetch in the background, unless a fetch is in flight or has just failed."""
        if self._flights.find(order.flight_key) is not None:
            return
        if self._failures.is_recent(order.key, again_after_s):
            return
        self._start(order, detached=True, is_refresh=True)

    def _start(
        self, order: "_Order[Any]", *, detached: bool, is_refresh: bool = False
    ) -> Flight[_Answer]:
        key, codec = order.key, order.codec

        def accepts(entry: Entry[Any]) -> bool:
            age = self._classify(entry)
            # A stale entry of another process satisfies a miss, but not a refresh.
            is_young = age is Age.FRESH or (age is Age.STALE and not is_refresh)
            return is_young and order.is_of_use(entry)

        async def work(flight: Flight[_Answer]) -> None:
            asked = False

            async def ask() -> Entry[Any]:
                nonlocal asked
                asked = True
                return await order.fetch()

            def land(entry: Entry[Any]) -> None:
                self._put_in_memory(key, entry, codec)
                self._failures.forget(key, asked=asked)
                flight.land(_Answer(entry, asked=asked))

            try:
                if self._store.shared is None:
                    land(await ask())
                    return
                await self._store.shared.fetch_once(
                    key,
                    ask,
                    codec=codec,
                    accepts=accepts,
                    known_s=order.known_s,
                    expires_in_s=self._ages.expired_s,
                    find=lambda entry: self._put_in_memory(key, entry, codec),
                    land=land,
                    patience_s=order.longest_s,
                    looked=order.looked,
                )
            except Exception as error:
                self._note_failure(key, error, background=is_refresh)
                raise

        return self._flights.start(order.flight_key, work, detached=detached)

    def _note_failure(self, key: str, error: Exception, *, background: bool) -> None:
        self._failures.note(key, error)
        if background:
            metrics.REFRESH_FAILURES.inc()
            _log_refresh_failure(key, error)

    def _put_in_memory(self, key: str, entry: Entry[Any], codec: Codec[Any]) -> None:
        held = self._memory.find(key)
        if (
            held is None
            or held.as_of_s <= entry.as_of_s
            # An entry from the future: our clock was wrong, or is wrong now.
            or held.as_of_s > self._clock() + MAX_CLOCK_SKEW_S
        ):
            self._memory.put(
                key,
                entry,
                codec.size(entry.value),
                is_essential=codec.is_essential,
            )

    def _classify(self, entry: Entry[Any]) -> Age:
        return self.ages_of(entry).classify(self._clock() - entry.as_of_s)


class _Order(msgspec.Struct, Generic[V], frozen=True):
    """The arguments of one call of `fetch_through`; see there.

    Attributes:
        known_s: Unix time of the request of the entry in memory; None without one.
    """

    key: str
    fetch: Callable[[], Awaitable[Entry[V]]]
    codec: Codec[V]
    is_of_use: Callable[[Entry[Any]], bool]
    flight_key: Hashable
    longest_s: float
    looked: bool
    known_s: float | None


class _Failure(msgspec.Struct, frozen=True):
    at_s: float
    error: UpstreamError | None

    def holds(self, now_s: float, for_s: float) -> bool:
        # After the clock is set back, an old failure must not last longer.
        return 0 <= now_s - self.at_s < for_s


class _Failures:
    """The last failure by key, and the number of failures since the last success.

    Args:
        clock: Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_key: BoundedLru[str, _Failure] = BoundedLru(max_weight=_MAX_FAILURES)
        self._in_a_row = 0
        self._last: _Failure | None = None

    def note(self, key: str, error: Exception) -> None:
        """Record a failed fetch."""
        failure = _Failure(self._clock(), _strip_frames(error))
        # The rate limit of one caller says nothing about other callers.
        is_shared = not (
            isinstance(error, UpstreamRateLimitError) and is_of_one_caller(key)
        )
        if is_shared and _is_outage(error):
            self._in_a_row += 1
            self._last = failure
        self._by_key.put(key, failure)

    def forget(self, key: str, *, asked: bool) -> None:
        """Forget the failure of a key; with `asked`, the upstream itself works again."""
        self._by_key.pop(key)
        if asked:
            self._in_a_row = 0
            self._last = None

    def is_recent(self, key: str, within_s: float) -> bool:
        """Whether this key failed within the last seconds."""
        failure = self._by_key.peek(key)
        return failure is not None and failure.holds(self._clock(), within_s)

    def find_outage(self, key: str) -> UpstreamError | None:
        """Give the likely failure of a request; None if it might succeed.

        Never a refused token or a broken contract: an old entry is no remedy for these.
        """
        now_s = self._clock()
        failure = self._by_key.peek(key)
        if self._in_a_row >= _FAILURES_OF_AN_OUTAGE and (
            failure is None or not failure.holds(now_s, _FAILURE_KNOWN_S)
        ):
            failure = self._last
        if failure is None or not failure.holds(now_s, _FAILURE_KNOWN_S):
            return None
        error = failure.error
        if error is None or not may_serve_old(error):
            return None
        return error


def may_serve_old(error: Exception) -> bool:
    """Whether an old entry may be served instead; a revoked token is not an outage."""
    return isinstance(error, UpstreamError) and not isinstance(error, UpstreamAuthError)


def _is_outage(error: Exception) -> bool:
    """Whether requests for other keys would very likely fail with the same error."""
    return may_serve_old(error) and not isinstance(error, UpstreamContractError)


def _strip_frames(error: Exception) -> UpstreamError | None:
    """Copy an error without its frames, which refer to a whole request and its response.

    They would take 30 KB each, and slow the garbage collector down.
    """
    if not isinstance(error, UpstreamError):
        return None
    kind = type(error)
    bare = kind.__new__(kind, *error.args)
    bare.__dict__.update(error.__dict__)
    return bare


def _build_abandoned() -> Exception:
    return UpstreamUnavailableError(detail="the request was given up")


def _note_origin(entry: Entry[Any], *, asked: bool) -> None:
    """Record in the operation's trace, if there is one, an entry not from memory."""
    notes = operation_trace.current()
    if notes is not None:
        notes.record_origin(entry.value, "upstream" if asked else "redis")


async def _read(
    shared: SharedCache, key: str, codec: Codec[V], known_s: float | None
) -> Entry[V] | None:
    return await shared.read(key, codec=codec, known_s=known_s)


def _log_refresh_failure(key: str, error: Exception) -> None:
    message = "a cached answer could not be refreshed"
    if isinstance(error, CatalographError):
        get_logger().warning(message, key=key, code=error.code, detail=error.detail)
    else:
        get_logger().error(message, key=key, exc_info=error)
