"""A circuit breaker: calls to a failing service are refused, except probes, until it works."""

import collections
import enum
import time
from collections.abc import Callable
from typing import Protocol


class BreakerState(enum.IntEnum):
    """As `/metrics` shows it."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Call(enum.Enum):
    """A call that was admitted; given back to the breaker when it has ended."""

    REGULAR = enum.auto()
    PROBE = enum.auto()


class TripRule(Protocol):
    """Decides when a closed breaker opens."""

    def note(self, now_s: float, *, failed: bool) -> bool:
        """Note how a call ended; True opens the breaker."""
        ...

    def reset(self) -> None:
        """Forget all calls."""
        ...


class FailuresInARow:
    """Opens after so many failures without a success between them.

    Args:
        count: At least 1.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._failures = 0

    def note(self, now_s: float, *, failed: bool) -> bool:  # noqa: ARG002 - of the protocol
        """Count failures; a success begins anew."""
        self._failures = self._failures + 1 if failed else 0
        return self._failures >= self._count

    def reset(self) -> None:
        """Begin anew."""
        self._failures = 0


class ShareOfFailures:
    """Opens when a share of the calls in a time window failed.

    Args:
        share: From 0 to 1.
        least_calls: Fewer calls in the window say nothing.
        window_s: Seconds.
    """

    def __init__(self, share: float, *, least_calls: int, window_s: float) -> None:
        self._share = share
        self._least_calls = least_calls
        self._window_s = window_s
        self._calls: collections.deque[tuple[float, bool]] = collections.deque()
        self._failures = 0

    def note(self, now_s: float, *, failed: bool) -> bool:
        """Count within the window."""
        self._calls.append((now_s, failed))
        self._failures += failed
        while self._calls[0][0] <= now_s - self._window_s:
            self._failures -= self._calls.popleft()[1]
        count = len(self._calls)
        return count >= self._least_calls and self._failures >= count * self._share

    def reset(self) -> None:
        """Begin anew."""
        self._calls.clear()
        self._failures = 0


def _ignore(_: BreakerState) -> None:
    """Do nothing."""


class Breaker:
    """Closed: calls go through. Open: none does. Half open: one probe is on its way.

    After `open_s` one call is admitted as a probe. If it succeeds the breaker closes,
    otherwise it stays open for another `open_s`. Each admitted call ends in exactly one
    `settle` or `abandon`.

    Args:
        trips: When it opens.
        open_s: Seconds until a probe is admitted.
        monotonic: Seconds on a clock that is never set back.
        on_change: Called with each new state, and once with the first.
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
        """Open until a probe has been admitted."""
        return self._state

    @property
    def admits(self) -> bool:
        """Whether a call made now would be admitted."""
        return self._state is BreakerState.CLOSED or (
            self._state is BreakerState.OPEN
            and self._monotonic() - self._opened_at >= self._open_s
        )

    def admit(self) -> Call | None:
        """Admit a call; None refuses it."""
        if self._state is BreakerState.CLOSED:
            return Call.REGULAR
        if not self.admits:
            return None
        self._become(BreakerState.HALF_OPEN)
        return Call.PROBE

    def settle(self, call: Call, *, failed: bool) -> None:
        """Note how a call ended."""
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
        # Else the call began before the breaker opened, and says nothing new.

    def abandon(self, call: Call) -> None:
        """Note that a call was given up by its caller; the next one may be the probe."""
        if call is Call.PROBE:
            self._become(BreakerState.OPEN)

    def _open(self) -> None:
        self._opened_at = self._monotonic()
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._on_change(state)
