"""Callers with the same key share one execution."""

import asyncio

import pytest

from catalograph.concurrency.single_flight import SingleFlight


def build() -> SingleFlight[str]:
    return SingleFlight(lambda: ValueError("given up"))


class Work:
    """Work that counts its executions, and waits until the test lets it end."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await self.may_end.wait()
        finally:
            self.ended += 1
        return f"result {self.begun}"


async def test_what_does_not_suspend_is_not_registered() -> None:
    flights = build()

    async def read() -> str:
        assert flights.find("key") is None
        return "from memory"

    assert await flights.run("key", read) == "from memory"
    assert flights.find("key") is None


async def test_callers_of_one_key_share_one_run() -> None:
    flights, work = build(), Work()
    callers = [asyncio.create_task(flights.run("key", work)) for _ in range(20)]
    other = asyncio.create_task(flights.run("other", work))
    await asyncio.sleep(0)
    work.may_end.set()

    assert set(await asyncio.gather(*callers)) == {"result 2"}
    assert await other == "result 2"
    assert work.begun == 2
    assert flights.find("key") is None


async def test_work_stops_with_the_last_caller() -> None:
    """The first may leave; a caller after the last one does not join cancelled work."""
    flights, work = build(), Work()
    first, second = [asyncio.create_task(flights.run("key", work)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    assert (work.begun, work.ended) == (1, 0)

    second.cancel()
    await asyncio.wait({second})
    assert flights.find("key") is None
    third = asyncio.create_task(flights.run("key", work))
    await asyncio.sleep(0)
    assert (work.begun, work.ended) == (2, 1)
    work.may_end.set()
    assert await third == "result 2"


@pytest.mark.parametrize("is_late", [False, True])
async def test_an_error_is_raised_for_every_caller(*, is_late: bool) -> None:
    flights = build()

    async def fail() -> None:
        if is_late:
            await asyncio.sleep(0)
        raise ValueError("no")

    results = await asyncio.gather(
        *(flights.run("key", fail) for _ in range(3)), return_exceptions=True
    )

    assert [str(result) for result in results] == ["no"] * 3
    assert flights.find("key") is None
