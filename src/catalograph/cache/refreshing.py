"""Kept answers by age: served, refreshed in the background, or fetched once for all callers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from catalograph.cache.ages import Age, Ages
from catalograph.cache.entries import Codec, Entry
from catalograph.cache.failures import Failures, may_serve_old
from catalograph.cache.store import SharedCache, Store
from catalograph.concurrency.single_flight import Flight, Flights
from catalograph.errors import (
    CatalographError,
    UpstreamError,
    UpstreamTimeoutError,
)
from catalograph.observability import metrics, operation_trace
from catalograph.observability.logs import get_logger

V = TypeVar("V")

Fetch = Callable[[], Awaitable[tuple[V, float]]]
"""Asks the upstream; gives the value, and the unix time at which it was asked."""

_REFRESH_AGAIN_AFTER_S = 3.0
"""A background refresh that failed is not tried again before."""

_ASK_AGAIN_AFTER_S = 1.0
"""While there is an old answer, an upstream that failed is not asked again before."""

_READS = {age: metrics.CACHE_READS.labels(age.value) for age in Age}


class _Answer(msgspec.Struct, frozen=True):
    """What a flight lands with.

    Attributes:
        asked: Whether this process asked the upstream for it.
    """

    entry: Entry[Any]
    asked: bool


class FreshCache:
    """Answers by key, each with its age; see `Ages` for what an age means.

    Args:
        store: Where they are kept; closed with this object.
        ages: Until when an answer is what.
        clock: Unix time in seconds.
        patience_s: For how long somebody who can have an old answer waits for a new one.
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
        self._flights = Flights()
        self._failures = Failures(clock)
        self._readings: dict[str, asyncio.Task[Any]] = {}

    def peek(self, key: str, oldest_s: float | None = None) -> Entry[Any] | None:
        """Find a fresh answer in memory, without waiting; counted only when there is one.

        Args:
            key: From `keys`.
            oldest_s: An answer asked for before this unix time is not meant.
        """
        entry = self._memory.find(key)
        if entry is None or (oldest_s is not None and entry.as_of_s < oldest_s):
            return None
        fresh_s = self._ages.fresh_s
        if not -fresh_s <= self._clock() - entry.as_of_s <= fresh_s:
            return None
        _READS[Age.FRESH].inc()
        return entry

    def find(self, key: str) -> Entry[Any] | None:
        """Find what memory holds, of whatever age, without waiting; not counted as a read.

        Returns:
            None when nothing is held, or it is past its last age.
        """
        return self._find(key, None)

    async def fetch_through(
        self,
        key: str,
        fetch: Fetch[V],
        *,
        codec: Codec[V],
        oldest_s: float | None = None,
    ) -> Entry[V]:
        """Give the kept answer or fetch one, as its age demands.

        Fresh: served. Stale: served, and refreshed once in the background. Expired: fetched,
        and served only if that fails. None kept: fetched. All callers of a key share one
        fetch and its outcome; it stops when the last of them has left.

        While the upstream is known to fail, nobody who can have an old answer waits for it:
        it is asked again in the background.

        Args:
            key: From `keys`; says everything that the answer depends on.
            fetch: May go on after its caller has left, for others or in the background.
            codec: How values under this key are weighed and written down.
            oldest_s: An answer asked for before this unix time counts as none, also when
                the upstream fails.

        Returns:
            The answer, `failed` when it is past its stale age and the upstream failed.

        Raises:
            UpstreamError: The upstream failed and no answer is kept.
            UpstreamAuthError: It refused the token. An old answer does not help: a token
                that was revoked is no outage.
        """
        fresh = self.peek(key, oldest_s)
        if fresh is not None:
            return fresh
        kept = self._find(key, None)
        old = kept
        if kept is not None and oldest_s is not None and kept.as_of_s < oldest_s:
            old = None
        if old is not None and self._classify(old) is Age.STALE:
            _READS[Age.STALE].inc()
            self._refresh(key, fetch, codec)
            return old
        try:
            if kept is None:
                answer = await self._fetch_shared(key, fetch, codec, oldest_s)
            else:
                self._raise_known_failure(key, fetch, codec)
                answer = await self._fetch_patiently(key, fetch, codec, oldest_s)
        except UpstreamError as error:
            # Looked for again: an old answer may have come out of the shared cache meanwhile.
            old = self._find(key, oldest_s) or old
            _READS[Age.MISS if old is None else Age.EXPIRED].inc()
            if old is None or not may_serve_old(error):
                raise
            return _failed(old, error)
        entry: Entry[V] = answer.entry
        self._note_origin(entry, asked=answer.asked)
        if answer.asked:
            _READS[Age.MISS if old is None else Age.EXPIRED].inc()
            return entry
        age = self._classify(entry)
        _READS[age].inc()
        if age is not Age.FRESH:
            self._refresh(key, fetch, codec)
        return entry

    async def read(self, key: str, *, codec: Codec[V]) -> Entry[V] | None:
        """Look for an answer of any age up to expired, in memory and in the shared cache.

        Returns:
            The younger where both have one; None where neither has. The upstream is not asked.
        """
        kept = self._find(key, None)
        shared = self._store.shared
        if shared is None or (kept is not None and self._classify(kept) is Age.FRESH):
            return kept
        known_s = None if kept is None else kept.as_of_s
        found = await self._read_shared(shared, key, codec, known_s)
        if found is None or self._classify(found) is Age.MISS:
            return kept
        self._keep(key, found, codec)
        self._note_origin(found, asked=False)
        return found if kept is None or kept.as_of_s < found.as_of_s else kept

    async def _read_shared(
        self, shared: SharedCache, key: str, codec: Codec[V], known_s: float | None
    ) -> Entry[V] | None:
        """Read once for all who ask meanwhile: many at once would take too long to answer."""
        reading: asyncio.Task[Entry[V] | None] | None = self._readings.get(key)
        if reading is None:
            reading = asyncio.create_task(_read(shared, key, codec, known_s))
            self._readings[key] = reading
            reading.add_done_callback(lambda _: self._readings.pop(key, None))
        return await asyncio.shield(reading)

    async def write(
        self, key: str, value: V, as_of_s: float, *, codec: Codec[V]
    ) -> None:
        """Keep a value that was come by in another way.

        Args:
            key: From `keys`.
            value: Frozen.
            as_of_s: Unix time at which the upstream was asked; what is kept and younger stays.
            codec: How it is weighed and written down.
        """
        entry = Entry(value, as_of_s)
        self._keep(key, entry, codec)
        if self._store.shared is not None:
            await self._store.shared.write(
                key, entry, codec=codec, expires_in_s=self._ages.expired_s
            )

    async def delete(self, key: str) -> None:
        """Forget the answer; one that is being fetched will be kept all the same."""
        self._memory.drop(key)
        if self._store.shared is not None:
            await self._store.shared.delete(key)

    async def aclose(self) -> None:
        """Stop all fetches, wait for them to end, and close the store."""
        await self._flights.aclose()
        await asyncio.gather(*self._readings.values(), return_exceptions=True)
        await self._store.aclose()

    def _note_origin(self, entry: Entry[Any], *, asked: bool) -> None:
        """Tell the operation's journal, if anybody wants one, what is not from memory."""
        notes = operation_trace.current()
        if notes is not None:
            notes.note_origin(entry.value, "upstream" if asked else "redis")

    async def _fetch_shared(
        self, key: str, fetch: Fetch[V], codec: Codec[V], oldest_s: float | None
    ) -> _Answer:
        """Join the flight of this key, or start it."""
        while True:
            flight = self._flights.find(key)
            started = flight is None
            if flight is None:
                accept_s = self._clock() - self._ages.stale_s
                flight = self._start(
                    key,
                    fetch,
                    codec,
                    accept_s=accept_s if oldest_s is None else max(accept_s, oldest_s),
                )
            else:
                metrics.COALESCED.inc()
            answer: _Answer = await flight.wait()
            # The flight may have set out before, for somebody who was content with less.
            if started or oldest_s is None or answer.entry.as_of_s >= oldest_s:
                return answer

    async def _fetch_patiently(
        self, key: str, fetch: Fetch[V], codec: Codec[V], oldest_s: float | None
    ) -> _Answer:
        """Fetch while an old answer is at hand: past our patience, without us.

        Raises:
            UpstreamTimeoutError: It takes too long; it goes on in the background.
        """
        fetching = asyncio.ensure_future(
            self._fetch_shared(key, fetch, codec, oldest_s)
        )
        try:
            await asyncio.wait({fetching}, timeout=self._patience_s)
            if fetching.done():
                return fetching.result()
            flight = self._flights.find(key)
            if flight is not None:
                flight.background = True
        finally:
            fetching.cancel()
        error = UpstreamTimeoutError(self._patience_s)
        self._note_failure(key, error, background=False)
        raise error

    def _raise_known_failure(self, key: str, fetch: Fetch[V], codec: Codec[V]) -> None:
        """Spare whoever has an old answer the wait, when it is known to be in vain.

        Raises:
            UpstreamError: What the upstream failed with just now.
        """
        error = self._failures.find_outage(key)
        if error is not None:
            self._refresh(key, fetch, codec, again_after_s=_ASK_AGAIN_AFTER_S)
            raise error.with_traceback(None)

    def _refresh(
        self,
        key: str,
        fetch: Fetch[V],
        codec: Codec[V],
        *,
        again_after_s: float = _REFRESH_AGAIN_AFTER_S,
    ) -> None:
        """Fetch in the background, unless that is under way or has failed just now."""
        if self._flights.find(key) is not None:
            return
        if self._failures.is_recent(key, again_after_s):
            return
        self._start(
            key,
            fetch,
            codec,
            accept_s=self._clock() - self._ages.fresh_s,
            background=True,
        )

    def _start(
        self,
        key: str,
        fetch: Fetch[V],
        codec: Codec[V],
        *,
        accept_s: float,
        background: bool = False,
    ) -> Flight[_Answer]:
        async def work(flight: Flight[_Answer]) -> None:
            asked = False

            async def ask() -> Entry[V]:
                nonlocal asked
                asked = True
                return Entry(*await fetch())

            def land(entry: Entry[V]) -> None:
                self._keep(key, entry, codec)
                self._failures.forget(key, asked=asked)
                flight.land(_Answer(entry, asked=asked))

            try:
                if self._store.shared is None:
                    land(await ask())
                    return
                kept = self._find(key, None)
                await self._store.shared.fetch_once(
                    key,
                    ask,
                    codec=codec,
                    accept_s=accept_s,
                    known_s=None if kept is None else kept.as_of_s,
                    expires_in_s=self._ages.expired_s,
                    find=lambda entry: self._keep(key, entry, codec),
                    land=land,
                )
            except Exception as error:
                self._note_failure(key, error, background=background)
                raise

        return self._flights.start(key, work, background=background)

    def _note_failure(self, key: str, error: Exception, *, background: bool) -> None:
        self._failures.note(key, error)
        if background:
            metrics.REFRESH_FAILURES.inc()
            _log_refresh_failure(key, error)

    def _keep(self, key: str, entry: Entry[V], codec: Codec[V]) -> None:
        kept = self._memory.find(key)
        if kept is None or kept.as_of_s <= entry.as_of_s:
            self._memory.keep(
                key,
                entry,
                codec.size(entry.value),
                is_essential=codec.is_essential,
            )

    def _find(self, key: str, oldest_s: float | None) -> Entry[Any] | None:
        """What memory holds, unless it is past its last age or older than asked."""
        entry = self._memory.find(key)
        if entry is None or (oldest_s is not None and entry.as_of_s < oldest_s):
            return None
        if self._classify(entry) is Age.MISS:
            self._memory.drop(key)
            return None
        return entry

    def _classify(self, entry: Entry[Any]) -> Age:
        return self._ages.classify(self._clock() - entry.as_of_s)


async def _read(
    shared: SharedCache, key: str, codec: Codec[V], known_s: float | None
) -> Entry[V] | None:
    return await shared.read(key, codec=codec, known_s=known_s)


def _failed(entry: Entry[V], error: Exception) -> Entry[V]:
    return Entry(entry.value, entry.as_of_s, failed=True, error=error)


def _log_refresh_failure(key: str, error: Exception) -> None:
    message = "a kept answer could not be refreshed"
    if isinstance(error, CatalographError):
        get_logger().warning(message, key=key, code=error.code, detail=error.detail)
    else:
        get_logger().error(message, key=key, exc_info=error)
