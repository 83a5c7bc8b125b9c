"""Coroutines that are started at once."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from catalograph.concurrency.eager import begin, start_eagerly

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="nobody")


@pytest.fixture(
    params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def run(
    request: pytest.FixtureRequest,
) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on each kind of event loop."""

    def run_it(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main)

    return run_it


async def turns() -> None:
    """Let every task take some steps; a timer might end before they have."""
    for _ in range(5):
        await asyncio.sleep(0)


async def nothing_to_wait_for() -> str:
    async def read() -> str:
        return "from memory"

    return await read()


async def wait_for(future: "asyncio.Future[str]", log: list[str]) -> str:
    log.append("begun")
    await asyncio.sleep(0)
    try:
        return await future
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    finally:
        log.append("ended")


def test_what_does_not_suspend_is_done_at_once(run: Any) -> None:
    """It needs neither a task nor a turn of the event loop."""

    async def main() -> None:
        before = asyncio.all_tasks()

        begun = begin(nothing_to_wait_for())
        started = start_eagerly(nothing_to_wait_for())

        assert begun.is_done
        assert begun.result == await begun == "from memory"
        assert started.done()
        assert started.result() == "from memory"
        assert asyncio.all_tasks() == before

    run(main())


def test_what_suspends_runs_on_when_awaited(run: Any) -> None:
    async def main() -> None:
        for start in (begin, start_eagerly):
            log: list[str] = []
            future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            begun: Any = start(wait_for(future, log))
            assert log == ["begun"]
            asyncio.get_running_loop().call_later(0.001, future.set_result, "late")

            assert await begun == "late"
            assert log == ["begun", "ended"]

    run(main())


def test_errors_are_raised_where_the_result_is_asked_for(run: Any) -> None:
    async def fail(*, late: bool) -> None:
        if late:
            await asyncio.sleep(0)
        raise ValueError("no")

    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await begin(fail(late=False))
        begun = begin(fail(late=True))
        with pytest.raises(ValueError, match="no"):
            await begun
        for late in (False, True):
            started = start_eagerly(fail(late=late))
            with pytest.raises(ValueError, match="no"):
                await started

    run(main())


def test_a_cancelled_caller_cancels_what_it_has_begun(run: Any) -> None:
    async def main() -> None:
        log: list[str] = []
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def wait() -> str:
            return await begin(wait_for(future, log))

        task = asyncio.create_task(wait())
        await turns()
        task.cancel()
        await asyncio.wait({task})

        assert task.cancelled()
        assert log == ["begun", "cancelled", "ended"]
        assert future.cancelled()

    run(main())


def test_a_task_is_cancelled_alone(run: Any) -> None:
    """A cancelled waiter behind a shield does not cancel the work of others."""

    async def main() -> None:
        log: list[str] = []
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        started = start_eagerly(wait_for(future, log))
        waiting = asyncio.ensure_future(asyncio.shield(started))
        await turns()
        waiting.cancel()
        await asyncio.wait({waiting})
        assert log == ["begun"]

        started.cancel()
        await asyncio.wait({started})
        assert log == ["begun", "cancelled", "ended"]

    run(main())


def test_a_timeout_around_it_fires(run: Any) -> None:
    async def main() -> None:
        for start in (begin, start_eagerly):
            log: list[str] = []
            future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await start(wait_for(future, log))
            assert log == ["begun", "cancelled", "ended"]

    run(main())


def test_a_timeout_within_it_fires(run: Any) -> None:
    async def wait_briefly() -> str:
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0.005):
                await asyncio.Event().wait()
        except TimeoutError:
            return "late"
        return "early"

    async def main() -> None:
        assert await begin(wait_briefly()) == "late"
        assert await start_eagerly(wait_briefly()) == "late"

    run(main())


def test_context_variables_are_a_tasks_own(run: Any) -> None:
    """`begin` runs in the context of its caller; a task has its own from the first step on."""

    async def rename() -> str:
        token = NAME.set("inside")
        await asyncio.sleep(0)
        name = NAME.get()
        NAME.reset(token)  # raises in any other context
        return name

    async def main() -> None:
        begun = begin(rename())
        assert NAME.get() == "inside"
        assert await begun == "inside"
        assert NAME.get() == "nobody"

        started = start_eagerly(rename())
        assert NAME.get() == "nobody"
        assert await started == "inside"

    run(main())
