"""Prints the schema: for clients, and for composers of federated graphs."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any, Final

import graphql
import strawberry
from graphql import (
    DefinitionNode,
    DocumentNode,
    Node,
    ObjectTypeDefinitionNode,
    SchemaDefinitionNode,
    Visitor,
    print_ast,
    visit,
)
from strawberry.printer import print_schema

_SERVED_TYPES: Final = frozenset({"_Any", "_Entity", "_Service"})
_SERVED_FIELDS: Final = frozenset({"_entities", "_service"})
_UNROUTABLE_FIELDS: Final = frozenset({"node", "nodes"})


def print_api(schema: strawberry.Schema) -> str:
    """Print the schema for clients: sorted, byte-stable, without parts of federation."""
    document = graphql.parse(graphql.print_schema(schema._schema))  # noqa: SLF001 - Strawberry has no public name for it
    return _print(document, _SERVED_FIELDS, _is_machinery)


def print_subgraph(schema: strawberry.Schema) -> str:
    """Print the subgraph schema: with federation's directives, without `node` and `nodes`.

    A router cannot know which subgraph an id belongs to, so it must not offer these fields.
    """
    document = graphql.parse(print_schema(schema))
    return _print(
        document,
        _SERVED_FIELDS | _UNROUTABLE_FIELDS,
        lambda _, name: name in _SERVED_TYPES,
    )


def _is_machinery(definition: DefinitionNode, name: str) -> bool:
    """Whether a definition is only for federation: all directives are, and some names."""
    return definition.kind == "directive_definition" or bool(re.match(r"_|.+__", name))


def _print(
    document: DocumentNode,
    hidden_fields: frozenset[str],
    is_hidden: Callable[[DefinitionNode, str], bool],
) -> str:
    definitions: list[DefinitionNode] = []
    for definition in document.definitions:
        name = _name(definition)
        if is_hidden(definition, name):
            continue
        if isinstance(definition, ObjectTypeDefinitionNode) and name == "Query":
            kept = (
                field
                for field in definition.fields or ()
                if field.name.value not in hidden_fields
            )
            definitions.append(dataclasses.replace(definition, fields=tuple(kept)))
        else:
            definitions.append(definition)
    kept_document = DocumentNode(definitions=tuple(definitions))
    return print_ast(_sort_document(kept_document)) + "\n"


def _name(definition: Any) -> str:
    """Return the name of a definition; empty for the schema itself."""
    return getattr(getattr(definition, "name", None), "value", "")


def _sort_document(document: DocumentNode) -> DocumentNode:
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
            attribute: tuple(sorted(members, key=_member_key))
            for attribute in _SORTED
            if (members := getattr(node, attribute, None))
            and hasattr(members[0], "name")
        }
        return dataclasses.replace(node, **changes) if changes else node


def _member_key(node: Any) -> tuple[str, str]:
    # Directives with the same name are sorted by their arguments.
    return node.name.value, print_ast(node)


def _definition_key(node: Any) -> tuple[bool, str]:
    return not isinstance(node, SchemaDefinitionNode), getattr(
        getattr(node, "name", None), "value", ""
    )
