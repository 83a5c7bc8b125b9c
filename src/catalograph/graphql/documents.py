"""Documents, parsed and validated once."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import graphql
from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

from catalograph import tracing
from catalograph.errors import LimitError
from catalograph.graphql.errors import wrap_limit_error
from catalograph.graphql.limits import Limits
from catalograph.graphql.parsing import find_twins, parse_plain
from catalograph.graphql.plan import Need
from catalograph.graphql.projection import Projection
from catalograph.graphql.repeats import Repeat, RepeatKey
from catalograph.graphql.validation import Validator

MAX_VARIANTS = 64
"""Combinations of directive variables that are remembered for a document."""

MAX_CHARACTERS_AT_ONCE = 2_000
"""Longer documents are read in a thread: the worst of this length take some 20 ms."""

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
        fragments: By name.
        errors: Why it may not be executed; empty when it may.
        code: Kind of the errors.
        repeats: Operations that can be asked again without the executor, by operation
            name and variables.
        is_seen_through: Whether it has been tried to see through it before it runs.
    """

    __slots__ = (
        "_compiled",
        "_directive_variables",
        "ast",
        "code",
        "errors",
        "fragments",
        "is_seen_through",
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
        self.fragments = {
            one.name.value: one
            for one in (() if ast is None else ast.definitions)
            if isinstance(one, FragmentDefinitionNode)
        }
        self.errors = errors
        self.code = code
        self._directive_variables = (
            _directive_variables(ast) if ast is not None and "@" in text else ()
        )
        self.repeats: dict[RepeatKey, Repeat] = {}
        self.is_seen_through = False
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
        limits: How large they may be.
        max_bytes: Memory they may take, roughly.
        introspection_enabled: Whether the schema may be asked for; without, errors do not
            suggest names either.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: Limits | None = None,
        max_bytes: int = 32 * 1024 * 1024,
        introspection_enabled: bool = True,
    ) -> None:
        self.limits = limits or Limits()
        self.hide_suggestions = not introspection_enabled
        self._validator = Validator(schema, introspection_enabled=introspection_enabled)
        self._max_bytes = max_bytes
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._held_bytes = 0
        self._aside: ThreadPoolExecutor | None = None

    async def load(self, text: str) -> Document:
        """Give the document of a text, parsed and validated now or before.

        A long one is read beside the event loop, one at a time, so that whoever sends
        them keeps nobody waiting but themselves.
        """
        document = self._documents.get(text)
        if document is not None:
            self._documents.move_to_end(text)
            return document
        if len(text) <= MAX_CHARACTERS_AT_ONCE:
            document = self._build(text)
        else:
            if self._aside is None:
                self._aside = ThreadPoolExecutor(1, "documents")
            loop = asyncio.get_running_loop()
            document = await loop.run_in_executor(
                self._aside, tracing.carry(self._build), text
            )
        if text not in self._documents:
            self._keep(document)
        return document

    def _keep(self, document: Document) -> None:
        self._documents[document.text] = document
        self._held_bytes += len(document.text) * _BYTES_PER_CHARACTER
        while self._held_bytes > self._max_bytes and len(self._documents) > 1:
            oldest, _ = self._documents.popitem(last=False)
            self._held_bytes -= len(oldest) * _BYTES_PER_CHARACTER

    def _build(self, text: str) -> Document:
        max_tokens = self.limits.tokens
        try:
            with tracing.span("graphql.parse"):
                self.limits.check_text(text)
                ast = parse_plain(text, max_tokens=max_tokens)
                is_plain = ast is not None
                if ast is None:
                    ast = graphql.parse(text, max_tokens=max_tokens)
                self.limits.check_document(ast)
            with tracing.span("graphql.validate"):
                if self._validator.is_surely_valid(ast):
                    return Document(text, ast)
                if is_plain:
                    # Errors say where they happened.
                    ast = graphql.parse(text, max_tokens=max_tokens)
                return Document(text, ast, self._validator.find_errors(ast))
        except LimitError as error:
            return Document(text, None, [wrap_limit_error(error)])
        except GraphQLError as error:
            return Document(text, None, [error], "GRAPHQL_PARSE_FAILED")


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
