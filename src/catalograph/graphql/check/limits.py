"""Limits on the size of a document: checked before validation, in linear time.

Every definition is walked once. The size of a fragment is computed once, however often it
is spread. So a chain of fragments that each spread the next one twice causes no exponential
work. A fragment that spreads itself, directly or indirectly, counts nothing the second
time; validation refuses it later.

Introspection (everything below `__schema` and `__type`) has limits of its own, which the
introspection queries of all common clients respect. The name of the field decides what is
introspection, not its alias or the name of the operation.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
)

from catalograph.errors import LimitError

SCHEMA_FIELDS: Final = frozenset({"__schema", "__type"})
"""The root fields of introspection."""

MAX_SCHEMA_DEPTH: Final = 20
"""Levels below `__schema`: common clients nest `ofType` nine or ten deep."""

MAX_SCHEMA_HEIGHT: Final = 400
"""Fields below all `__schema` and `__type`; the fullest query of common clients has 250."""

MAX_DIGITS: Final = 400
"""Characters of a number literal: more than any useful one has, and fewer than the 4,300
digits that Python refuses to convert."""

MAX_NAME_CHARACTERS: Final = 256
"""Characters of a name or alias. The response repeats an alias for every object."""

_LONG_NAME: Final = re.compile(
    rf"(?<![_0-9A-Za-z])[_0-9A-Za-z]{{{MAX_NAME_CHARACTERS + 1}}}"
)

_MOST: Final = 10**9
"""Counts saturate here: fragments that spread each other twice would make huge numbers."""

_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\(?:""")?|"(?!""))*(?:""")?'
    r'|"(?:[^"\\\n\r]|\\.)*"?|#[^\n\r]*|\.\.\.|[_A-Za-z0-9.+-]+|[^\s,\ufeff]'
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Upper limits for one document, counted with fragments expanded.

    Attributes:
        tokens: Tokens of the whole document, including comments.
        depth: Nested levels of fields in an operation.
        height: Fields of an operation; separately, also its spreads and inline fragments.
        aliases: Aliases of an operation.
        root_fields: Fields at the root of an operation.
        directives: Directives of an operation.
        operations: Operations of the document.
        list_size: Items of one list in an argument, or of a list or object in a variable.
    """

    tokens: int = 4_000
    depth: int = 15
    height: int = 400
    aliases: int = 30
    root_fields: int = 20
    directives: int = 50
    operations: int = 10
    list_size: int = 1_000

    def check_text(self, text: str) -> None:
        """Check the number of tokens and the length of names, before parsing.

        Raises:
            LimitError: The document has too many tokens, or a name is too long.
        """
        if len(text) > self.tokens:
            self._check("tokens", sum(1 for _ in _TOKEN.finditer(text)), self.tokens)
        # The pattern also finds long words in strings and comments, which are allowed.
        if len(text) > MAX_NAME_CHARACTERS and _LONG_NAME.search(text):
            for token in _TOKEN.finditer(text):
                if token[0][0] == "_" or token[0][0].isalpha():
                    self._check("name length", len(token[0]), MAX_NAME_CHARACTERS)

    def check_document(self, ast: DocumentNode) -> None:
        """Check everything that does not depend on variables.

        Raises:
            LimitError: The first limit that is exceeded.
        """
        definitions = ast.definitions
        operations = [
            one for one in definitions if isinstance(one, OperationDefinitionNode)
        ]
        self._check("operations", len(operations), self.operations)
        counted = [_Walk(one).count() for one in operations]
        fragments = {
            one.name.value: _Walk(one).count()
            for one in definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        if fragments:
            _add_fragments(fragments)
        for walked in counted:
            counts = walked.counts
            if walked.spreads:
                counts = _add_spreads(walked, fragments)
            self._check_counts(counts)
            self._check("root fields", counts.root_fields, self.root_fields)
        # Unused fragments are checked as well, because validating them takes time, too. The
        # limit on root fields does not apply to a fragment by itself.
        for walked in fragments.values():
            self._check_counts(walked.counts)
        for walked in (*counted, *fragments.values()):
            self._check("list size", walked.longest_list, self.list_size)
            self._check("digits", walked.longest_number, MAX_DIGITS)

    def check_variables(self, variables: object) -> None:
        """Check the lists and objects in the values of variables, as decoded from JSON.

        Raises:
            LimitError: A list or object has more items than `list_size`.
        """
        todo = [variables]
        while todo:
            value = todo.pop()
            if isinstance(value, Mapping):
                self._check("object size", len(value), self.list_size)
                todo.extend(value.values())
            elif isinstance(value, list):
                self._check("list size", len(value), self.list_size)
                todo.extend(value)

    def _check_counts(self, counts: "Counts") -> None:
        self._check("depth", counts.depth, self.depth)
        self._check("height", counts.height, self.height)
        self._check("aliases", counts.aliases, self.aliases)
        self._check("directives", counts.directives, self.directives)
        self._check("fragments", counts.fragments, self.height)
        self._check("introspection depth", counts.schema_depth, MAX_SCHEMA_DEPTH)
        self._check("introspection height", counts.schema_height, MAX_SCHEMA_HEIGHT)

    @staticmethod
    def _check(limit: str, count: int, bound: int) -> None:
        if count > bound:
            raise LimitError(limit, count, bound)


class Counts:
    """The counts of one definition, to be compared with the limits.

    Attributes:
        depth: Nested levels of fields.
        height: Number of fields.
        aliases: Number of aliases.
        root_fields: Number of fields on the first level.
        directives: Number of directives.
        fragments: Number of spreads and inline fragments.
        schema_depth: Nested levels of fields below `__schema` and `__type`.
        schema_height: Number of fields below them.
    """

    __slots__ = (
        "aliases",
        "depth",
        "directives",
        "fragments",
        "height",
        "root_fields",
        "schema_depth",
        "schema_height",
    )

    def __init__(self) -> None:
        self.depth = 0
        self.height = 0
        self.aliases = 0
        self.root_fields = 0
        self.directives = 0
        self.fragments = 0
        self.schema_depth = 0
        self.schema_height = 0

    def add(self, other: "Counts", level: int, schema_level: int | None) -> None:
        """Add the counts of a fragment that is spread here.

        Args:
            other: Counts of the fragment.
            level: Number of fields that enclose the spread. At 0, the first fields of the
                fragment are root fields.
            schema_level: Number of fields between `__schema` or `__type` and the spread;
                None if the spread is not inside introspection.
        """
        self.aliases = min(_MOST, self.aliases + other.aliases)
        self.directives = min(_MOST, self.directives + other.directives)
        self.fragments = min(_MOST, self.fragments + other.fragments)
        height, depth = other.height, other.depth
        schema_height, schema_depth = other.schema_height, other.schema_depth
        if schema_level is not None:
            schema_height, height = schema_height + height, 0
            schema_depth, depth = max(schema_depth, schema_level + depth), 0
        elif depth:
            depth += level
        self.height = min(_MOST, self.height + height)
        self.depth = max(self.depth, depth)
        self.schema_height = min(_MOST, self.schema_height + schema_height)
        self.schema_depth = max(self.schema_depth, schema_depth)
        if level == 0 and schema_level is None:
            self.root_fields = min(_MOST, self.root_fields + other.root_fields)


class _Walk:
    """A walk over one definition.

    Attributes:
        counts: Counts of the definition. Counts of spread fragments are added later.
        spreads: Name of each spread, with the two levels that `Counts.add` takes.
        longest_list: Number of items in the longest list literal.
        longest_number: Number of characters in the longest number literal.
    """

    __slots__ = (
        "_definition",
        "counts",
        "longest_list",
        "longest_number",
        "spreads",
    )

    def __init__(
        self, definition: OperationDefinitionNode | FragmentDefinitionNode
    ) -> None:
        self._definition = definition
        self.counts = Counts()
        self.spreads: list[tuple[str, int, int | None]] = []
        self.longest_list = 0
        self.longest_number = 0

    def count(self) -> "_Walk":
        """Walk the definition, and return this object."""
        definition = self._definition
        counts = self.counts
        counts.directives = len(definition.directives or ())
        for variable in definition.variable_definitions or ():
            counts.directives += len(variable.directives or ())
            if variable.default_value is not None:
                self._measure((variable.default_value,))
        todo: list[tuple[SelectionSetNode, int, int | None]] = [
            (definition.selection_set, 0, None)
        ]
        while todo:
            selection_set, level, schema_level = todo.pop()
            for node in selection_set.selections:
                if node.directives:
                    counts.directives += len(node.directives)
                if isinstance(node, FieldNode):
                    below = self._count_field(node, level, schema_level)
                    if node.selection_set is not None:
                        todo.append((node.selection_set, *below))
                elif isinstance(node, InlineFragmentNode):
                    counts.fragments += 1
                    todo.append((node.selection_set, level, schema_level))
                elif isinstance(node, FragmentSpreadNode):
                    counts.fragments += 1
                    self.spreads.append((node.name.value, level, schema_level))
        return self

    def _count_field(
        self, node: FieldNode, level: int, schema_level: int | None
    ) -> tuple[int, int | None]:
        """Count a field; return the levels of the selections below it."""
        counts = self.counts
        if node.alias is not None:
            counts.aliases += 1
        if node.arguments:
            self._measure(argument.value for argument in node.arguments)
        if schema_level is not None:
            counts.schema_height += 1
            counts.schema_depth = max(counts.schema_depth, schema_level + 1)
            return level, schema_level + 1
        counts.height += 1
        counts.depth = max(counts.depth, level + 1)
        if level == 0:
            counts.root_fields += 1
        return level + 1, 0 if node.name.value in SCHEMA_FIELDS else None

    def _measure(self, values: Iterable[ValueNode]) -> None:
        todo: list[Iterator[ValueNode]] = [iter(values)]
        while todo:
            for value in todo.pop():
                if isinstance(value, ListValueNode):
                    self.longest_list = max(self.longest_list, len(value.values))
                    todo.append(iter(value.values))
                elif isinstance(value, ObjectValueNode):
                    todo.append(field.value for field in value.fields)
                elif isinstance(value, IntValueNode | FloatValueNode):
                    self.longest_number = max(self.longest_number, len(value.value))


def _add_spreads(walked: _Walk, fragments: dict[str, _Walk]) -> Counts:
    for name, level, schema_level in walked.spreads:
        fragment = fragments.get(name)
        if fragment is not None:
            walked.counts.add(fragment.counts, level, schema_level)
    return walked.counts


def _add_fragments(fragments: dict[str, _Walk]) -> None:
    """Add to each fragment the counts of the fragments that it spreads, innermost first.

    A depth-first search with an explicit stack: a client could nest fragments deeper than
    Python can recurse.
    """
    done: set[str] = set()
    for start, first in fragments.items():
        if start in done:
            continue
        done.add(start)
        path = [(first, _names(first.spreads))]
        while path:
            walked, rest = path[-1]
            name = next(rest, None)
            if name is None:
                _add_spreads(walked, fragments)
                path.pop()
            elif name in fragments and name not in done:
                done.add(name)
                path.append((fragments[name], _names(fragments[name].spreads)))


def _names(spreads: Sequence[tuple[str, int, int | None]]) -> Iterator[str]:
    return (name for name, _, _ in spreads)
