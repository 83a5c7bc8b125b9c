"""Documents, parsed and validated once."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import graphql
from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

from catalograph.graphql.parsing import find_twins, parse_plain
from catalograph.graphql.plan import Need
from catalograph.graphql.projection import Projection
from catalograph.graphql.repeats import Repeat, RepeatKey
from catalograph.graphql.validation import Validator

MAX_VARIANTS = 64
"""Combinations of directive variables that are remembered for a document."""

_BYTES_PER_CHARACTER = 60
"""Memory of a parsed document for each character of its text; measured."""


class Compiled:
    """What executions of one document work out once; filled as they run.

    Attributes:
        plans: Projections, by type and selecting fields; None where there can be none.
        needs: What the selection below a field needs, by its nodes.
    """

    __slots__ = ("needs", "plans")

    def __init__(self) -> None:
        self.plans: dict[tuple[Any, ...], Projection | None] = {}
        self.needs: dict[tuple[int, ...], Need] = {}


class Document:
    """A document that may be executed as often as it is asked for.

    Attributes:
        text: As the client wrote it.
        ast: Parsed.
        errors: Why it may not be executed; empty when it may.
        code: Kind of the errors.
        repeats: Operations that can be asked again without the executor, by operation
            name and variables.
    """

    __slots__ = (
        "_compiled",
        "_directive_variables",
        "ast",
        "code",
        "errors",
        "repeats",
        "text",
    )

    def __init__(
        self,
        text: str,
        ast: DocumentNode | None,
        errors: Sequence[GraphQLError] = (),
        code: str = "GRAPHQL_VALIDATION_FAILED",
    ) -> None:
        self.text = text
        self.ast = ast
        self.errors = errors
        self.code = code
        self._directive_variables = (
            _directive_variables(ast) if ast is not None and "@" in text else ()
        )
        self.repeats: dict[RepeatKey, Repeat] = {}
        self._compiled: dict[tuple[Any, ...], Compiled] = {}

    def compiled(self, variables: Mapping[str, Any]) -> Compiled:
        """What has been worked out about the selections, for these values of variables.

        Which fields are selected depends on the variables in `@include` and `@skip`
        alone, so that there is one of these for most documents.
        """
        key = tuple(variables.get(name) for name in self._directive_variables)
        compiled = self._compiled.get(key)
        if compiled is None:
            if len(self._compiled) >= MAX_VARIANTS:
                self._compiled.clear()
            compiled = self._compiled[key] = Compiled()
        return compiled

    def locate(self, errors: Sequence[GraphQLError]) -> Sequence[GraphQLError]:
        """Say where in the text errors happened, if they do not say so themselves.

        A plain document has been parsed without locations; errors are rare enough for
        parsing it again.
        """
        if self.ast is None or all(
            error.locations or not error.nodes for error in errors
        ):
            return errors
        twins = find_twins(self.ast, graphql.parse(self.text))
        return [_relocate(error, twins) for error in errors]

    def find_operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of this name, or the only one; None when there is no such."""
        if self.ast is None:
            return None
        operations = [
            definition
            for definition in self.ast.definitions
            if isinstance(definition, OperationDefinitionNode)
        ]
        if name is None:
            return operations[0] if len(operations) == 1 else None
        return next(
            (one for one in operations if one.name and one.name.value == name), None
        )


class Documents:
    """Documents by text; least recently used out first.

    Args:
        schema: What they are validated against.
        max_bytes: Memory they may take, roughly.
        max_tokens: Most tokens of a document.
        check: Further checks of a parsed document, before it is validated.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        max_bytes: int = 32 * 1024 * 1024,
        max_tokens: int = 4_000,
        check: Callable[[DocumentNode], Sequence[GraphQLError]] | None = None,
    ) -> None:
        self._validator = Validator(schema)
        self._max_bytes = max_bytes
        self._max_tokens = max_tokens
        self._check = check
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._held_bytes = 0

    def read(self, text: str) -> Document:
        """Give the document of a text, parsed and validated now or before."""
        document = self._documents.get(text)
        if document is not None:
            self._documents.move_to_end(text)
            return document
        document = self._build(text)
        self._documents[text] = document
        self._held_bytes += len(text) * _BYTES_PER_CHARACTER
        while self._held_bytes > self._max_bytes and len(self._documents) > 1:
            oldest, _ = self._documents.popitem(last=False)
            self._held_bytes -= len(oldest) * _BYTES_PER_CHARACTER
        return document

    def _build(self, text: str) -> Document:
        plain = parse_plain(text, max_tokens=self._max_tokens)
        if plain is not None and not self._find_errors(plain):
            return Document(text, plain)
        try:
            ast = graphql.parse(text, max_tokens=self._max_tokens)
        except GraphQLError as error:
            return Document(text, None, [error], "GRAPHQL_PARSE_FAILED")
        return Document(text, ast, self._find_errors(ast))

    def _find_errors(self, ast: DocumentNode) -> Sequence[GraphQLError]:
        errors = self._check(ast) if self._check is not None else ()
        return errors or self._validator.validate(ast)


def _relocate(error: GraphQLError, twins: Mapping[int, Node]) -> GraphQLError:
    nodes = [twins.get(id(node), node) for node in error.nodes or ()]
    return GraphQLError(
        error.message,
        nodes,
        path=error.path,
        original_error=error.original_error,
        extensions=error.extensions,
    )


class _DirectiveVariables(Visitor):
    """Collects the variables that `@include` and `@skip` look at."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names.add(argument.value.name.value)


def _directive_variables(ast: DocumentNode) -> tuple[str, ...]:
    visitor = _DirectiveVariables()
    visit(ast, visitor)
    return tuple(sorted(visitor.names))


def kind_of(operation: OperationDefinitionNode | None) -> str | None:
    """`query`, `mutation` or `subscription`; None when there is no operation."""
    return None if operation is None else operation.operation.value
