"""Runs operations: the only entry point to the graph."""

import datetime
import inspect
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from graphql import GraphQLError
from graphql.execution.executor import Executor
from structlog.contextvars import bound_contextvars

from catalograph.concurrency.time_slice import MAX_SLICE_S, TimeSlice
from catalograph.data.access import Access
from catalograph.data.loaders import Loaders
from catalograph.data.source import CatalogueSource
from catalograph.errors import LimitError, ResponseTooLargeError
from catalograph.graphql.check.cost import CostEstimator, Totals
from catalograph.graphql.check.documents import Documents
from catalograph.graphql.context import Context
from catalograph.graphql.errors import format_errors, wrap_limit_error
from catalograph.graphql.run.budget import MAX_RESPONSE_BYTES, ResponseBudget
from catalograph.graphql.run.executor import BoundedExecutor, CompiledExecutor
from catalograph.graphql.run.operations import Operations, PreparedOperation
from catalograph.graphql.run.projection import CannotProjectError, Projector
from catalograph.graphql.run.request import Answer, Caller, Operation
from catalograph.graphql.scalars import format_date_time
from catalograph.graphql.schema import build_schema, read_field
from catalograph.graphql.types.connections import ModelConnectionSource
from catalograph.observability import operation_trace, tracing
from catalograph.observability.metrics import STALE_ANSWERS

_CACHED_WITH_WARNINGS_S: Final = 1.0
"""Seconds for which this process caches an answer with warnings about stale data."""

_CACHED_WHILE_STALE_S: Final = 1.0
"""Seconds for which this process caches an answer at least, while it is being refreshed."""

_encode = msgspec.json.Encoder().encode


class Engine:
    """Executes GraphQL operations over one source of catalogue data.

    Args:
        source: Where the catalogue comes from.
        documents: Cache of parsed and validated documents; None creates one.
        max_cost: Maximum estimated cost of one operation.
        max_references: Maximum number of node ids and representations in one operation.
        max_response_bytes: Maximum bytes of one response, uncompressed.
        executor_class: Runs every operation that does not consist of lists only. With
            graphql-core's own class, all operations run field by field; tests compare both.
        max_slice_s: Seconds for which an operation may occupy the event loop at a time.
    """

    def __init__(
        self,
        source: CatalogueSource,
        *,
        documents: Documents | None = None,
        max_cost: int = 30_000,
        max_references: int = 1_000,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        executor_class: type[Executor[Any]] = CompiledExecutor,
        max_slice_s: float = MAX_SLICE_S,
    ) -> None:
        schema = build_schema()
        self.schema = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
        self._source = source
        self._documents = documents or Documents(self.schema)
        self._operations = Operations(
            schema,
            self._documents,
            Projector(read_field),
            executor_class=executor_class,
            max_references=max_references,
        )
        self._cost_estimator = CostEstimator(self.schema, max_cost=max_cost)
        self._max_references = max_references
        self._max_response_bytes = max_response_bytes
        self._max_slice_s = max_slice_s

    async def execute(self, operation: Operation, caller: Caller) -> Answer:
        """Run one operation; all errors are part of the answer.

        Suspends only to wait: for a long new document, the upstream, the shared cache, or
        the next time slice.
        """
        # Tasks that the operation starts inherit the variable, so their log lines name the
        # request, too.
        with bound_contextvars(request_id=caller.request_id):
            if not caller.trace_wanted:
                return await self._execute(operation, caller)
            operation_trace.begin()
            try:
                return await self._execute(operation, caller)
            finally:
                operation_trace.end()

    async def _execute(self, operation: Operation, caller: Caller) -> Answer:
        prepared = await self._operations.prepare(
            operation.document, operation.name, operation.variables
        )
        if prepared.errors:
            return _refuse(prepared.errors, caller, prepared.code, prepared.kind)
        access = Access(token=caller.token, partition=caller.partition)
        try:
            cost = prepared.estimate_cost(
                self._cost_estimator, self._find_totals(access)
            )
        except LimitError as error:
            refusal = [wrap_limit_error(error)]
            return _refuse(refusal, caller, error.code, prepared.kind)
        caller.record_cost(cost)
        time_slice = TimeSlice(self._max_slice_s)
        budget = ResponseBudget(self._max_response_bytes)
        access.tables = prepared.tables
        loaders = Loaders(self._source, access, time_slice)
        data: Any = None
        errors: Sequence[GraphQLError] = ()
        try:
            with tracing.span("graphql.execute"):
                if prepared.steps is not None:
                    data = await _render_lists(prepared, loaders, budget, time_slice)
                if data is None:
                    data, errors = await self._run(
                        prepared, loaders, budget, time_slice
                    )
        except ResponseTooLargeError as error:
            data, errors = None, [wrap_limit_error(error)]
        prepared.has_run = True
        answer = self._answer(data, errors, loaders, caller, prepared, cost)
        if len(answer.body) > self._max_response_bytes:
            # The budget does not count escape sequences, so the final size is checked, too.
            too_large = ResponseTooLargeError(
                len(answer.body), self._max_response_bytes
            )
            errors = [wrap_limit_error(too_large)]
            answer = self._answer(None, errors, loaders, caller, prepared, cost)
        return answer

    async def _run(
        self,
        prepared: PreparedOperation,
        loaders: Loaders,
        budget: ResponseBudget,
        time_slice: TimeSlice,
    ) -> tuple[Any, Sequence[GraphQLError]]:
        """Run an operation in the executor.

        Raises:
            ResponseTooLargeError: The response would exceed the byte budget.
        """
        context = Context(
            loaders, max_references=self._max_references, time_slice=time_slice
        )
        context.needs = prepared.compiled.needs
        executor = prepared.build_executor(context)
        if isinstance(executor, BoundedExecutor):
            executor.budget = budget
            executor.time_slice = time_slice
        if isinstance(executor, CompiledExecutor):
            executor.plans = prepared.compiled.plans
            executor.projector = self._operations.projector
        outcome: Any = executor.execute_operation()
        result = await outcome if inspect.isawaitable(outcome) else outcome
        errors: Sequence[GraphQLError] = result.errors or ()
        if errors:
            await self._documents.locate(prepared.document, errors)
            await time_slice.yield_if_due()
        return result.data, errors

    def _find_totals(self, access: Access) -> Totals:
        """Return the sizes of lists, by connection type; empty before an index is loaded."""
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
        data: Any,
        errors: Sequence[GraphQLError],
        loaders: Loaders,
        caller: Caller,
        prepared: PreparedOperation,
        cost: int,
    ) -> Answer:
        body: dict[str, Any] = {}
        formatted: list[dict[str, Any]] = []
        if errors:
            formatted = format_errors(errors, request_id=caller.request_id)
            body["errors"] = formatted
        body["data"] = data
        extensions: dict[str, Any] = {}
        keys = data if isinstance(data, dict) else prepared.list_keys
        warnings = _warn(keys, loaders)
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
        fresh_s, cached_s = _lifetime(
            loaders, failed=bool(formatted), warned=bool(warnings)
        )
        notes = operation_trace.current()
        if notes is not None:
            extensions["trace"] = notes.show(fresh_for_s=fresh_s)
        if extensions:
            body["extensions"] = extensions
        return Answer(
            body=_encode(body),
            codes=_codes(formatted),
            kind=prepared.kind,
            name=prepared.name,
            fresh_for_s=fresh_s,
            cache_for_s=cached_s,
            as_of_s=loaders.oldest_s,
            cost=cost,
            upstream_requests=loaders.access.requests,
        )


async def _render_lists(
    prepared: PreparedOperation,
    loaders: Loaders,
    budget: ResponseBudget,
    time_slice: TimeSlice,
) -> msgspec.Raw | None:
    """Load and render the lists of an operation that consists only of lists.

    Returns:
        The value of `data`. None if a list failed, or contains a value that does not match
        its type. The executor then meets the same problem in `loaders`, and reports it.

    Raises:
        ResponseTooLargeError: See `Engine._run`.
    """
    steps = prepared.steps or ()
    listings = await loaders.load_lists(
        [step.request for step in steps], [step.key for step in steps]
    )
    if listings is None:
        return None
    pieces: list[bytes] = []
    try:
        for step, listing in zip(steps, listings, strict=True):
            if prepared.has_run:
                step.projection.mark_repeated()
            connection = ModelConnectionSource(listing, step.order_name)
            rendered = step.projection.pieces(connection, loaders.moment)
            pieces += (step.prefix, await budget.gather(rendered, time_slice))
    except CannotProjectError:
        budget.spent_bytes = 0
        return None
    return msgspec.Raw(b"{%b}" % b"".join(pieces))


def _refuse(
    errors: Sequence[GraphQLError],
    caller: Caller,
    code: str,
    kind: str | None,
) -> Answer:
    """Answer a request that was refused before execution: no `data`."""
    formatted = format_errors(errors, request_id=caller.request_id, code=code)
    return Answer(
        body=_encode({"errors": formatted}),
        ran=False,
        codes=_codes(formatted),
        kind=kind,
    )


def _warn(keys: Iterable[str], loaders: Loaders) -> list[dict[str, Any]]:
    """Build the warnings about fields with data past its stale age.

    Args:
        keys: Response keys of the root fields.
        loaders: The loaders of the operation.
    """
    stale = dict(loaders.stale_paths)
    if loaders.index_is_stale and loaders.index is not None:
        stale |= {
            (key,): loaders.index.as_of_s for key in keys if not key.startswith("__")
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
    """Return for how many seconds clients and proxies, and this process, may cache an answer."""
    if failed:
        return 0.0, 0.0
    if warned:
        return 0.0, _CACHED_WITH_WARNINGS_S
    left_s = loaders.find_fresh_left()
    return left_s, max(left_s, _CACHED_WHILE_STALE_S)


def _codes(formatted: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(error["extensions"]["code"] for error in formatted)
