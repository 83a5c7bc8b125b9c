"""Token buckets that are stored as one number behave like plain token buckets."""

import asyncio

from hypothesis import given, strategies as st

from catalograph.web.options import Rate
from catalograph.web.rate_limit import MemoryRateLimiter, name_caller
from support.web_client import Clock

RATES = st.builds(
    Rate, st.integers(1, 200), st.sampled_from([1.0, 60.0, 86_400.0, 0.3])
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["192.0.2.1", "2001:db8::1"]),
        st.sampled_from(["", "0123abcd"]),
        st.sampled_from(["draw", "take", "charge"]),
        st.integers(0, 100),
    ),
    max_size=60,
)


class PlainBucket:
    """Tokens, and when they were counted."""

    def __init__(self, rate: Rate, now_s: float) -> None:
        self.rate = rate
        self.level = float(rate.count)
        self.at_s = now_s

    def fill(self, now_s: float) -> None:
        more = (now_s - self.at_s) * self.rate.count / self.rate.period_s
        self.level = min(self.level + more, self.rate.count)
        self.at_s = now_s


async def compare(rate: Rate, steps: list[tuple[str, str, str, int]]) -> None:
    clock = Clock()
    limiter = MemoryRateLimiter(rate, clock=clock)
    plain: dict[str, PlainBucket] = {}
    for address, key_id, action, pause in steps:
        # In hundredths of a token, so that no sum lies on the edge but by right.
        clock.now_s += pause * rate.period_s / rate.count / 100
        caller = name_caller(address, key_id)
        bucket = plain.setdefault(caller, PlainBucket(rate, clock.now_s))
        bucket.fill(clock.now_s)
        if action == "charge":
            await limiter.charge(caller, pause / 10)
            bucket.level = max(bucket.level - pause / 10, -rate.count)
            continue
        is_allowed = bucket.level >= 1 - 1e-6
        bucket.level -= is_allowed
        left = max(int(bucket.level + 1e-5), 0)
        if action == "take":
            verdict = await limiter.take(caller)
            assert verdict.is_allowed == is_allowed
            assert verdict.remaining == left
        else:
            lines = limiter.draw(address, key_id, clock.now_s)
            assert (lines is not None) == is_allowed
            assert lines is None or b"remaining: %d\r\n" % left in lines


@given(rate=RATES, steps=STEPS)
def test_buckets_agree(rate: Rate, steps: list[tuple[str, str, str, int]]) -> None:
    asyncio.run(compare(rate, steps))
