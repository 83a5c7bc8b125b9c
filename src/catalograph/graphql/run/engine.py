"""Runs operations: the one entrance to the graph."""

import datetime
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from graphql import GraphQLError, OperationDefinitionNode
from graphql.execution.executor import Executor
from structlog.contextvars import bound_contextvars

from catalograph.concurrency.time_slice import MAX_SLICE_S, TimeSlice
from catalograph.data.access import Access
from catalograph.data.loaders import Loaders
from catalograph.data.source import CatalogueSource
from catalograph.errors import LimitError
from catalograph.graphql.check.cost import CostEstimator, Totals
from catalograph.graphql.check.documents import Compiled, Document, Documents, kind_of
from catalograph.graphql.context import Context
from catalograph.graphql.errors import format_errors, wrap_limit_error
from catalograph.graphql.run.executor import CompiledExecutor
from catalograph.graphql.run.operations import (
    Repeat,
    RepeatKey,
    build_repeat,
    plan_repeat,
    repeat_key,
)
from catalograph.graphql.run.projection import Projector
from catalograph.graphql.run.request import Answer, Caller, Operation
from catalograph.graphql.scalars import format_date_time
from catalograph.graphql.schema import build_schema, read_field
from catalograph.observability import operation_trace, tracing
from catalograph.observability.metrics import STALE_ANSWERS

_KEPT_WITH_WARNINGS_S = 1.0
_KEPT_WHILE_STALE_S = 1.0
_LONGEST_NAME = 128

_encode = msgspec.json.Encoder().encode


class Engine:
    """The graph over one source.

    Args:
        source: Where the catalogue comes from.
        documents: Parsed and validated documents.
        max_cost: Most estimated cost of one operation.
        max_references: Most node ids and representations of one operation.
        is_compiled: Whether selections over records are compiled; False runs everything
            field by field, for comparison.
        max_slice_s: How long completing values may keep the event loop from others.
    """

    def __init__(
        self,
        source: CatalogueSource,
        *,
        documents: Documents | None = None,
        max_cost: int = 30_000,
        max_references: int = 1_000,
        is_compiled: bool = True,
        max_slice_s: float = MAX_SLICE_S,
    ) -> None:
        self.schema = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
        self._source = source
        self._documents = documents or Documents(self.schema)
        self._cost_estimator = CostEstimator(self.schema, max_cost=max_cost)
        self._max_references = max_references
        self._max_slice_s = max_slice_s
        self._is_compiled = is_compiled
        self._executor_class = CompiledExecutor if is_compiled else Executor
        self._projector = Projector(read_field)
        self._connection_type = self.schema.get_type("ModelConnection")

    def answer_now(self, operation: Operation, caller: Caller) -> Answer | None:
        """Answer without waiting for anything.

        Returns:
            None when that is not possible: something must be fetched, the document takes
            long to read, or a trace is wanted. Then `execute` answers.
        """
        if caller.trace_wanted:
            return None
        document = self._documents.find(operation.document)
        if document is None:
            return None
        node = document.find_operation(operation.name)
        if document.errors or document.ast is None:
            return _refuse(document.errors, caller, document.code, kind_of(node))
        return self._answer_at_once(document, node, operation, caller)

    async def execute(self, operation: Operation, caller: Caller) -> Answer:
        """Run one operation; whatever goes wrong is in the answer.

        Answers what `answer_now` would, too, but not in its short way: ask that first.
        """
        # Tasks that the operation starts inherit it: all their lines of the log say whose
        # they are.
        with bound_contextvars(request_id=caller.request_id):
            if not caller.trace_wanted:
                return await self._execute(operation, caller)
            operation_trace.begin()
            try:
                return await self._execute(operation, caller)
            finally:
                operation_trace.end()

    async def _execute(self, operation: Operation, caller: Caller) -> Answer:
        document = await self._documents.load(operation.document)
        node = document.find_operation(operation.name)
        kind = kind_of(node)
        if document.errors or document.ast is None:
            return _refuse(document.errors, caller, document.code, kind)
        loaders = self._build_loaders(caller)
        context = Context(
            loaders,
            max_references=self._max_references,
            time_slice=TimeSlice(self._max_slice_s),
        )
        try:
            self._documents.limits.check_variables(operation.variables)
        except LimitError as error:
            return _refuse([wrap_limit_error(error)], caller, error.code, kind)
        executor = self._executor_class.build(
            self.schema,
            document.ast,
            context_value=context,
            raw_variable_values=dict(operation.variables),
            operation_name=operation.name,
            hide_suggestions=self._documents.hide_suggestions,
        )
        if isinstance(executor, list):
            located = await self._documents.locate(document, executor)
            return _refuse(located, caller, "BAD_USER_INPUT", kind)
        try:
            cost = self._cost_estimator.estimate(
                executor.operation,
                document.fragments,
                executor.variable_values.coerced,
                self._find_totals(loaders.access),
            )
        except LimitError as error:
            return _refuse([wrap_limit_error(error)], caller, error.code, kind)
        caller.note_cost(cost)
        compiled = document.compiled(executor.variable_values.coerced)
        context.needs = compiled.needs
        if isinstance(executor, CompiledExecutor):
            executor.plans = compiled.plans
            executor.projector = self._projector
            executor.time_slice = context.time_slice
        with tracing.span("graphql.execute"):
            outcome: Any = executor.execute_operation()
            result = await outcome if inspect.isawaitable(outcome) else outcome
        if not result.errors:
            key = repeat_key(operation.name, operation.variables, caller.partition)
            self._remember(document, key, executor, context, compiled, cost)
        errors = result.errors
        if errors:
            await self._documents.locate(document, errors)
            await context.time_slice.yield_if_due()
        return self._answer(result.data, errors, loaders, caller, node, cost)

    def _answer_at_once(
        self,
        document: Document,
        node: OperationDefinitionNode | None,
        operation: Operation,
        caller: Caller,
    ) -> Answer | None:
        """Answer what is seen through and fresh in memory; None for all else."""
        loaders = self._build_loaders(caller)
        key = repeat_key(operation.name, operation.variables, caller.partition)
        repeat = document.repeats.get(key)
        is_first = repeat is None
        if repeat is None:
            if document.is_seen_through or node is None or not self._is_compiled:
                return None
            document.is_seen_through = True
            repeat = self._plan(document, node, loaders)
            if repeat is None:
                return None
            document.remember(key, repeat)
        listings = loaders.find_fresh(repeat.requests)
        if listings is None:
            return None
        time_slice = TimeSlice(self._max_slice_s)
        data = repeat.render(listings, time_slice, is_first=is_first)
        if data is None:
            return None
        return self._answer(data, None, loaders, caller, node, repeat.cost)

    def _plan(
        self, document: Document, node: OperationDefinitionNode, loaders: Loaders
    ) -> Repeat | None:
        """See through an operation that nobody has asked before, if it is plain."""
        return plan_repeat(
            node,
            schema=self.schema,
            projector=self._projector,
            price=lambda: self._cost_estimator.estimate(
                node, document.fragments, {}, self._find_totals(loaders.access)
            ),
        )

    def _build_loaders(self, caller: Caller) -> Loaders:
        access = Access(token=caller.token, partition=caller.partition)
        return Loaders(self._source, access)

    def _find_totals(self, access: Access) -> Totals:
        """How much there is of what, as far as this process knows now."""
        entry = self._source.find_index(access)
        if entry is None:
            return {}
        index = entry.value
        return {
            "ModelConnection": len(index.models),
            "ProviderConnection": len(index.providers),
            "EndpointConnection": len(index.endpoints),
            "OrganisationConnection": len(index.organisations),
        }

    def _answer(
        self,
        data: dict[str, Any] | msgspec.Raw | None,
        errors: Sequence[GraphQLError] | None,
        loaders: Loaders,
        caller: Caller,
        node: Any,
        cost: int,
    ) -> Answer:
        body: dict[str, Any] = {}
        formatted: list[dict[str, Any]] = []
        if errors:
            formatted = format_errors(errors, request_id=caller.request_id)
            body["errors"] = formatted
        body["data"] = data
        extensions: dict[str, Any] = {}
        warnings = _warn(data, loaders)
        if warnings:
            extensions["warnings"] = warnings
            STALE_ANSWERS.inc()
        if loaders.suggestions:
            extensions["suggestions"] = loaders.suggestions
        if caller.cost_wanted:
            extensions["cost"] = {
                "estimated": cost,
                "bound": self._cost_estimator.max_cost,
            }
        notes = operation_trace.current()
        if notes is not None:
            extensions["trace"] = notes.show()
        if extensions:
            body["extensions"] = extensions
        fresh_s, kept_s = _lifetime(
            loaders, failed=bool(formatted), warned=bool(warnings)
        )
        return Answer(
            body=_encode(body),
            codes=_codes(formatted),
            kind=kind_of(node),
            name=node.name.value[:_LONGEST_NAME] if node.name else None,
            fresh_for_s=fresh_s,
            keep_for_s=kept_s,
            as_of_s=loaders.oldest_s,
            cost=cost,
            upstream_requests=loaders.access.requests,
        )

    def _remember(
        self,
        document: Document,
        key: RepeatKey,
        executor: Executor[Any],
        context: Context,
        compiled: Compiled,
        cost: int,
    ) -> None:
        """Note an operation that went well, so that it need not be executed again."""
        repeat = build_repeat(
            executor.operation,
            context.requests,
            compiled.plans,
            self._connection_type,
            cost,
        )
        if repeat is not None:
            document.remember(key, repeat)


def _refuse(
    errors: Any,
    caller: Caller,
    code: str,
    kind: str | None,
) -> Answer:
    """Answer a request of which nothing ran: no `data`."""
    formatted = format_errors(errors, request_id=caller.request_id, code=code)
    return Answer(
        body=_encode({"errors": formatted}),
        ran=False,
        codes=_codes(formatted),
        kind=kind,
    )


def _warn(
    data: dict[str, Any] | msgspec.Raw | None, loaders: Loaders
) -> list[dict[str, Any]]:
    """Say which fields are past their stale age because the upstream failed."""
    stale = dict(loaders.stale_paths)
    if (
        loaders.index_is_stale
        and loaders.index is not None
        and isinstance(data, Mapping)
    ):
        stale |= {
            (key,): loaders.index.as_of_s for key in data if not key.startswith("__")
        }
    return [
        {
            "code": "STALE_DATA",
            "message": "the catalogue could not be asked again; this is what it said before",
            "path": list(path),
            "asOf": format_date_time(
                datetime.datetime.fromtimestamp(as_of_s, tz=datetime.UTC)
            ),
        }
        for path, as_of_s in stale.items()
    ]


def _lifetime(loaders: Loaders, *, failed: bool, warned: bool) -> tuple[float, float]:
    """Seconds that others may keep the answer, and that we ourselves may."""
    if failed:
        return 0.0, 0.0
    if warned:
        return 0.0, _KEPT_WITH_WARNINGS_S
    fresh_s, _ = loaders.ages
    if loaders.oldest_s is None:
        # Nothing of the catalogue is in it: introspection, `__typename`, the SDL.
        return fresh_s, fresh_s
    left_s = max(0.0, loaders.oldest_s + fresh_s - loaders.now_s())
    return left_s, max(left_s, _KEPT_WHILE_STALE_S)


def _codes(formatted: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(error["extensions"]["code"] for error in formatted)
