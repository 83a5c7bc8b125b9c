"""A cache bounded in weight."""

from collections import OrderedDict

from hypothesis import given, strategies as st

from catalograph.concurrency.bounded_lru import AdmitOnSecondRequest, BoundedLru


def _weigh(_: str, value: str) -> int:
    return len(value)


def test_the_least_recently_used_entry_is_evicted() -> None:
    cache: BoundedLru[str, int] = BoundedLru(max_weight=3)
    for number, key in enumerate("abc"):
        cache.put(key, number)

    cache.get("a")
    cache.put("d", 3)

    assert list(cache) == ["c", "a", "d"]
    assert [cache.get(key) for key in "abcd"] == [0, None, 2, 3]


def test_a_peek_does_not_count_as_use() -> None:
    cache: BoundedLru[str, int] = BoundedLru(max_weight=2)
    cache.put("a", 0)
    cache.put("b", 1)

    assert cache.peek("a") == 0
    cache.put("c", 2)

    assert list(cache) == ["b", "c"]
    assert "a" not in cache


def test_the_bound_is_on_weight_not_on_entries() -> None:
    cache: BoundedLru[str, str] = BoundedLru(max_weight=6, weigh=_weigh)
    for key in "abc":
        cache.put(key, "xx")

    cache.put("d", "xxxx")

    assert list(cache) == ["c", "d"]
    assert (cache.weight, len(cache)) == (6, 2)


def test_an_entry_heavier_than_its_share_is_refused_and_evicts_nothing() -> None:
    evicted: list[tuple[str, str]] = []
    cache: BoundedLru[str, str] = BoundedLru(
        max_weight=8,
        weigh=_weigh,
        share=4,
        on_evict=lambda key, value: evicted.append((key, value)),
    )
    cache.put("a", "xx")

    assert not cache.put("b", "xxx")

    assert list(cache) == ["a"]
    assert evicted == [("b", "xxx")]


def test_a_refused_value_does_not_leave_the_earlier_one_behind() -> None:
    cache: BoundedLru[str, str] = BoundedLru(max_weight=4, weigh=_weigh)
    cache.put("a", "xx")

    cache.put("a", "xxxxx")

    assert cache.get("a") is None
    assert cache.weight == 0


def test_a_value_that_has_grown_is_weighed_again() -> None:
    cache: BoundedLru[str, list[int]] = BoundedLru(
        max_weight=4, weigh=lambda _, value: len(value)
    )
    growing = [0]
    cache.put("a", growing)
    cache.put("b", [0, 0])

    growing += [0, 0]
    cache.put("a", growing)

    assert list(cache) == ["a"]
    assert cache.weight == 3


def test_a_full_cache_admits_a_key_on_its_second_request() -> None:
    cache: BoundedLru[str, int] = BoundedLru(
        max_weight=2, admission=AdmitOnSecondRequest()
    )
    cache.put("a", 0)
    cache.put("b", 1)

    first = cache.put("c", 2), list(cache)
    second = cache.put("c", 2), list(cache)

    assert first == (False, ["a", "b"])
    assert second == (True, ["b", "c"])


def test_a_key_that_is_cached_needs_no_second_request() -> None:
    cache: BoundedLru[str, str] = BoundedLru(
        max_weight=4, weigh=_weigh, admission=AdmitOnSecondRequest()
    )
    cache.put("a", "xx")
    cache.put("b", "xx")

    assert cache.put("a", "xxx")
    assert list(cache) == ["a"]


def test_a_key_requested_long_ago_counts_as_first_request() -> None:
    admission = AdmitOnSecondRequest(most=2)

    assert not admission.admits("a")
    assert admission.admits("a")
    for key in "bcdef":
        admission.admits(key)

    assert not admission.admits("a")


def test_a_smaller_bound_evicts_what_no_longer_fits() -> None:
    cache: BoundedLru[str, int] = BoundedLru(max_weight=4)
    for number, key in enumerate("abcd"):
        cache.put(key, number)

    cache.resize(2)
    cache.put("e", 4)

    assert list(cache) == ["d", "e"]


def test_what_is_taken_out_is_not_evicted() -> None:
    evicted: list[str] = []
    cache: BoundedLru[str, int] = BoundedLru(
        max_weight=2, on_evict=lambda key, _: evicted.append(key)
    )
    for number, key in enumerate("abb"):
        cache.put(key, number)

    assert cache.pop("a") == 0
    assert cache.pop("a") is None
    cache.clear()

    assert evicted == []
    assert (cache.weight, len(cache)) == (0, 0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "get", "pop"]),
            st.sampled_from("abcdefgh"),
            st.integers(0, 12),
        ),
        max_size=60,
    )
)
def test_it_behaves_like_a_naive_model(steps: list[tuple[str, str, int]]) -> None:
    bound = 10
    cache: BoundedLru[str, int] = BoundedLru(
        max_weight=bound, weigh=lambda _, value: value
    )
    model: OrderedDict[str, int] = OrderedDict()

    for step, key, value in steps:
        if step == "put":
            model.pop(key, None)
            assert cache.put(key, value) == (value <= bound)
            if value <= bound:
                while sum(model.values()) + value > bound:
                    model.popitem(last=False)
                model[key] = value
        elif step == "get":
            assert cache.get(key) == model.get(key)
            if key in model:
                model.move_to_end(key)
        else:
            assert cache.pop(key) == model.pop(key, None)
        assert list(cache) == list(model)
        assert cache.weight == sum(model.values()) <= bound
