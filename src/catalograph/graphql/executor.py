"""The executor: graphql-core's own, with whole objects and lists handed to projections."""

from typing import Any

import msgspec
from graphql import GraphQLList, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import Executor
from graphql.pyutils import Path

from catalograph.graphql.projection import (
    CannotProjectError,
    Projection,
    Projector,
)
from catalograph.graphql.turns import Turns

LONG_LIST = 20
"""Objects that may take longer than a turn when each is completed field by field."""


class CompiledExecutor(Executor[Any]):
    """Completes what can be projected as `msgspec.Raw` JSON, and all else as ever.

    Attributes:
        plans: The document's, for these values of the variables in its directives.
        projector: Compiles what is not among them.
        turns: Break up what cannot be projected.
    """

    plans: dict[tuple[Any, ...], Projection | None]
    projector: Projector
    turns: Turns

    def complete_object_value(  # noqa: D102 - as inherited
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        projection = self._find_projection(return_type, field_details_list)
        if projection is not None:
            try:
                return msgspec.Raw(projection.render(result))
            except CannotProjectError:
                pass
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
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
        item_type = return_type.of_type
        item_type = getattr(item_type, "of_type", item_type)
        if isinstance(item_type, GraphQLObjectType) and isinstance(
            result, list | tuple
        ):
            projection = self._find_projection(item_type, field_details_list)
            if projection is not None:
                try:
                    return msgspec.Raw(projection.render_all(result))
                except CannotProjectError:
                    pass
            if len(result) >= LONG_LIST or self.turns.is_over:
                result = self.turns.pace(result)
        elif (
            isinstance(result, list)
            and len(result) >= LONG_LIST
            and any(isinstance(one, Exception) for one in result)
        ):
            # A reference that is none is an error with its place, which takes longer
            # than to complete one that is found.
            result = self.turns.pace(result)
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

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
