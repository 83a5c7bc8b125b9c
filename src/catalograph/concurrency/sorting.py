"""Sorting in a thread without keeping the event loop waiting."""

import heapq
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

T = TypeVar("T")

_RUN: Final = 16_384
"""Items sorted in one go, 10 ms: so long `sorted` keeps Python's lock."""


def sort_in_turns(
    items: Sequence[T], key: Callable[[T], Any] = lambda one: one
) -> list[T]:
    """Sort like `sorted`, letting other threads have their turn within long lists."""
    runs = [
        sorted(items[start : start + _RUN], key=key)
        for start in range(0, len(items), _RUN)
    ]
    return list(heapq.merge(*runs, key=key)) if len(runs) > 1 else [*chain(*runs)]
