"""Long work lets other work run in between."""

import asyncio
import time

from catalograph.concurrency.time_slice import TimeSlice


async def collect(time_slice: TimeSlice, log: list[str]) -> None:
    async for item in time_slice.iterate("abc"):
        log += item


async def beat(log: list[str], times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)
        log.append("-")


async def test_others_run_before_the_next_item_when_the_slice_is_used_up() -> None:
    log: list[str] = []

    await asyncio.gather(collect(TimeSlice(0), log), beat(log, 8))

    text = "".join(log)
    assert text.replace("-", "") == "abc"
    assert "ab" not in text
    assert "bc" not in text


async def test_there_is_no_pause_within_a_slice() -> None:
    log: list[str] = []

    await asyncio.gather(collect(TimeSlice(1_000), log), beat(log, 8))

    assert "".join(log).startswith("abc")


async def test_tasks_of_one_operation_share_its_time_slices() -> None:
    """However many tasks wait, all of them make progress and finish."""
    time_slice = TimeSlice(0)
    logs: list[list[str]] = [[] for _ in range(20)]

    await asyncio.gather(*[collect(time_slice, log) for log in logs])

    assert logs == [["a", "b", "c"]] * 20


async def test_waiting_tasks_proceed_however_busy_the_loop_is() -> None:
    time_slice = TimeSlice(0.001)
    log: list[str] = []
    is_done = False

    async def hog() -> None:
        while not is_done:
            until = time.perf_counter() + 0.003
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0)

    hogging = asyncio.create_task(hog())
    async with asyncio.timeout(5):
        for _ in range(20):
            await time_slice.yield_now()
            log.append("turn")
    is_done = True
    await hogging

    assert log == ["turn"] * 20


async def test_a_waiting_caller_that_is_cancelled_cancels_no_other() -> None:
    time_slice = TimeSlice(1_000)
    one, other = [asyncio.create_task(time_slice.yield_now()) for _ in range(2)]
    await asyncio.sleep(0)

    one.cancel()
    await other

    assert one.cancelled()


async def test_many_waiting_tasks_take_linear_time() -> None:
    """Not quadratic: each waiting task is woken once, when it may continue."""
    time_slice = TimeSlice(1_000)
    order: list[int] = []

    async def wait(number: int) -> None:
        await time_slice.yield_now()
        order.append(number)

    tasks = [asyncio.create_task(wait(number)) for number in range(1_000)]
    turns = 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turns += 1

    assert order == list(range(1_000))
    assert turns <= 1_010
