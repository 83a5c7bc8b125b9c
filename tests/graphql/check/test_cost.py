"""Estimated costs of operations."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from graphql import (
    FragmentDefinitionNode,
    OperationDefinitionNode,
    build_schema as build_schema_from_sdl,
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


def estimate(
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
    estimator = CostEstimator(SCHEMA, max_cost=max_cost)
    return estimator.estimate(operations[0], fragments, variables or {}, totals or {})


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{ __typename }", 0),
        ("{ catalogue { version } }", 1),
        ('{ model(modelId: "x") { name organisation { name } } }', 2),
        ("{ models { totalCount } }", 10),
        ("{ models { nodes { name } } }", 10 + 50),
        ("{ models(limit: 7) { nodes { name } } }", 10 + 7),
        ("{ models(first: 7) { edges { node { name } } } }", 10 + 7 * 2),
        ("{ models(last: 7) { pageInfo { endCursor } } }", 10 + 1),
        ("{ models(limit: null) { nodes { name } } }", 10 + 50),
        ("{ models(limit: 7) { nodes { endpoints { id } } } }", 10 + 7 * (1 + 5)),
        ("{ models(limit: 7) { facets { providers { count } } } }", 10 + 50 + 60 + 10),
        (
            "{ providers(limit: 2) { nodes { models(first: 3) { nodes { name } } } } }",
            1 + 2 * (1 + 10 + 3),
        ),
        ('{ nodes(ids: ["a", "b"]) { id } }', 2),
        ('{ nodes(ids: "a") { id } }', 1),
        ("{ _entities(representations: [{}, {}]) { ... on Model { id } } }", 2),
    ],
)
def test_composite_values_are_counted(text: str, cost: int) -> None:
    """They count once for each member of a list or page, by its requested size."""
    assert estimate(text) == cost


def test_sizes_come_from_variables_too() -> None:
    page = "query ($n: Int) { models(limit: $n) { nodes { name } } }"
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    assert estimate(page, {"n": 3}) == 10 + 3
    assert estimate(page, {"n": None}) == estimate(page) == 10 + 50
    assert estimate(nodes, {"ids": ["a"] * 9}) == 9


def test_a_page_is_no_larger_than_the_catalogue() -> None:
    text = "{ models(limit: 250) { nodes { name } } }"

    assert estimate(text, totals={"ModelConnection": 162}) == 10 + 162
    assert estimate(text, totals={"ModelConnection": 1_000}) == 10 + 250


@pytest.mark.parametrize(("limit", "size"), [(-1, 0), (0, 0), (2_000_000_000, 250)])
def test_a_size_out_of_range_is_left_to_the_field(limit: int, size: int) -> None:
    """The field refuses it with its own message; the cost stays bounded."""
    assert estimate(f"{{ models(limit: {limit}) {{ nodes {{ name }} }} }}") == 10 + size


def test_what_is_skipped_costs_nothing() -> None:
    text = """query ($yes: Boolean!) {
        a: models @skip(if: $yes) { nodes { name } }
        b: models @include(if: $yes) { nodes { name } }
        c: models @include(if: false) { nodes { name } }
        ... @skip(if: true) { catalogue { version } }
    }"""

    assert estimate(text, {"yes": True}) == estimate(text, {"yes": False}) == 10 + 50


def test_fragments_are_costed_at_each_spread() -> None:
    """Inside a connection, they are multiplied by the size of the page."""
    text = """{
        a: models(limit: 2) { ...Page } b: models(limit: 30) { ... { ...Page } }
    }
    fragment Page on ModelConnection { pageInfo { endCursor } nodes { ...M } }
    fragment M on Model { organisation { id } }"""

    assert estimate(text) == (10 + 1 + 2 * 2) + (10 + 1 + 30 * 2)


def test_doubling_fragments_are_costed_once_each() -> None:
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
        CostEstimator(SCHEMA, max_cost=5).estimate(operation, fragments, {}, {})


def test_the_largest_page_passes() -> None:
    """250 models with all fields of their records, as nodes and as edges."""
    nodes = f"nodes {{ {EVERYTHING} }}"
    edges = f"edges {{ cursor node {{ {EVERYTHING} }} }}"
    page = "totalCount limit offset pageInfo { hasNextPage endCursor }"

    cost = estimate(
        f"{{ models(limit: 250) {{ {page} {nodes} {edges} }} }}", max_cost=30_000
    )

    assert 20_000 < cost < 30_000


def test_introspection_costs_what_it_asks_for_up_to_a_bound() -> None:
    """The bound is twice the fullest introspection query of common clients."""
    text = get_introspection_query()
    one = text.replace("__schema", "a: __schema")
    three = one.replace(
        "a: __schema {", "a: __schema { ...S } b: __schema { ...S } c: __schema {"
    )
    body = one.split("a: __schema {")[1].split("fragment")[0].rstrip().removesuffix("}")
    fragment = f"fragment S on __Schema {{ {body.rstrip().removesuffix('}')} }}"

    assert 1_000 < estimate(text) == estimate(one) < 1_500
    assert estimate("{ __schema { queryType { name } } }") == 1
    with pytest.raises(LimitError, match="introspection cost must be at most 3000"):
        estimate(three + fragment)


WORK = [
    ("models { totalCount }", 0),
    ("models(limit: 9, offset: 3) { totalCount }", 0),
    ('models(after: "x") { totalCount }', 1),
    ("models(filter: {isRoutable: true}) { totalCount }", 8),
    ("models(orderBy: {field: NAME, direction: ASC}) { totalCount }", 5),
    ('models(search: "gpt") { totalCount }', 40),
    ('models(search: "a", orderBy: {field: NAME, direction: ASC}) { limit }', 45),
    ("models(search: null, filter: null) { totalCount }", 0),
]


@pytest.mark.parametrize("models", [162, 6_000, 60_000])
@pytest.mark.parametrize(("field", "per_1_000"), WORK)
def test_looking_through_the_catalogue_costs_in_proportion_to_its_size(
    field: str, per_1_000: int, models: int
) -> None:
    totals = {"ModelConnection": models, "ProviderConnection": 250}
    work = math.ceil(per_1_000 * models / 1_000)

    assert estimate(f"{{ {field} }}", totals=totals) == 10 + work
    nested = f"{{ providers(limit: 250) {{ nodes {{ {field} }} }} }}"
    assert estimate(nested, totals=totals) == 1 + 250 * (1 + 10 + work)


def test_a_variable_costs_what_its_value_does() -> None:
    text = "query ($s: String) { models(search: $s) { totalCount } }"

    assert estimate(text, {"s": "gpt"}) == 10 + 40
    assert estimate(text, {"s": None}) == estimate(text) == 10


def test_facets_cost_in_proportion_to_the_catalogue() -> None:
    text = "{ models(limit: 1) { facets { statuses { count } } } }"
    small = estimate(text, totals={"ModelConnection": 1_000})

    assert estimate(text, totals={"ModelConnection": 60_000}) == small + 59 * 60


def test_an_argument_without_a_figure_costs_as_much_as_the_most_expensive() -> None:
    sdl = """type Query { models(brandNew: Int, limit: Int): ModelConnection }
    type ModelConnection { totalCount: Int }"""
    ast = parse("{ models(brandNew: 1) { totalCount } }")
    operation = ast.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)

    estimator = CostEstimator(build_schema_from_sdl(sdl))

    assert estimator.estimate(operation, {}, {}, {"ModelConnection": 1_000}) == 10 + 40


def test_a_refusal_names_the_figure_and_the_bound() -> None:
    with pytest.raises(LimitError) as caught:
        estimate("{ models { nodes { name } } }", max_cost=50)

    assert str(caught.value).startswith("cost must be at most 50, got 60; ask for")
    assert caught.value.extensions == {
        "code": "OPERATION_TOO_COMPLEX",
        "limit": "cost",
        "figure": 60,
        "bound": 50,
    }
