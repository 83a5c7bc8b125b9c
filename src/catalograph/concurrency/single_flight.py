"""Callers of one key share one piece of work, within this process."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec

from catalograph.errors import UpstreamUnavailableError
from catalograph.observability.logs import get_logger

T = TypeVar("T")


class _Failure(msgspec.Struct, frozen=True):
    """An error as it was raised first.

    Attributes:
        traceback: Put back before each of many callers raises the error again; otherwise it
            would grow with each of them.
    """

    error: Exception
    traceback: TracebackType | None


class Flight(Generic[T]):
    """One piece of work, and how many wait for it.

    Work lands when its result is known, and may go on after that (writing the result down
    for other processes, say) without anybody waiting.

    Attributes:
        background: Belongs to nobody: it goes on when nobody waits.
    """

    def __init__(self, *, background: bool) -> None:
        self.background = background
        # Holds failures as values: a future with an exception that nobody awaits complains.
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
        """Hand the result to everybody who waits."""
        if not self.landed:
            self._outcome.set_result(result)

    def fail(self, error: Exception) -> None:
        """Raise the error where anybody waits."""
        if not self.landed:
            self._outcome.set_result(_Failure(error, error.__traceback__))

    async def wait(self) -> T:
        """Wait for the outcome; the last one who leaves stops the work.

        Raises:
            Exception: What the work failed with.
        """
        self._waiting += 1
        try:
            outcome = await asyncio.shield(self._outcome)
        finally:
            self._waiting -= 1
            if not (self._waiting or self.background or self.landed):
                self._abandon()
        if isinstance(outcome, _Failure):
            raise outcome.error.with_traceback(outcome.traceback)
        return outcome

    def on_abandon(self, abandon: Callable[[], object]) -> None:
        """Say how the work is stopped."""
        self._abandon = abandon


class Flights:
    """All flights of this process by key."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, key: str) -> Flight[Any] | None:
        """The flight that has not landed yet; None where there is none."""
        flight = self._flights.get(key)
        # One that has landed goes on, to write its result down; nobody can join it for news.
        return None if flight is None or flight.landed else flight

    def start(
        self,
        key: str,
        work: Callable[[Flight[T]], Awaitable[None]],
        *,
        background: bool = False,
    ) -> Flight[T]:
        """Start work that lands, or fails by raising; there must be no flight of that key."""
        flight: Flight[T] = Flight(background=background)
        task = asyncio.create_task(self._run(key, flight, work))

        def abandon() -> None:
            # The next caller of the key must not join work that is being stopped.
            self._leave(key, flight)
            # Said here as well: a task stopped before its first step never gets to say it.
            flight.fail(_given_up())
            task.cancel()

        flight.on_abandon(abandon)
        self._flights[key] = flight
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    async def aclose(self) -> None:
        """Stop what has not landed, and wait until everything has ended."""
        tasks = list(self._tasks)
        for flight in list(self._flights.values()):
            if not flight.landed:
                flight._abandon()  # noqa: SLF001 - the two classes are one thing
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(
        self, key: str, flight: Flight[T], work: Callable[[Flight[T]], Awaitable[None]]
    ) -> None:
        try:
            await work(flight)
        except Exception as error:  # noqa: BLE001 - raised again where anybody waits
            if flight.landed:
                get_logger().exception("work after an answer failed", key=key)
            flight.fail(error)
        finally:
            # Whoever still waits was not cancelled: the work was, from outside or by itself.
            if not flight.landed:
                flight.fail(_given_up())
            self._leave(key, flight)

    def _leave(self, key: str, flight: Flight[Any]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


def _given_up() -> UpstreamUnavailableError:
    return UpstreamUnavailableError(detail="the request was given up")
