"""Work is bounded in time and ends when nobody waits for it any longer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.types import Receive

from catalograph.concurrency.eager import begin
from catalograph.errors import RequestTimeoutError

T = TypeVar("T")

_PATIENCE_S: Final = 0.05
"""Most answers take less; only others are worth a task that listens to the client."""


class ClientGoneError(Exception):
    """The client closed the connection before it had an answer."""


async def run_for_client(
    work: Coroutine[Any, Any, T], receive: Receive, timeout_s: float, *, left_s: float
) -> T:
    """Run `work` until it is done, late, or the client has gone.

    Args:
        work: Is cancelled in the last two cases.
        receive: The request's own, after its body was read.
        timeout_s: The bound on the whole request; for the message.
        left_s: What remains of it.

    Raises:
        RequestTimeoutError: Late.
        ClientGoneError: The client has gone.
    """
    begun = begin(work)
    if begun.is_done:
        return begun.result
    loop = asyncio.get_running_loop()
    watch = _Watch(receive)
    timers = (
        loop.call_later(min(_PATIENCE_S, left_s), watch.listen),
        loop.call_later(left_s, watch.cut, "late"),
    )
    try:
        return await begun
    except asyncio.CancelledError:
        if watch.reason == "" or watch.task.uncancel() > 0:
            raise  # somebody else, such as the server's shutdown, wants an end
        if watch.reason == "late":
            raise RequestTimeoutError(timeout_s) from None
        raise ClientGoneError from None
    finally:
        for timer in timers:
            timer.cancel()
        watch.close()


class _Watch:
    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        if task is None:  # pragma: no cover
            raise RuntimeError("only a task can be watched")
        self.task = task
        self.reason = ""
        self._receive = receive
        self._listener: asyncio.Task[None] | None = None

    def cut(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            self.task.cancel()

    def listen(self) -> None:
        self._listener = asyncio.get_running_loop().create_task(self._wait())

    def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.cut("gone")
