"""Retries: which requests, when and how often; and when requests are refused at once."""

import asyncio

import httpx
import pytest

from catalograph.concurrency.breaker import BreakerState
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from catalograph.observability.metrics import REGISTRY
from upstream.fake_time import FakeUpstream, build_page

GOOD = build_page({"model_id": "a/b"})
BUSY = httpx.Response(503)


def read_metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"catalograph_upstream_{name}", labels) or 0.0


async def fail_times(upstream: FakeUpstream, count: int) -> list[str]:
    codes = []
    for _ in range(count):
        with pytest.raises(UpstreamError) as caught:
            await upstream.fetch()
        codes.append(caught.value.code)
    return codes


# What is tried again


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(429),
        httpx.Response(502),
        httpx.Response(503),
        httpx.Response(504),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("no answer"),
        httpx.ProxyError("bad"),
        httpx.ReadTimeout("slow"),
        OSError("no route"),
        httpx.Response(200, content=GOOD.content[:-20]),
    ],
)
async def test_a_passing_failure_is_retried(
    failure: httpx.Response | Exception,
) -> None:
    upstream = FakeUpstream(failure, failure, GOOD)
    retries = read_metric("retries_total")

    page = await upstream.fetch()

    assert [model.model_id for model in page.models] == ["a/b"]
    assert len(upstream.requests) == 3
    assert upstream.time.waits_s == [0.25, 0.5]
    assert page.as_of_s == upstream.time.clock()
    assert read_metric("retries_total") == retries + 2


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(200, html="<p>Just a moment"),
        httpx.Response(200, json={"ok": False}),
        httpx.Response(302),
        httpx.Response(400),
        httpx.Response(401),
        httpx.Response(401, json={"reason": "db_error"}),
        httpx.Response(403),
        httpx.Response(404),
        httpx.Response(500),
        httpx.Response(501),
        httpx.UnsupportedProtocol("gopher"),
    ],
)
async def test_a_failure_that_would_repeat_is_not_retried(
    failure: httpx.Response | Exception,
) -> None:
    upstream = FakeUpstream(failure, GOOD)

    await fail_times(upstream, 1)

    assert (len(upstream.requests), upstream.time.waits_s) == (1, [])


async def test_the_third_failure_is_the_last_and_the_callers() -> None:
    upstream = FakeUpstream(BUSY, httpx.ConnectError("no"), httpx.Response(429), GOOD)

    with pytest.raises(UpstreamRateLimitError):
        await upstream.fetch()

    assert len(upstream.requests) == 3


async def test_waits_are_jittered_over_their_full_length() -> None:
    upstream = FakeUpstream(BUSY)
    upstream.time.jitter = 0.1

    await fail_times(upstream, 1)

    assert upstream.time.waits_s == pytest.approx([0.025, 0.05])


# Retry-After


@pytest.mark.parametrize("status", [429, 503])
async def test_the_upstreams_own_wait_is_respected_with_jitter_added(
    status: int,
) -> None:
    upstream = FakeUpstream(
        httpx.Response(status, headers={"retry-after": "2"}),
        httpx.Response(
            status, headers={"retry-after": "Mon, 22 Dec 2025 00:00:05 GMT"}
        ),
        GOOD,
    )

    await upstream.fetch()

    assert upstream.time.waits_s == pytest.approx([2.25, 2.75 + 0.5])


async def test_a_wait_beyond_the_deadline_is_an_error() -> None:
    upstream = FakeUpstream(httpx.Response(429, headers={"retry-after": "30"}), GOOD)

    with pytest.raises(UpstreamRateLimitError) as caught:
        await upstream.fetch()

    assert caught.value.retry_after_s == 30.0
    assert (len(upstream.requests), upstream.time.waits_s) == (1, [])


async def test_the_deadline_counts_all_attempts_and_waits_together() -> None:
    wait = {"retry-after": "5"}
    upstream = FakeUpstream(
        httpx.Response(503, headers=wait), httpx.Response(503, headers=wait), GOOD
    )

    await fail_times(upstream, 1)

    assert upstream.time.waits_s == [5.25]
    assert len(upstream.requests) == 2


async def test_a_timeout_names_the_seconds_of_all_attempts() -> None:
    upstream = FakeUpstream(httpx.ReadTimeout("slow"))

    with pytest.raises(UpstreamTimeoutError) as caught:
        await upstream.fetch()

    assert caught.value.after_s == pytest.approx(0.75)


# Budget


async def test_retries_are_a_fifth_of_requests_beyond_a_small_reserve() -> None:
    upstream = FakeUpstream(*[GOOD] * 100, httpx.Response(404))
    for _ in range(100):
        await upstream.fetch()
    del upstream.requests[:]
    # Every second call fails in a way worth a retry, so that the breaker stays shut:
    # time stands still, and good calls are the greater part.
    upstream.answers = [answer for _ in range(60) for answer in (BUSY, GOOD, GOOD)]
    upstream.time.jitter = 0.0
    failed = 0
    for _ in range(100):
        try:
            await upstream.fetch()
        except UpstreamUnavailableError:
            failed += 1

    retries = len(upstream.requests) - 100
    assert 0.2 * 100 <= retries <= 0.2 * 100 + 10
    assert failed > 0


async def test_an_idle_client_regains_its_two_retries_with_time() -> None:
    upstream = FakeUpstream(BUSY)
    upstream.time.jitter = 0.0

    sent = []
    for passed_s in (0.0, 0.0, 10.0):
        upstream.time.passed_s += passed_s
        before = len(upstream.requests)
        await fail_times(upstream, 1)
        sent.append(len(upstream.requests) - before)

    assert sent == [3, 1, 3]


async def test_the_budget_is_a_metric() -> None:
    upstream = FakeUpstream(BUSY)
    before = read_metric("retry_budget")
    upstream.time.jitter = 0.0

    await fail_times(upstream, 1)

    assert before == 2.0
    assert read_metric("retry_budget") == pytest.approx(0.2)


# Breaker


async def open_breaker(upstream: FakeUpstream) -> None:
    """Let 20 attempts fail."""
    upstream.answers = [httpx.Response(500)]
    await fail_times(upstream, 20)
    assert upstream.breaker_state is BreakerState.OPEN
    upstream.requests.clear()


async def test_half_of_twenty_calls_failing_opens_the_breaker() -> None:
    upstream = FakeUpstream(GOOD)
    for _ in range(10):
        await upstream.fetch()
    upstream.answers = [httpx.Response(500)]
    await fail_times(upstream, 9)
    states = [upstream.breaker_state]

    await fail_times(upstream, 1)
    states.append(upstream.breaker_state)
    codes = await fail_times(upstream, 3)

    assert states == [BreakerState.CLOSED, BreakerState.OPEN]
    assert codes == ["UPSTREAM_UNAVAILABLE"] * 3
    assert len(upstream.requests) == 20
    assert read_metric("breaker_state") == 2


async def test_failures_older_than_ten_seconds_are_forgotten() -> None:
    upstream = FakeUpstream(httpx.Response(500))
    await fail_times(upstream, 19)
    upstream.time.passed_s += 10.0

    await fail_times(upstream, 19)

    assert upstream.breaker_state is BreakerState.CLOSED


async def test_after_five_seconds_one_good_probe_closes_it() -> None:
    upstream = FakeUpstream(GOOD)
    await open_breaker(upstream)
    upstream.answers = [GOOD]

    upstream.time.passed_s += 4.9
    await fail_times(upstream, 1)
    upstream.time.passed_s += 0.1
    await upstream.fetch()

    assert upstream.breaker_state is BreakerState.CLOSED
    assert len(upstream.requests) == 1
    assert read_metric("breaker_state") == 0


async def test_a_bad_probe_keeps_it_open_for_five_seconds_more() -> None:
    upstream = FakeUpstream(GOOD)
    await open_breaker(upstream)
    upstream.answers = [BUSY]

    upstream.time.passed_s += 5.0
    await fail_times(upstream, 5)
    upstream.time.passed_s += 4.9
    await fail_times(upstream, 5)

    # One, though a 503 is worth a retry otherwise.
    assert len(upstream.requests) == 1
    assert upstream.breaker_state is BreakerState.OPEN


async def test_during_a_probe_there_are_no_other_calls() -> None:
    upstream = FakeUpstream(GOOD)
    await open_breaker(upstream)
    upstream.answers = [GOOD]
    upstream.time.passed_s += 5.0
    upstream.gate.clear()

    probe = asyncio.ensure_future(upstream.fetch())
    await asyncio.sleep(0)
    codes = await fail_times(upstream, 3)
    state = upstream.breaker_state
    upstream.gate.set()
    await probe

    assert codes == ["UPSTREAM_UNAVAILABLE"] * 3
    assert len(upstream.requests) == 1
    assert (state, upstream.breaker_state) == (
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    )


async def test_a_probe_whose_caller_leaves_makes_room_for_the_next() -> None:
    upstream = FakeUpstream(GOOD)
    await open_breaker(upstream)
    upstream.answers = [GOOD]
    upstream.time.passed_s += 5.0
    upstream.gate.clear()
    abandoned = read_metric("requests_total", outcome="abandoned")

    probe = asyncio.ensure_future(upstream.fetch())
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    upstream.gate.set()
    await upstream.fetch()

    assert upstream.breaker_state is BreakerState.CLOSED
    assert len(upstream.requests) == 2
    assert read_metric("requests_total", outcome="abandoned") == abandoned + 1


async def test_calls_from_before_the_opening_do_not_close_it() -> None:
    upstream = FakeUpstream(*[httpx.Response(500)] * 20, GOOD)
    upstream.gate.clear()

    calls = [asyncio.ensure_future(upstream.fetch()) for _ in range(30)]
    await asyncio.sleep(0)
    upstream.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)

    failed = [isinstance(result, UpstreamUnavailableError) for result in results]
    assert failed == [True] * 20 + [False] * 10
    assert upstream.breaker_state is BreakerState.OPEN


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_answers_are_no_failures_of_the_upstream(status: int) -> None:
    upstream = FakeUpstream(httpx.Response(status))

    await fail_times(upstream, 40)

    assert upstream.breaker_state is BreakerState.CLOSED
    assert len(upstream.requests) == 40


async def test_a_callers_own_rate_limit_does_not_shut_others_out() -> None:
    upstream = FakeUpstream(httpx.Response(429), token=None)

    for _ in range(40):
        with pytest.raises(UpstreamRateLimitError):
            await upstream.fetch(token="theirs")  # noqa: S106

    assert upstream.breaker_state is BreakerState.CLOSED


async def test_responses_that_are_not_pages_count_as_failures() -> None:
    upstream = FakeUpstream(httpx.Response(200, html="<p>Just a moment"))

    await fail_times(upstream, 20)

    assert upstream.breaker_state is BreakerState.OPEN


async def test_a_call_that_opens_the_breaker_keeps_its_own_error() -> None:
    upstream = FakeUpstream(httpx.Response(500))
    await fail_times(upstream, 19)
    upstream.answers = [httpx.Response(429)]

    codes = await fail_times(upstream, 2)

    assert codes == ["UPSTREAM_RATE_LIMITED", "UPSTREAM_UNAVAILABLE"]
    assert len(upstream.requests) == 20


# Metrics


async def test_requests_are_counted_by_outcome() -> None:
    upstream = FakeUpstream(BUSY, GOOD, httpx.Response(401))
    outcomes = ("ok", "UPSTREAM_UNAVAILABLE", "UPSTREAM_UNAUTHENTICATED")

    def read() -> list[float]:
        counts = [
            read_metric("requests_total", outcome=outcome) for outcome in outcomes
        ]
        return [*counts, read_metric("request_seconds_count")]

    before = read()
    await upstream.fetch()
    with pytest.raises(UpstreamAuthError):
        await upstream.fetch()

    assert [now - then for now, then in zip(read(), before, strict=True)] == [
        1,
        1,
        1,
        3,
    ]
