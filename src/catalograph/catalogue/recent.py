"""A small bounded memory of what was worked out last."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Keeps the values of the keys asked for last; the least recently used goes first."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def find_or_build(self, key: Hashable, build: Callable[[], Value]) -> Value:
        """Give the value kept for `key`, or build and keep it."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = build()
        self._values[key] = value
        if len(self._values) > self._max_entries:
            self._values.popitem(last=False)
        return value
