"""The executor: graphql-core's, but projections render whole objects and lists."""

import datetime
import inspect
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Sequence,
)
from typing import Any, Final, TypeVar

import msgspec
from graphql import (
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLResolveInfo,
    is_composite_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import Executor
from graphql.pyutils import Path

from catalograph.concurrency.eager import begin
from catalograph.concurrency.time_slice import TimeSlice
from catalograph.errors import RequestError
from catalograph.graphql.errors import strip
from catalograph.graphql.run.budget import (
    BYTES_PER_ERROR,
    BYTES_PER_FIELD,
    ResponseBudget,
)
from catalograph.graphql.run.projection import (
    CannotProjectError,
    Projection,
    Projector,
)

T = TypeVar("T")

LONG_LIST: Final = 20
"""Lists of this many objects may exceed a time slice when completed field by field."""


class BoundedExecutor(Executor[Any]):
    """graphql-core's executor, with a byte budget and time slices.

    Attributes:
        budget: Budget of the response. Once it is exceeded, no further fields are completed,
            and `execute_operation` raises `ResponseTooLargeError`.
        time_slice: Time slices of the operation.
    """

    budget: ResponseBudget
    time_slice: TimeSlice

    def execute_fields(  # noqa: D102 - as inherited
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> Any:
        keys = sum(map(len, grouped_field_set))
        self.budget.spend(keys + BYTES_PER_FIELD * len(grouped_field_set))
        return super().execute_fields(
            parent_type, source_value, path, grouped_field_set, position_context
        )

    # A static method in graphql-core; it is always called on an instance.
    def complete_leaf_value(  # type: ignore[override]  # noqa: D102 - as inherited
        self, return_type: Any, result: Any
    ) -> Any:
        completed = super().complete_leaf_value(return_type, result)
        if isinstance(completed, str):
            self.budget.spend(
                len(completed) if completed.isascii() else len(completed.encode())
            )
        return completed

    def handle_field_error(  # noqa: D102 - as inherited
        self,
        raw_error: Exception,
        return_type: Any,
        field_details_list: FieldDetailsList,
        path: Path,
    ) -> None:
        if self.budget.is_exceeded:
            # Not a field error: the whole operation is aborted.
            raise raw_error
        keys = sum(len(key) if isinstance(key, str) else 8 for key in path.as_list())
        self.budget.spend(BYTES_PER_ERROR + keys)
        if isinstance(raw_error, RequestError):
            # A client's mistake needs no traceback in the log. The frames of thousands of
            # tracebacks would keep the garbage collector busy.
            strip(raw_error)
        super().handle_field_error(raw_error, return_type, field_details_list, path)

    def complete_list_value(  # noqa: D102 - as inherited
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if not self._takes_long(return_type, result):
            return super().complete_list_value(
                return_type, field_details_list, info, path, result, position_context
            )
        return _run(
            self._complete_in_turn(
                return_type.of_type,
                field_details_list,
                info,
                path,
                result,
                position_context,
            )
        )

    def complete_awaitable_value(  # noqa: D102 - as inherited
        self,
        return_type: Any,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if inspect.iscoroutine(result):
            result = _Closing(result)
        return super().complete_awaitable_value(
            return_type, field_details_list, info, path, result, position_context
        )

    async def with_abort_signal(self, awaitable: Awaitable[T]) -> T:
        """Await a resolver, after yielding to the event loop if the time slice is spent.

        graphql-core calls this for every asynchronous resolver; abort signals are not used.
        Hundreds of resolvers may be ready in one turn of the event loop, and converting the
        arguments of each takes time. Before the index is loaded, nothing may yield here:
        lists that are loaded in the same turn share upstream requests.
        """
        if self.time_slice.is_spent and self.context_value.loaders.index is not None:
            await self.time_slice.yield_now()
        return await awaitable

    def _takes_long(self, return_type: GraphQLList[Any], result: Any) -> bool:
        """Whether a list may take longer than a time slice when completed in one go."""
        if not isinstance(result, list | tuple):
            return False
        if is_composite_type(_item_type(return_type)):
            return len(result) >= LONG_LIST or self.time_slice.is_spent
        # Reporting an error for an invalid reference takes longer than completing a valid one.
        return len(result) >= LONG_LIST and any(
            isinstance(one, Exception) for one in result
        )

    async def _complete_in_turn(
        self,
        item_type: Any,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Sequence[Any],
        position_context: Any,
    ) -> list[Any]:
        """Complete items one after the other, and yield whenever the time slice is spent.

        graphql-core would complete all items concurrently: a thousand nodes with lists of
        their own would block the event loop in one long step. Sequential completion is not
        slower, because everything below an item comes from the index, which is loaded.
        """
        completed: list[Any] = []
        for place, item in enumerate(items):
            if self.time_slice.is_spent:
                await self.time_slice.yield_now()
            is_awaitable = self.complete_list_item_value(
                item,
                completed,
                item_type,
                field_details_list,
                info,
                path.add_key(place, None),
                position_context,
            )
            if is_awaitable:
                completed[place] = await completed[place]
        return completed


class _Closing:
    """A coroutine that is closed when nothing refers to it any more.

    An operation may be cancelled before a resolver of it begins; Python would report the
    coroutine of that one as never awaited.
    """

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __del__(self) -> None:
        self._coroutine.close()


class CompiledExecutor(BoundedExecutor):
    """Completes projectable objects as `msgspec.Raw` JSON, all others as graphql-core does.

    Attributes:
        plans: Projections of the document; see `Compiled.plans`.
        projector: Compiles missing projections.
    """

    plans: dict[tuple[Any, ...], Projection | None]
    projector: Projector

    def complete_object_value(  # noqa: D102 - as inherited
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        complete = super().complete_object_value

        def complete_plainly() -> Any:
            return complete(
                return_type, field_details_list, info, path, result, position_context
            )

        projection = self.find_projection(return_type, field_details_list)
        if projection is None:
            return complete_plainly()
        return _run(
            self._project(projection.pieces(result, self._moment), complete_plainly)
        )

    def complete_list_value(  # noqa: D102 - as inherited
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        complete = super().complete_list_value

        def complete_plainly() -> Any:
            return complete(
                return_type, field_details_list, info, path, result, position_context
            )

        item_type = _item_type(return_type)
        if not isinstance(item_type, GraphQLObjectType) or not isinstance(
            result, list | tuple
        ):
            return complete_plainly()
        projection = self.find_projection(item_type, field_details_list)
        if projection is None:
            return complete_plainly()
        return _run(
            self._project(
                projection.pieces_of_list(result, self._moment), complete_plainly
            )
        )

    @property
    def _moment(self) -> datetime.datetime:
        moment: datetime.datetime = self.context_value.loaders.moment
        return moment

    async def _project(
        self, pieces: Iterator[bytes], complete_plainly: Callable[[], Any]
    ) -> Any:
        budget = self.budget
        spent_bytes = budget.spent_bytes
        try:
            return msgspec.Raw(await budget.gather(pieces, self.time_slice))
        except CannotProjectError:
            budget.spent_bytes = spent_bytes
        outcome = complete_plainly()
        return await outcome if inspect.isawaitable(outcome) else outcome

    def find_projection(
        self, type_: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> Projection | None:
        """Find or compile the projection of selected fields; None if they need a resolver."""
        # The document keeps its nodes alive, so their ids are not reused.
        key = (type_, *[id(details.node) for details in field_details_list])
        if key in self.plans:
            projection = self.plans[key]
            if projection is not None:
                projection.mark_repeated()
            return projection
        try:
            selected = self._collect(type_, field_details_list)
            projection = self.projector.compile(type_, selected, self._collect)
        except GraphQLError:
            # The condition of `@include` or `@skip` is null, perhaps further down. Executed
            # field by field, the error gets the right path.
            projection = None
        self.plans[key] = projection
        return projection

    def _collect(
        self, type_: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> GroupedFieldSet:
        return self.collect_subfields(type_, field_details_list).grouped_field_set


def _item_type(list_type: GraphQLList[Any]) -> Any:
    return getattr(list_type.of_type, "of_type", list_type.of_type)


def _run(work: Coroutine[Any, Any, T]) -> Any:
    """Run work until it suspends; if it does, return an awaitable for graphql-core."""
    begun = begin(work)
    return begun.result if begun.is_done else begun
