"""What a request says: its headers, its body, its parameters."""

from typing import Final

from starlette.types import Scope

_HEADERS: Final = "catalograph.headers"


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """A request's headers by lower-case name; of repeated ones the last counts."""
    found: dict[bytes, bytes] | None = scope.get(_HEADERS)
    if found is None:
        found = scope[_HEADERS] = dict(scope["headers"])
    return found
