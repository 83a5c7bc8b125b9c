"""Type names left out of error messages, where clients may not ask for the schema.

graphql-core names the types of fields, arguments and variables in its messages. With
introspection off, a client could reconstruct the schema from deliberate mistakes.
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
    """The names of a schema's types that must not appear in messages.

    Args:
        schema: Names of its root type and of the specification's scalars stay visible.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        open_names = {"Query", *specified_scalar_types}
        self._names = frozenset(schema.type_map) - open_names
        scalars = [
            name
            for name in self._names
            if isinstance(schema.type_map[name], GraphQLScalarType)
        ]
        # Custom scalars stay visible, too: their messages say how a value must look.
        self._scalars = re.compile(rf"\b(?:{'|'.join(map(re.escape, scalars))})\b")

    def hide(self, errors: Sequence[GraphQLError]) -> None:
        """Remove the names from messages, and the brackets that reveal a list type."""
        for error in errors:
            message = _QUOTED.sub(self._replace, error.message)
            error.message = self._scalars.sub(HIDDEN, message)

    def _replace(self, found: re.Match[str]) -> str:
        return f"'{HIDDEN}{found[4]}'" if found[2] in self._names else found[0]
