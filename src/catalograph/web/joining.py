"""Equal questions that are asked while one of them is being answered share its answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

JOINED: Final = "catalograph.joined"
"""Where a scope holds the result that its request has waited for."""


class Shared(Generic[T]):
    """One piece of work, and how many wait for it.

    Attributes:
        task: The work.
        key: What was asked.
        alias: The raw request that asked it first; None when it may not be repeated.
    """

    __slots__ = ("_on_abandon", "_waiting", "alias", "key", "task")

    def __init__(
        self,
        task: asyncio.Task[T],
        key: Hashable,
        alias: Hashable,
        on_abandon: Callable[["Shared[T]"], None],
    ) -> None:
        self.task = task
        self.key = key
        self.alias = alias
        self._on_abandon = on_abandon
        self._waiting = 0

    async def wait(self) -> T:
        """Wait for the result; the last one who leaves stops the work.

        Raises:
            Exception: What the work failed with.
        """
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if not self._waiting and not self.task.done():
                # The next one who asks must not join what is being stopped.
                self._on_abandon(self)
                self.task.cancel()


class Joined(Generic[T]):
    """Work under way, by what was asked, and by the raw request that asked it.

    The source joins upstream requests; here all that is done around them is joined as
    well, so that of a hundred who wait for one answer ninety-nine only have it written.
    """

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Shared[T]] = {}
        self._by_alias: dict[Hashable, Shared[T]] = {}

    def find(self, key: Hashable) -> Shared[T] | None:
        """The work that answers a question."""
        return self._by_key.get(key)

    def find_alias(self, alias: Hashable) -> Shared[T] | None:
        """The work that answers a raw request."""
        return self._by_alias.get(alias)

    def begin(
        self, key: Hashable, alias: Hashable, work: Coroutine[Any, Any, T]
    ) -> Shared[T]:
        """Begin work of which there is none under this key; somebody must wait for it."""
        task = asyncio.get_running_loop().create_task(work)
        shared = Shared(task, key, alias, self._leave)
        self._by_key[key] = shared
        if alias is not None:
            self._by_alias[alias] = shared
        task.add_done_callback(lambda _: self._leave(shared))
        return shared

    def _leave(self, shared: Shared[T]) -> None:
        if self._by_key.get(shared.key) is shared:
            del self._by_key[shared.key]
        if self._by_alias.get(shared.alias) is shared:
            del self._by_alias[shared.alias]
