"""A quick parser for the plain documents that clients send.

graphql-core's parser takes half the time of an operation nobody has asked before. What
clients send is plain: names, punctuation, whole numbers, strings without escapes. For
that, one regular expression finds all tokens at once, and nodes are made without their
locations. Everything else, and everything wrong, is left to graphql-core, which also
parses again when an error needs to say where it happened.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar, cast

import graphql
from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DefinitionNode,
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListTypeNode,
    ListValueNode,
    NamedTypeNode,
    NameNode,
    Node,
    NonNullTypeNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    Source,
    StringValueNode,
    Token,
    TypeNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
)
from graphql.language.lexer import Lexer
from graphql.language.parser import Parser

if TYPE_CHECKING:
    from graphql import ConstDirectiveNode, ConstValueNode

T = TypeVar("T")

# Ignored text, then one token: a name, a spread, whatever begins like a number, a string
# without escapes, punctuation; or any other character, which no rule below will accept.
# What no rule takes must still be one token: looked at again from each of its characters,
# a number that ends in a letter would take the square of its length.
_TOKENS: Final = re.compile(
    r"(?:[\ufeff\t ,\n\r]+|\#[^\n\r]*)*"
    r"([A-Za-z_][0-9A-Za-z_]*|\.\.\.|-?[0-9][0-9A-Za-z_.]*"
    r'|"[^"\\\x00-\x08\x0a-\x1f\ud800-\udfff]+"|""(?!")|[{}():$@!=\[\]]|[^\ufeff\t ,\n\r]|\Z)'
)
_NAME_START: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_",
)
_INTEGER_START: Final = frozenset("-0123456789")
_is_integer: Final = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_OPERATIONS: Final = {kind.value: kind for kind in OperationType}
_MAX_NESTING: Final = 100


class NotPlainError(Exception):
    """The document is not plain, or not right: graphql-core's parser decides."""


def parse_plain(text: str, *, max_tokens: int) -> DocumentNode | None:
    """Parse a plain document of executable definitions.

    Args:
        text: The document.
        max_tokens: A longer one is not looked at.

    Returns:
        What `graphql.parse(text, no_location=True)` gives; None when the document is not
        plain, or when that would raise.
    """
    tokens = _TOKENS.findall(text)
    # The end is found once, or twice where ignored text comes before it.
    while tokens and not tokens[-1]:
        tokens.pop()
    if not tokens or len(tokens) > max_tokens:
        return None
    try:
        return _Parser(tokens).parse_document()
    except (NotPlainError, IndexError):
        return None


@lru_cache(maxsize=4_096)
def _name(value: str) -> NameNode:
    """Share the nodes of equal names: frozen, and without a location all the same."""
    return NameNode(value=value)


class _Parser:
    """Recursive descent over a list of tokens; running out of them is an IndexError."""

    __slots__ = ("_at", "_depth", "_tokens")

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def parse_document(self) -> DocumentNode:
        definitions: list[DefinitionNode] = []
        while self._at < len(self._tokens):
            definitions.append(self._parse_definition())
        return DocumentNode(definitions=tuple(definitions))

    def _parse_definition(self) -> DefinitionNode:
        symbol = self._tokens[self._at]
        if symbol == "{":
            return OperationDefinitionNode(
                operation=OperationType.QUERY, selection_set=self._parse_selection_set()
            )
        self._at += 1
        if symbol == "fragment":
            name = self._parse_name()
            if name.value == "on":
                raise NotPlainError
            self._expect("on")
            return FragmentDefinitionNode(
                name=name,
                variable_definitions=(),
                type_condition=NamedTypeNode(name=self._parse_name()),
                directives=self._parse_directives(is_const=False),
                selection_set=self._parse_selection_set(),
            )
        operation = _OPERATIONS.get(symbol)
        if operation is None:
            raise NotPlainError
        has_name = self._tokens[self._at][0] in _NAME_START
        return OperationDefinitionNode(
            operation=operation,
            name=self._parse_name() if has_name else None,
            variable_definitions=self._parse_variable_definitions(),
            directives=self._parse_directives(is_const=False),
            selection_set=self._parse_selection_set(),
        )

    def _parse_variable_definitions(self) -> tuple[VariableDefinitionNode, ...] | None:
        if not self._take("("):
            return None
        return self._many(self._parse_variable_definition, ")")

    def _parse_variable_definition(self) -> VariableDefinitionNode:
        self._expect("$")
        variable = VariableNode(name=self._parse_name())
        self._expect(":")
        return VariableDefinitionNode(
            variable=variable,
            type=self._parse_type(),
            default_value=cast("ConstValueNode", self._parse_value(is_const=True))
            if self._take("=")
            else None,
            directives=cast(
                "tuple[ConstDirectiveNode, ...] | None",
                self._parse_directives(is_const=True),
            ),
        )

    def _parse_type(self) -> TypeNode:
        type_: NamedTypeNode | ListTypeNode
        if self._take("["):
            self._enter()
            type_ = ListTypeNode(type=self._parse_type())
            self._depth -= 1
            self._expect("]")
        else:
            type_ = NamedTypeNode(name=self._parse_name())
        return NonNullTypeNode(type=type_) if self._take("!") else type_

    def _parse_selection_set(self) -> SelectionSetNode:
        self._expect("{")
        self._enter()
        tokens = self._tokens
        selections: list[SelectionNode] = []
        while tokens[self._at] != "}":
            if tokens[self._at] == "...":
                selections.append(self._parse_fragment())
            else:
                selections.append(self._parse_field())
        self._at += 1
        self._depth -= 1
        return SelectionSetNode(selections=tuple(selections))

    def _parse_field(self) -> FieldNode:
        tokens = self._tokens
        name = self._parse_name()
        alias: NameNode | None = None
        if tokens[self._at] == ":":
            self._at += 1
            alias, name = name, self._parse_name()
        following = tokens[self._at]
        arguments = self._parse_arguments(is_const=False) if following == "(" else None
        directives = self._parse_directives(is_const=False)
        return FieldNode(
            alias=alias,
            name=name,
            arguments=arguments,
            directives=directives,
            selection_set=self._parse_selection_set()
            if tokens[self._at] == "{"
            else None,
        )

    def _parse_fragment(self) -> SelectionNode:
        self._at += 1
        symbol = self._tokens[self._at]
        if symbol != "on" and symbol[0] in _NAME_START:
            return FragmentSpreadNode(
                name=self._parse_name(),
                directives=self._parse_directives(is_const=False),
            )
        condition = NamedTypeNode(name=self._parse_name()) if self._take("on") else None
        return InlineFragmentNode(
            type_condition=condition,
            directives=self._parse_directives(is_const=False),
            selection_set=self._parse_selection_set(),
        )

    def _parse_directives(self, *, is_const: bool) -> tuple[DirectiveNode, ...] | None:
        if self._at >= len(self._tokens) or self._tokens[self._at] != "@":
            return None
        directives: list[DirectiveNode] = []
        while self._take("@"):
            name = self._parse_name()
            directives.append(
                DirectiveNode(
                    name=name,
                    arguments=self._parse_arguments(is_const=is_const)
                    if self._tokens[self._at] == "("
                    else None,
                )
            )
        return tuple(directives)

    def _parse_arguments(self, *, is_const: bool) -> tuple[ArgumentNode, ...]:
        self._expect("(")

        def parse_argument() -> ArgumentNode:
            name = self._parse_name()
            self._expect(":")
            return ArgumentNode(name=name, value=self._parse_value(is_const=is_const))

        return self._many(parse_argument, ")")

    def _parse_value(self, *, is_const: bool) -> ValueNode:
        symbol = self._tokens[self._at]
        self._at += 1
        start = symbol[0]
        if start in _NAME_START:
            return _build_word(symbol)
        if start in _INTEGER_START and _is_integer(symbol):
            return IntValueNode(value=symbol)
        if start == '"' and symbol != '"':
            return StringValueNode(value=symbol[1:-1], block=False)
        if symbol == "$" and not is_const:
            return VariableNode(name=self._parse_name())
        if symbol == "[":
            return ListValueNode(values=tuple(self._parse_values(is_const=is_const)))
        if symbol == "{":
            return ObjectValueNode(fields=tuple(self._parse_fields(is_const=is_const)))
        raise NotPlainError

    def _parse_values(self, *, is_const: bool) -> Iterator[ValueNode]:
        self._enter()
        while not self._take("]"):
            yield self._parse_value(is_const=is_const)
        self._depth -= 1

    def _parse_fields(self, *, is_const: bool) -> Iterator[ObjectFieldNode]:
        self._enter()
        while not self._take("}"):
            name = self._parse_name()
            self._expect(":")
            yield ObjectFieldNode(name=name, value=self._parse_value(is_const=is_const))
        self._depth -= 1

    def _parse_name(self) -> NameNode:
        symbol = self._tokens[self._at]
        if symbol[0] not in _NAME_START:
            raise NotPlainError
        self._at += 1
        return _name(symbol)

    def _many(self, parse: Callable[[], T], closing: str) -> tuple[T, ...]:
        """One or more, up to the closing token."""
        found = [parse()]
        while not self._take(closing):
            found.append(parse())
        return tuple(found)

    def _take(self, symbol: str) -> bool:
        if self._tokens[self._at] != symbol:
            return False
        self._at += 1
        return True

    def _expect(self, symbol: str) -> None:
        if self._tokens[self._at] != symbol:
            raise NotPlainError
        self._at += 1

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise NotPlainError


def _build_word(symbol: str) -> ValueNode:
    if symbol == "null":
        return NullValueNode()
    if symbol in ("true", "false"):
        return BooleanValueNode(value=symbol == "true")
    return EnumValueNode(value=symbol)


class _Lexer(Lexer):
    """graphql-core's, whose tokens do not know what came before them.

    A token that knows both its neighbours is part of a cycle, and with it the whole
    document: the garbage of one that is refused would wait for the collector, which then
    stops everything for 50 ms.
    """

    def lookahead(self) -> Token:
        """Look ahead, and cut off the way back."""
        token = found = super().lookahead()
        while (before := token.prev) is not None:
            token.prev = None
            token = before
        return found


def parse_whole(
    text: str, *, max_tokens: int | None = None, no_location: bool = False
) -> DocumentNode:
    """Parse any document as `graphql.parse` does.

    Raises:
        GraphQLSyntaxError: It is none.
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
    # Nested too deeply, for which it has its own words.
    return graphql.parse(text, max_tokens=max_tokens, no_location=no_location)


def find_twins(plain: DocumentNode, located: DocumentNode) -> dict[int, Node]:
    """Pair the nodes of one text parsed without and with locations, by `id` of the former.

    Nodes of names are left out: they are shared.
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
