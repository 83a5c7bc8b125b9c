"""The cost of each field, built once from the schema and its `@cost` and `@listSize`."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from graphql import (
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    get_introspection_query,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    parse,
)
from strawberry.federation.schema_directives import Cost, ListSize

USUAL_LIST: Final = 10
"""Size assumed for a list without `@listSize`."""

MODEL_LIST_WEIGHT: Final = 10
"""Cost of a list of models itself: finding and slicing it takes about 100 µs."""

WORK_PER_1_000_MODELS: Final = {
    **dict.fromkeys(("limit", "offset", "first", "last"), 0),
    **dict.fromkeys(("after", "before"), 1),
    "filter": 8,
    "orderBy": 5,
    "search": 40,
}
"""Cost of each argument of a list of models; measured, one unit is about 10 µs."""

WORK_OF_FACETS: Final = 60
"""Cost of counting all facets, also per 1,000 models."""

WORK_OF_ANY_ARGUMENT: Final = max(WORK_PER_1_000_MODELS.values())
"""Cost of an argument that is not in the table: as much as the most expensive one."""

USUAL_SCHEMA_LIST: Final = 3
"""Size assumed for a list within introspection, such as the interfaces of a type."""


class FieldCost(msgspec.Struct, frozen=True):
    """The contribution of one field to the cost of an operation.

    Attributes:
        weight: Cost of one value.
        below: Name of its type; None for a leaf.
        size: Assumed number of values; 1 for a field that is not a list.
        slicing: Arguments that set the size of a page, such as `first`.
        list_argument: Argument with one item for each value of the list, such as `ids`;
            None if there is none.
        is_sized: Whether it is a list within a connection, with the size of the page.
        work: Cost per 1,000 models of each argument that scans the catalogue. The empty
            name stands for the field itself.
    """

    weight: int
    below: str | None
    size: int
    slicing: tuple[str, ...] = ()
    list_argument: str | None = None
    is_sized: bool = False
    work: Mapping[str, int] = MappingProxyType({})


FieldCosts = dict[str, dict[str, FieldCost]]
"""Costs by type name and field name; leaves cost nothing and are left out."""


def build_costs(schema: GraphQLSchema) -> FieldCosts:
    """Build the cost of every field of a schema."""
    composites = {
        name: getattr(type_, "fields", {})
        for name, type_ in schema.type_map.items()
        if is_object_type(type_) or is_abstract_type(type_)
    }
    sized = {
        (get_named_type(field.type).name, name)
        for fields in composites.values()
        for field in fields.values()
        for name in _find(field, ListSize, "sized_fields") or ()
    }
    costs = {
        type_name: {
            name: _build_cost(field, is_sized=(type_name, name) in sized)
            for name, field in fields.items()
            if not is_leaf_type(get_named_type(field.type))
        }
        for type_name, fields in composites.items()
    }
    costs |= _build_introspection_costs(schema)
    if schema.query_type is not None:
        root = costs[schema.query_type.name]
        root["__schema"] = FieldCost(1, "__Schema", 1)
        root["__type"] = FieldCost(1, "__Type", 1)
    return costs


def _build_introspection_costs(schema: GraphQLSchema) -> FieldCosts:
    """Build the costs of the introspection types from the average lengths of their lists."""
    types = list(schema.type_map.values())
    fields = [field for one in types for field in getattr(one, "fields", {}).values()]
    composite = max(
        1, sum(is_object_type(one) or is_abstract_type(one) for one in types)
    )
    sizes = {
        "types": len(types),
        "directives": len(schema.directives),
        "fields": math.ceil(len(fields) / composite),
        "args": math.ceil(
            sum(len(getattr(field, "args", ())) for field in fields) / len(fields)
        ),
    }
    return {
        name: {
            key: FieldCost(
                1,
                None
                if is_leaf_type(named := get_named_type(field.type))
                else named.name,
                sizes.get(key, USUAL_SCHEMA_LIST) if _is_list(field.type) else 1,
            )
            for key, field in type_.fields.items()
        }
        for name, type_ in schema.type_map.items()
        if name.startswith("__") and is_object_type(type_)
    }


def read_introspection() -> tuple[
    OperationDefinitionNode, dict[str, FragmentDefinitionNode]
]:
    """Return the fullest introspection query that graphql-js and tools based on it send."""
    ast = parse(
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
            one_of=True,
        )
    )
    operation, *fragments = ast.definitions
    if not isinstance(operation, OperationDefinitionNode):
        raise TypeError(type(operation))
    return operation, {
        one.name.value: one
        for one in fragments
        if isinstance(one, FragmentDefinitionNode)
    }


def _build_cost(field: GraphQLField, *, is_sized: bool) -> FieldCost:
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
    below = get_named_type(field.type).name
    if weight is None:
        weight = MODEL_LIST_WEIGHT if below == "ModelConnection" else 1
    return FieldCost(
        weight=weight,
        below=below,
        size=size,
        slicing=tuple(slicing or ()),
        list_argument=list_argument,
        is_sized=is_sized,
        work=_find_work(field),
    )


def _find_work(field: GraphQLField) -> Mapping[str, int]:
    named = get_named_type(field.type).name
    if named == "ModelFacets":
        return {"": WORK_OF_FACETS}
    if named != "ModelConnection":
        return {}
    return {
        name: WORK_PER_1_000_MODELS.get(name, WORK_OF_ANY_ARGUMENT)
        for name in field.args
    }


def _find(field: GraphQLField, directive: type, attribute: str) -> Any:
    """Read an attribute of a directive on a field; None if the field lacks the directive."""
    definition = field.extensions.get("strawberry-definition")
    for one in getattr(definition, "directives", ()):
        if isinstance(one, directive):
            return getattr(one, attribute) or None
    return None


def _is_list(type_: Any) -> bool:
    return is_list_type(type_.of_type if is_non_null_type(type_) else type_)
