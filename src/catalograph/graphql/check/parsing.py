"""Parsing with graphql-core's parser, without the reference cycles that it leaves behind."""

import graphql
from graphql import DocumentNode, NameNode, Node, Source, Token
from graphql.language.lexer import Lexer
from graphql.language.parser import Parser


class _Lexer(Lexer):
    """graphql-core's lexer, but tokens do not refer to the previous token.

    Tokens that refer to both neighbours form reference cycles, which include the whole
    document. Only the garbage collector could free a refused document, and collecting many
    of them would block the event loop for 50 ms.
    """

    def lookahead(self) -> Token:
        """Look ahead, and drop the reference to the previous token."""
        token = found = super().lookahead()
        while (before := token.prev) is not None:
            token.prev = None
            token = before
        return found


def parse_whole(
    text: str, *, max_tokens: int | None = None, no_location: bool = False
) -> DocumentNode:
    """Parse a document as `graphql.parse` does.

    Args:
        text: GraphQL text.
        max_tokens: Maximum number of tokens; None means no bound.
        no_location: Whether nodes are built without their location in the text, which saves
            a quarter of the time and most of the memory.

    Raises:
        GraphQLSyntaxError: The text is not a document, or has too many tokens.
    """
    source = Source(text)
    parser = Parser(
        source,
        lexer=_Lexer(source),
        max_tokens=max_tokens,
        no_location=no_location,
    )
    try:
        return parser.parse_document()
    except RecursionError:
        pass
    # Nested too deeply. graphql-core's own function turns that into a proper error.
    return graphql.parse(text, max_tokens=max_tokens, no_location=no_location)


def find_twins(plain: DocumentNode, located: DocumentNode) -> dict[int, Node]:
    """Map nodes parsed without locations to the same nodes parsed with locations.

    The keys are the ids (`id()`) of the former. Name nodes are left out, because no error
    points at one.
    """
    twins: dict[int, Node] = {}
    pairs: list[tuple[object, object]] = [(plain, located)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, tuple) and isinstance(other, tuple):
            pairs.extend(zip(one, other, strict=True))
        elif (
            isinstance(one, Node)
            and isinstance(other, Node)
            and not isinstance(one, NameNode)
        ):
            twins[id(one)] = other
            pairs.extend(
                (getattr(one, key), getattr(other, key))
                for key in one.keys
                if key != "loc"
            )
    return twins
