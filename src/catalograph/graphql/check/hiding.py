"""Hides type names in error messages while introspection is off.

graphql-core names the types of fields, arguments and variables in its messages. A client
could reconstruct the schema from the messages to deliberate mistakes.
"""

import re
from collections.abc import Sequence
from typing import Final

from graphql import (
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    specified_scalar_types,
)

HIDDEN: Final = "(hidden)"

_QUOTED: Final = re.compile(r"'(\[*)([_A-Za-z]\w*)([!\]]*)((?:\.[^']*)?)'", re.ASCII)


class TypeNames:
    """The type names of a schema that must not appear in error messages.

    Args:
        schema: The schema. The names of its root type and of the built-in scalars stay
            visible.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        open_names = {"Query", *specified_scalar_types}
        self._names = frozenset(schema.type_map) - open_names
        scalars = [
            name
            for name in self._names
            if isinstance(schema.type_map[name], GraphQLScalarType)
        ]
        # Messages of custom scalars name the type without quotes, so it is found as a word.
        self._scalars = re.compile(rf"\b(?:{'|'.join(map(re.escape, scalars))})\b")

    def hide(self, errors: Sequence[GraphQLError]) -> None:
        """Remove type names from messages, and the brackets that reveal a list type."""
        for error in errors:
            message = _QUOTED.sub(self._replace, error.message)
            error.message = self._scalars.sub(HIDDEN, message)

    def _replace(self, found: re.Match[str]) -> str:
        return f"'{HIDDEN}{found[4]}'" if found[2] in self._names else found[0]
