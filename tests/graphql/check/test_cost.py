"""What operations are estimated to cost."""

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import (
    FragmentDefinitionNode,
    OperationDefinitionNode,
    get_introspection_query,
    parse,
    validate,
)

from catalograph.errors import LimitError
from catalograph.graphql.check.cost import CostEstimator
from catalograph.graphql.schema import build_schema

SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
EVERYTHING = """
    id modelId name status statusLabel releaseDate announcementDate deprecationDate
    retirementDate aliases inputModalities outputModalities isRoutable
    organisation { id organisationId name countryCode }
    endpoints { id endpointId } providers { id providerId name link countryCode }
    offerings {
      id providerModelSlug isRoutable inputModalities outputModalities effectiveFrom
      effectiveTo provider { id providerId name link countryCode }
      endpoint { id endpointId }
    }
"""


def price(
    text: str,
    variables: Mapping[str, Any] | None = None,
    *,
    totals: Mapping[str, int] | None = None,
    max_cost: int = 10**9,
) -> int:
    ast = parse(text)
    assert validate(SCHEMA, ast) == []
    operations = [
        one for one in ast.definitions if isinstance(one, OperationDefinitionNode)
    ]
    fragments = {
        one.name.value: one
        for one in ast.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    pricer = CostEstimator(SCHEMA, max_cost=max_cost)
    return pricer.price(operations[0], fragments, variables or {}, totals or {})


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{ __typename }", 0),
        ("{ catalogue { version } }", 1),
        ('{ model(modelId: "x") { name organisation { name } } }', 2),
        ("{ models { totalCount } }", 1),
        ("{ models { nodes { name } } }", 1 + 50),
        ("{ models(limit: 7) { nodes { name } } }", 1 + 7),
        ("{ models(first: 7) { edges { node { name } } } }", 1 + 7 * 2),
        ("{ models(last: 7) { pageInfo { endCursor } } }", 1 + 1),
        ("{ models(limit: null) { nodes { name } } }", 1 + 50),
        ("{ models(limit: 7) { nodes { endpoints { id } } } }", 1 + 7 * (1 + 5)),
        ("{ models(limit: 7) { facets { providers { count } } } }", 1 + 50 + 10),
        (
            "{ providers(limit: 2) { nodes { models(first: 3) { nodes { name } } } } }",
            1 + 2 * (1 + 1 + 3),
        ),
        ('{ nodes(ids: ["a", "b"]) { id } }', 2),
        ('{ nodes(ids: "a") { id } }', 1),
        ("{ _entities(representations: [{}, {}]) { ... on Model { id } } }", 2),
    ],
)
def test_composite_values_are_counted(text: str, cost: int) -> None:
    """Once for each member of a list or page, as large as it was asked for."""
    assert price(text) == cost


def test_sizes_come_from_variables_too() -> None:
    page = "query ($n: Int) { models(limit: $n) { nodes { name } } }"
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    assert price(page, {"n": 3}) == 1 + 3
    assert price(page, {"n": None}) == price(page) == 1 + 50
    assert price(nodes, {"ids": ["a"] * 9}) == 9


def test_a_page_is_no_larger_than_the_catalogue() -> None:
    text = "{ models(limit: 250) { nodes { name } } }"

    assert price(text, totals={"ModelConnection": 162}) == 1 + 162
    assert price(text, totals={"ModelConnection": 1_000}) == 1 + 250


@pytest.mark.parametrize(("limit", "size"), [(-1, 0), (0, 0), (2_000_000_000, 250)])
def test_a_size_out_of_range_is_left_to_the_field(limit: int, size: int) -> None:
    """Which refuses it in its own words; the price does not run away."""
    assert price(f"{{ models(limit: {limit}) {{ nodes {{ name }} }} }}") == 1 + size


def test_what_is_skipped_costs_nothing() -> None:
    text = """query ($yes: Boolean!) {
        a: models @skip(if: $yes) { nodes { name } }
        b: models @include(if: $yes) { nodes { name } }
        c: models @include(if: false) { nodes { name } }
        ... @skip(if: true) { catalogue { version } }
    }"""

    assert price(text, {"yes": True}) == price(text, {"yes": False}) == 1 + 50


def test_fragments_cost_what_they_cost_where_they_are_spread() -> None:
    """Below a page they are multiplied by its size."""
    text = """{
        a: models(limit: 2) { ...Page } b: models(limit: 30) { ... { ...Page } }
    }
    fragment Page on ModelConnection { pageInfo { endCursor } nodes { ...M } }
    fragment M on Model { organisation { id } }"""

    assert price(text) == (1 + 1 + 2 * 2) + (1 + 1 + 30 * 2)


def test_doubling_fragments_are_priced_once_each() -> None:
    links = "".join(
        f"fragment F{n} on Endpoint {{ a: providers {{ endpoints {{ ...F{n + 1} }} }}"
        f" b: providers {{ endpoints {{ ...F{n + 1} }} }} }}"
        for n in range(60)
    )
    text = f"{{ node(id: 1) {{ ...F0 }} }} {links} fragment F60 on Endpoint {{ id }}"
    ast = parse(text)
    fragments = {
        one.name.value: one
        for one in ast.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    operation = ast.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)

    with pytest.raises(LimitError, match="cost must be at most 5, got"):
        CostEstimator(SCHEMA, max_cost=5).price(operation, fragments, {}, {})


def test_the_largest_page_passes() -> None:
    """250 models with everything that is in their records, as nodes and as edges."""
    nodes = f"nodes {{ {EVERYTHING} }}"
    edges = f"edges {{ cursor node {{ {EVERYTHING} }} }}"
    page = "totalCount limit offset pageInfo { hasNextPage endCursor }"

    cost = price(
        f"{{ models(limit: 250) {{ {page} {nodes} {edges} }} }}", max_cost=30_000
    )

    assert 20_000 < cost < 30_000


def test_asking_for_the_schema_costs_nothing_up_to_a_bound() -> None:
    """Twice what the fullest introspection of common clients asks for."""
    text = get_introspection_query()
    one = text.replace("__schema", "a: __schema")
    three = one.replace(
        "a: __schema {", "a: __schema { ...S } b: __schema { ...S } c: __schema {"
    )
    body = one.split("a: __schema {")[1].split("fragment")[0].rstrip().removesuffix("}")
    fragment = f"fragment S on __Schema {{ {body.rstrip().removesuffix('}')} }}"

    assert price(text, max_cost=1) == price(one, max_cost=1) == 0
    with pytest.raises(LimitError, match="introspection cost must be at most"):
        price(three + fragment, max_cost=1)


def test_a_refusal_names_the_figure_and_the_bound() -> None:
    with pytest.raises(LimitError) as caught:
        price("{ models { nodes { name } } }", max_cost=50)

    assert caught.value.extensions == {
        "code": "OPERATION_TOO_COMPLEX",
        "limit": "cost",
        "figure": 51,
        "bound": 50,
    }
