"""Which failures are tried again and for how long in all; when not to ask at all."""

import collections
import enum
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from catalograph.errors import UpstreamUnavailableError
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import (
    UPSTREAM_BREAKER_REFUSALS,
    UPSTREAM_BREAKER_STATE,
    UPSTREAM_RETRIES,
    UPSTREAM_RETRY_BUDGET,
)
from catalograph.upstream.failures import AttemptError

_Result = TypeVar("_Result")

MAX_ATTEMPTS = 3
"""The first one and two more."""

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 2.0


class RetryBudget:
    """Lets retries be at most a share of requests, so that a sick upstream is not beaten.

    A bucket of tokens: each request puts in a fifth of one, each retry takes one. A small
    reserve fills with time, so that the only request of a quiet hour may be tried again.
    """

    _SHARE = 0.2
    _RESERVE = 2.0
    _RESERVE_FILLS_IN_S = 10.0
    _MOST = 10.0

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._tokens = self._RESERVE
        self._filled_at = monotonic()
        UPSTREAM_RETRY_BUDGET.set(self._tokens)

    def earn(self) -> None:
        """Note a request."""
        self._fill()
        self._tokens = min(self._MOST, self._tokens + self._SHARE)
        UPSTREAM_RETRY_BUDGET.set(self._tokens)

    def spend(self) -> bool:
        """Take what a retry costs, if it is there."""
        self._fill()
        # The tolerance makes five fifths a whole.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        UPSTREAM_RETRY_BUDGET.set(self._tokens)
        return True

    def _fill(self) -> None:
        now = self._monotonic()
        gained = (now - self._filled_at) * self._RESERVE / self._RESERVE_FILLS_IN_S
        self._filled_at = now
        if self._tokens < self._RESERVE:
            self._tokens = min(self._RESERVE, self._tokens + gained)


class BreakerState(enum.IntEnum):
    """As `/metrics` shows it."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """Stops asking an upstream that fails: half of at least 20 calls in 10 s, for 5 s.

    Then one call is let through as a probe: if it goes well all are, otherwise another 5 s.
    A call is one attempt. Use: `admit`, then exactly one of `settle` and `abandon`.
    """

    _WINDOW_S = 10.0
    _LEAST_CALLS = 20
    _FAILURE_SHARE = 0.5
    _OPEN_S = 5.0

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._calls: collections.deque[tuple[float, bool]] = collections.deque()
        self._failures = 0
        self._opened_at = 0.0
        self._state = BreakerState.CLOSED
        UPSTREAM_BREAKER_STATE.set(self._state)

    @property
    def state(self) -> BreakerState:
        """Open until the time has passed and a probe has been let through."""
        return self._state

    @property
    def admits(self) -> bool:
        """Whether a call made now would be let through."""
        return self._state is BreakerState.CLOSED or (
            self._state is BreakerState.OPEN
            and self._monotonic() - self._opened_at >= self._OPEN_S
        )

    def admit(self) -> bool:
        """Let a call through, and say whether it is the probe.

        Raises:
            UpstreamUnavailableError: The breaker is open, or its probe is on the way.
        """
        if not self.admits:
            UPSTREAM_BREAKER_REFUSALS.inc()
            raise UpstreamUnavailableError(
                detail="not asked: it failed too often in the last seconds"
            )
        is_probe = self._state is BreakerState.OPEN
        if is_probe:
            self._become(BreakerState.HALF_OPEN)
        return is_probe

    def settle(self, *, is_probe: bool, is_failure: bool) -> None:
        """Note how a call ended."""
        if is_probe:
            self._forget_all()
            if is_failure:
                self._open()
            else:
                self._become(BreakerState.CLOSED)
                get_logger().info("the upstream answers again")
        elif self._state is BreakerState.CLOSED:
            self._note(is_failure=is_failure)
        # Else the call began before the breaker opened: it tells nothing new.

    def abandon(self, *, is_probe: bool) -> None:
        """Note that a call was given up by its caller; the next one may be the probe."""
        if is_probe:
            self._become(BreakerState.OPEN)

    def _note(self, *, is_failure: bool) -> None:
        now = self._monotonic()
        self._calls.append((now, is_failure))
        self._failures += is_failure
        while self._calls[0][0] <= now - self._WINDOW_S:
            self._failures -= self._calls.popleft()[1]
        count = len(self._calls)
        if count >= self._LEAST_CALLS and self._failures >= count * self._FAILURE_SHARE:
            self._forget_all()
            self._open()

    def _forget_all(self) -> None:
        self._calls.clear()
        self._failures = 0

    def _open(self) -> None:
        if self._state is BreakerState.CLOSED:
            get_logger().warning("the upstream fails too often; it is left alone")
        self._opened_at = self._monotonic()
        self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self._state = state
        UPSTREAM_BREAKER_STATE.set(state)


class RetryPolicy:
    """Tries an attempt again while that makes sense, within a deadline.

    Args:
        breaker: While it is open, nothing is tried again.
        monotonic: Seconds on the clock that the deadlines are on.
        sleep: Waits so many seconds.
        random: A number from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        *,
        breaker: Breaker,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._breaker = breaker
        self._monotonic = monotonic
        self._sleep = sleep
        self._random = random
        self._budget = RetryBudget(monotonic)

    async def run(
        self, attempt: Callable[[], Awaitable[_Result]], *, deadline: float
    ) -> _Result:
        """Make an attempt, and further ones if it fails.

        Args:
            attempt: Raises AttemptError when it fails.
            deadline: No wait goes beyond it, on the clock of `monotonic`.

        Raises:
            AttemptError: That of the last attempt.
        """
        self._budget.earn()

        def is_over(state: tenacity.RetryCallState) -> bool:
            return (
                state.attempt_number >= MAX_ATTEMPTS
                or self._monotonic() + state.upcoming_sleep >= deadline
                or not self._breaker.admits
                or not self._budget.spend()  # last, since it takes
            )

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_is_worth_another),
            wait=self._choose_wait_s,
            stop=is_over,
            sleep=self._sleep,
            before_sleep=_count,
            reraise=True,
        )
        result: _Result = await retrying(attempt)
        return result

    def _choose_wait_s(self, state: tenacity.RetryCallState) -> float:
        """Full jitter, and no less than the upstream asks for."""
        longest = min(
            _LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1)
        )
        wait_s = self._random() * longest
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, AttemptError) and failure.wait_s is not None:
            # The jitter comes on top: all who were told the same would come at once.
            wait_s += failure.wait_s
        return wait_s


def _is_worth_another(failure: BaseException) -> bool:
    return isinstance(failure, AttemptError) and failure.again


def _count(state: tenacity.RetryCallState) -> None:  # noqa: ARG001
    UPSTREAM_RETRIES.inc()
