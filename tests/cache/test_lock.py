"""The lock by itself, with a fake Redis."""

import asyncio
from typing import Any, cast

from catalograph.cache.lock import FetchLock
from catalograph.cache.redis import Redis


class HardOfHearing:
    """A Redis whose first renewal swallows its cancellation, as `wait_for` of 3.11 may.

    Attributes:
        renewing: Set when the first renewal is on its way.
        operations: What was run, in order.
    """

    def __init__(self) -> None:
        self.renewing = asyncio.Event()
        self.operations: list[str] = []

    async def run(self, operation: str, *_: object) -> Any:
        self.operations.append(operation)
        if operation == "renew" and not self.renewing.is_set():
            self.renewing.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return 1
        return 1


async def test_a_lock_is_released_although_a_cancellation_is_lost() -> None:
    redis = HardOfHearing()
    lock = FetchLock(cast("Redis", redis), "k", lease_s=0.03)

    async with asyncio.timeout(5), lock.hold():
        await redis.renewing.wait()

    assert redis.operations[0] == "renew"
    assert redis.operations[-1] == "unlock"
