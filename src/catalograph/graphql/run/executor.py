"""The executor: graphql-core's own, with whole objects and lists handed to projections."""

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
from graphql import GraphQLList, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import Executor
from graphql.pyutils import Path
from graphql.pyutils.is_iterable import is_collection

from catalograph.concurrency.time_slice import TimeSlice
from catalograph.graphql.run.projection import (
    CannotProjectError,
    Projection,
    Projector,
    Steps,
)

LONG_LIST = 20
"""Objects that may take longer than a turn when each is completed field by field."""


class CompiledExecutor(Executor[Any]):
    """Completes what can be projected as `msgspec.Raw` JSON, and all else as ever.

    Attributes:
        plans: The document's, for these values of the variables in its directives.
        projector: Compiles what is not among them.
        time_slice: Break up what takes long.
    """

    plans: dict[tuple[Any, ...], Projection | None]
    projector: Projector
    time_slice: TimeSlice

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

        projection = self._find_projection(return_type, field_details_list)
        if projection is None:
            return complete_plainly()
        return self._take(projection.steps(result), complete_plainly)

    def complete_list_value(  # noqa: D102 - as inherited
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        item_type = return_type.of_type
        item_type = getattr(item_type, "of_type", item_type)
        has_objects = isinstance(item_type, GraphQLObjectType)
        complete = super().complete_list_value

        def complete_plainly() -> Any:
            paced = self._pace(result, has_objects=has_objects)
            return complete(
                return_type, field_details_list, info, path, paced, position_context
            )

        if has_objects and isinstance(result, list | tuple):
            projection = self._find_projection(item_type, field_details_list)
            if projection is not None:
                return self._take(projection.steps_all(result), complete_plainly)
        return complete_plainly()

    def _pace(self, result: Any, *, has_objects: bool) -> Any:
        """Break up a list that may take longer than a turn when completed plainly."""
        is_long = is_collection(result) and len(result) >= LONG_LIST
        if has_objects:
            if is_long or (is_collection(result) and self.time_slice.is_spent):
                return self.time_slice.iterate(result)
        elif is_long and any(isinstance(one, Exception) for one in result):
            # A reference that is none is an error with its place, which takes longer
            # than to complete one that is found.
            return self.time_slice.iterate(result)
        return result

    def _take(self, steps: Steps, complete_plainly: Callable[[], Any]) -> Any:
        """Render what can be projected; as much as does not fit in this turn, later."""
        try:
            rendered = self.time_slice.advance(steps)
        except CannotProjectError:
            return complete_plainly()
        if rendered is None:
            return self._take_later(steps, complete_plainly)
        return msgspec.Raw(rendered)

    async def _take_later(
        self, steps: Steps, complete_plainly: Callable[[], Any]
    ) -> Any:
        rendered: bytes | None = None
        try:
            while rendered is None:
                await self.time_slice.yield_now()
                rendered = self.time_slice.advance(steps)
        except CannotProjectError:
            outcome = complete_plainly()
            return await outcome if inspect.isawaitable(outcome) else outcome
        return msgspec.Raw(rendered)

    def _find_projection(
        self, type_: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> Projection | None:
        # The document holds its nodes, so their ids stay theirs.
        key = (type_, *[id(details.node) for details in field_details_list])
        if key in self.plans:
            projection = self.plans[key]
            if projection is not None:
                projection.mark_repeated()
            return projection
        selected = self._collect(type_, field_details_list)
        projection = self.projector.compile(type_, selected, self._collect)
        self.plans[key] = projection
        return projection

    def _collect(
        self, type_: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> GroupedFieldSet:
        return self.collect_subfields(type_, field_details_list).grouped_field_set
