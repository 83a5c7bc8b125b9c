"""SDL in one order, so that it is the same bytes whoever prints it."""

import dataclasses
from typing import Any

from graphql import (
    DocumentNode,
    Node,
    SchemaDefinitionNode,
    Visitor,
    print_ast,
    visit,
)


def sort_document(document: DocumentNode) -> DocumentNode:
    """Sort everything that has a name: definitions, fields, arguments, values, members.

    The framework can sort a schema before it prints it, but then loses the defaults of
    enum type in inputs; a parsed document has nothing to lose.
    """
    sorted_document: DocumentNode = visit(document, _Sorter())
    definitions = sorted(sorted_document.definitions, key=_definition_key)
    return DocumentNode(definitions=tuple(definitions))


_SORTED = ("fields", "arguments", "values", "interfaces", "types", "directives")


class _Sorter(Visitor):
    def leave(self, node: Node, *_: Any) -> Node:
        changes: dict[str, Any] = {
            attribute: tuple(sorted(members, key=_name))
            for attribute in _SORTED
            if (members := getattr(node, attribute, None))
            and hasattr(members[0], "name")
        }
        return dataclasses.replace(node, **changes) if changes else node


def _name(node: Any) -> tuple[str, str]:
    # Directives of one name are told apart by their arguments.
    return node.name.value, print_ast(node)


def _definition_key(node: Any) -> tuple[bool, str]:
    return not isinstance(node, SchemaDefinitionNode), getattr(
        getattr(node, "name", None), "value", ""
    )
