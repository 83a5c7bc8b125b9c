"""Validation in one pass never accepts a document that graphql-core refuses."""

from collections.abc import Sequence

import graphql
import pytest
from graphql import DocumentNode, GraphQLError, get_introspection_query, parse

from catalograph.graphql.check.validation import Validator
from catalograph.graphql.schema import build_schema
from support.nightly import chance, count_cases
from support.random_documents import Breaker, DocumentWriter

SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
VALIDATOR = Validator(SCHEMA)

INVALID = {
    "not executable": "{ __typename } type Extra { id: ID }",
    "operation names repeat": "query A { __typename } query A { __typename }",
    "anonymous beside others": "{ __typename } query A { __typename }",
    "no mutations": "mutation { __typename }",
    "no subscriptions": "subscription { __typename }",
    "unknown field": "{ model(modelId: 1) { nothing } }",
    "unknown field of a union": "{ _entities(representations: []) { id } }",
    "schema below the root": '{ model(modelId: "x") { __schema { __typename } } }',
    "leaf with selections": '{ model(modelId: "x") { name { id } } }',
    "object without selections": "{ models }",
    "object with a leaf's brackets": "{ models { nodes } }",
    "unknown fragment": "{ ...F }",
    "unused fragment": "{ __typename } fragment F on Query { __typename }",
    "fragment used by an unused one": "{ __typename } fragment F on Query { ...G } fragment G on Query { __typename }",
    "fragment names repeat": "{ ...F } fragment F on Query { __typename } fragment F on Query { __typename }",
    "fragment on a scalar": "{ ...F } fragment F on String { length }",
    "fragment on an input": "{ ... on ModelFilter { providers } }",
    "fragment on an unknown type": "{ ... on Nothing { id } }",
    "spread that is never possible": '{ model(modelId: "x") { ... on Provider { id } } }',
    "named spread that is never possible": '{ model(modelId: "x") { ...F } } fragment F on Provider { id }',
    "circle of one": '{ node(id: "x") { ...F } } fragment F on Node { id ...F }',
    "circle of two": '{ node(id: "x") { ...F } } fragment F on Node { ...G } fragment G on Node { ...F }',
    "circle through fields": '{ provider(providerId: "x") { ...F } } fragment F on Provider { endpoints { providers { ...F } } }',
    "variables repeat": "query ($a: Int, $a: Int) { models(limit: $a) { limit } }",
    "variable of an output type": "query ($a: Model) { models(limit: $a) { limit } }",
    "variable of an unknown type": "query ($a: Nothing) { models(limit: $a) { limit } }",
    "undefined variable": "{ models(limit: $a) { limit } }",
    "undefined variable in a fragment": "{ ...F } fragment F on Query { models(limit: $a) { limit } }",
    "undefined variable in an object": "{ models(filter: {providers: [$a]}) { limit } }",
    "unused variable": "query ($a: Int) { __typename }",
    "variable of another type": "query ($a: String) { models(limit: $a) { limit } }",
    "nullable variable where null may not be": "query ($a: String) { model(modelId: $a) { id } }",
    "null as default where null may not be": "query ($a: String = null) { model(modelId: $a) { id } }",
    "variable in a list of what is not null": "query ($a: ID) { nodes(ids: [$a]) { id } }",
    "item where a list is wanted": "query ($a: ID!) { nodes(ids: $a) { id } }",
    "list of nulls": "query ($a: [ID]!) { nodes(ids: $a) { id } }",
    "default of another type": 'query ($a: Int = "1") { models(limit: $a) { limit } }',
    "default out of range": "query ($a: Int = 3000000000) { models(limit: $a) { limit } }",
    "directive on a variable": "query ($a: Int @skip(if: true)) { models(limit: $a) { limit } }",
    "unknown directive": "{ __typename @nothing }",
    "directive elsewhere": "query @skip(if: true) { __typename }",
    "directive on a fragment": "{ ...F } fragment F on Query @include(if: true) { __typename }",
    "directive of the schema": '{ __typename @deprecated(reason: "x") }',
    "directive twice": "{ __typename @skip(if: true) @skip(if: true) }",
    "directive without its argument": "{ __typename @skip }",
    "directive with another argument": "{ __typename @skip(if: true, unless: true) }",
    "unknown argument": "{ models(size: 1) { limit } }",
    "argument twice": "{ models(limit: 1, limit: 1) { limit } }",
    "argument missing": "{ model { id } }",
    "argument of __typename": "{ __typename(a: 1) }",
    "null where it may not be": "{ model(modelId: null) { id } }",
    "Int too large": "{ models(limit: 2147483648) { limit } }",
    "Int too small": "{ models(limit: -2147483649) { limit } }",
    "Int of endless digits": "{ models(limit: " + "9" * 5_000 + ") { limit } }",
    "Float for Int": "{ models(limit: 1.0) { limit } }",
    "Int for String": "{ models(search: 1) { limit } }",
    "Boolean for ID": "{ node(id: true) { id } }",
    "Float for ID": "{ node(id: 1.5) { id } }",
    "list for a single value": '{ node(id: ["x"]) { id } }',
    "list in a list": '{ nodes(ids: [["x"]]) { id } }',
    "null in a list": "{ nodes(ids: [null]) { id } }",
    "String for an enum": '{ models(filter: {statuses: ["AVAILABLE"]}) { limit } }',
    "unknown value of an enum": "{ models(filter: {statuses: [GONE]}) { limit } }",
    "enum for String": "{ models(search: AVAILABLE) { limit } }",
    "no date": '{ models(filter: {releaseDate: {from: "2025-02-30"}}) { limit } }',
    "Int for a date": "{ models(filter: {releaseDate: {from: 2025}}) { limit } }",
    "unknown field of an input": "{ models(filter: {nothing: 1}) { limit } }",
    "field of an input missing": "{ models(orderBy: {field: NAME}) { limit } }",
    "field of an input twice": "{ models(filter: {isRoutable: true, isRoutable: true}) { limit } }",
    "list for an input": "{ models(filter: []) { limit } }",
    "one key, other arguments": "{ models(limit: 1) { limit } models(limit: 2) { limit } }",
    "one key, more arguments": "{ models(limit: 1) { limit } models { limit } }",
    "one key, other fields": '{ model(modelId: "x") { a: name a: id } }',
    "one key, other fields below": '{ a: model(modelId: "x") { b: name } ... { a: model(modelId: "x") { b: id } } }',
    "one key, other variables": "query ($a: Int, $b: Int) { models(limit: $a) { limit } models(limit: $b) { limit } }",
    "one key, other types": '{ node(id: "x") { ... on Provider { a: models { limit } } ... on Endpoint { a: endpointId } } }',
    "one key in fragments": "{ ...F ...G } fragment F on Query { a: __typename } fragment G on Query { a: models { limit } }",
    "schema too deep": "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    "type too deep": '{ __type(name: "x") { ...F } } fragment F on __Type { fields { type { fields { type { interfaces { name } } } } } }',
}

VALID = {
    "introspection": get_introspection_query(),
    "introspection of everything": get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    ),
    "a type": '{ a: __type(name: "Model") { fields { name } } __schema { queryType { name } } }',
    "equal fields": '{ model(modelId: "x") { name name } model(modelId: "x") { name id } }',
    "equal objects": '{ models(filter: {providers: ["a"], isRoutable: null}) { limit } models(filter: {providers: ["a"], isRoutable: null}) { limit } }',
    "stricter variable": "query ($a: [ID!]!, $b: Int!) { nodes(ids: $a) { id } models(limit: $b) { limit } }",
    "variable with a default": 'query ($a: String = "x") { model(modelId: $a) { id } }',
    "variable in places": "query ($a: String!, $b: [String!]) { models(filter: {providers: [$a], endpoints: $b}) { limit } }",
    "one value for a list": '{ nodes(ids: "x") { id } models(filter: {providers: "a", statuses: OTHER}) { limit } }',
    "representations": '{ _entities(representations: [{__typename: "Model", modelId: "x"}]) { ... on Model { id } } }',
    "number as id": "{ node(id: 1) { id } }",
    "fragments in fragments": '{ node(id: "x") { ...F } } fragment F on Node { ...G ... on Model { ...G } } fragment G on Node { id }',
    "several operations": "query A($a: Int) { ...F } query B($a: Int) { ...F } fragment F on Query { models(limit: $a) { limit } }",
    "descriptions": '"what for" query A("how many" $a: Int) { models(limit: $a) { limit } }',
}


def describe(errors: Sequence[GraphQLError]) -> list[dict[str, object]]:
    """Describe errors without the hint that catalograph adds."""
    for error in errors:
        error.message = error.message.partition(" Ask for it below")[0]
    return [dict(error.formatted) for error in errors]


def judge(ast: DocumentNode) -> list[GraphQLError]:
    return graphql.validate(SCHEMA, ast)


@pytest.mark.parametrize("name", INVALID)
def test_what_a_rule_forbids_is_left_to_graphql_core(name: str) -> None:
    """Every rule of the specification has a document that breaks it; errors are the rules' own."""
    ast = parse(INVALID[name])

    assert judge(ast) != []
    assert not VALIDATOR.is_surely_valid(ast)
    assert describe(VALIDATOR.find_errors(ast)) == describe(judge(ast))


@pytest.mark.parametrize("name", VALID)
def test_what_clients_write_is_surely_valid(name: str) -> None:
    ast = parse(VALID[name])

    assert judge(ast) == []
    assert VALIDATOR.is_surely_valid(ast)


def test_random_valid_documents_take_the_short_way() -> None:
    """The fast pass accepts at least 99 percent of them."""
    cases = count_cases(200)
    sure = 0

    for seed in range(cases):
        operation = DocumentWriter(SCHEMA, chance(seed)).write()
        ast = parse(operation.text)
        assert judge(ast) == [], (seed, operation.text)
        sure += VALIDATOR.is_surely_valid(ast)

    assert sure >= 0.99 * cases


def test_random_broken_documents_are_judged_as_by_graphql_core() -> None:
    """Only those that graphql-core accepts are accepted; up to a bound, errors are equal."""
    broken = 0

    for seed in range(count_cases(300)):
        rng = chance(seed)
        operation = DocumentWriter(SCHEMA, rng).write()
        text = Breaker(SCHEMA, rng).change(operation.text)
        try:
            ast = parse(text)
        except GraphQLError:
            continue
        expected = describe(judge(ast))
        found = describe(VALIDATOR.find_errors(ast))
        if VALIDATOR.is_surely_valid(ast):
            assert expected == found == [], (seed, text)
        # If a bound on errors or on work is reached, the last error says so.
        was_aborted = bool(found) and "aborted" in str(found[-1]["message"])
        shown = found[:-1] if was_aborted else found
        assert was_aborted or len(found) == len(expected), (seed, text)
        assert shown == expected[: len(shown)], (seed, text)
        assert bool(found) == bool(expected), (seed, text)
        broken += bool(expected)

    assert broken > 0


@pytest.mark.parametrize(
    "directive", ["@stream", "@defer", "@stream(initialCount: 1)", '@defer(label: "a")']
)
@pytest.mark.parametrize(
    "text",
    [
        "{{ _entities(representations: []) {{ __typename {} }} }}",
        '{{ node(id: "x") {{ id {} }} }}',
        "{{ models {{ nodes {} {{ id }} }} }}",
        "{{ ... {} {{ __typename }} }}",
    ],
)
def test_directives_that_the_schema_lacks_are_errors_of_the_document(
    text: str, directive: str
) -> None:
    errors = VALIDATOR.find_errors(parse(text.format(directive)))

    name = directive.partition("(")[0]
    assert f"Unknown directive '{name}'." in [error.message for error in errors]


def test_a_rule_that_fails_refuses_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No document can turn a bug of graphql-core into a 500."""

    def fail(*_: object, **__: object) -> None:
        raise AttributeError("fields")

    monkeypatch.setattr(graphql.OverlappingFieldsCanBeMergedRule, "__init__", fail)
    ast = parse("{ models { nodes { id } } models { nodes { name } } }")

    assert not VALIDATOR.is_surely_valid(ast)
    assert [error.message for error in VALIDATOR.find_errors(ast)] == [
        "the document could not be validated"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{ models { name } }",
            (
                "Cannot query field 'name' on type 'ModelConnection'. "
                "Ask for it below 'nodes', as '{ nodes { name } }'."
            ),
        ),
        (
            "{ models { nothingAtAll } }",
            "Cannot query field 'nothingAtAll' on type 'ModelConnection'.",
        ),
    ],
)
def test_a_field_of_the_members_is_found_below_nodes(text: str, message: str) -> None:
    assert [error.message for error in VALIDATOR.find_errors(parse(text))] == [message]
