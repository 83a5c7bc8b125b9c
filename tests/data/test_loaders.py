"""Page requests of one batch: as few as possible, and never a window from two pages."""

import itertools

from hypothesis import given, settings, strategies as st

from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.query import (
    BARE,
    FULL,
    MAX_LIMIT,
    ModelsQuery,
    Sections,
    count_pages,
    merge_queries,
)

OTHER = ModelsFilter(organisations=("acme",))
DATA, GATEWAY = Sections(data=True), Sections(gateway=True)


def window(offset: int, limit: int, sections: Sections = BARE) -> ModelsQuery:
    return ModelsQuery(limit=limit, offset=offset, sections=sections)


def test_neighbours_overlaps_and_gaps_become_one_window() -> None:
    queries = [window(100, 10), window(0, 10), window(5, 10), window(0, 10)]

    assert merge_queries(queries) == [window(0, 110)]


def test_sections_are_united() -> None:
    queries = [window(0, 10, DATA), window(10, 10, GATEWAY)]

    assert merge_queries(queries) == [window(0, 20, FULL)]


def test_filters_are_kept_apart() -> None:
    queries = [ModelsQuery(filter=OTHER), ModelsQuery()]

    assert merge_queries(queries) == queries


def test_a_window_that_does_not_fit_is_one_of_its_own() -> None:
    assert merge_queries([window(0, 10), window(241, 10)]) == [
        window(0, 10),
        window(241, 10),
    ]
    assert merge_queries([window(0, 10), window(240, 10)]) == [window(0, 250)]


def test_pages_are_counted_whole() -> None:
    assert [count_pages(total) for total in (0, 1, 250, 251, 613)] == [0, 1, 1, 2, 3]


QUERIES = st.lists(
    st.builds(
        ModelsQuery,
        filter=st.sampled_from((ModelsFilter(), OTHER)),
        limit=st.integers(1, MAX_LIMIT),
        offset=st.integers(0, 600),
        sections=st.sampled_from((BARE, DATA, GATEWAY, FULL)),
    ),
    max_size=8,
)


@given(queries=QUERIES)
@settings(max_examples=200, deadline=None)
def test_each_question_is_covered_by_one_request(queries: list[ModelsQuery]) -> None:
    merged = merge_queries(queries)

    assert all(any(one.covers(query) for one in merged) for query in queries)
    assert all(1 <= one.limit <= MAX_LIMIT for one in merged)
    assert len(merged) <= len(set(queries))


@given(offsets=st.lists(st.integers(0, 700), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_fewer_requests_would_do(offsets: list[int]) -> None:
    """Each request except the first begins with a model that no earlier request covers."""
    merged = merge_queries([window(offset, 1) for offset in offsets])

    begins = sorted(one.offset for one in merged)
    assert all(
        later - earlier >= MAX_LIMIT for earlier, later in itertools.pairwise(begins)
    )
