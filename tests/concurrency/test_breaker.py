"""A circuit breaker opens, lets one probe through, and closes."""

import pytest

from catalograph.concurrency.breaker import (
    Breaker,
    BreakerState,
    Call,
    FailuresInARow,
    ShareOfFailures,
    TripRule,
)


class Seconds:
    """A monotonic clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def call(breaker: Breaker, *, failed: bool) -> None:
    admitted = breaker.admit()
    assert admitted is not None
    breaker.settle(admitted, failed=failed)


def build(trips: TripRule, seconds: Seconds) -> tuple[Breaker, list[BreakerState]]:
    states: list[BreakerState] = []
    breaker = Breaker(trips, open_s=2, monotonic=seconds, on_change=states.append)
    return breaker, states


def test_it_opens_after_failures_in_a_row_and_closes_after_a_probe() -> None:
    seconds = Seconds()
    breaker, states = build(FailuresInARow(3), seconds)

    for failed in (True, True, False, True, True, True):
        call(breaker, failed=failed)
    refused = breaker.admit()
    seconds.now_s = 1.9
    still = breaker.admits
    seconds.now_s = 2
    probe = breaker.admit()
    beside = breaker.admit()
    assert probe is not None
    breaker.settle(probe, failed=False)

    assert (refused, still, probe, beside) == (None, False, Call.PROBE, None)
    assert breaker.admit() is Call.REGULAR
    assert states == [
        BreakerState.CLOSED,
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    ]


def test_a_probe_that_fails_keeps_it_open_for_as_long_again() -> None:
    seconds = Seconds()
    breaker, _ = build(FailuresInARow(1), seconds)
    call(breaker, failed=True)

    seconds.now_s = 2
    call(breaker, failed=True)
    seconds.now_s = 3.9

    assert breaker.admit() is None
    assert breaker.state is BreakerState.OPEN
    seconds.now_s = 4
    assert breaker.admit() is Call.PROBE


def test_a_probe_that_is_given_up_makes_room_for_the_next() -> None:
    seconds = Seconds()
    breaker, _ = build(FailuresInARow(1), seconds)
    call(breaker, failed=True)
    seconds.now_s = 2

    breaker.abandon(Call.PROBE)

    assert breaker.admit() is Call.PROBE


def test_calls_that_began_before_it_opened_say_nothing() -> None:
    seconds = Seconds()
    breaker, _ = build(FailuresInARow(1), seconds)
    early = breaker.admit()
    call(breaker, failed=True)

    assert early is not None
    breaker.settle(early, failed=False)

    assert breaker.state is BreakerState.OPEN


@pytest.mark.parametrize(("failures", "is_open"), [(9, False), (10, True)])
def test_a_share_of_failures_opens_it(failures: int, *, is_open: bool) -> None:
    breaker, _ = build(ShareOfFailures(0.5, least_calls=20, window_s=10), Seconds())

    for number in range(20):
        call(breaker, failed=number >= 20 - failures)

    assert (breaker.state is BreakerState.OPEN) == is_open


def test_failures_before_the_window_do_not_count() -> None:
    seconds = Seconds()
    breaker, _ = build(ShareOfFailures(0.5, least_calls=20, window_s=10), seconds)
    for _ in range(19):
        call(breaker, failed=True)

    seconds.now_s = 10
    call(breaker, failed=True)

    assert breaker.state is BreakerState.CLOSED
