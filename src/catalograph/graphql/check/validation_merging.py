"""Whether fields that share a response key can surely be merged."""

from collections.abc import Mapping, Sequence

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from catalograph.graphql.check.validation_tables import Composite, Field, Tables

MAX_STEPS = 5_000
"""Selections looked at in one operation, fragments expanded; more are left to graphql-core."""

MAX_MEETINGS = 200
"""Fields that meet another under their response key; more are left to graphql-core."""

_Parts = list[tuple[SelectionSetNode, Composite]]


def can_merge(
    selection_set: SelectionSetNode,
    parent: Composite,
    fragments: Mapping[str, FragmentDefinitionNode],
    tables: Tables,
) -> bool:
    """Whether all fields of one response key have one name, one shape and one set of arguments.

    That is more than the specification wants where the types exclude each other; False
    means no more than that it is unclear. The operation must be valid otherwise.
    """
    return _Merging(fragments, tables).run(selection_set, parent)


class _Group:
    """The fields under one response key."""

    __slots__ = ("below", "field", "node")

    def __init__(self, node: FieldNode, field: Field) -> None:
        self.node = node
        self.field = field
        self.below: _Parts = []


class _Merging:
    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], tables: Tables
    ) -> None:
        self._fragments = fragments
        self._tables = tables
        self._steps = 0
        self._meetings = 0
        self._same: dict[tuple[int, int], bool] = {}

    def run(self, selection_set: SelectionSetNode, parent: Composite) -> bool:
        todo: list[_Parts] = [[(selection_set, parent)]]
        while todo:
            groups = self._collect(todo.pop())
            if groups is None:
                return False
            todo.extend(group.below for group in groups.values() if group.below)
        return True

    def _collect(self, parts: _Parts) -> dict[str, _Group] | None:
        """Group the fields of one response level; None where some may not be merged."""
        groups: dict[str, _Group] = {}
        spread: set[str] = set()
        while parts:
            selection_set, parent = parts.pop()
            self._steps += len(selection_set.selections)
            if self._steps > MAX_STEPS:
                return None
            for node in selection_set.selections:
                if isinstance(node, FieldNode):
                    if not self._add(groups, node, parent):
                        return None
                elif isinstance(node, InlineFragmentNode):
                    condition = node.type_condition
                    within = (
                        parent
                        if condition is None
                        else self._tables.composites[condition.name.value]
                    )
                    parts.append((node.selection_set, within))
                elif (
                    isinstance(node, FragmentSpreadNode)
                    and node.name.value not in spread
                ):
                    spread.add(node.name.value)
                    fragment = self._fragments[node.name.value]
                    condition = fragment.type_condition
                    within = self._tables.composites[condition.name.value]
                    parts.append((fragment.selection_set, within))
        return groups

    def _add(
        self, groups: dict[str, _Group], node: FieldNode, parent: Composite
    ) -> bool:
        name = node.name.value
        key = name if node.alias is None else node.alias.value
        field = parent.fields[name]
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(node, field)
        else:
            self._meetings += 1
            if (
                self._meetings > MAX_MEETINGS
                or group.node.name.value != name
                or group.field.shape != field.shape
                or not self._have_same_arguments(group.node, node)
            ):
                return False
        if node.selection_set is not None and field.below is not None:
            group.below.append((node.selection_set, field.below))
        return True

    def _have_same_arguments(self, one: FieldNode, other: FieldNode) -> bool:
        # Fields meet again wherever a fragment is spread; they are compared once.
        key = (id(one), id(other))
        same = self._same.get(key)
        if same is None:
            same = self._same[key] = _are_same(
                one.arguments or (), other.arguments or ()
            )
        return same


def _are_same(
    ones: Sequence[ArgumentNode | ObjectFieldNode],
    others: Sequence[ArgumentNode | ObjectFieldNode],
) -> bool:
    """Whether names and values are the same, in the same order."""
    return len(ones) == len(others) and all(
        one.name.value == other.name.value and _is_same(one.value, other.value)
        for one, other in zip(ones, others, strict=True)
    )


def _is_same(one: ValueNode, other: ValueNode) -> bool:
    """Whether two values are written alike; nodes themselves compare their places too."""
    if type(one) is not type(other):
        return False
    if isinstance(one, VariableNode) and isinstance(other, VariableNode):
        return one.name.value == other.name.value
    if isinstance(one, ListValueNode) and isinstance(other, ListValueNode):
        return len(one.values) == len(other.values) and all(
            map(_is_same, one.values, other.values)
        )
    if isinstance(one, ObjectValueNode) and isinstance(other, ObjectValueNode):
        return _are_same(one.fields, other.fields)
    if isinstance(one, NullValueNode):
        return True
    is_block = getattr(one, "block", False), getattr(other, "block", False)
    return is_block[0] == is_block[1] and _written(one) == _written(other)


def _written(node: ValueNode) -> str | bool:
    written: str | bool = node.value  # type: ignore[attr-defined]
    return written
