"""The memory of one process is bounded in bytes."""

from collections import OrderedDict

import pytest
from aiocache.base import BaseCache
from hypothesis import given, strategies as st
from structlog.testing import capture_logs

from catalograph.cache.entries import Entry
from catalograph.cache.memory import BoundedMemory, Slot
from catalograph.cache.shared import open_store
from support.cache_stand_ins import count

# Weight of a value of 600 bytes under a key of one letter.
SLOT = 401 + 600


def _fill(memory: BoundedMemory, keys: str) -> None:
    for key in keys:
        memory.put(key, Entry(key, 0.0), 600)


def _held(memory: BoundedMemory, keys: str) -> str:
    return "".join(key for key in keys if memory.find(key) is not None)


def test_the_least_recently_used_is_evicted_first() -> None:
    memory = BoundedMemory(max_bytes=3 * SLOT)
    evictions = count("catalograph_cache_evictions_total")
    _fill(memory, "abc")

    memory.find("a")
    _fill(memory, "d")

    assert _held(memory, "abcd") == "acd"
    assert count("catalograph_cache_evictions_total") - evictions == 1


def test_the_bound_is_on_bytes_not_on_entries() -> None:
    memory = BoundedMemory(max_bytes=3 * SLOT)
    _fill(memory, "abc")

    memory.put("d", Entry("d", 0.0), 1_000)

    assert _held(memory, "abcd") == "cd"
    assert memory.held_bytes == SLOT + 1_401


def test_a_value_larger_than_the_bound_is_not_cached_and_evicts_no_other() -> None:
    memory = BoundedMemory(max_bytes=3 * SLOT)
    _fill(memory, "abc")

    memory.put("d", Entry("d", 0.0), 3 * SLOT)

    assert _held(memory, "abcd") == "abc"


def test_the_essential_entry_stored_last_is_never_evicted() -> None:
    memory = BoundedMemory(max_bytes=3 * SLOT)
    memory.put("i", Entry("i", 0.0), 600, is_essential=True)

    _fill(memory, "abcdef")

    assert _held(memory, "iabcdef") == "ief"
    assert memory.held_bytes == 3 * SLOT


def test_an_essential_entry_of_any_size_is_pinned_beside_a_fourth_of_the_bound() -> (
    None
):
    """The log says once that the setting is too small, with the figures."""
    memory = BoundedMemory(max_bytes=8 * SLOT)
    _fill(memory, "abcdefgh")

    with capture_logs() as logs:
        for _ in range(2):
            memory.put("i", Entry("i", 0.0), 10 * SLOT - 401, is_essential=True)
            _fill(memory, "xyz")
            memory.put("l", Entry("large", 0.0), 2 * SLOT)

    assert _held(memory, "iabcdefghlxyz") == "iyz"
    assert memory.held_bytes == 12 * SLOT
    assert logs == [
        {
            "event": "the catalogue alone takes most of CATALOGRAPH_CACHE_MAX_BYTES; it is "
            "cached all the same, and a fourth of the setting beside it is left for other "
            "answers",
            "log_level": "warning",
            "catalogue_bytes": 10 * SLOT,
            "cache_max_bytes": 8 * SLOT,
        }
    ]


def test_essential_entries_share_the_bound_but_for_the_last() -> None:
    """For example, there is one for each token that is passed through."""
    memory = BoundedMemory(max_bytes=4 * SLOT)

    for key in "abcdef":
        memory.put(key, Entry(key, 0.0), 600, is_essential=True)
    few = _held(memory, "abcdef")
    memory.put("g", Entry("g", 0.0), 9 * SLOT, is_essential=True)
    one = _held(memory, "abcdefg")
    memory.put("h", Entry("h", 0.0), 600, is_essential=True)

    assert (few, one, _held(memory, "abcdefgh")) == ("cdef", "fg", "fh")
    assert memory.held_bytes == 2 * SLOT


def test_a_replaced_value_weighs_once() -> None:
    memory = BoundedMemory(max_bytes=3 * SLOT)

    _fill(memory, "aaaa")

    assert (len(memory), memory.held_bytes) == (1, SLOT)


def test_values_are_kept_as_they_are() -> None:
    memory = BoundedMemory(max_bytes=3 * SLOT)
    entry = Entry(("frozen",), 0.0)

    memory.put("a", entry, 600)

    assert memory.find("a") is entry


async def test_the_library_s_own_calls_keep_the_bound() -> None:
    memory = BoundedMemory(max_bytes=2 * SLOT)
    assert isinstance(memory, BaseCache)

    for key in "abc":
        await memory.set(key, Slot(Entry(key, 0.0), SLOT))

    assert await memory.get("a") is None
    assert await memory.get("b") == Slot(Entry("b", 0.0), SLOT)
    assert await memory.delete("b") == 1
    assert await memory.clear()
    assert (len(memory), memory.held_bytes) == (0, 0)


def test_bytes_held_are_shown() -> None:
    before = count("catalograph_cache_bytes")
    memory = BoundedMemory(max_bytes=3 * SLOT)

    _fill(memory, "abcde")
    assert count("catalograph_cache_bytes") - before == 3 * SLOT
    memory.remove_all()
    assert count("catalograph_cache_bytes") == before


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["keep", "find", "drop"]),
            st.sampled_from("abcdefgh"),
            st.integers(0, 3_000),
        ),
        max_size=60,
    )
)
def test_memory_behaves_like_a_naive_model(steps: list[tuple[str, str, int]]) -> None:
    bound = 4_000
    memory = BoundedMemory(max_bytes=bound)
    model: OrderedDict[str, int] = OrderedDict()

    for step, key, size in steps:
        if step == "keep":
            memory.put(key, Entry(size, 0.0), size)
            model.pop(key, None)
            if size + 401 <= bound:
                while sum(model.values()) + size + 401 > bound:
                    model.popitem(last=False)
                model[key] = size + 401
        elif step == "find":
            assert (memory.find(key) is not None) == (key in model)
            if key in model:
                model.move_to_end(key)
        else:
            assert memory.remove(key) == (model.pop(key, None) is not None)
        assert memory.held_bytes == sum(model.values()) <= bound
        assert len(memory) == len(model)


@pytest.mark.parametrize("url", ["memcached://host", "", "host:6379", "http://host"])
def test_another_url_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(
        ValueError, match="must start with memory://, redis://, rediss:// or unix://"
    ):
        open_store(url, max_bytes=1)


def test_a_refused_url_does_not_show_its_password() -> None:
    with pytest.raises(ValueError, match="must start with") as refused:
        open_store("redist://user:hunter2@host", max_bytes=1)

    assert "hunter2" not in str(refused.value)
