"""Cache keys differ exactly for different values."""

import os
import subprocess
import sys

from hypothesis import given, strategies as st

from catalograph.cache import keys
from catalograph.catalogue.filter import ModelsFilter, normalise
from catalograph.catalogue.query import ModelsQuery, Sections

_WORDS = st.lists(st.text(alphabet="ab,=&:+|", min_size=1, max_size=3), max_size=3).map(
    normalise
)
_FILTERS = st.builds(
    ModelsFilter,
    providers=_WORDS,
    endpoints=_WORDS,
    exclude_endpoints=_WORDS,
    include_retired=st.booleans(),
)
_QUERIES = st.builds(
    ModelsQuery,
    filter=_FILTERS,
    limit=st.integers(1, 250),
    offset=st.integers(0, 2_000),
    sections=st.builds(Sections, st.booleans(), st.booleans()),
)


@given(_QUERIES, _QUERIES, st.sampled_from(["", "a", "b"]), st.sampled_from(["", "a"]))
def test_equal_questions_of_one_partition_share_a_key_and_no_others(
    one: ModelsQuery, other: ModelsQuery, mine: str, yours: str
) -> None:
    same = keys.page_key(one, partition=mine) == keys.page_key(other, partition=yours)

    is_same_window = (one.filter, one.limit, one.offset) == (
        other.filter,
        other.limit,
        other.offset,
    )
    assert same == (is_same_window and mine == yours)


def test_a_key_is_short_and_shows_its_kind() -> None:
    everything = keys.page_key(ModelsQuery(limit=5), partition="")
    providers = normalise(f"provider-{number}" for number in range(1_000))
    much = keys.page_key(
        ModelsQuery(filter=ModelsFilter(providers=providers)),
        partition="0" * 32,
    )

    assert everything == f"{keys.PREFIX}:page::all:5+0"
    assert len(much) < 110


def test_keys_of_different_kinds_never_meet() -> None:
    page = keys.page_key(ModelsQuery(), partition="")
    every = [page, keys.index_key(""), keys.index_key("a"), keys.document_key("a")]
    derived = [make(key) for make in (keys.lock_key, keys.failure_key) for key in every]

    assert len({*every, *derived}) == len(every) * 3


def test_all_processes_have_the_same_keys() -> None:
    """The version depends on the fields of the records, not on Python's random hash seed."""
    code = "from catalograph.cache import keys; print(keys.index_key(''))"

    seen = {
        subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert seen == {keys.index_key("")}
