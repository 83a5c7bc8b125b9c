"""The parameters of a GraphQL request, read from a body or an address and checked."""

import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from catalograph.errors import UserInputError
from catalograph.web.replies import Refusal

MAX_DEPTH: Final = 32
"""Levels of lists and objects in a parameter; filters have three."""

MAX_VALUES: Final = 20_000
"""Keys and values in a parameter; 1,000 entity references have 4,000."""

_KNOWN: Final = frozenset(
    ("query", "documentId", "operationName", "variables", "extensions")
)

_WORDS: Final = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """A GraphQL request as a client sent it, of the right types.

    Attributes:
        query: GraphQL text; None when the client names a persisted document.
        document_id: As the appendix on persisted documents has it.
        name: `operationName`; None when absent, null or empty.
        variables: By name.
        extensions: The client's own.
    """

    query: str | None = None
    document_id: str | None = None
    name: str | None = None
    variables: Mapping[str, Any] = msgspec.field(default_factory=dict)
    extensions: Mapping[str, Any] = msgspec.field(default_factory=dict)


def refuse(message: str) -> Refusal:
    """A request that is not well-formed: status 400."""
    return Refusal(400, UserInputError(message))


def parse_body(body: bytes) -> Parameters:
    """Read the body of a POST request.

    Raises:
        Refusal: Not one JSON object with parameters of the right types.
    """
    if not body.strip():
        raise refuse("the body is empty; it must be a JSON object with `query`")
    value = _decode(body, "the body")
    if isinstance(value, list):
        raise refuse("batches are not taken; send one operation in a request")
    if not isinstance(value, dict):
        raise refuse(f"the body must be a JSON object, got {_WORDS[type(value)]}")
    if not value.keys() <= _KNOWN:
        unknown = {name: one for name, one in value.items() if name not in _KNOWN}
        _check_bounds(unknown, "the body")
    return _check(value)


def parse_query_string(query_string: bytes) -> Parameters:
    """Read the address of a GET request.

    Raises:
        Refusal: As `parse_body`; also for a parameter that is given twice.
    """
    found: dict[str, Any] = {}
    for name, value in _split(query_string):
        if name in found:
            raise refuse(f"`{name}` must be given once")
        if name in {"variables", "extensions"}:
            found[name] = _decode(value.encode(), f"`{name}`") if value else None
        elif name in {"query", "operationName", "documentId"}:
            found[name] = value
    return _check(found)


def names_stored_document(query_string: bytes) -> bool:
    """Whether an address names a document by id or hash, without its text."""
    names = {part.partition(b"=")[0] for part in query_string.split(b"&")}
    return b"query" not in names and not names.isdisjoint(
        (b"documentId", b"extensions")
    )


def _split(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return urllib.parse.parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=32,
        )
    except UnicodeDecodeError:
        raise refuse("the address must be percent-encoded UTF-8") from None
    except ValueError:
        raise refuse("the address has more than 32 parameters") from None


def _decode(text: bytes, what: str) -> object:
    try:
        return msgspec.json.decode(text)
    except UnicodeDecodeError:
        raise refuse(f"{what} must be UTF-8") from None
    except msgspec.ValidationError:
        raise refuse(f"{what} holds a number that is out of range") from None
    except msgspec.DecodeError as exc:
        raise refuse(f"{what} must be JSON: {_say(exc)}") from None
    except RecursionError:
        raise refuse(f"{what} is nested more than {MAX_DEPTH} levels deep") from None


def _say(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ").lower()


def _check(found: Mapping[str, Any]) -> Parameters:
    query = _string(found, "query")
    name = _string(found, "operationName")
    document_id = _string(found, "documentId")
    variables = _object(found, "variables")
    extensions = _object(found, "extensions")
    if query is None and document_id is None and "persistedQuery" not in extensions:
        raise refuse("`query` is missing; it must be a string of GraphQL")
    return Parameters(
        query=query or None if document_id or extensions else query,
        document_id=document_id,
        name=name or None,
        variables=variables,
        extensions=extensions,
    )


def _string(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    if value is None or isinstance(value, str):
        return value
    raise refuse(f"`{name}` must be a string, got {_WORDS[type(value)]}")


def _object(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(f"`{name}` must be an object, got {_WORDS[type(value)]}")
    if value:
        _check_bounds(value, f"`{name}`")
    return value


def _check_bounds(value: dict[str, Any], what: str) -> None:
    """Walk level by level, so that the work is bounded by the bounds themselves."""
    level: list[Any] = [value]
    seen = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                seen += len(item)
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif type(item) is int and item.bit_length() > 64:  # noqa: PLR2004
                raise refuse(f"{what} holds a number that is out of range")
        seen += len(below)
        if seen > MAX_VALUES:
            raise refuse(f"{what} holds more than {MAX_VALUES:,} values")
        if not below:
            return
        level = below
    raise refuse(f"{what} is nested more than {MAX_DEPTH} levels deep")
