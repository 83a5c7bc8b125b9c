"""Parsing: graphql-core's own parser, without the reference cycles it leaves behind."""

import graphql
from graphql import DocumentNode, NameNode, Node, Source, Token
from graphql.language.lexer import Lexer
from graphql.language.parser import Parser


class _Lexer(Lexer):
    """graphql-core's lexer, with tokens that do not refer to the previous token.

    A token that knows both its neighbours is part of a reference cycle, and so is the
    whole document. A refused document would then wait for the garbage collector, whose
    pass over many of them stops the event loop for 50 ms.
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
    """Parse any document as `graphql.parse` does.

    Args:
        text: GraphQL text.
        max_tokens: A longer document is refused; None means no bound.
        no_location: Whether nodes are made without their place in the text, which saves
            a quarter of the time and most of the memory.

    Raises:
        GraphQLSyntaxError: The text is no document, or has more tokens than allowed.
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
    # Nested too deeply: graphql-core has its own error for that.
    return graphql.parse(text, max_tokens=max_tokens, no_location=no_location)


def find_twins(plain: DocumentNode, located: DocumentNode) -> dict[int, Node]:
    """Pair the nodes of one text parsed without and with locations, by `id` of the former.

    Nodes of names are left out: no error points at one.
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
