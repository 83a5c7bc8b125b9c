"""Random operations over a whole schema, valid ones and deliberately broken ones."""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

MAX_LEVELS = 6
MAX_FIELDS = 90


class RandomOperation(msgspec.Struct, frozen=True):
    """One operation with its document and variables.

    Attributes:
        text: A document.
        name: Name of the operation to run; None if the document has only one.
        variables: By name, JSON values.
    """

    text: str
    name: str | None
    variables: Mapping[str, Any]


class Pools:
    """Values to choose arguments from, so that questions meet what the catalogue holds.

    Args:
        by_argument: Values by the name of an argument or input field; they may be wrong
            on purpose, but must be of the type.
        ids: Global ids.
    """

    def __init__(
        self,
        by_argument: Mapping[str, Sequence[Any]] | None = None,
        ids: Sequence[str] = ("TW9kZWw6eA", "nonsense"),
        representations: Sequence[Mapping[str, Any]] = ({"__typename": "Model"},),
    ) -> None:
        self.by_argument = {
            "limit": (1, 2, 3, 5, 5, 250, 0, 251),
            "first": (1, 2, 3, 3, 0),
            "last": (1, 2, 3, 3, -1),
            "offset": (0, 0, 1, 2, 40),
            "after": ("nonsense",),
            "before": ("nonsense",),
            "name": ("Model", "ModelFilter", "Nothing"),
            **(by_argument or {}),
        }
        self.ids = ids
        self.representations = representations


class DocumentWriter:
    """Writes random valid documents.

    Args:
        schema: Schema for which the documents are valid.
        rng: Random generator; the same seed gives the same documents.
        pools: Values of arguments.
        introspects: Whether documents may contain introspection.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        rng: random.Random,
        pools: Pools | None = None,
        *,
        introspects: bool = True,
    ) -> None:
        self._schema = schema
        self._rng = rng
        self._pools = pools or Pools()
        self._introspects = introspects

    def write(self) -> RandomOperation:
        """Write one document and choose one of its operations."""
        self._start()
        count = 1 if self._chance(0.85) else self._rng.randint(2, 3)
        # A variable of a shared fragment would have to be defined by every operation.
        self._fragments_may_vary = count == 1
        texts, variables = [], []
        for number in range(count):
            self._definitions: dict[str, str] = {}
            self._values: dict[str, Any] = {}
            selections = self._selections("Query", 0)
            name = f"Op{number}" if count > 1 or self._chance(0.5) else None
            texts.append(self._head(name) + selections)
            variables.append((name, self._values))
        texts.extend(self._fragments.values())
        self._rng.shuffle(texts)
        name, values = self._rng.choice(variables)
        return RandomOperation("\n".join(texts), name, values)

    def _start(self) -> None:
        self._fragments: dict[str, str] = {}
        self._fragment_types: dict[str, str] = {}
        self._keys: dict[str, tuple[str, str, str]] = {}
        self._open_fragments = 0
        self._fields = 0

    def _head(self, name: str | None) -> str:
        if not self._definitions and name is None and self._chance(0.5):
            return ""
        definitions = ", ".join(self._definitions.values())
        return f"query {name or ''}{f'({definitions})' if definitions else ''} "

    def _chance(self, likely: float) -> bool:
        return self._rng.random() < likely

    # Selections

    def _selections(self, type_name: str, level: int) -> str:
        parts = [
            self._selection(type_name, level) for _ in range(self._rng.randint(1, 5))
        ]
        if self._chance(0.15):
            parts.append(self._rng.choice(parts))
        return "{ " + " ".join(parts) + " }"

    def _selection(self, type_name: str, level: int) -> str:
        is_abstract = is_abstract_type(self._schema.type_map[type_name])
        if self._fields < MAX_FIELDS and level < MAX_LEVELS:
            if self._chance(0.5 if is_abstract else 0.1):
                within = self._choose_overlap(type_name)
                condition = f"on {within}"
                if within == type_name and self._chance(0.3):
                    condition = ""
                inner = self._selections(within, level + 1)
                return f"... {condition} {self._directives()}{inner}"
            if self._chance(0.12):
                return self._spread(type_name, level)
        return self._field(type_name, level)

    def _choose_overlap(self, type_name: str) -> str:
        if type_name.startswith("__") or self._chance(0.4):
            return type_name
        schema = self._schema
        mine = self._possible(type_name)
        return self._rng.choice(
            [
                name
                for name, type_ in schema.type_map.items()
                if not is_leaf_type(type_)
                and not isinstance(type_, GraphQLInputObjectType)
                and mine & self._possible(name)
            ]
        )

    def _possible(self, type_name: str) -> set[str]:
        type_: Any = self._schema.type_map[type_name]
        if is_abstract_type(type_):
            return {one.name for one in self._schema.get_possible_types(type_)}
        return {type_name}

    def _spread(self, type_name: str, level: int) -> str:
        mine = self._possible(type_name)
        known = [
            name
            for name, within in self._fragment_types.items()
            if mine & self._possible(within)
        ]
        if known and self._chance(0.5):
            return f"...{self._rng.choice(known)} {self._directives()}"
        within = self._choose_overlap(type_name)
        name = f"F{len(self._fragments)}"
        # Other fragments may spread it only when it is complete, so that there are no cycles.
        self._fragments[name] = ""
        self._open_fragments += 1
        inner = self._selections(within, level + 1)
        self._open_fragments -= 1
        self._fragments[name] = f"fragment {name} on {within} {inner}"
        self._fragment_types[name] = within
        return f"...{name} {self._directives()}"

    def _field(self, type_name: str, level: int) -> str:
        self._fields += 1
        name, field = self._choose_field(type_name, level)
        arguments = self._arguments(field)
        key = self._choose_key(name, arguments, str(field.type))
        text = name if key == name else f"{key}: {name}"
        named = get_named_type(field.type)
        inner = "" if is_leaf_type(named) else self._selections(named.name, level + 1)
        return f"{text}{arguments} {self._directives()}{inner}"

    def _choose_field(self, type_name: str, level: int) -> tuple[str, GraphQLField]:
        type_: Any = self._schema.type_map[type_name]
        fields = dict(getattr(type_, "fields", {}))
        is_low = level >= MAX_LEVELS or self._fields >= MAX_FIELDS
        if is_low or self._chance(0.6):
            leaves = {
                name: field
                for name, field in fields.items()
                if is_leaf_type(get_named_type(field.type))
            }
            fields = leaves or ({} if is_low else fields)
        if type_name.startswith("__"):
            # Lists within lists of the schema are refused from the third on.
            lists = ("fields", "interfaces", "possibleTypes", "inputFields")
            fields = {
                name: field
                for name, field in fields.items()
                if name not in lists or (level <= 2 and not self._open_fragments)
            }
        if not fields or self._chance(0.08):
            fields = {"__typename": None}
        if (
            type_name == "Query"
            and not is_low
            and self._introspects
            and self._chance(0.04)
        ):
            fields = {"__schema": None, "__type": None}
        name = self._rng.choice(list(fields))
        found = self._schema.get_field(type_, name)
        assert found is not None
        return name, found

    def _choose_key(self, name: str, arguments: str, shape: str) -> str:
        """Choose a response key that always has the same meaning, so that fields can be merged."""
        meaning = (name, arguments, shape)
        known = [key for key, other in self._keys.items() if other == meaning]
        if known and self._chance(0.7):
            return self._rng.choice(known)
        key = name
        if self._keys.setdefault(key, meaning) != meaning or self._chance(0.15):
            key = f"{name}{len(self._keys)}"
            self._keys[key] = meaning
        return key

    def _directives(self) -> str:
        if not self._chance(0.12):
            return ""
        names = self._rng.choice([["include"], ["skip"], ["skip", "include"]])
        boolean = GraphQLNonNull(self._schema.type_map["Boolean"])  # type: ignore[type-var]
        return "".join(
            f"@{name}(if: {self._null_condition() or self._value(boolean, 'if')}) "
            for name in names
        )

    def _null_condition(self) -> str:
        """Sometimes use a variable that is null as the condition of a directive.

        Such a document is valid, because the variable has a default.
        """
        may_vary = self._fragments_may_vary or not self._open_fragments
        if not may_vary or not self._chance(0.1):
            return ""
        key = f"if_{len(self._definitions)}"
        self._values[key] = None
        self._definitions[key] = f"${key}: Boolean = true"
        return f"${key}"

    # Values

    def _arguments(self, field: GraphQLField) -> str:
        chosen: dict[str, GraphQLArgument] = {}
        style = self._rng.choice(
            [("limit", "offset"), ("first", "after"), ("last", "before"), ()]
        )
        for name, argument in field.args.items():
            is_paging = name in ("limit", "offset", "first", "after", "last", "before")
            likely = 0.5 if name in style else 0.03 if is_paging else 0.3
            if is_required_argument(argument) or self._chance(likely):
                chosen[name] = argument
        if not chosen:
            return ""
        parts = [
            f"{name}: {self._value(argument.type, name)}"
            for name, argument in chosen.items()
        ]
        self._rng.shuffle(parts)
        return "(" + ", ".join(parts) + ")"

    def _value(self, type_: Any, name: str) -> str:
        """Write a value, or a variable that has one."""
        may_vary = self._fragments_may_vary or not self._open_fragments
        if may_vary and self._chance(0.35):
            return self._variable(type_, name)
        return self._literal(self._json(type_, name), type_)

    def _variable(self, type_: Any, name: str) -> str:
        written = str(type_)
        if not written.endswith("!") and self._chance(0.3):
            written += "!"
        known = [
            key
            for key, text in self._definitions.items()
            if text.split(": ", 1)[1].split(" ")[0] == written
            and key.startswith(f"{name}_")
        ]
        if known and self._chance(0.4):
            return f"${self._rng.choice(known)}"
        key = f"{name}_{len(self._definitions)}"
        value = self._json(type_, name)
        if value is None and written.endswith("!"):
            written = written.removesuffix("!")
        default = ""
        if self._chance(0.3):
            default = f" = {self._literal(self._json(type_, name), type_)}"
            if default == " = null" and written.endswith("!"):
                default = ""
        if not default or self._chance(0.6):
            self._values[key] = value
        self._definitions[key] = f"${key}: {written}{default}"
        return f"${key}"

    def _json(self, type_: Any, name: str) -> Any:
        """A JSON value of a type."""
        if isinstance(type_, GraphQLNonNull):
            return self._json_present(type_.of_type, name)
        return None if self._chance(0.08) else self._json_present(type_, name)

    def _json_present(self, type_: Any, name: str) -> Any:
        if isinstance(type_, GraphQLList):
            count = self._rng.randint(0, 3)
            return [self._json(type_.of_type, name) for _ in range(count)]
        if isinstance(type_, GraphQLInputObjectType):
            return {
                key: self._json(field.type, key)
                for key, field in type_.fields.items()
                if is_required_input_field(field) or self._chance(0.15)
            }
        if isinstance(type_, GraphQLEnumType):
            return self._rng.choice(list(type_.values))
        return self._rng.choice(self._choices(type_.name, name))

    def _choices(self, type_name: str, name: str) -> Sequence[Any]:
        by_type: dict[str, Sequence[Any]] = {
            "ID": self._pools.ids,
            "_Any": self._pools.representations,
            "Boolean": (True, False),
            "Date": ("2024-05-05", "2025-01-01", "2025-12-18"),
            "DateTime": ("2026-08-22T12:00:00Z",),
            "Decimal": ("0.5", 0.25, 3),
        }
        usual: dict[str, Sequence[Any]] = {
            "Int": (0, 1, 2),
            "String": ("openai", "text", "a word"),
        }
        found = by_type.get(type_name) or self._pools.by_argument.get(name)
        return found or usual[type_name]

    def _literal(self, value: Any, type_: Any) -> str:
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if value is None:
            return "null"
        if isinstance(type_, GraphQLList):
            return (
                "["
                + ", ".join(self._literal(one, type_.of_type) for one in value)
                + "]"
            )
        if isinstance(type_, GraphQLInputObjectType):
            return _write_object(
                value, lambda key, one: self._literal(one, type_.fields[key].type)
            )
        if isinstance(type_, GraphQLEnumType):
            return str(value)
        if isinstance(value, Mapping):
            return _write_object(value, lambda _, one: json.dumps(one))
        return json.dumps(value)


def _write_object(value: Mapping[str, Any], write: Callable[[str, Any], str]) -> str:
    return (
        "{" + ", ".join(f"{key}: {write(key, one)}" for key, one in value.items()) + "}"
    )


_VALUES = (
    "1",
    "99999999999",
    "1.5",
    '"text"',
    '"2025-01-01"',
    "true",
    "null",
    "ASC",
    "$v",
    "[]",
    "[1]",
    '["a"]',
    "{}",
    "{id: 1}",
)
_INSERTIONS = (
    "nothing",
    "id",
    "...F0",
    "...F9",
    "x: id",
    "x: name",
    "{ id }",
    "@skip(if: true)",
    "@include",
    "@key",
    "@deprecated",
    "@skip(if: true, if: false)",
    "... on Model { id }",
    "... on Query { __typename }",
    "... on String { id }",
    "name(a: 1)",
    "__typename(a: 1)",
    "models(limit: 1) { limit }",
    "models(limit: 2) { limit }",
)

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|[_A-Za-z][_0-9A-Za-z]*|-?[0-9.]+|\S')


class Breaker:
    """Changes documents so that most are no longer valid, though most can be parsed.

    Args:
        schema: Source of names that exist, but elsewhere.
        rng: Random generator.
    """

    def __init__(self, schema: GraphQLSchema, rng: random.Random) -> None:
        self._rng = rng
        names = {"id", "nothing", "F0", "F1", "Op0", "__typename", "__schema"}
        for name, type_ in schema.type_map.items():
            names.add(name)
            for key, field in getattr(type_, "fields", {}).items():
                names.add(key)
                names.update(getattr(field, "args", ()))
            names.update(getattr(type_, "values", ()))
        self._names = sorted(names)

    def change(self, text: str) -> str:
        """Change a document in one to three places."""
        tokens = _TOKEN.findall(text)
        for _ in range(self._rng.choice([1, 1, 1, 2, 3])):
            self._rng.choice(
                [
                    self._rename,
                    self._rename_as_neighbour,
                    self._replace_value,
                    self._insert,
                    self._drop_group,
                    self._repeat,
                ]
            )(tokens)
        return " ".join(tokens)

    def _pick(self, tokens: list[str], wanted: Callable[[str], object]) -> int | None:
        places = [place for place, token in enumerate(tokens) if wanted(token)]
        return self._rng.choice(places) if places else None

    def _rename(self, tokens: list[str]) -> None:
        place = self._pick(tokens, str.isidentifier)
        if place is not None:
            tokens[place] = self._rng.choice(self._names)

    def _rename_as_neighbour(self, tokens: list[str]) -> None:
        place = self._pick(tokens, str.isidentifier)
        other = self._pick(tokens, str.isidentifier)
        if place is not None and other is not None:
            tokens[place] = tokens[other]

    def _replace_value(self, tokens: list[str]) -> None:
        place = self._pick(tokens, lambda one: re.match(r'["\d]|true|false|null', one))
        if place is not None:
            tokens[place] = self._rng.choice(_VALUES)

    def _insert(self, tokens: list[str]) -> None:
        place = self._pick(tokens, lambda one: one in "{}")
        if place is not None:
            tokens.insert(
                place + (tokens[place] == "{"),
                self._rng.choice(_INSERTIONS),
            )

    def _drop_group(self, tokens: list[str]) -> None:
        """Remove a bracket with its contents."""
        place = self._pick(tokens, lambda one: one in "({[")
        if place is None:
            return
        del tokens[place : _find_end(tokens, place) + 1]

    def _repeat(self, tokens: list[str]) -> None:
        """Repeat a name, a bracket with its contents, or a definition."""
        place = self._pick(tokens, lambda one: one.isidentifier() or one in "({[")
        if place is None:
            return
        end = place + 1
        if not tokens[place].isidentifier():
            end = _find_end(tokens, place) + 1
        elif tokens[end : end + 1] == [":"]:
            end += 2
            if tokens[end - 1] in ("[", "{", "$"):
                end = (
                    _find_end(tokens, end - 1) + 1
                    if tokens[end - 1] != "$"
                    else end + 1
                )
        elif tokens[place] in ("query", "fragment") and "{" in tokens[place:]:
            end = _find_end(tokens, tokens.index("{", place)) + 1
        tokens[end:end] = tokens[place:end]


def _find_end(tokens: Sequence[str], start: int) -> int:
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] in "({[") - (tokens[place] in ")}]")
        if depth == 0:
            return place
    return len(tokens) - 1
