"""The schema as text: the API schema for clients, the subgraph schema for composers."""

import dataclasses
from functools import cache

import graphql
from graphql import (
    DefinitionNode,
    DocumentNode,
    ObjectTypeDefinitionNode,
)
from strawberry.printer import print_schema

from catalograph.graphql.schema import build_schema
from catalograph.graphql.sorting import sort_document

_MACHINERY_TYPES = frozenset({"_Any", "_Entity", "_Service"})
_MACHINERY_FIELDS = frozenset({"_entities", "_service"})
_UNROUTABLE_FIELDS = frozenset({"node", "nodes"})


@cache
def print_api_sdl() -> str:
    """Print what clients see: sorted, byte-stable, without federation's machinery."""
    document = graphql.parse(graphql.print_schema(build_schema()._schema))  # noqa: SLF001 - Strawberry has no public name for it
    return _print(_without(document, _MACHINERY_FIELDS, _MACHINERY_TYPES))


@cache
def print_subgraph_sdl() -> str:
    """Print what composers see: with federation's directives, without `node` and `nodes`.

    No router can know whose node an id is, so it must not be asked for one.
    """
    document = graphql.parse(print_schema(build_schema()))
    hidden = _MACHINERY_FIELDS | _UNROUTABLE_FIELDS
    return _print(_without(document, hidden, _MACHINERY_TYPES))


def _without(
    document: DocumentNode, fields: frozenset[str], types: frozenset[str]
) -> DocumentNode:
    definitions: list[DefinitionNode] = []
    for definition in document.definitions:
        name = getattr(getattr(definition, "name", None), "value", None)
        if name in types:
            continue
        if isinstance(definition, ObjectTypeDefinitionNode) and name == "Query":
            kept = (
                field
                for field in definition.fields or ()
                if field.name.value not in fields
            )
            definitions.append(dataclasses.replace(definition, fields=tuple(kept)))
        else:
            definitions.append(definition)
    return DocumentNode(definitions=tuple(definitions))


def _print(document: DocumentNode) -> str:
    return graphql.print_ast(sort_document(document)) + "\n"
