"""The time for a document is at most linear in its length."""

import time
from collections.abc import Callable
from typing import Final

import pytest

from catalograph.graphql.check.documents import Documents
from catalograph.graphql.schema import build_schema

SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it

SMALL: Final = 30_000
"""Characters of the shorter document; the longer has eight times as many."""

TIMES: Final = 8

# Eight times the text in eight times the time, with room for caches that fill and for a
# machine that is busier meanwhile; what is quadratic takes 64 times.
FACTOR: Final = 4 * TIMES

FLOOR_S: Final = 0.02
"""Shorter times are too short to be compared."""

FOR_EVER_S: Final = 3.0
"""If a short document takes longer, a long one is not tried: exponential work would not end."""

MOST_NESTED: Final = 200
"""Levels of a type or value, close to the most that graphql-core can parse."""


def repeat(piece: str) -> Callable[[int], str]:
    """Build a document by repeating one piece."""
    return lambda size: piece * (size // len(piece))


def within(before: str, piece: str, after: str) -> Callable[[int], str]:
    """Build a document by repeating one piece, with text around it."""
    return lambda size: before + piece * (size // len(piece)) + after


def numbered(before: str, piece: str, after: str) -> Callable[[int], str]:
    """Build a document from numbered pieces."""

    def write(size: int) -> str:
        count = size // len(piece)
        return (
            before + "".join(piece.replace("#", str(n)) for n in range(count)) + after
        )

    return write


DOCUMENTS: dict[str, Callable[[int], str]] = {
    "digits, then a letter": within("{models(limit:", "1", "a){totalCount}}"),
    "digits, then a point": within("{models(limit:", "9", ".5){totalCount}}"),
    "digits, then a second point": within("{models(limit:", "9", "..){totalCount}}"),
    "digits in pieces": repeat("1234567a "),
    "an exponent": within("{models(limit:1e", "9", "a){totalCount}}"),
    "minus signs": within("{models(limit:", "-", "){totalCount}}"),
    "points": repeat("."),
    "spreads": repeat("..."),
    "a name": within("{", "a", "}"),
    "names": within("{", "ab ", "}"),
    "underscores": within("{", "_", "}"),
    "a text": within('{model(modelId:"', "a", '"){id}}'),
    "a text without end": within('{model(modelId:"', "a", ""),
    "escapes": within('{model(modelId:"', "\\u0061", '"){id}}'),
    "escapes without end": within('{model(modelId:"', "\\", ""),
    "empty texts": repeat('""'),
    "quotes": repeat('"'),
    "a block text": within('{model(modelId:"""', "a", '"""){id}}'),
    "a block text without end": within('{model(modelId:"""', 'a"" ', ""),
    "quotes in a block text": within('{model(modelId:"""', '\\"""', '"""){id}}'),
    "lines of a block text": within('{model(modelId:"""', "\n  a", '"""){id}}'),
    "empty lines of a block text": within('{model(modelId:"""', "\n", '"""){id}}'),
    "a comment": within("#", "a", "\n{__typename}"),
    "comments": within("", "#\n", "{__typename}"),
    "commas": within("{", ",", "__typename}"),
    "byte order marks": within("", "\ufeff", "{__typename}"),
    "line ends": within("{", "\r\n", "nothing}"),
    "other characters": repeat("é"),
    "control characters": repeat("\x01"),
    "brackets": repeat("["),
    "braces": repeat("{"),
    "fields that open": repeat("{a"),
    "aliases": numbered("{", "a#:a ", "}"),
    "fields": within("{", "nodes ", "}"),
    "variables": numbered("query(", "$v#:Int ", "){__typename}"),
    "directives": within("{__typename", "@a ", "}"),
    "fragments": numbered("{a}", "fragment F# on Query{a}", ""),
    "fragments that double": numbered(
        "{...F0}", "fragment F# on Query{...F1# ...F1#}", ""
    ),
    "operations": numbered("", "query Q#{__typename}", ""),
    "arguments": numbered("{models(", "a#:1 ", "){totalCount}}"),
    "members of a list": within("{nodes(ids:[", "1 ", "]){id}}"),
    "members of an object": numbered("{models(filter:{", "a#:1 ", "}){totalCount}}"),
}


async def time_document(text: str) -> float:
    """Measure the CPU seconds for parsing and validating a document; the best of three."""
    took = []
    for _ in range(3):
        documents = Documents(SCHEMA)
        started_s = time.process_time()
        await documents.load(text)
        took.append(time.process_time() - started_s)
    return min(took)


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_time_grows_no_faster_than_the_document(name: str) -> None:
    write = DOCUMENTS[name]

    # A short document first, so that exponential work is noticed early.
    assert await time_document(write(SMALL // TIMES)) < FOR_EVER_S
    small_s = await time_document(write(SMALL))
    large_s = await time_document(write(SMALL * TIMES))

    assert large_s < max(small_s, FLOOR_S) * FACTOR


@pytest.mark.parametrize(
    ("before", "open_", "inner", "close", "after"),
    [
        ("query($a:", "[", "Int", "]", "=[]){nodes(ids:$a){id}}"),
        ("query($a:", "[", "Int", "!]", "!=[[]]){__typename}"),
        ("query($a:", "[", "_Any", "]", '={a:"b"}){_entities(representations:$a){id}}'),
        ("{models(filter:{providers:", "[", '"a"', "]", "}){totalCount}}"),
        ("{_entities(representations:{a:", "[", '"a"', "]", "}){__typename}}"),
        ("{models(filter:", "{releaseDate:", "1", "}", "){totalCount}}"),
        ("{", "...on Query{", "__typename", "}", "}"),
        ("{", "...{", "__typename", "}", "}"),
        ("{__schema{types{fields{type", "{ofType", "{name}", "}", "}}}}"),
    ],
)
async def test_time_does_not_double_with_each_level(
    before: str, open_: str, inner: str, close: str, after: str
) -> None:
    for levels in (8, 12, 16, 20, 50, MOST_NESTED):
        text = before + open_ * levels + inner + close * levels + after

        assert await time_document(text) < FOR_EVER_S, levels
