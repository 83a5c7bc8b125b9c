"""Documents are parsed as graphql-core does, but leave no reference cycles."""

import gc
from collections.abc import Callable

import graphql
import pytest
from hypothesis import given, settings, strategies as st

from catalograph.graphql.check.parsing import find_twins, parse_whole

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


def parse_or_word(parse: Callable[[str], graphql.DocumentNode], text: str) -> object:
    try:
        return parse(text)
    except graphql.GraphQLSyntaxError as error:
        return str(error)


@settings(max_examples=500)
@given(text=DOCUMENTS)
def test_any_document_is_read_as_by_graphql_core(text: str) -> None:
    found = parse_or_word(parse_whole, text)

    assert found == parse_or_word(graphql.parse, text)
    if isinstance(found, graphql.DocumentNode):
        assert find_places(found) == find_places(graphql.parse(text))


def find_places(document: graphql.DocumentNode) -> list[tuple[int, int]]:
    return [(one.loc.start, one.loc.end) for one in document.definitions if one.loc]


def test_what_is_nested_too_deeply_is_worded_by_graphql_core() -> None:
    deep = "{a" * 2_000 + "}" * 2_000

    assert parse_or_word(parse_whole, deep) == parse_or_word(graphql.parse, deep)


@pytest.mark.parametrize("text", ["{ a # b\n # c\n d }", "{ a b c"])
def test_nothing_of_a_document_is_left_to_the_garbage_collector(text: str) -> None:
    gc.collect()
    gc.disable()
    before = count_tokens()

    parse_or_word(parse_whole, text)

    after = count_tokens()
    gc.enable()
    assert after == before


def count_tokens() -> int:
    return sum(isinstance(one, graphql.Token) for one in gc.get_objects())


def test_a_document_with_too_many_tokens_is_refused() -> None:
    text = "{" + "a " * 99 + "}"

    assert len(parse_whole(text, max_tokens=101).definitions) == 1
    with pytest.raises(graphql.GraphQLSyntaxError, match="more than 100 tokens"):
        parse_whole(text, max_tokens=100)


def test_twins_tell_where_a_node_stands() -> None:
    text = "{ a { b } a }"
    plain = parse_whole(text, no_location=True)
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
