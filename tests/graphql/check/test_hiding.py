"""With introspection off, no error names a type that the client did not name."""

import re

import pytest
from graphql import specified_scalar_types

from catalograph.graphql.schema import build_schema
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream

NAMES = sorted(
    set(build_schema()._schema.type_map) - {"Query", *specified_scalar_types}  # noqa: SLF001
)
WRONG = [
    "{ x }",
    "{ models { x } }",
    "{ models { nodes } }",
    "{ models { nodes { organisation } } }",
    "{ models { totalCount { x } } }",
    "{ models(filter: 3) { totalCount } }",
    "{ models(filter: {x: 1}) { totalCount } }",
    "{ models(filter: {statuses: X}) { totalCount } }",
    "{ models(filter: {statuses: [1]}) { totalCount } }",
    '{ models(filter: {releaseDate: {from: "x"}}) { totalCount } }',
    "{ models(filter: {maxInputPrice: true}) { totalCount } }",
    "{ models(orderBy: {}) { totalCount } }",
    "{ models(orderBy: {field: X, direction: ASC}) { totalCount } }",
    "{ ... on Query { node(id: 1) { x } } }",
    '{ node(id: "a") { ... on Query { x } } }',
    "{ node { id } }",
    "{ model { id } }",
    "query($f: String) { models(filter: $f) { totalCount } }",
    "query($f: [Int!]) { models(limit: $f) { totalCount } }",
    '{ _entities(representations: [{__typename: "X"}]) { __typename } }',
    "{ _entities(representations: [3]) { __typename } }",
    "{ _entities(representations: [{}]) { x } }",
    '{ provider(providerId: "a") { models { edges { node } } } }',
    "{ models { nodes { releaseDate { x } } } }",
]


@pytest.mark.parametrize("document", WRONG)
async def test_no_error_names_a_type(
    document: str, upstream: StubUpstream, clock: TurnedClock
) -> None:
    gateway = GraphGateway(upstream, clock, INTROSPECTION_ENABLED="off")
    result = await gateway.query(document)
    await gateway.aclose()

    words = set(re.findall(r"\w+", " ".join(e["message"] for e in result.errors)))
    assert result.errors
    assert words.intersection(NAMES) == set()


async def test_neither_do_errors_of_variables(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    gateway = GraphGateway(upstream, clock, INTROSPECTION_ENABLED="off")
    result = await gateway.query(
        "query($f: ModelFilter) { models(filter: $f) { totalCount } }",
        {"f": {"x": 1, "releaseDate": 3, "statuses": "q"}},
    )
    await gateway.aclose()

    words = set(re.findall(r"\w+", " ".join(e["message"] for e in result.errors)))
    assert len(result.errors) == 3
    assert words.intersection(NAMES) == set()


async def test_with_introspection_on_errors_help(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    gateway = GraphGateway(upstream, clock)
    result = await gateway.query("{ models { x } }")
    await gateway.aclose()

    assert "ModelConnection" in result.errors[0]["message"]
