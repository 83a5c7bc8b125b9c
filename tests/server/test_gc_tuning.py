"""Long-lived objects are frozen, and collected again when there are many more of them."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from catalograph.server.gc_tuning import TunedCollector, pause_collector

MAX_GROWTH = 10_000


class Knot:
    """Part of a cycle, which only the collector can undo."""

    def __init__(self) -> None:
        self.itself = self
        self.more: list[list[int]] = []


@pytest.fixture
def spared() -> Iterator[TunedCollector]:
    """The collector of this process spared, and as before at the end."""
    collector = TunedCollector(MAX_GROWTH)
    collector.register()
    yield collector
    gc.callbacks.remove(collector)
    gc.unfreeze()


@pytest.mark.usefixtures("spared")
def test_what_a_full_collection_leaves_is_set_aside() -> None:
    before = gc.get_freeze_count()
    kept = [[place] for place in range(1_000)]

    gc.collect()

    assert gc.get_freeze_count() >= before + len(kept)
    assert not any(one is kept for one in gc.get_objects())


def lose_a_knot() -> weakref.ref[Knot]:
    """Leave garbage that was alive during a full collection."""
    knot = Knot()
    lost = weakref.ref(knot)
    gc.collect()
    del knot
    gc.collect()
    assert lost() is not None
    return lost


def test_garbage_is_collected_in_an_idle_moment_once_many_objects_are_frozen(
    spared: TunedCollector,
) -> None:
    lost = lose_a_knot()
    spared.collect_if_due()
    assert lost() is not None

    kept = [[place] for place in range(2 * MAX_GROWTH)]
    gc.collect()
    assert spared.is_due
    assert lost() is not None
    spared.collect_if_due()

    assert (lost(), spared.is_due) == (None, False)
    assert len(kept) == 2 * MAX_GROWTH


@pytest.mark.usefixtures("spared")
def test_garbage_is_collected_at_last_where_no_moment_is_idle() -> None:
    lost = lose_a_knot()

    kept = [[place] for place in range(9 * MAX_GROWTH)]
    gc.collect()
    gc.collect()

    assert lost() is None
    assert len(kept) == 9 * MAX_GROWTH


@pytest.mark.usefixtures("spared")
def test_what_goes_by_itself_is_no_growth() -> None:
    knot: Knot | None = Knot()
    lost = weakref.ref(knot)
    gc.collect()
    del knot

    for _ in range(5):
        passing = [[place] for place in range(MAX_GROWTH * 6 // 10)]
        gc.collect()
        passing.clear()

    assert lost() is not None


def test_nothing_is_collected_while_something_large_is_built() -> None:
    """The built objects are frozen at once."""
    before = gc.get_freeze_count()
    try:
        with pause_collector():
            inside = gc.isenabled()
            with pause_collector():
                nested = gc.isenabled()
            built = [[number] for number in range(10_000)]

        assert (inside, nested, gc.isenabled()) == (False, False, True)
        assert gc.get_freeze_count() - before >= len(built)
    finally:
        gc.unfreeze()
