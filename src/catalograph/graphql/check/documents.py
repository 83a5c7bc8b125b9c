"""Cache of GraphQL documents, which are parsed and validated once."""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    SourceLocation,
    VariableNode,
    Visitor,
    get_location,
    visit,
)

from catalograph.catalogue.side_tables import TableKind
from catalograph.concurrency.bounded_lru import AdmitOnSecondRequest, BoundedLru
from catalograph.errors import LimitError
from catalograph.graphql.check.hiding import TypeNames
from catalograph.graphql.check.limits import Limits
from catalograph.graphql.check.parsing import find_twins, parse_whole
from catalograph.graphql.check.validation import Validator
from catalograph.graphql.errors import wrap_limit_error
from catalograph.graphql.run.needs import Need
from catalograph.graphql.run.projection import Projection
from catalograph.observability import tracing

T = TypeVar("T")

MAX_PREPARED = 512
"""Most prepared operations that are stored with one document."""

MAX_VARIANTS = 64
"""Most combinations of directive variables that are stored with one document."""

MAX_CHARACTERS_AT_ONCE = 1_000
"""Longer documents are parsed in a thread. The slowest of this length take 20 ms."""

_BYTES_PER_CHARACTER = 60
"""Memory of a parsed document for each character of its text; measured."""

_VARIANT_BYTES_PER_CHARACTER = 30
"""Memory of a `Compiled` for each character of the text; measured."""


class Compiled:
    """Results that all executions of one document share; executions fill them in.

    Attributes:
        plans: Projections, by type and ids of the field nodes; None where the selection
            cannot be projected.
        needs: Sections and tables that the selection below a field needs, by ids of the
            field nodes.
        tables: Side tables that the whole document needs; None until computed.
    """

    __slots__ = ("needs", "plans", "tables")

    def __init__(self) -> None:
        self.plans: dict[tuple[Any, ...], Projection | None] = {}
        self.needs: dict[tuple[int, ...], Need] = {}
        self.tables: frozenset[TableKind] | None = None


class Document:
    """A parsed and validated document, which can be executed any number of times.

    Attributes:
        text: The text as the client sent it.
        ast: The parsed document, without locations; None if it could not be parsed or
            exceeds a limit.
        fragments: Fragment definitions by name.
        errors: Why it must not be executed; empty for a valid document.
        code: `extensions.code` of the errors.
        prepared: Prepared operations, by operation name and variables.
        weight_bytes: Approximate memory of everything above.
    """

    __slots__ = (
        "_compiled",
        "_directive_variables",
        "_prepared_bytes",
        "ast",
        "code",
        "errors",
        "fragments",
        "prepared",
        "text",
        "weight_bytes",
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
        self.prepared: dict[Hashable, Any] = {}
        self._prepared_bytes = 0
        self.weight_bytes = len(text) * _BYTES_PER_CHARACTER
        self._compiled: dict[tuple[Any, ...], Compiled] = {}

    def compiled(self, variables: Mapping[str, Any]) -> Compiled:
        """Find or create the shared results for these values of variables.

        Only the variables in `@include` and `@skip` decide which fields are selected, so
        most documents have a single `Compiled`.
        """
        key = tuple(variables.get(name) for name in self._directive_variables)
        compiled = self._compiled.get(key)
        if compiled is None:
            size_bytes = _VARIANT_BYTES_PER_CHARACTER * len(self.text)
            if len(self._compiled) >= MAX_VARIANTS:
                self.weight_bytes -= size_bytes * len(self._compiled)
                self._compiled.clear()
            compiled = self._compiled[key] = Compiled()
            self.weight_bytes += size_bytes
        return compiled

    def store_prepared(self, key: Hashable, prepared: object, size_bytes: int) -> None:
        """Store an operation with its document, so that both are evicted together."""
        if len(self.prepared) >= MAX_PREPARED:
            self.prepared.clear()
            self.weight_bytes -= self._prepared_bytes
            self._prepared_bytes = 0
        self.prepared[key] = prepared
        self._prepared_bytes += size_bytes
        self.weight_bytes += size_bytes

    def locate(self, errors: Sequence[GraphQLError]) -> None:
        """Add locations to errors that have none.

        The executed document was parsed without locations. With them, graphql-core would
        count the lines of the text again for each of a thousand field errors. Errors are
        rare, so the text is parsed a second time instead.
        """
        lost = [error for error in errors if error.nodes and not error.locations]
        if self.ast is None or not lost:
            return
        twins = find_twins(self.ast, parse_whole(self.text))
        known: dict[tuple[int, ...], list[SourceLocation]] = {}
        for error in lost:
            nodes = error.nodes or ()
            key = tuple(id(node) for node in nodes)
            if key not in known:
                known[key] = _locate_all([twins.get(one, None) for one in key])
            error.locations = known[key]

    def find_operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Find the operation with this name; without a name, the only operation.

        Returns:
            None if there is no such operation, or several and no name.
        """
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
    """LRU cache of documents by text, bounded in bytes.

    Args:
        schema: Schema that documents are validated against.
        limits: Limits on the size of a document; None means the defaults.
        max_bytes: Approximate memory of all documents.
        introspection_enabled: Whether clients may query the schema. If not, error messages
            do not reveal names of the schema either.

    Attributes:
        limits: The limits in force.
        hide_suggestions: Whether error messages must not suggest names.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: Limits | None = None,
        max_bytes: int = 16 * 1024 * 1024,
        introspection_enabled: bool = True,
    ) -> None:
        self.limits = limits or Limits()
        self.hide_suggestions = not introspection_enabled
        self._hidden = None if introspection_enabled else TypeNames(schema)
        self._validator = Validator(schema, introspection_enabled=introspection_enabled)
        self._documents: BoundedLru[str, Document] = BoundedLru(
            max_weight=max_bytes,
            weigh=lambda _, document: document.weight_bytes,
            admission=AdmitOnSecondRequest(),
        )
        self._aside: ThreadPoolExecutor | None = None

    async def load(self, text: str) -> Document:
        """Return the document of a text, from the cache or parsed and validated now.

        Long texts are parsed in a thread, one at a time, so that they delay only each
        other. Short texts are parsed without suspending.
        """
        document = self._documents.get(text)
        if document is None:
            document = await self._work(text, self._build, text)
            self._documents.put(text, document)
        return document

    def find(self, text: str) -> Document | None:
        """Find a document in memory; None on a miss."""
        return self._documents.get(text)

    def store_prepared(
        self, document: Document, key: Hashable, prepared: object, size_bytes: int
    ) -> None:
        """Store an operation with its document, if the document is still cached."""
        if self._documents.peek(document.text) is document:
            document.store_prepared(key, prepared, size_bytes)
            # Putting the document again updates its weight.
            self._documents.put(document.text, document)

    async def locate(
        self, document: Document, errors: Sequence[GraphQLError]
    ) -> Sequence[GraphQLError]:
        """Add locations to errors, and hide type names if introspection is off."""
        await self._work(document.text, document.locate, errors)
        if self._hidden is not None:
            self._hidden.hide(errors)
        return errors

    async def _work(self, text: str, work: Callable[..., T], *args: Any) -> T:
        """Run work that takes time in proportion to the text; in a thread if it is long."""
        if len(text) <= MAX_CHARACTERS_AT_ONCE:
            return work(*args)
        if self._aside is None:
            self._aside = ThreadPoolExecutor(1, "documents")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._aside, tracing.carry(work), *args)

    def _build(self, text: str) -> Document:
        max_tokens = self.limits.tokens
        try:
            with tracing.span("graphql.parse"):
                self.limits.check_text(text)
                ast = parse_whole(text, max_tokens=max_tokens, no_location=True)
                self.limits.check_document(ast)
            with tracing.span("graphql.validate"):
                if self._validator.is_surely_valid(ast):
                    return Document(text, ast)
                # Errors need locations, so the text is parsed again with them.
                located = parse_whole(text, max_tokens=max_tokens)
                errors = self._validator.find_errors(located)
                if self._hidden is not None:
                    self._hidden.hide(errors)
                return Document(text, ast, [_lighten(error) for error in errors])
        except LimitError as error:
            return Document(text, None, [wrap_limit_error(error)])
        except GraphQLError as error:
            return Document(text, None, [_lighten(error)], "GRAPHQL_PARSE_FAILED")


def _lighten(error: GraphQLError) -> GraphQLError:
    """Drop references to nodes and tokens, which a cached error would keep in memory."""
    error.nodes = error.source = None
    return error.with_traceback(None)


def _locate_all(nodes: Sequence[Node | None]) -> list[SourceLocation]:
    places = [node.loc for node in nodes if node is not None and node.loc is not None]
    return [get_location(place.source, place.start) for place in places]


class _DirectiveVariables(Visitor):
    """Collects the variables that `@include` and `@skip` use."""

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
    """Return `query`, `mutation` or `subscription`; None if there is no operation."""
    return None if operation is None else operation.operation.value
