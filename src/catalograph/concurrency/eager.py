"""Eager start of coroutines, so that work which does not have to wait needs no task.

Each layer has one asynchronous method, which looks into memory first. If everything is in
memory, the method returns without suspending, and its caller has the result in the same
step of the event loop. The caller has to wait only if the method suspends.
"""

import asyncio
import contextvars
import sys
from collections.abc import Coroutine, Generator
from typing import Any, Final, Generic, TypeVar, cast

T = TypeVar("T")

_UNKNOWN: Final = cast("Any", object())
_HAS_EAGER_TASKS: Final = sys.version_info >= (3, 12)


class Begun(Generic[T]):
    """A coroutine that has run up to its first suspension, within the current task.

    Await it at most once, in the task that began it.

    Attributes:
        is_done: Whether it ended without suspending.
        result: Its return value; valid only if it is done.
    """

    __slots__ = ("_awaits", "_coroutine", "is_done", "result")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self.result: T = _UNKNOWN
        self.is_done = False
        try:
            # What the coroutine yielded to the event loop: a future, or None for one turn.
            self._awaits: Any = coroutine.send(None)
        except StopIteration as stop:
            self.is_done = True
            self.result = stop.value

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the rest, passing on to the event loop what the coroutine waits for."""
        if self.is_done:
            return self.result
        awaits = self._awaits
        try:
            while True:
                try:
                    sent = yield awaits
                except BaseException as error:  # noqa: BLE001 - the coroutine's to handle
                    awaits = self._coroutine.throw(error)
                else:
                    awaits = self._coroutine.send(sent)
        except StopIteration as stop:
            return cast("T", stop.value)


def begin(coroutine: Coroutine[Any, Any, T]) -> Begun[T]:
    """Run a coroutine up to its first suspension, as part of the current task.

    Raises:
        BaseException: Any exception of the coroutine before its first suspension.
    """
    return Begun(coroutine)


def start_eagerly(coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
    """Start a task whose first step runs at once, in a copy of the current context.

    Python 3.11 has no eager tasks. There, `asyncio.current_task()` is the caller's task until
    the coroutine suspends, so the coroutine must not enter `asyncio.timeout()` before that.

    Returns:
        A future, which is already done if the coroutine ended or failed without suspending.
    """
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    if _HAS_EAGER_TASKS:
        make_task: Any = asyncio.Task
        task: asyncio.Task[T] = make_task(
            coroutine, loop=loop, context=context, eager_start=True
        )
        return task
    begun: Begun[T]
    try:
        begun = context.run(Begun, coroutine)
    except asyncio.CancelledError:
        future: asyncio.Future[T] = loop.create_future()
        future.cancel()
        return future
    except Exception as error:  # noqa: BLE001 - raised where the result is asked for
        future = loop.create_future()
        future.set_exception(error)
        return future
    if begun.is_done:
        future = loop.create_future()
        future.set_result(begun.result)
        return future
    return loop.create_task(_finish(begun), context=context)


async def _finish(begun: Begun[T]) -> T:
    return await begun
