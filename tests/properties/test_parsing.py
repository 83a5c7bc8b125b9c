"""The quick parser gives what graphql-core's gives, or leaves the document to it."""

import graphql
import pytest
from hypothesis import given, settings, strategies as st

from catalograph.graphql.parsing import find_twins, parse_plain

PIECES = st.sampled_from(
    [
        *("{", "}", "(", ")", "[", "]", ":", "$", "@", "!", "=", "...", "|", "&"),
        *("query", "mutation", "fragment", "on", "null", "true", "name", "_x1", "é"),
        *("0", "-1", "12", "01", "1.5", "1e3", "1a", "-", '""', '"text"', '"é ,}"'),
        *(
            '"""block"""',
            '"a\\n"',
            '"open',
            "#comment\n",
            "# , {\r",
            "\ufeff",
            "\u00a0",
        ),
        *(" ", ",", "\n", "\t", "\u2028", "\x00", "%", "."),
        *("{a}", "query Q($v:[Int!]!=[1]){", "...F", "...on T{a}", "@skip(if:$v)"),
    ]
)
DOCUMENTS = st.lists(PIECES, max_size=30).map("".join)


@settings(max_examples=2_000)
@given(text=DOCUMENTS)
def test_a_plain_document_is_what_graphql_core_reads(text: str) -> None:
    plain = parse_plain(text, max_tokens=1_000)

    if plain is not None:
        assert plain == graphql.parse(text, no_location=True)


@pytest.mark.parametrize(
    "text",
    [
        "{ models(limit: 5) { nodes { name } } }",
        'query Q($a: [String!]! = ["x"], $b: Int = -3) @d { a: b(c: {d: $a, e: null}) }',
        "fragment F on T @include(if: true) { ... on U { v } ...G ... { w } } # end",
        "subscription { a(b: ENUM, c: [], d: {}, e: true, f: false) }",
        graphql.get_introspection_query(input_value_deprecation=True),
    ],
)
def test_what_clients_send_is_plain(text: str) -> None:
    assert parse_plain(text, max_tokens=1_000) == graphql.parse(text, no_location=True)


def test_a_document_with_too_many_tokens_is_not_looked_at() -> None:
    text = "{" + "a " * 99 + "}"

    assert parse_plain(text, max_tokens=101) is not None
    assert parse_plain(text, max_tokens=100) is None


def test_deep_nesting_is_left_to_graphql_core() -> None:
    assert parse_plain("{a" * 101 + "}" * 101, max_tokens=1_000) is None


def test_twins_tell_where_a_node_stands() -> None:
    text = "{ a { b } a }"
    plain = parse_plain(text, max_tokens=100)
    assert plain is not None
    located = graphql.parse(text)

    twins = find_twins(plain, located)

    (operation,) = plain.definitions
    assert isinstance(operation, graphql.OperationDefinitionNode)
    places = [
        twin.loc.start
        for field in operation.selection_set.selections
        if (twin := twins[id(field)]).loc is not None
    ]
    assert places == [2, 10]
