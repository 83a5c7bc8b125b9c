"""Tunes garbage collection and thread switching, so that they block the event loop less."""

import contextlib
import gc
import sys
from collections.abc import Iterator, Mapping
from typing import Final

_FULL: Final = 2
"""The oldest generation of Python's collector; collecting it is a full collection."""

_YOUNG_PER_FULL: Final = 2
"""Collections of the middle generation per full one. A low number keeps full ones short."""


_MOST_OVERDUE: Final = 8
"""At this multiple of `max_growth`, a complete collection no longer waits for an idle moment."""


class TunedCollector:
    """Makes the garbage collector skip long-lived objects until there are many more of them.

    Objects that survive a full collection are frozen (`gc.freeze`), so later collections
    skip them. When `max_growth` more objects are frozen than after the last complete
    collection, they are unfrozen for another complete collection, because some may be
    garbage by now. See docs/decisions/0004.

    Args:
        max_growth: Number of objects. If all were garbage, they would waste about 100 bytes
            each.

    Attributes:
        is_due: Whether a complete collection, which takes 100 ms, waits for an idle moment.
    """

    def __init__(self, max_growth: int = 250_000) -> None:
        self._max_growth = max_growth
        self._settled = 0
        self._added = 0
        self._looks_at_all = False
        self.is_due = False

    def register(self) -> None:
        """Freeze all current objects, and act after full collections from now on."""
        gc.collect()
        gc.freeze()
        self._settled = gc.get_freeze_count()
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """Freeze the survivors of a full collection; to be registered in `gc.callbacks`."""
        if phase != "stop" or info["generation"] != _FULL:
            return
        self._added += len(gc.get_objects(generation=_FULL))
        gc.freeze()
        if self._looks_at_all:
            self._looks_at_all = self.is_due = False
            self._settled = gc.get_freeze_count()
            self._added = 0
        elif self._added >= self._max_growth:
            # Frozen objects may have been freed since. Counting the frozen ones takes time,
            # so it is done only here.
            self._added = 0
            growth = gc.get_freeze_count() - self._settled
            self.is_due = growth >= self._max_growth
            if growth >= _MOST_OVERDUE * self._max_growth:
                self._include_all()

    def collect_if_due(self) -> None:
        """Run a waiting complete collection; called while there are no requests."""
        if self.is_due:
            self._include_all()
            gc.collect()

    def _include_all(self) -> None:
        self._looks_at_all = True
        gc.unfreeze()


COLLECTOR: Final = TunedCollector()
"""The collector of this process; inactive until `tune_collector` registers it."""

_SWITCH_INTERVAL_S: Final = 0.001
"""Seconds after which a thread must release the GIL if the event loop waits for it. With
Python's default of 5 ms, building a large index blocked the loop for 160 ms; now for 50 ms."""


def tune_threads() -> None:
    """Switch threads more often, so that building an index delays the event loop less."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


@contextlib.contextmanager
def pause_collector() -> Iterator[None]:
    """Pause the collector while a large, long-lived object is built.

    Otherwise, each full collection would visit everything built so far, which took up to
    450 ms with 60,000 models. At the end, the new objects are frozen. Builds must not overlap.
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
    """Freeze all current objects (80,000 of modules and schema), and register the collector."""
    youngest, young, _ = gc.get_threshold()
    gc.set_threshold(youngest, young, _YOUNG_PER_FULL)
    COLLECTOR.register()
