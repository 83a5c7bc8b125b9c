"""What an operation will cost, estimated before it runs.

Composite values cost 1 each, leaves nothing; a field's `@cost` says otherwise, and
`@listSize` how many values a list has. The sizes of pages are those that were asked for,
variables and defaults included, and never more than the catalogue holds where that is
known. Asking for the schema costs nothing, but has a price of its own, leaves included,
and a bound that follows from what the fullest introspection of common clients comes to.

A fragment is priced once for an operation, however often it is spread. Below a page the
price depends on the page's size, so it has two parts: what it is in any case, and what it
is for each member of the page.
"""

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
    Price,
    build_prices,
    read_introspection,
)
from catalograph.graphql.check.limits import SCHEMA_FIELDS

SCHEMA_ROOM: Final = 2
"""How many times the price of the fullest common introspection may be asked for at once."""

_MOST: Final = 10**9

Totals = Mapping[str, int]
"""How many there are in the whole catalogue, by the name of a connection's type."""


class CostEstimator:
    """Prices operations.

    Args:
        schema: Carries `@cost` and `@listSize`.
        max_cost: Most that an operation may cost.
    """

    def __init__(self, schema: GraphQLSchema, *, max_cost: int = 30_000) -> None:
        self.max_cost = max_cost
        if schema.query_type is None:
            raise TypeError("the schema has no queries")
        self._root = schema.query_type.name
        self._prices = build_prices(schema)
        self._max_schema_cost = SCHEMA_ROOM * self._price_introspection()

    def price(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        totals: Totals,
    ) -> int:
        """Estimate what a valid operation costs.

        Args:
            operation: As parsed.
            fragments: Of its document, by name.
            variables: Coerced, defaults filled in.
            totals: May lack what is not known.

        Raises:
            LimitError: It costs more than it may.
        """
        pricing = _Pricing(self._prices, fragments, variables, totals)
        cost, _ = pricing.price(operation.selection_set, self._root)
        if cost > self.max_cost:
            raise LimitError("cost", cost, self.max_cost)
        if pricing.schema_cost > self._max_schema_cost:
            raise LimitError(
                "introspection cost", pricing.schema_cost, self._max_schema_cost
            )
        return cost

    def _price_introspection(self) -> int:
        operation, fragments = read_introspection()
        pricing = _Pricing(self._prices, fragments, {}, {})
        pricing.price(operation.selection_set, self._root)
        return pricing.schema_cost


class _Pricing:
    """The pricing of one operation."""

    def __init__(
        self,
        prices: Mapping[str, Mapping[str, Price]],
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        totals: Totals,
    ) -> None:
        self._prices = prices
        self._fragments = fragments
        self._variables = variables
        self._totals = totals
        self.schema_cost = 0
        self._priced: dict[str, tuple[int, int]] = {}

    def price(self, selection_set: SelectionSetNode, type_name: str) -> tuple[int, int]:
        """The cost of selections on a value, and the cost for each member of its page."""
        cost = member_cost = 0
        prices = self._prices[type_name]
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                price = prices.get(node.name.value)
                if price is None:
                    continue
                added, members_added = self._price_field(node, price), 0
                if price.is_sized:
                    added, members_added = 0, added
                elif node.name.value in SCHEMA_FIELDS:
                    self.schema_cost = min(_MOST, self.schema_cost + added)
                    continue
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                within = type_name if condition is None else condition.name.value
                added, members_added = self.price(node.selection_set, within)
            elif isinstance(node, FragmentSpreadNode):
                added, members_added = self._price_fragment(node.name.value)
            else:
                continue
            if not node.directives or self._is_included(node.directives):
                cost = min(_MOST, cost + added)
                member_cost = min(_MOST, member_cost + members_added)
        return cost, member_cost

    def _price_field(self, node: FieldNode, price: Price) -> int:
        if price.below is None or node.selection_set is None:
            return price.weight
        cost, member_cost = self.price(node.selection_set, price.below)
        if price.slicing:
            return price.weight + cost + self._page_size(node, price) * member_cost
        size = price.size
        if price.list_argument is not None:
            size = self._list_size(node, price.list_argument)
        return min(_MOST, size * (price.weight + cost))

    def _price_fragment(self, name: str) -> tuple[int, int]:
        priced = self._priced.get(name)
        if priced is None:
            fragment = self._fragments[name]
            priced = self._priced[name] = self.price(
                fragment.selection_set, fragment.type_condition.name.value
            )
        return priced

    def _page_size(self, node: FieldNode, price: Price) -> int:
        size = None
        for argument in node.arguments or ():
            if argument.name.value in price.slicing:
                asked = self._read_int(argument.value)
                # What is out of range is refused by the field itself, in its own words.
                size = asked if asked is None else min(max(asked, 0), MAX_LIMIT)
                if size is not None:
                    break
        if size is None:
            size = price.size
        return min(size, self._totals.get(price.below or "", size))

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
