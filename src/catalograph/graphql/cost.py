"""What an operation will cost, estimated before it runs.

Composite values cost 1 each, leaves nothing; a field's `@cost` says otherwise, and
`@listSize` how many values a list has. The sizes of pages are those that were asked for,
variables and defaults included, and never more than the catalogue holds where that is
known. Asking for the schema costs nothing: `limits` bounds it.

A fragment is priced once for an operation, however often it is spread. Below a page the
price depends on the page's size, so it has two parts: what it is in any case, and what it
is for each member of the page.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.federation.schema_directives import Cost, ListSize

from catalograph.catalogue.query import MAX_LIMIT
from catalograph.errors import LimitError
from catalograph.graphql.limits import SCHEMA_FIELDS

USUAL_LIST: Final = 10
"""Members of a list of which nothing is known."""

_MOST: Final = 10**9

Totals = Mapping[str, int]
"""How many there are in the whole catalogue, by the name of a connection's type."""


class _Price(msgspec.Struct, frozen=True):
    """What a field with selections costs.

    Attributes:
        weight: Of one value.
        below: Name of its type.
        size: Members that a list has; 1 for a single value.
        slicing: Arguments that say how many members a page has.
        list_argument: Argument that has a member for each member of the list.
        is_sized: Whether it is the list of a page, and has the page's size.
    """

    weight: int
    below: str
    size: int
    slicing: tuple[str, ...] = ()
    list_argument: str | None = None
    is_sized: bool = False


class Pricer:
    """Prices operations.

    Args:
        schema: Carries `@cost` and `@listSize`.
        max_cost: Most that an operation may cost.
    """

    def __init__(self, schema: GraphQLSchema, *, max_cost: int = 100_000) -> None:
        self.max_cost = max_cost
        if schema.query_type is None:
            raise TypeError("the schema has no queries")
        self._root = schema.query_type.name
        composites = {
            name: getattr(type_, "fields", {})
            for name, type_ in schema.type_map.items()
            if (is_object_type(type_) or is_abstract_type(type_))
        }
        sized = {
            (get_named_type(field.type).name, name)
            for fields in composites.values()
            for field in fields.values()
            for name in _find(field, ListSize, "sized_fields") or ()
        }
        self._prices = {
            type_name: {
                name: _build_price(field, is_sized=(type_name, name) in sized)
                for name, field in fields.items()
                if not is_leaf_type(get_named_type(field.type))
            }
            for type_name, fields in composites.items()
        }
        entities = schema.query_type.fields.get("_entities")
        if entities is not None:
            self._prices[self._root]["_entities"] = _build_price(
                entities, is_sized=False
            )

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
        return cost


class _Pricing:
    """The pricing of one operation."""

    def __init__(
        self,
        prices: Mapping[str, Mapping[str, _Price]],
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        totals: Totals,
    ) -> None:
        self._prices = prices
        self._fragments = fragments
        self._variables = variables
        self._totals = totals
        self._priced: dict[str, tuple[int, int]] = {}

    def price(self, selection_set: SelectionSetNode, type_name: str) -> tuple[int, int]:
        """The cost of selections on a value, and the cost for each member of its page."""
        cost = member_cost = 0
        prices = self._prices[type_name]
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                if node.selection_set is None or node.name.value in SCHEMA_FIELDS:
                    continue
                price = prices[node.name.value]
                added = self._price_field(node, node.selection_set, price)
                members_added = 0
                if price.is_sized:
                    added, members_added = 0, added
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

    def _price_field(
        self, node: FieldNode, selection_set: SelectionSetNode, price: _Price
    ) -> int:
        cost, member_cost = self.price(selection_set, price.below)
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

    def _page_size(self, node: FieldNode, price: _Price) -> int:
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
        return min(size, self._totals.get(price.below, size))

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

    def _is_included(self, directives: tuple[DirectiveNode, ...]) -> bool:
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


def _build_price(field: GraphQLField, *, is_sized: bool) -> _Price:
    weight = _find(field, Cost, "weight")
    slicing = _find(field, ListSize, "slicing_arguments")
    assumed = _find(field, ListSize, "assumed_size")
    list_argument = None
    size = 1
    if slicing or (_is_list(field.type) and not is_sized):
        size = assumed or USUAL_LIST
    if _is_list(field.type) and not assumed:
        list_argument = next(
            (name for name, arg in field.args.items() if _is_list(arg.type)), None
        )
    return _Price(
        weight=1 if weight is None else weight,
        below=get_named_type(field.type).name,
        size=size,
        slicing=tuple(slicing or ()),
        list_argument=list_argument,
        is_sized=is_sized,
    )


def _find(field: GraphQLField, directive: type, attribute: str) -> Any:
    """Read an attribute of a directive on a field; None when it has no such directive."""
    definition = field.extensions.get("strawberry-definition")
    for one in getattr(definition, "directives", ()):
        if isinstance(one, directive):
            return getattr(one, attribute) or None
    return None


def _is_list(type_: Any) -> bool:
    return is_list_type(type_.of_type if is_non_null_type(type_) else type_)
