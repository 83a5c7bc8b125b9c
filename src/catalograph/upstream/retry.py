"""Retries within a deadline, the retry budget, and the circuit breaker of the upstream."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from catalograph.concurrency.breaker import Breaker, BreakerState, ShareOfFailures
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import (
    UPSTREAM_BREAKER_STATE,
    UPSTREAM_RETRIES,
    UPSTREAM_RETRY_BUDGET,
)
from catalograph.upstream.failures import AttemptError

_Result = TypeVar("_Result")

MAX_ATTEMPTS = 3
"""Maximum number of attempts: the first one and two retries."""

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 2.0


class RetryBudget:
    """A retry budget: retries are at most a share of requests, to not overload the upstream.

    A token bucket: each request adds a fifth of a token, each retry takes one. A small
    reserve fills with time, so that the only request of a quiet hour can be retried.
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
        """Add the share of a request."""
        self._fill()
        self._tokens = min(self._MOST, self._tokens + self._SHARE)
        UPSTREAM_RETRY_BUDGET.set(self._tokens)

    def spend(self) -> bool:
        """Take a token for a retry; False if there is none."""
        self._fill()
        # The tolerance: five times a fifth must make one in floating point.
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


def build_breaker(monotonic: Callable[[], float]) -> Breaker:
    """Build the breaker of an upstream.

    It opens for 5 s when half of at least 20 attempts within 10 s have failed.
    """
    known = BreakerState.CLOSED

    def tell(state: BreakerState) -> None:
        nonlocal known
        if known is BreakerState.CLOSED and state is BreakerState.OPEN:
            get_logger().warning(
                "the upstream fails too often; the circuit breaker is open"
            )
        elif state is BreakerState.CLOSED and known is not BreakerState.CLOSED:
            get_logger().info("the upstream answers again")
        known = state
        UPSTREAM_BREAKER_STATE.set(state)

    rule = ShareOfFailures(0.5, least_calls=20, window_s=10.0)
    return Breaker(rule, open_s=5.0, monotonic=monotonic, on_change=tell)


class RetryPolicy:
    """Retries an attempt after temporary failures, within a deadline.

    Args:
        breaker: While it is open, there are no retries.
        monotonic: Monotonic time in seconds, as in deadlines.
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
        """Make an attempt, and retries if it fails.

        Args:
            attempt: Raises AttemptError when it fails.
            deadline: No wait goes beyond it, on the clock of `monotonic`.

        Raises:
            AttemptError: The failure of the last attempt.
        """
        self._budget.earn()
        for number in range(1, MAX_ATTEMPTS + 1):
            try:
                return await attempt()
            except AttemptError as failure:
                wait_s = self._choose_wait_s(failure, number)
                if (
                    not failure.again
                    or number == MAX_ATTEMPTS
                    or self._monotonic() + wait_s >= deadline
                    or not self._breaker.admits
                    or not self._budget.spend()  # last, because it takes a token
                ):
                    raise
            UPSTREAM_RETRIES.inc()
            await self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _choose_wait_s(self, failure: AttemptError, number: int) -> float:
        """Compute the wait: full jitter on top of the upstream's `Retry-After`.

        Args:
            failure: Failure of the attempt.
            number: Number of the attempt, from 1.
        """
        longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (number - 1))
        wait_s = self._random() * longest_s
        # Jitter on top: all clients with the same `Retry-After` would return at once.
        return wait_s if failure.wait_s is None else wait_s + failure.wait_s
