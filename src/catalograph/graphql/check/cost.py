"""Estimates the cost of an operation before it runs.

One unit is about 10 µs of work. An object costs 1 and a leaf nothing, unless the field's
`@cost` says otherwise. `@listSize` says how many values a list has. The size of a page is
the requested one (as argument, variable or default), but never more than the catalogue
holds, if that is known. Facets, and arguments that scan the catalogue (filter, search,
order), cost in proportion to the number of models. Introspection costs in proportion to the
fullest query of common clients, and has a bound of its own.

The cost of a fragment is computed once for an operation, however often it is spread. Inside
a connection, a selection has two costs: a fixed one, and one for each member of the page.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from catalograph.catalogue.query import MAX_LIMIT
from catalograph.errors import LimitError
from catalograph.graphql.check.cost_tables import (
    FieldCost,
    build_costs,
    read_introspection,
)
from catalograph.graphql.check.limits import SCHEMA_FIELDS

INTROSPECTION_COST: Final = 1_500
"""Cost of the fullest introspection query of common clients, which takes 15 ms."""

MAX_INTROSPECTIONS: Final = 2
"""Most introspection of one operation, as a multiple of the fullest introspection query."""

USUAL_CATALOGUE: Final = 1_000
"""Number of models assumed while the size of the catalogue is not known."""

_MOST: Final = 10**9
"""Costs saturate here: fragments that spread each other twice would make huge numbers."""

Totals = Mapping[str, int]
"""Number of objects in the whole catalogue, by the name of the connection's type."""


class CostEstimator:
    """Estimates the cost of operations.

    Args:
        schema: The schema, with `@cost` and `@listSize` on its fields.
        max_cost: Maximum cost of an operation.
    """

    def __init__(self, schema: GraphQLSchema, *, max_cost: int = 30_000) -> None:
        self.max_cost = max_cost
        if schema.query_type is None:
            raise TypeError("the schema has no queries")
        self._root = schema.query_type.name
        self._costs = build_costs(schema)
        self._introspection = self._measure_introspection()

    def estimate(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        totals: Totals,
    ) -> int:
        """Estimate the cost of a valid operation.

        Args:
            operation: The parsed operation.
            fragments: Fragments of its document, by name.
            variables: Coerced values of variables, including defaults.
            totals: Known sizes of lists; unknown ones are missing.

        Raises:
            LimitError: It costs more than `max_cost`.
        """
        estimate = _Estimate(self._costs, fragments, variables, totals)
        cost, _ = estimate.estimate(operation.selection_set, self._root)
        schema_cost = math.ceil(
            estimate.schema_cost * INTROSPECTION_COST / self._introspection
        )
        max_schema_cost = MAX_INTROSPECTIONS * INTROSPECTION_COST
        if schema_cost > max_schema_cost:
            raise LimitError("introspection cost", schema_cost, max_schema_cost)
        cost += schema_cost
        if cost > self.max_cost:
            raise LimitError("cost", cost, self.max_cost)
        return cost

    def _measure_introspection(self) -> int:
        operation, fragments = read_introspection()
        estimate = _Estimate(self._costs, fragments, {}, {})
        estimate.estimate(operation.selection_set, self._root)
        return estimate.schema_cost


class _Estimate:
    """The estimate for one operation."""

    def __init__(
        self,
        costs: Mapping[str, Mapping[str, FieldCost]],
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        totals: Totals,
    ) -> None:
        self._costs = costs
        self._fragments = fragments
        self._variables = variables
        self._totals = totals
        self.schema_cost = 0
        self._known: dict[str, tuple[int, int]] = {}

    def estimate(
        self, selection_set: SelectionSetNode, type_name: str
    ) -> tuple[int, int]:
        """Return the cost of selections on one object.

        Returns:
            The fixed cost, and the cost for each member if the object is a connection.
        """
        cost = member_cost = 0
        costs = self._costs[type_name]
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                field = costs.get(node.name.value)
                if field is None:
                    continue
                added, members_added = self._estimate_field(node, field), 0
                if field.is_sized:
                    added, members_added = 0, added
                elif node.name.value in SCHEMA_FIELDS:
                    self.schema_cost = min(_MOST, self.schema_cost + added)
                    continue
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                within = type_name if condition is None else condition.name.value
                added, members_added = self.estimate(node.selection_set, within)
            elif isinstance(node, FragmentSpreadNode):
                added, members_added = self._estimate_fragment(node.name.value)
            else:
                continue
            if not node.directives or self._is_included(node.directives):
                cost = min(_MOST, cost + added)
                member_cost = min(_MOST, member_cost + members_added)
        return cost, member_cost

    def _estimate_field(self, node: FieldNode, field: FieldCost) -> int:
        if field.below is None or node.selection_set is None:
            return field.weight
        cost, member_cost = self.estimate(node.selection_set, field.below)
        cost += self._work(node, field)
        if field.slicing:
            return field.weight + cost + self._page_size(node, field) * member_cost
        size = field.size
        if field.list_argument is not None:
            size = self._list_size(node, field.list_argument)
        return min(_MOST, size * (field.weight + cost))

    def _work(self, node: FieldNode, field: FieldCost) -> int:
        """Return the cost of scanning the catalogue for one field."""
        if not field.work:
            return 0
        models = self._totals.get("ModelConnection", USUAL_CATALOGUE)
        per_1_000 = field.work.get("", 0) + sum(
            field.work[argument.name.value]
            for argument in node.arguments or ()
            if not self._is_null(argument.value)
        )
        return math.ceil(per_1_000 * models / 1_000)

    def _is_null(self, value: ValueNode) -> bool:
        if isinstance(value, VariableNode):
            return self._variables.get(value.name.value) is None
        return isinstance(value, NullValueNode)

    def _estimate_fragment(self, name: str) -> tuple[int, int]:
        known = self._known.get(name)
        if known is None:
            fragment = self._fragments[name]
            known = self._known[name] = self.estimate(
                fragment.selection_set, fragment.type_condition.name.value
            )
        return known

    def _page_size(self, node: FieldNode, field: FieldCost) -> int:
        size = None
        for argument in node.arguments or ():
            if argument.name.value in field.slicing:
                asked = self._read_int(argument.value)
                # A number out of range is refused by the resolver, with a better message.
                size = asked if asked is None else min(max(asked, 0), MAX_LIMIT)
                if size is not None:
                    break
        if size is None:
            size = field.size
        return min(size, self._totals.get(field.below or "", size))

    def _read_int(self, node: ValueNode) -> int | None:
        if isinstance(node, VariableNode):
            value = self._variables.get(node.name.value)
            return value if isinstance(value, int) else None
        return int(node.value) if isinstance(node, IntValueNode) else None

    def _list_size(self, node: FieldNode, name: str) -> int:
        for argument in node.arguments or ():
            if argument.name.value == name:
                value = argument.value
                if isinstance(value, ListValueNode):
                    return len(value.values)
                if isinstance(value, VariableNode):
                    given = self._variables.get(value.name.value)
                    return len(given) if isinstance(given, list) else 1
                return 0 if isinstance(value, NullValueNode) else 1
        return 0

    def _is_included(self, directives: Sequence[DirectiveNode]) -> bool:
        for directive in directives:
            wanted = {"include": True, "skip": False}.get(directive.name.value)
            for argument in directive.arguments or ():
                value = argument.value
                given: Any = None
                if isinstance(value, VariableNode):
                    given = self._variables.get(value.name.value)
                elif isinstance(value, BooleanValueNode):
                    given = value.value
                if wanted is not None and given is not wanted:
                    return False
        return True
