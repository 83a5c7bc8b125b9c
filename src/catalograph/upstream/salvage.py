"""Decodes the usable fields of a malformed row: a slow path for such rows only."""

import collections
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec

_Row = TypeVar("_Row", bound=msgspec.Struct)

_LOST = object()
"""Marks a value that cannot be used at all. None would not do: it is a valid value."""

_MAX_MEMBERS: Final = 1_000


class Tally:
    """Counts the losses of one page, for one log line and the counter.

    Attributes:
        lost: Number of losses by kind: `model` for a whole row, otherwise the upstream's name
            of the field. All names come from our wire types, so metric labels stay few.
        example: The first field that was lost, and the type of its value. Never the value
            itself: it may hold a token.
    """

    def __init__(self) -> None:
        self.lost: collections.Counter[str] = collections.Counter()
        self.example: str | None = None

    def add(self, what: str, value: object) -> None:
        """Count one value of kind `what` that was left out."""
        self.lost[what] += 1
        if self.example is None:
            self.example = f"{what}: {_describe(value)}"


def salvage(kind: type[_Row], value: object, tally: Tally) -> _Row | None:
    """Read a decoded JSON value as `kind`, without the parts that have the wrong type.

    A malformed field becomes null. Malformed elements of a list or of a JSON object are left
    out.

    Returns:
        The row. None if a required field (an identity) is missing or malformed; the caller
        counts that loss. Always None for a `kind` with `is_all_or_nothing`, such as a price
        with conditions: without one of its parts it would mean something else.
    """
    if not isinstance(value, dict) or getattr(kind, "is_all_or_nothing", False):
        return None
    usable: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in value:
            if field.required:
                return None
            continue
        found = _read(field.type, value[field.encode_name], field.encode_name, tally)
        if found is not _LOST:
            usable[field.name] = found
        elif field.required:
            return None
        else:
            tally.add(field.encode_name, value[field.encode_name])
            usable[field.name] = None  # every field that is no identity may be null
    return kind(**usable)


def _read(annotation: Any, value: object, name: str, tally: Tally) -> object:
    try:
        return msgspec.convert(value, annotation)
    except (msgspec.ValidationError, OverflowError):
        pass
    for member in _list_members(annotation):
        origin = typing.get_origin(member)
        if origin is tuple and isinstance(value, list):
            return _read_elements(typing.get_args(member)[0], value, name, tally)
        if origin is dict and isinstance(value, dict):
            return _read_details(typing.get_args(member)[1], value, name, tally)
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            row = salvage(member, value, tally)
            return _LOST if row is None else row
    return _LOST


def _read_elements(
    item: Any, values: list[object], name: str, tally: Tally
) -> tuple[object, ...]:
    usable: list[object] = []
    for value in values[:_MAX_MEMBERS]:
        found = _read(item, value, name, tally)
        if found is _LOST:
            tally.add(name, value)
        else:
            usable.append(found)
    if len(values) > _MAX_MEMBERS:
        tally.add(name, values)
    return tuple(usable)


def _read_details(
    item: Any, values: dict[str, object], name: str, tally: Tally
) -> dict[str, object]:
    usable: dict[str, object] = {}
    for key, value in values.items():
        found = (
            _LOST if len(usable) >= _MAX_MEMBERS else _read(item, value, name, tally)
        )
        if found is _LOST:
            tally.add(name, value)
        else:
            usable[key] = found
    return usable


def _list_members(annotation: Any) -> Iterable[Any]:
    """Give the member types of a union, without None and without `Annotated` bounds."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in {types.UnionType, typing.Union}:
        for member in typing.get_args(annotation):
            yield from _list_members(member)
    elif annotation is not types.NoneType:
        yield annotation


def _describe(value: object) -> str:
    """Name the type of a value, with its length: it may have been too long."""
    if isinstance(value, str | bytes | list | dict):
        return f"{type(value).__name__} of length {len(value)}"
    return type(value).__name__
