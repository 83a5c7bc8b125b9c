"""Sorting in a thread without blocking the event loop."""

import heapq
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

T = TypeVar("T")

_RUN: Final = 16_384
"""Items of a run. `sorted` holds the GIL while it sorts one, which takes 10 ms."""


def sort_in_runs(
    items: Sequence[T], key: Callable[[T], Any] = lambda one: one
) -> list[T]:
    """Sort like `sorted`, but in runs that are merged, so that other threads get the GIL."""
    runs = [
        sorted(items[start : start + _RUN], key=key)
        for start in range(0, len(items), _RUN)
    ]
    return list(heapq.merge(*runs, key=key)) if len(runs) > 1 else [*chain(*runs)]
