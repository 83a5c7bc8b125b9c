"""Tunes the garbage collector and thread switching, so that both pause the event loop less."""

import contextlib
import gc
import sys
from collections.abc import Iterator, Mapping
from typing import Final

_FULL: Final = 2
"""Number of the generation of a full collection."""

_YOUNG_PER_FULL: Final = 2
"""Collections of the middle generation per full one: full ones are frequent and short."""


_MOST_OVERDUE: Final = 8
"""Times `max_growth` after which a complete collection no longer waits for an idle moment."""


class TunedCollector:
    """Makes the garbage collector visit long-lived objects only when they have grown in number.

    Objects that survive a full collection are frozen (`gc.freeze`), until far more are
    frozen than at the last complete collection. See docs/decisions/0004.

    Args:
        max_growth: Objects; some 100 bytes each, should they all be garbage.

    Attributes:
        is_due: Whether a complete collection waits for an idle moment: it takes 100 ms.
    """

    def __init__(self, max_growth: int = 250_000) -> None:
        self._max_growth = max_growth
        self._settled = gc.get_freeze_count()
        self._added = 0
        self._looks_at_all = False
        self.is_due = False

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """Act after a full collection; for `gc.callbacks`."""
        if phase != "stop" or info["generation"] != _FULL:
            return
        self._added += len(gc.get_objects(generation=_FULL))
        gc.freeze()
        if self._looks_at_all:
            self._looks_at_all = self.is_due = False
            self._settled = gc.get_freeze_count()
            self._added = 0
        elif self._added >= self._max_growth:
            # Most of the added objects may be gone by now; counting them also takes time.
            self._added = 0
            growth = gc.get_freeze_count() - self._settled
            self.is_due = growth >= self._max_growth
            if growth >= _MOST_OVERDUE * self._max_growth:
                self._include_all()

    def collect_if_due(self) -> None:
        """Make the complete collection that waits; called while there are no requests."""
        if self.is_due:
            self._include_all()
            gc.collect()

    def _include_all(self) -> None:
        self._looks_at_all = True
        gc.unfreeze()


COLLECTOR: Final = TunedCollector()
"""That of this process, once `tune_collector` has put it to work."""

_SWITCH_INTERVAL_S: Final = 0.001
"""How long a computing thread may keep the GIL while the event loop waits for it. With the
default of 5 ms, building a large index blocked the loop for 160 ms, with this for 50 ms."""


def tune_threads() -> None:
    """Let the event loop interrupt threads that build an index or decode pages more often."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


@contextlib.contextmanager
def pause_collector() -> Iterator[None]:
    """Pause the collector while a large, long-lived object is built.

    Otherwise each full collection would visit everything built so far, which took up to 450 ms
    with 60,000 models. At the end the new objects are frozen. Use it for one build at a time.
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
    """Freeze all current objects (modules and schema are 80,000), and install the tuning."""
    gc.collect()
    gc.freeze()
    youngest, young, _ = gc.get_threshold()
    gc.set_threshold(youngest, young, _YOUNG_PER_FULL)
    gc.callbacks.append(COLLECTOR)
