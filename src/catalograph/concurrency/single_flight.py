"""Single flight: concurrent callers with the same key share one execution in this process."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec

from catalograph.concurrency.eager import start_eagerly
from catalograph.observability.logs import get_logger

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Failure(msgspec.Struct, frozen=True):
    """An error of shared work.

    Attributes:
        error: The error, which every caller raises.
        traceback: The original traceback. It is restored for each caller; otherwise it
            would grow with every caller that raises the error.
    """

    error: Exception
    traceback: TracebackType | None


class Flight(Generic[T]):
    """Work in progress for one key, with the number of callers that wait for it.

    A flight lands when its result is known. The work may continue after that without
    callers, for example to write the result to a shared cache.

    Attributes:
        detached: Whether it continues without callers. If not, it is cancelled when the
            last caller leaves.
    """

    def __init__(self, *, detached: bool) -> None:
        self.detached = detached
        # Failures are stored as results: asyncio logs an error for a future whose exception
        # is never retrieved.
        self._outcome: asyncio.Future[T | _Failure] = (
            asyncio.get_running_loop().create_future()
        )
        self._waiting = 0
        self._abandon: Callable[[], object] = lambda: None

    @property
    def landed(self) -> bool:
        """Whether the outcome is known."""
        return self._outcome.done()

    def land(self, result: T) -> None:
        """Give the result to all callers."""
        if not self.landed:
            self._outcome.set_result(result)

    def fail(self, error: Exception) -> None:
        """Raise the error in all callers."""
        if not self.landed:
            self._outcome.set_result(_Failure(error, error.__traceback__))

    async def wait(self) -> T:
        """Wait for the outcome.

        Raises:
            Exception: The error of the work.
        """
        self._waiting += 1
        try:
            outcome = await asyncio.shield(self._outcome)
        finally:
            self._waiting -= 1
            if not (self._waiting or self.detached or self.landed):
                self._abandon()
        if isinstance(outcome, _Failure):
            raise outcome.error.with_traceback(outcome.traceback)
        return outcome

    def on_abandon(self, abandon: Callable[[], object]) -> None:
        """Set the function that cancels the work when the last caller leaves."""
        self._abandon = abandon


class SingleFlight(Generic[K]):
    """Runs work at most once at a time for each key.

    Args:
        build_abandoned: Builds the error for callers whose work was cancelled from outside.
    """

    def __init__(self, build_abandoned: Callable[[], Exception]) -> None:
        self._build_abandoned = build_abandoned
        self._flights: dict[K, Flight[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, key: K) -> Flight[Any] | None:
        """Find the flight of a key that has not landed yet; None if there is none."""
        flight = self._flights.get(key)
        # A landed flight may still be writing its result to a cache. New callers must not
        # join it, because its result is no newer than the cached one.
        return None if flight is None or flight.landed else flight

    async def run(
        self,
        key: K,
        work: Callable[[], Coroutine[Any, Any, T]],
        *,
        detached: bool = False,
    ) -> T:
        """Join the work of a key, or start it, and wait for its result.

        Work that ends without suspending is not registered, as no other caller could join it.

        Args:
            key: Callers with equal keys share the work.
            work: Computes the result. Unless detached, it is started eagerly, see
                `start_eagerly`.
            detached: Whether the work continues when all callers have left.

        Raises:
            Exception: The error of the work.
        """
        flight: Flight[T] | None = self.find(key)
        if flight is None and detached:

            async def land(flight: Flight[T]) -> None:
                flight.land(await work())

            flight = self.start(key, land, detached=True)
        elif flight is None:
            begun = start_eagerly(work())
            if begun.done():
                return begun.result()
            flight = self._register(key, begun)
        return await flight.wait()

    def _register(self, key: K, begun: asyncio.Future[T]) -> Flight[T]:
        """Register started work that has suspended, so that other callers can join it."""
        flight: Flight[T] = Flight(detached=False)

        def land(begun: asyncio.Future[T]) -> None:
            if begun.cancelled():
                flight.fail(self._build_abandoned())
            else:
                error = begun.exception()
                if error is None:
                    flight.land(begun.result())
                elif isinstance(error, Exception):
                    flight.fail(error)
            self._remove(key, flight)

        def abandon() -> None:
            # The next caller of the key must not join work that is being stopped.
            self._remove(key, flight)
            begun.cancel()

        flight.on_abandon(abandon)
        self._flights[key] = flight
        begun.add_done_callback(land)
        return flight

    def start(
        self,
        key: K,
        work: Callable[[Flight[T]], Awaitable[None]],
        *,
        detached: bool = False,
    ) -> Flight[T]:
        """Start work that calls `Flight.land`, or fails by raising.

        The key must not have a flight in progress, see `find`.
        """
        flight: Flight[T] = Flight(detached=detached)
        task = asyncio.create_task(self._run(key, flight, work))

        def abandon() -> None:
            # The next caller of the key must not join work that is being stopped.
            self._remove(key, flight)
            # A task that is cancelled before its first step never runs its `finally`, so the
            # callers are told here, too.
            flight.fail(self._build_abandoned())
            task.cancel()

        flight.on_abandon(abandon)
        self._flights[key] = flight
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    async def drain(self) -> None:
        """Wait until all started tasks have ended, including work after landing."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def aclose(self) -> None:
        """Cancel all flights that have not landed, and wait until all tasks have ended."""
        for flight in list(self._flights.values()):
            if not flight.landed:
                flight._abandon()  # noqa: SLF001 - the two classes are one thing
        await self.drain()

    async def _run(
        self, key: K, flight: Flight[T], work: Callable[[Flight[T]], Awaitable[None]]
    ) -> None:
        try:
            await work(flight)
        except Exception as error:  # noqa: BLE001 - raised again in each caller
            if flight.landed:
                get_logger().exception("work after an answer failed", key=str(key))
            flight.fail(error)
        finally:
            # The work was cancelled or ended without landing, but its callers still wait.
            if not flight.landed:
                flight.fail(self._build_abandoned())
            self._remove(key, flight)

    def _remove(self, key: K, flight: Flight[Any]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
