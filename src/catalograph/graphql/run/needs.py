"""Finds which data a selection needs: sections of models, side tables, or the index."""

import enum
import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.executor import Executor
from graphql.execution.values import (
    VariableValues,
    get_argument_values,
    get_directive_values,
)

from catalograph.catalogue import records
from catalograph.catalogue.endpoint_groups import may_mean_others
from catalograph.catalogue.query import Sections
from catalograph.catalogue.side_tables import TableKind

_DEFINITION: Final = "strawberry-definition"


class Need(enum.Flag):
    """Data that a field needs, wherever it is selected."""

    NOTHING = 0
    DATA = enum.auto()
    GATEWAY = enum.auto()
    INDEX = enum.auto()
    PROVIDERS = enum.auto()
    ORGANISATIONS = enum.auto()
    ENDPOINTS = enum.auto()
    PRICES = enum.auto()


_TABLE_NEEDS: Final = {
    TableKind.PROVIDERS: Need.PROVIDERS,
    TableKind.ORGANISATIONS: Need.ORGANISATIONS,
    TableKind.ENDPOINTS: Need.ENDPOINTS,
    TableKind.PRICES: Need.PRICES,
}
_SECTION_NEEDS: Final = {"data": Need.DATA, "gateway": Need.GATEWAY}


ReadAt: TypeAlias = Callable[[Any, datetime], object]
"""Computes the value of a field from its record and the time."""


def needs(need: Need, *, read_at: ReadAt | None = None) -> Mapping[str, object]:
    """Build the metadata by which a field declares its needs.

    Fields that are read from a model's record need no declaration: the class of the record
    shows the section.

    Args:
        need: The data that it needs.
        read_at: What its resolver does, if it needs nothing but the record and the time; then
            it is rendered without the resolver.
    """
    return {"needs": need, "read_at": read_at}


@functools.lru_cache(maxsize=4_096)
def find_field_need(type_: GraphQLObjectType | GraphQLInterfaceType, name: str) -> Need:
    """Find the needs of one field; `Need.NOTHING` if the type has no such field."""
    field = type_.fields.get(name)
    definition = None if field is None else field.extensions.get(_DEFINITION)
    if definition is None:
        return Need.NOTHING
    declared: Need | None = definition.metadata.get("needs")
    if declared is not None:
        return declared
    if type_.name != "Model":
        return Need.NOTHING
    section = records.SECTION_BY_FIELD.get(definition.python_name)
    return Need.NOTHING if section is None else _SECTION_NEEDS[section]


def find_reader(type_: GraphQLObjectType, name: str) -> ReadAt | None:
    """Find how a field is computed from its record and the time; None for other fields."""
    definition = type_.fields[name].extensions.get(_DEFINITION)
    found: ReadAt | None = None
    if definition is not None:
        found = definition.metadata.get("read_at")
    return found


def find_needs(info: GraphQLResolveInfo[Any]) -> Need:
    """Find the needs of all selections below a field, after `@include` and `@skip`."""
    walk = _Walk(info.schema, info.fragments, info.variable_values)
    parent = get_named_type(info.return_type)
    for node in info.field_nodes:
        if node.selection_set is not None:
            walk.visit(parent, node.selection_set)
    return walk.needs


def find_operation_needs(executor: Executor[Any]) -> Need:
    """Find the needs of all selections of an operation, after `@include` and `@skip`."""
    walk = _Walk(
        executor.schema, executor.fragment_definitions, executor.variable_values
    )
    root = executor.schema.get_root_type(executor.operation.operation)
    try:
        walk.visit(root, executor.operation.selection_set)
    except GraphQLError:
        # The condition of a directive is null. The executor reports it; until then, assume
        # that everything is needed.
        return ~Need.NOTHING
    return walk.needs


def needed_sections(needs: Need) -> Sections:
    """Return the sections of models among the needs."""
    return Sections(data=Need.DATA in needs, gateway=Need.GATEWAY in needs)


def needed_tables(needs: Need) -> frozenset[TableKind]:
    """Return the side tables among the needs."""
    return frozenset(kind for kind, need in _TABLE_NEEDS.items() if need in needs)


class _Walk:
    """One walk over selections; takes time linear in the size of the document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        variable_values: VariableValues,
    ) -> None:
        self.needs = Need.NOTHING
        self._schema = schema
        self._fragments = fragments
        self._variable_values = variable_values
        self._spread: set[str] = set()

    def visit(self, parent: Any, selection_set: SelectionSetNode) -> None:
        for node in selection_set.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                self._visit_field(parent, node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                self.visit(
                    parent
                    if condition is None
                    else self._schema.get_type(condition.name.value),
                    node.selection_set,
                )
            elif isinstance(node, FragmentSpreadNode):
                self._visit_fragment(node.name.value)

    def _visit_field(self, parent: Any, node: FieldNode) -> None:
        name = node.name.value
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return
        field: GraphQLField | None = parent.fields.get(name)
        if field is None:
            return
        self.needs |= find_field_need(parent, name)
        if name == "offerings" and node.arguments and parent.name == "Model":
            self._visit_offerings(field, node)
        if node.selection_set is not None:
            self.visit(get_named_type(field.type), node.selection_set)

    def _visit_offerings(self, field: GraphQLField, node: FieldNode) -> None:
        """Add the index if only it can resolve the endpoint names of an argument."""
        try:
            found = get_argument_values(field, node, self._variable_values)
        except GraphQLError:
            return  # the field itself fails, and reports the reason
        if may_mean_others(found.get("endpoints") or ()):
            self.needs |= Need.INDEX

    def _visit_fragment(self, name: str) -> None:
        # A fragment has the same needs wherever it is spread, so one visit is enough.
        if name in self._spread:
            return
        self._spread.add(name)
        fragment = self._fragments[name]
        self.visit(
            self._schema.get_type(fragment.type_condition.name.value),
            fragment.selection_set,
        )

    def _is_included(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        values: Iterable[tuple[Any, bool]] = (
            (GraphQLSkipDirective, False),
            (GraphQLIncludeDirective, True),
        )
        for directive, wanted in values:
            found = get_directive_values(directive, node, self._variable_values)
            if found is not None and found["if"] is not wanted:
                return False
        return True
