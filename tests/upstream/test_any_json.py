"""Any JSON in any field gives either a page or one of our errors."""

import copy
import json
from typing import Any

from hypothesis import given, settings, strategies as st

from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.query import FULL, ModelsPage, ModelsQuery
from catalograph.errors import UpstreamResponseError
from catalograph.upstream.wire import read_page
from upstream.versions.test_december_2025 import DOCUMENTED, LATER_FLAT, SECTIONED

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-16", categories=None), max_size=6)
    | st.sampled_from(["2025-12-18T00:00:00", "9999-12-31T23:59:59-14:00", "text"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["model_id", "data", "gateway", "providers", "endpoint", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def find_places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON document, as the keys and positions that lead there."""
    pairs: list[tuple[Any, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    found = [path] if path else []
    for key, inner in pairs:
        found += find_places(inner, (*path, key))
    return found


def replace(document: Any, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


ENVELOPES = [
    {"ok": True, "limit": 5, "offset": 0, "total": 9, "models": [row, row]}
    for row in (SECTIONED, DOCUMENTED, LATER_FLAT)
]
PLACES = [
    (number, path)
    for number, envelope in enumerate(ENVELOPES)
    for path in find_places(envelope)
]


@settings(deadline=None)  # a busy machine is no failure
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(PLACES), ANY_JSON), min_size=1, max_size=3
    ),
    number=st.sampled_from([0, 1, 2]),
    provider_ids=st.sampled_from([(), ("openai",)]),
)
def test_any_value_in_any_field_is_handled(
    changes: list[tuple[tuple[int, tuple[Any, ...]], Any]],
    number: int,
    provider_ids: tuple[str, ...],
) -> None:
    document = copy.deepcopy(ENVELOPES[number])
    for (_, path), value in changes:
        try:
            replace(document, path, value)
        except (KeyError, IndexError, TypeError):
            continue  # another change has taken that place away
    query = ModelsQuery(
        limit=5, sections=FULL, filter=ModelsFilter(providers=provider_ids)
    )

    try:
        page = read_page(json.dumps(document).encode(), query, as_of_s=0.0)
    except UpstreamResponseError:
        return

    assert isinstance(page, ModelsPage)
    for model in page.models:
        assert model.model_id
        assert (model.data is not None) == page.sections.data
        assert (model.gateway is not None) == page.sections.gateway


@settings(deadline=None)
@given(ANY_JSON | st.lists(ANY_JSON, max_size=5))
def test_any_list_of_models_is_handled(models: Any) -> None:
    envelope = {"ok": True, "limit": 5, "offset": 0, "total": 9, "models": models}

    try:
        page = read_page(
            json.dumps(envelope).encode(), ModelsQuery(limit=5), as_of_s=0.0
        )
    except UpstreamResponseError:
        return

    assert isinstance(page, ModelsPage)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_never_a_page(body: bytes) -> None:
    try:
        read_page(body, ModelsQuery(), as_of_s=0.0)
    except UpstreamResponseError:
        return

    raise AssertionError(body)
