"""Tunes the garbage collector: full collections skip long-lived objects."""

import contextlib
import gc
import sys
from collections.abc import Iterator, Mapping
from typing import Final

_FULL: Final = 2
"""Number of the generation of a full collection."""

_YOUNG_PER_FULL: Final = 2
"""Smaller collections before a full one: full ones are frequent, and each is short."""


class TunedCollector:
    """Makes the garbage collector visit long-lived objects only when they have grown in number.

    Objects that survive a full collection are frozen (`gc.freeze`), until far more are
    frozen than at the last complete collection. See docs/decisions/0004.

    Args:
        max_growth: Objects; some 100 bytes each, should they all be garbage.
    """

    def __init__(self, max_growth: int = 250_000) -> None:
        self._max_growth = max_growth
        self._settled = gc.get_freeze_count()
        self._added = 0
        self._looks_at_all = False

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """Act after a full collection; for `gc.callbacks`."""
        if phase != "stop" or info["generation"] != _FULL:
            return
        self._added += len(gc.get_objects(generation=_FULL))
        gc.freeze()
        if self._looks_at_all:
            self._looks_at_all = False
            self._settled = gc.get_freeze_count()
            self._added = 0
        elif self._added >= self._max_growth:
            # Most of the added objects may be gone by now; counting them also takes time.
            self._added = 0
            growth = gc.get_freeze_count() - self._settled
            self._looks_at_all = growth >= self._max_growth
            if self._looks_at_all:
                gc.unfreeze()


_SWITCH_INTERVAL_S: Final = 0.001
"""For so long a thread that computes may keep Python's lock while the event loop wants it. With the
interpreter's own 5 ms, reading a large catalogue held the loop up for 160 ms, now for 50 ms."""


def tune_threads() -> None:
    """Let the event loop have its turn while threads build an index or read pages."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


@contextlib.contextmanager
def pause_collector() -> Iterator[None]:
    """Build something large that stays without collecting garbage meanwhile.

    Each full collection would look at all that has been built so far, which took up to 450 ms
    for 60,000 models. What was built is set aside at once. Only for one build at a time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def tune_collector() -> None:
    """Freeze all present objects: modules, schema and settings are 80,000 objects."""
    gc.collect()
    gc.freeze()
    youngest, young, _ = gc.get_threshold()
    gc.set_threshold(youngest, young, _YOUNG_PER_FULL)
    gc.callbacks.append(TunedCollector())
