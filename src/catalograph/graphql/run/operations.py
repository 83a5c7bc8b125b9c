"""Prepared operations: everything that follows from document, operation name and variables.

An operation is prepared once: parsed and validated, with its variables coerced. If it only
lists models, and all its selections can be projected, the executor is not needed: the
operation gets list steps, each with the request and the projection of one list.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from graphql import GraphQLError, GraphQLObjectType, OperationDefinitionNode
from graphql.execution.collect_fields import FieldDetails, collect_fields
from graphql.execution.executor import Executor
from graphql.execution.values import get_argument_values
from strawberry.types.arguments import convert_arguments

from catalograph.catalogue.side_tables import TableKind
from catalograph.data.slices import ModelsRequest
from catalograph.errors import LimitError, UserInputError
from catalograph.graphql.check.cost import CostEstimator, Totals
from catalograph.graphql.check.documents import Compiled, Document, Documents, kind_of
from catalograph.graphql.context import Context
from catalograph.graphql.errors import wrap_limit_error
from catalograph.graphql.federation import Schema
from catalograph.graphql.run.executor import CompiledExecutor
from catalograph.graphql.run.needs import find_operation_needs, needed_tables
from catalograph.graphql.run.projection import Projection, Projector
from catalograph.graphql.types.lists import build_request, name_order

_MAX_VARIABLE_BYTES: Final = 8_192
"""Operations with longer variables are not cached, because they seldom repeat."""

_LONGEST_NAME: Final = 128
"""Characters of an operation name that logs and metrics show."""

_OVERHEAD_BYTES: Final = 2_048
_BYTES_PER_LIST: Final = 768
_BYTES_PER_VARIABLE_BYTE: Final = 10
"""Memory of the filters built from variables, for each byte of their JSON; measured."""

_FILTER_VALUE_LISTS: Final = 10
"""The bound of `Context.count_filter_values`, which refuses larger filters in the executor."""

OperationKey = tuple[str, str | None, bytes]
"""Document, operation name, and variables as JSON with sorted keys."""

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode


class ListStep(msgspec.Struct, frozen=True):
    """One root field that lists models.

    Attributes:
        key: Response key.
        prefix: Bytes before the list in the response: comma, response key and colon.
        request: The requested list.
        projection: Renders the connection.
        order_name: Name of the list's order, which its cursors contain.
    """

    key: str
    prefix: bytes
    request: ModelsRequest
    projection: Projection
    order_name: str


class PreparedOperation:
    """One operation with its variables, ready to run any number of times.

    Attributes:
        key: Document, operation name and variables.
        document: The parsed and validated document.
        node: The operation; None if the document has no such operation.
        kind: `query`, `mutation` or `subscription`; None if there is no operation.
        errors: Why it must not run; empty if it may run.
        code: `extensions.code` of the errors.
        name: Name of the operation, cut if very long; None if it has none.
        compiled: Projections and needs of the document for these variables.
        steps: The lists that it consists of; None if the executor must run it.
        has_run: Whether it has run before, so that caching its rendered parts pays off.
    """

    __slots__ = (
        "_cost",
        "_executor",
        "_totals",
        "code",
        "compiled",
        "document",
        "errors",
        "has_run",
        "key",
        "kind",
        "name",
        "node",
        "steps",
    )

    def __init__(
        self,
        key: OperationKey,
        document: Document,
        *,
        errors: Sequence[GraphQLError] = (),
        code: str = "BAD_USER_INPUT",
        executor: Executor[Any] | None = None,
    ) -> None:
        self.key = key
        self.document = document
        self.node: OperationDefinitionNode | None = document.find_operation(key[1])
        self.kind = kind_of(self.node)
        name = self.node.name if self.node is not None else None
        self.name = name.value[:_LONGEST_NAME] if name is not None else None
        self.errors = errors
        self.code = code
        self._executor = executor
        self.compiled = Compiled()
        self.steps: Sequence[ListStep] | None = None
        self.has_run = False
        self._cost = 0
        self._totals: Totals | None = None

    def estimate_cost(self, estimator: CostEstimator, totals: Totals) -> int:
        """Estimate the cost; the result is cached as long as the totals are the same.

        Raises:
            LimitError: The operation costs more than the estimator allows.
        """
        if self._totals != totals:
            executor = self._template
            self._cost = estimator.estimate(
                executor.operation,
                self.document.fragments,
                executor.variable_values.coerced,
                totals,
            )
            self._totals = totals
        return self._cost

    @property
    def tables(self) -> frozenset[TableKind]:
        """Side tables that the operation selects from."""
        tables = self.compiled.tables
        if tables is None:
            # Selected fields depend only on the document and its directive variables.
            tables = needed_tables(find_operation_needs(self._template))
            self.compiled.tables = tables
        return tables

    @property
    def list_keys(self) -> Sequence[str]:
        """Response keys of the list steps; empty if the executor runs the operation."""
        return [step.key for step in self.steps or ()]

    def build_executor(self, context: Context) -> Executor[Any]:
        """Build an executor for one run, with the variables that are already coerced."""
        template = self._template
        return type(template)(
            template.schema,
            template.fragment_definitions,
            template.fragments,
            None,
            context,
            template.operation,
            template.variable_values,
            template.field_resolver,
            template.type_resolver,
            template.subscribe_field_resolver,
            hide_suggestions=template.hide_suggestions,
        )

    @property
    def _template(self) -> Executor[Any]:
        if self._executor is None:
            raise TypeError("an operation with errors cannot run")
        return self._executor


class Operations:
    """Prepares operations, and caches them with their documents.

    Args:
        schema: Strawberry's schema, which converts arguments to Python values.
        documents: Cache of parsed and validated documents.
        projector: Compiles selections.
        executor_class: Runs operations that do not consist of lists only.
        max_references: Maximum number of node ids and representations in one operation.

    Attributes:
        projector: As given.
    """

    def __init__(
        self,
        schema: Schema,
        documents: Documents,
        projector: Projector,
        *,
        executor_class: type[Executor[Any]] = CompiledExecutor,
        max_references: int = 1_000,
    ) -> None:
        self._schema = schema
        self._documents = documents
        self.projector = projector
        self._executor_class = executor_class
        self._max_filter_values = _FILTER_VALUE_LISTS * max_references

    async def prepare(
        self, text: str, name: str | None, variables: Mapping[str, Any]
    ) -> PreparedOperation:
        """Prepare an operation; suspends only to parse a long new document.

        Args:
            text: The document.
            name: Name of the operation; None selects the only one of the document.
            variables: JSON values, by name.
        """
        documents = self._documents
        document = await documents.load(text)
        key = (text, name, _encode_sorted(variables) if variables else b"")
        prepared: PreparedOperation | None = document.prepared.get(key[1:])
        if prepared is None:
            prepared = await self._prepare(document, key, variables)
            if len(key[2]) <= _MAX_VARIABLE_BYTES:
                documents.store_prepared(document, key[1:], prepared, _weigh(prepared))
        return prepared

    async def _prepare(
        self, document: Document, key: OperationKey, variables: Mapping[str, Any]
    ) -> PreparedOperation:
        documents = self._documents
        if document.errors or document.ast is None:
            return PreparedOperation(
                key, document, errors=document.errors, code=document.code
            )
        try:
            documents.limits.check_variables(variables)
        except LimitError as error:
            refusal = wrap_limit_error(error)
            return PreparedOperation(key, document, errors=[refusal], code=error.code)
        executor = self._executor_class.build(
            self._schema._schema,  # noqa: SLF001 - Strawberry has no public name for it
            document.ast,
            raw_variable_values=dict(variables),
            operation_name=key[1],
            hide_suggestions=documents.hide_suggestions,
        )
        if isinstance(executor, list):
            located = await documents.locate(document, executor)
            return PreparedOperation(key, document, errors=located)
        prepared = PreparedOperation(key, document, executor=executor)
        prepared.compiled = document.compiled(executor.variable_values.coerced)
        if isinstance(executor, CompiledExecutor):
            executor.plans = prepared.compiled.plans
            executor.projector = self.projector
            prepared.steps = self._plan(executor)
        return prepared

    def _plan(self, executor: CompiledExecutor) -> Sequence[ListStep] | None:
        """Plan the steps of an operation of projected lists; None for any other operation."""
        query_type = executor.schema.query_type
        if query_type is None or executor.operation.operation.value != "query":
            return None
        try:
            fields, *_ = collect_fields(
                executor.schema,
                executor.fragments,
                executor.variable_values,
                query_type,
                executor.operation,
            )
            filter_values = 0
            steps: list[ListStep] = []
            for key, field_details_list in fields.items():
                step, values = self._plan_list(
                    executor, query_type, key, field_details_list, len(steps)
                )
                if step is None:
                    return None
                steps.append(step)
                filter_values += values
        except (GraphQLError, UserInputError):
            return None  # the executor reports the error, with its path
        return steps if filter_values <= self._max_filter_values else None

    def _plan_list(
        self,
        executor: CompiledExecutor,
        query_type: GraphQLObjectType,
        key: str,
        field_details_list: list[FieldDetails],
        place: int,
    ) -> tuple[ListStep | None, int]:
        details = field_details_list[0]
        if details.node.name.value != "models":
            return None, 0
        field = query_type.fields["models"]
        connection_type = executor.schema.type_map["ModelConnection"]
        if not isinstance(connection_type, GraphQLObjectType):
            raise TypeError("ModelConnection is no object type")
        projection = executor.find_projection(connection_type, field_details_list)
        if projection is None:
            return None, 0
        values = get_argument_values(
            field,
            details.node,
            executor.variable_values,
            details.fragment_variable_values,
        )
        arguments = convert_arguments(
            values,
            field.extensions["strawberry-definition"].arguments,
            self._schema.schema_converter.scalar_registry,
            self._schema.config,
        )
        request = build_request(None, projection.needs, **arguments)
        filter_ = arguments.get("filter_")
        step = ListStep(
            key=key,
            prefix=(b"," if place else b"") + _encode(key) + b":",
            request=request,
            projection=projection,
            order_name=name_order(request.order, request.search),
        )
        return step, filter_.count_values() if filter_ else 0


def _weigh(prepared: PreparedOperation) -> int:
    return (
        _OVERHEAD_BYTES
        + _BYTES_PER_VARIABLE_BYTE * len(prepared.key[2])
        + _BYTES_PER_LIST * len(prepared.steps or ())
        + sum(len(str(error)) for error in prepared.errors)
    )
