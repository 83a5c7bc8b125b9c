"""A circuit breaker: refuses calls to a failing service, except probes, until it recovers."""

import collections
import enum
import time
from collections.abc import Callable
from typing import Protocol


class BreakerState(enum.IntEnum):
    """State of a circuit breaker; `/metrics` shows the numbers."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Call(enum.Enum):
    """Kind of an admitted call; the caller passes it back to the breaker at the end."""

    REGULAR = enum.auto()
    PROBE = enum.auto()


class TripRule(Protocol):
    """Decides when a closed breaker opens."""

    def note(self, now_s: float, *, failed: bool) -> bool:
        """Record how a call ended; returning True opens the breaker."""
        ...

    def reset(self) -> None:
        """Forget all calls."""
        ...


class FailuresInARow:
    """Opens after a number of consecutive failures.

    Args:
        count: Number of failures, at least 1.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._failures = 0

    def note(self, now_s: float, *, failed: bool) -> bool:  # noqa: ARG002 - of the protocol
        """Count failures; a success resets the count."""
        self._failures = self._failures + 1 if failed else 0
        return self._failures >= self._count

    def reset(self) -> None:
        """Forget all calls."""
        self._failures = 0


class ShareOfFailures:
    """Opens when a share of the calls in a sliding time window failed.

    Args:
        share: Share of failed calls that opens the breaker, from 0 to 1.
        least_calls: With fewer calls in the window, the breaker stays closed.
        window_s: Length of the window in seconds.
    """

    def __init__(self, share: float, *, least_calls: int, window_s: float) -> None:
        self._share = share
        self._least_calls = least_calls
        self._window_s = window_s
        self._calls: collections.deque[tuple[float, bool]] = collections.deque()
        self._failures = 0

    def note(self, now_s: float, *, failed: bool) -> bool:
        """Record a call, and compare the share of failures within the window."""
        self._calls.append((now_s, failed))
        self._failures += failed
        while self._calls[0][0] <= now_s - self._window_s:
            self._failures -= self._calls.popleft()[1]
        count = len(self._calls)
        return count >= self._least_calls and self._failures >= count * self._share

    def reset(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._failures = 0


def _ignore(_: BreakerState) -> None:
    """Do nothing."""


class Breaker:
    """A circuit breaker.

    Closed, it admits all calls. Open, it refuses all calls for `open_s`. Then it admits one
    call as a probe, and is half open until the probe has ended. If the probe succeeds, the
    breaker closes; otherwise it stays open for another `open_s`. The caller must end each
    admitted call with exactly one `settle` or `abandon`.

    Args:
        trips: Decides when it opens.
        open_s: Seconds until a probe is admitted.
        monotonic: Returns seconds of a monotonic clock.
        on_change: Called with the initial state, and with each new state.
    """

    def __init__(
        self,
        trips: TripRule,
        *,
        open_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        on_change: Callable[[BreakerState], object] = _ignore,
    ) -> None:
        self._trips = trips
        self._open_s = open_s
        self._monotonic = monotonic
        self._on_change = on_change
        self._opened_at = 0.0
        self._state = BreakerState.CLOSED
        on_change(self._state)

    @property
    def state(self) -> BreakerState:
        """Current state; OPEN does not change to HALF_OPEN until a probe is admitted."""
        return self._state

    @property
    def admits(self) -> bool:
        """Whether a call made now would be admitted."""
        return self._state is BreakerState.CLOSED or (
            self._state is BreakerState.OPEN
            and self._monotonic() - self._opened_at >= self._open_s
        )

    def admit(self) -> Call | None:
        """Admit a call; None means that it is refused."""
        if self._state is BreakerState.CLOSED:
            return Call.REGULAR
        if not self.admits:
            return None
        self._become(BreakerState.HALF_OPEN)
        return Call.PROBE

    def settle(self, call: Call, *, failed: bool) -> None:
        """Record how an admitted call ended."""
        if call is Call.PROBE:
            self._trips.reset()
            if failed:
                self._open()
            else:
                self._become(BreakerState.CLOSED)
        elif self._state is BreakerState.CLOSED and self._trips.note(
            self._monotonic(), failed=failed
        ):
            self._trips.reset()
            self._open()
        # Otherwise the call began before the breaker opened, and is ignored.

    def abandon(self, call: Call) -> None:
        """Record that the caller gave up a call; after a probe, the next call is the probe."""
        if call is Call.PROBE:
            self._become(BreakerState.OPEN)

    def _open(self) -> None:
        self._opened_at = self._monotonic()
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._on_change(state)
