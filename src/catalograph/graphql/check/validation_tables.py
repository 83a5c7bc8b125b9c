"""Look-up tables for validation, built once from the schema."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import (
    BooleanValueNode,
    DirectiveLocation,
    EnumValueNode,
    FloatValueNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    IntValueNode,
    ListTypeNode,
    ListValueNode,
    NamedTypeNode,
    NonNullTypeNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    TypeNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_input_type,
    is_object_type,
    is_required_argument,
    is_required_input_field,
)

Usage = tuple[str, frozenset[str]]
"""A variable, and the types (as written) that are accepted where it is used."""

_LITERALS: Final = {
    "Int": (IntValueNode,),
    "Float": (IntValueNode, FloatValueNode),
    "String": (StringValueNode,),
    "Boolean": (BooleanValueNode,),
    "ID": (StringValueNode, IntValueNode),
}
_INT_DIGITS: Final = 10
_INT_BOUND: Final = 2**31


class Input:
    """An input type: which literals and variables it accepts.

    Attributes:
        accepts: Types of the variables that it accepts, as written, such as `[String!]`.
    """

    __slots__ = ("accepts",)

    def __init__(self, accepts: frozenset[str]) -> None:
        self.accepts = accepts

    def takes(self, node: object, usages: list[Usage] | None) -> bool:
        """Whether a literal certainly has this type.

        Args:
            node: The literal, or a variable.
            usages: Receives the variables in the literal; None if variables are not allowed.
        """
        if isinstance(node, VariableNode):
            if usages is None:
                return False
            usages.append((node.name.value, self.accepts))
            return True
        return isinstance(node, NullValueNode) or self._takes(node, usages)

    def _takes(self, node: object, usages: list[Usage] | None) -> bool:
        raise NotImplementedError


class _NonNull(Input):
    __slots__ = ("_of",)

    def __init__(self, of: Input) -> None:
        super().__init__(frozenset(one for one in of.accepts if one.endswith("!")))
        self._of = of

    def takes(self, node: object, usages: list[Usage] | None) -> bool:
        if isinstance(node, VariableNode):
            return super().takes(node, usages)
        return not isinstance(node, NullValueNode) and self._of.takes(node, usages)


class _List(Input):
    __slots__ = ("_of",)

    def __init__(self, of: Input) -> None:
        lists = {f"[{one}]" for one in of.accepts}
        super().__init__(frozenset(lists | {f"{one}!" for one in lists}))
        self._of = of

    def _takes(self, node: object, usages: list[Usage] | None) -> bool:
        if not isinstance(node, ListValueNode):
            # A single value is a list of one.
            return self._of.takes(node, usages)
        return all(self._of.takes(one, usages) for one in node.values)


class _Scalar(Input):
    """A built-in scalar of GraphQL."""

    __slots__ = ("_name", "_nodes")

    def __init__(self, name: str) -> None:
        super().__init__(_accept(name))
        self._name = name
        self._nodes = _LITERALS[name]

    def _takes(self, node: object, _usages: list[Usage] | None) -> bool:
        if not isinstance(node, self._nodes):
            return False
        if self._name == "Int" and isinstance(node, IntValueNode):
            # The length is checked first: converting takes quadratic time in the length.
            return len(node.value) <= _INT_DIGITS + 1 and (
                -_INT_BOUND <= int(node.value) < _INT_BOUND
            )
        # A float literal may be infinite (`1e999`), so graphql-core decides about it.
        return self._name != "Float"


class _CustomScalar(Input):
    """A custom scalar, whose parser decides about literals without variables."""

    __slots__ = ("_type",)

    def __init__(self, type_: GraphQLScalarType) -> None:
        super().__init__(_accept(type_.name))
        self._type = type_

    def _takes(self, node: object, _usages: list[Usage] | None) -> bool:
        if not isinstance(node, ValueNode) or not _is_constant(node):
            return False
        if self._type.coerce_input_literal is not None:
            return False
        try:
            return self._type.parse_literal(node, None) is not Undefined
        except Exception:  # noqa: BLE001 - graphql-core reports it, whichever error it is
            return False


def _accept(name: str) -> frozenset[str]:
    return frozenset((name, f"{name}!"))


def _is_constant(node: object) -> bool:
    if isinstance(node, ListValueNode):
        return all(map(_is_constant, node.values))
    if isinstance(node, ObjectValueNode):
        names = {field.name.value for field in node.fields}
        return len(names) == len(node.fields) and all(
            _is_constant(field.value) for field in node.fields
        )
    return not isinstance(node, VariableNode)


class _Enum(Input):
    __slots__ = ("_values",)

    def __init__(self, type_: GraphQLEnumType) -> None:
        super().__init__(_accept(type_.name))
        self._values = frozenset(type_.values)

    def _takes(self, node: object, _usages: list[Usage] | None) -> bool:
        return isinstance(node, EnumValueNode) and node.value in self._values


class _Object(Input):
    __slots__ = ("_required", "fields", "is_one_of")

    def __init__(self, type_: GraphQLInputObjectType) -> None:
        super().__init__(_accept(type_.name))
        # Filled once all types are known, because input objects may contain each other.
        self.fields: dict[str, Input] = {}
        self.is_one_of = type_.is_one_of
        self._required = frozenset(
            name
            for name, field in type_.fields.items()
            if is_required_input_field(field)
        )

    def _takes(self, node: object, usages: list[Usage] | None) -> bool:
        if not isinstance(node, ObjectValueNode) or self.is_one_of:
            return False
        given = set()
        for field_node in node.fields:
            name = field_node.name.value
            field = self.fields.get(name)
            if (
                field is None
                or name in given
                or not field.takes(field_node.value, usages)
            ):
                return False
            given.add(name)
        return self._required <= given


class Arguments:
    """The arguments of a field or directive.

    Attributes:
        arguments: Types of the arguments, by name.
        required: Names of the arguments that must be given.
    """

    __slots__ = ("arguments", "required")

    def __init__(
        self, args: Mapping[str, GraphQLArgument], inputs: Mapping[str, Input]
    ) -> None:
        self.arguments = {
            name: _wrap(argument.type, inputs) for name, argument in args.items()
        }
        self.required = frozenset(
            name for name, argument in args.items() if is_required_argument(argument)
        )


class Field(Arguments):
    """A field of a composite type.

    Attributes:
        below: Type whose fields can be selected below it; None for a leaf.
        introspects: Whether it is a root field of introspection.
    """

    __slots__ = ("below", "introspects")

    def __init__(self, field: GraphQLField, inputs: Mapping[str, Input]) -> None:
        super().__init__(field.args, inputs)
        self.below: Composite | None = None
        self.introspects = False


class Directive(Arguments):
    """A directive.

    Attributes:
        locations: Where it may be used.
    """

    __slots__ = ("locations",)

    def __init__(
        self,
        args: Mapping[str, GraphQLArgument],
        inputs: Mapping[str, Input],
        locations: Sequence[DirectiveLocation],
    ) -> None:
        super().__init__(args, inputs)
        self.locations = frozenset(locations)


class Composite:
    """An object, interface or union type.

    Attributes:
        fields: Fields by name, including introspection fields such as `__typename`.
        possible: Names of the object types that a value may have.
    """

    __slots__ = ("fields", "possible")

    def __init__(self, possible: frozenset[str]) -> None:
        self.possible = possible
        self.fields: dict[str, Field] = {}


class Tables:
    """A schema as look-up tables.

    Attributes:
        query: The root type of queries.
        composites: Object, interface and union types by name.
        directives: Directives by name.
        inputs: Scalars, enums and input objects by name.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        types = schema.type_map
        self.inputs = {
            name: _build_named(type_)
            for name, type_ in types.items()
            if is_input_type(type_)
        }
        for name, type_ in types.items():
            known = self.inputs.get(name)
            if isinstance(known, _Object):
                fields: Mapping[str, GraphQLInputField] = type_.fields  # type: ignore[attr-defined]
                known.fields = {
                    key: _wrap(field.type, self.inputs) for key, field in fields.items()
                }
        self.composites = {
            name: Composite(_find_possible(schema, type_))
            for name, type_ in types.items()
            if is_object_type(type_) or is_abstract_type(type_)
        }
        for name, composite in self.composites.items():
            composite.fields = {
                key: self._build_field(field)
                for key, field in _find_fields(schema, types[name]).items()
            }
        if schema.query_type is None:
            raise TypeError("the schema has no queries")
        self.query = self.composites[schema.query_type.name]
        for key in ("__schema", "__type", "_service"):
            if key in self.query.fields:
                self.query.fields[key].introspects = True
        self.directives = {
            directive.name: Directive(directive.args, self.inputs, directive.locations)
            for directive in schema.directives
        }

    def build_input(self, node: TypeNode) -> Input:
        """Build the input type for a type node, whose named type the schema must know."""
        if isinstance(node, NonNullTypeNode):
            return _NonNull(self.build_input(node.type))
        if isinstance(node, ListTypeNode):
            return _List(self.build_input(node.type))
        return self.inputs[write_type(node)[0]]

    def _build_field(self, field: GraphQLField) -> Field:
        built = Field(field, self.inputs)
        built.below = self.composites.get(get_named_type(field.type).name)
        return built


def write_type(node: TypeNode) -> tuple[str, str]:
    """Return the name of the innermost type, and the whole type as it is written."""
    if isinstance(node, NonNullTypeNode):
        named, written = write_type(node.type)
        return named, f"{written}!"
    if isinstance(node, ListTypeNode):
        named, written = write_type(node.type)
        return named, f"[{written}]"
    if isinstance(node, NamedTypeNode):
        return node.name.value, node.name.value
    raise TypeError(type(node))


def _wrap(type_: Any, inputs: Mapping[str, Input]) -> Input:
    if isinstance(type_, GraphQLNonNull):
        return _NonNull(_wrap(type_.of_type, inputs))
    if isinstance(type_, GraphQLList):
        return _List(_wrap(type_.of_type, inputs))
    return inputs[type_.name]


def _build_named(type_: object) -> Input:
    if isinstance(type_, GraphQLInputObjectType):
        return _Object(type_)
    if isinstance(type_, GraphQLEnumType):
        return _Enum(type_)
    if isinstance(type_, GraphQLScalarType):
        is_own = type_.name in _LITERALS
        return _Scalar(type_.name) if is_own else _CustomScalar(type_)
    raise TypeError(type_)


def _find_possible(schema: GraphQLSchema, type_: Any) -> frozenset[str]:
    if is_abstract_type(type_):
        return frozenset(one.name for one in schema.get_possible_types(type_))
    return frozenset((type_.name,))


def _find_fields(schema: GraphQLSchema, type_: Any) -> dict[str, GraphQLField]:
    """Find the fields of a composite type, including introspection fields."""
    names = [*getattr(type_, "fields", ()), "__typename", "__schema", "__type"]
    found = {name: schema.get_field(type_, name) for name in names}
    return {name: field for name, field in found.items() if field is not None}
