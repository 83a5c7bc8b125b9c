"""Long lists are sorted as by `sorted`."""

from hypothesis import given, strategies as st

from catalograph.concurrency import sorting
from catalograph.concurrency.sorting import sort_in_runs


@given(size=st.integers(0, 40_000), step=st.integers(1, 10_000))
def test_order_is_that_of_sorted(size: int, step: int) -> None:
    items = [(step * place) % 1_009 for place in range(size)]

    assert sort_in_runs(items) == sorted(items)


def test_equals_keep_their_order_across_runs() -> None:
    items = range(3 * sorting._RUN)  # noqa: SLF001 - more than one run

    assert sort_in_runs(items, key=lambda one: one % 3) == sorted(
        items, key=lambda one: one % 3
    )
