"""The table of filter fields is complete, and the value null selects what has no value."""

import pytest

from catalograph.catalogue.filter import DIMENSIONS, FIELDS, ModelsFilter
from catalograph.catalogue.records import Status
from catalograph.catalogue.selection import count_facets, select
from catalograph.graphql.types.filter import ModelFilter
from support.catalogues import build_index, build_model

CATALOGUE = build_index(
    [
        build_model(
            "meta/1",
            status="Available",
            organisation="meta",
            inputs=["text"],
            outputs=["text"],
            rows=[("azure", "batch"), ("groq", "chat")],
        ),
        build_model("x/2", status="Rumoured", endpoints=["chat"]),
        build_model("x/3"),
    ]
)


def test_every_field_of_the_filter_has_a_line_in_the_table() -> None:
    assert tuple(FIELDS) == ModelsFilter.__struct_fields__


def test_every_field_of_the_filter_is_in_the_graph_under_its_name() -> None:
    assert set(FIELDS) == set(ModelFilter.__annotations__)


def test_every_field_can_be_matched() -> None:
    for name, field in FIELDS.items():
        assert (field.match is not None) or (field.dimension in DIMENSIONS), name


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_facet_value_null_selects_the_models_it_counts(dimension: str) -> None:
    facets = getattr(count_facets(CATALOGUE, ModelsFilter()), dimension)
    counted = {facet.value: facet.count for facet in facets}

    selection = select(CATALOGUE, ModelsFilter(**{dimension: (None,)}))  # type: ignore[arg-type]

    assert selection.total == counted[None]


def test_null_stands_beside_other_values() -> None:
    asked = ModelsFilter(providers=("azure", None), statuses=(Status.AVAILABLE, None))

    selection = select(CATALOGUE, asked)

    assert [model.model_id for model in selection.window(0, 9)] == ["meta/1", "x/3"]


def test_null_and_another_dimension_hold_for_the_same_row() -> None:
    asked = ModelsFilter(providers=(None,), endpoints=("chat",))

    assert [m.model_id for m in select(CATALOGUE, asked).window(0, 9)] == ["x/2"]


def test_the_upstream_is_not_asked_for_models_without_a_value() -> None:
    supported = frozenset({"providers"})

    assert ModelsFilter(providers=("azure",)).fits(supported)
    assert not ModelsFilter(providers=("azure", None)).fits(supported)
    assert not ModelsFilter(providers=("a,b",)).fits(supported)
