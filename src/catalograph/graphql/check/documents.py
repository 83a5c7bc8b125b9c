"""Documents, parsed and validated once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
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

from catalograph.concurrency.bounded_lru import AdmitOnSecondRequest
from catalograph.errors import LimitError
from catalograph.graphql.check.limits import Limits
from catalograph.graphql.check.parsing import find_twins, parse_whole
from catalograph.graphql.check.validation import Validator
from catalograph.graphql.errors import wrap_limit_error
from catalograph.graphql.run.needs import Need
from catalograph.graphql.run.operations import (
    MAX_REPEATS,
    Repeat,
    RepeatKey,
    weigh_repeat,
)
from catalograph.graphql.run.projection import Projection
from catalograph.observability import tracing

T = TypeVar("T")

MAX_VARIANTS = 64
"""Combinations of directive variables that are remembered for a document."""

MAX_CHARACTERS_AT_ONCE = 1_000
"""Longer documents are read in a thread: the worst of this length take some 20 ms."""

_BYTES_PER_CHARACTER = 60
"""Memory of a parsed document for each character of its text; measured."""

_VARIANT_BYTES_PER_CHARACTER = 30
"""The same, for what is worked out for one combination of directive variables."""


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
        repeats: Operations that can be asked again without the executor; see `remember`.
        grown_bytes: Memory for what was worked out since it was last settled; below 0 when
            more was forgotten.
        held_bytes: Memory that was settled, the text's own included.
        is_seen_through: Whether it has been tried to see through it before it runs.
    """

    __slots__ = (
        "_compiled",
        "_directive_variables",
        "_repeats_bytes",
        "ast",
        "code",
        "errors",
        "fragments",
        "grown_bytes",
        "held_bytes",
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
        self._repeats_bytes = 0
        self.grown_bytes = 0
        self.held_bytes = 0
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
            size_bytes = _VARIANT_BYTES_PER_CHARACTER * len(self.text)
            if len(self._compiled) >= MAX_VARIANTS:
                self.grown_bytes -= size_bytes * len(self._compiled)
                self._compiled.clear()
            compiled = self._compiled[key] = Compiled()
            self.grown_bytes += size_bytes
        return compiled

    def remember(self, key: RepeatKey, repeat: Repeat) -> None:
        """Note an operation that can be asked again, unless it takes too much memory."""
        if key in self.repeats:
            # Its lists were not fresh, or it took too long to be answered at once.
            self.repeats[key] = repeat
            return
        size_bytes = weigh_repeat(key, repeat)
        if size_bytes is None:
            return
        if len(self.repeats) >= MAX_REPEATS:
            self.repeats.clear()
            self.grown_bytes -= self._repeats_bytes
            self._repeats_bytes = 0
        self.repeats[key] = repeat
        self._repeats_bytes += size_bytes
        self.grown_bytes += size_bytes

    def locate(self, errors: Sequence[GraphQLError]) -> None:
        """Note in errors where in the text they happened, if they do not say so themselves.

        What is executed has been parsed without locations: with them, every error of a
        field would count the lines before it, a thousand errors a thousand times. Errors
        are rare enough for parsing the text again.
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

    Once there is no room, a new one is let in when it comes a second time.

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
        max_bytes: int = 16 * 1024 * 1024,
        introspection_enabled: bool = True,
    ) -> None:
        self.limits = limits or Limits()
        self.hide_suggestions = not introspection_enabled
        self._validator = Validator(schema, introspection_enabled=introspection_enabled)
        self._max_bytes = max_bytes
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._held_bytes = 0
        self._once_seen = AdmitOnSecondRequest()
        self._aside: ThreadPoolExecutor | None = None

    async def load(self, text: str) -> Document:
        """Give the document of a text, parsed and validated now or before.

        A long one is read beside the event loop, one at a time, so that whoever sends
        them keeps nobody waiting but themselves.
        """
        document = self.find(text)
        if document is None:
            document = await self._work(text, self._build, text)
            if text not in self._documents:
                self._keep(document)
        return document

    def find(self, text: str) -> Document | None:
        """Give the document of a text that is known or short; None: it must be loaded."""
        document = self._documents.get(text)
        if document is not None:
            self._documents.move_to_end(text)
            if document.grown_bytes:
                self._settle(document)
        elif len(text) <= MAX_CHARACTERS_AT_ONCE:
            document = self._build(text)
            self._keep(document)
        return document

    async def locate(
        self, document: Document, errors: Sequence[GraphQLError]
    ) -> Sequence[GraphQLError]:
        """Say where in the text errors happened; for a long one beside the event loop."""
        await self._work(document.text, document.locate, errors)
        return errors

    async def _work(self, text: str, work: Callable[..., T], *args: Any) -> T:
        """Do what takes time in proportion to a text."""
        if len(text) <= MAX_CHARACTERS_AT_ONCE:
            return work(*args)
        if self._aside is None:
            self._aside = ThreadPoolExecutor(1, "documents")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._aside, tracing.carry(work), *args)

    def _keep(self, document: Document) -> None:
        weight_bytes = len(document.text) * _BYTES_PER_CHARACTER
        is_full = self._held_bytes + weight_bytes > self._max_bytes
        if is_full and not self._once_seen.admits(document.text):
            return
        self._documents[document.text] = document
        document.grown_bytes += weight_bytes
        self._settle(document)

    def _settle(self, document: Document) -> None:
        """Bring the books up to date, and let others go where there is no room."""
        self._held_bytes += document.grown_bytes
        document.held_bytes += document.grown_bytes
        document.grown_bytes = 0
        while self._held_bytes > self._max_bytes and len(self._documents) > 1:
            _, oldest = self._documents.popitem(last=False)
            self._held_bytes -= oldest.held_bytes

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
                # Errors say where they happened.
                located = parse_whole(text, max_tokens=max_tokens)
                errors = self._validator.find_errors(located)
                return Document(text, ast, [_lighten(error) for error in errors])
        except LimitError as error:
            return Document(text, None, [wrap_limit_error(error)])
        except GraphQLError as error:
            return Document(text, None, [_lighten(error)], "GRAPHQL_PARSE_FAILED")


def _lighten(error: GraphQLError) -> GraphQLError:
    """Let go of the text's tokens, which an error would hold as long as it is kept."""
    error.nodes = error.source = None
    return error.with_traceback(None)


def _locate_all(nodes: Sequence[Node | None]) -> list[SourceLocation]:
    places = [node.loc for node in nodes if node is not None and node.loc is not None]
    return [get_location(place.source, place.start) for place in places]


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
