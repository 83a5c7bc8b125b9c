"""What can be kept of a row that does not decode as a whole: the slow road, for sick rows only."""

import collections
from typing import TypeVar

import msgspec

_Row = TypeVar("_Row", bound=msgspec.Struct)

_LOST = object()
"""A value of which nothing could be kept; None is a value that may be kept."""


class Tally:
    """What one page lost, for one line of the log and for the counter.

    Attributes:
        lost: How many of each kind: `model` for a whole row, otherwise the upstream's name of
            the field. All names are from our own wire types, so there are few.
        example: The first value lost, shortened; for the log only.
    """

    def __init__(self) -> None:
        self.lost: collections.Counter[str] = collections.Counter()
        self.example: str | None = None

    def add(self, what: str, value: object) -> None:
        """Count one value of kind `what` that was left out."""
        self.lost[what] += 1
        if self.example is None:
            # A cut of the value before it is printed: it may be as large as the page.
            shown = value[:80] if isinstance(value, str | bytes | list) else value
            self.example = f"{what}: {shown!r}"[:200]


def salvage(kind: type[_Row], value: object, tally: Tally) -> _Row | None:
    """Read a decoded JSON value as `kind`, leaving out what does not fit.

    A field that does not fit becomes its default, an element of a list is left out. None when
    a field without default (an identity) is missing or does not fit: the row is lost then,
    and it is the caller who counts it.
    """
    if not isinstance(value, dict):
        return None
    kept: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in value:
            if field.required:
                return None
            continue
        found = _read(field.type, value[field.encode_name], field.encode_name, tally)
        if found is not _LOST:
            kept[field.name] = found
        elif field.required:
            return None
        else:
            tally.add(field.encode_name, value[field.encode_name])
            kept[field.name] = None  # every field that is no identity may be null
    return kind(**kept)


def _read(annotation: object, value: object, name: str, tally: Tally) -> object:
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        pass
    info = msgspec.inspect.type_info(annotation)
    members = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    for member in members:
        if isinstance(member, msgspec.inspect.VarTupleType) and isinstance(value, list):
            return _read_elements(member.item_type, value, name, tally)
        if isinstance(member, msgspec.inspect.StructType) and isinstance(value, dict):
            row = salvage(member.cls, value, tally)
            return _LOST if row is None else row
    return _LOST


def _read_elements(
    item: msgspec.inspect.Type, values: list[object], name: str, tally: Tally
) -> tuple[object, ...]:
    kept: list[object] = []
    for value in values:
        if isinstance(item, msgspec.inspect.StructType):
            row = salvage(item.cls, value, tally)
            found = _LOST if row is None else row
        else:
            # Lists of the upstream hold rows or words, nothing else.
            found = value if isinstance(value, str) else _LOST
        if found is _LOST:
            tally.add(name, value)
        else:
            kept.append(found)
    return tuple(kept)
