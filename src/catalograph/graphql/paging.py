"""Paging arguments and cursors."""

import base64
import binascii
import datetime
import decimal
from typing import Any, TypeVar

import msgspec
import strawberry

from catalograph.catalogue.query import DEFAULT_LIMIT, MAX_LIMIT
from catalograph.catalogue.selection import Anchor
from catalograph.data.slices import Slice
from catalograph.errors import UserInputError

T = TypeVar("T")

MAX_OFFSET = 2**31 - 1


class _CursorFields(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True
):
    """The contents of a cursor; later additions have a default, so old cursors are valid."""

    order: str
    offset: int
    model_id: str
    date: datetime.date | None
    name: str | None
    score: int | None
    number: decimal.Decimal | msgspec.UnsetType = msgspec.UNSET


_DECODER = msgspec.json.Decoder(_CursorFields)


def build_cursor(order: str, anchor: Anchor) -> str:
    """Encode the position of an edge in a list.

    Args:
        order: Name of the order of the list; a cursor is not valid in another order.
        anchor: The position.
    """
    fields = [
        order,
        anchor.offset,
        anchor.model_id,
        anchor.date,
        anchor.name,
        anchor.score,
    ]
    if anchor.number is not None:
        fields.append(anchor.number)
    return base64.urlsafe_b64encode(msgspec.json.encode(fields)).rstrip(b"=").decode()


def parse_cursor(value: str, *, order: str, argument: str) -> Anchor:
    """Decode a cursor.

    Raises:
        UserInputError: It is not a cursor, or one of a list in another order.
    """
    try:
        padded = value + "=" * (-len(value) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        read = _DECODER.decode(raw)
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError) as exc:
        raise _not_a_cursor(argument) from exc
    number = None if read.number is msgspec.UNSET else read.number
    is_finite = number is None or number.is_finite()
    if not is_finite or not 0 <= read.offset <= MAX_OFFSET:
        raise _not_a_cursor(argument)
    if read.order != order:
        message = (
            f"{argument} is a cursor of a list in another order; "
            "start again without it, or ask for the same order and search"
        )
        raise UserInputError(message)
    return Anchor(
        offset=read.offset,
        model_id=read.model_id,
        date=read.date,
        name=read.name,
        score=read.score,
        number=number,
    )


def parse_slice(
    *,
    order: str,
    limit: int | None,
    offset: int | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Slice:
    """Read the paging arguments; absent and null are the same.

    Raises:
        UserInputError: A number out of range, both styles at once, `first` with `last`,
            or a cursor of another list.
    """
    limit, offset, first, last = map(_none_if_unset, (limit, offset, first, last))
    after, before = map(_none_if_unset, (after, before))
    by_offset = _given(limit=limit, offset=offset)
    by_cursor = _given(first=first, after=after, last=last, before=before)
    if by_offset and by_cursor:
        message = (
            f"{by_offset[0]} and {by_cursor[0]} are two styles of paging; "
            "use either limit and offset, or first, after, last and before"
        )
        raise UserInputError(message)
    if first is not None and last is not None:
        message = "first and last cannot be combined; use one of them"
        raise UserInputError(message)
    _check_size("limit", limit)
    _check_size("first", first)
    _check_size("last", last)
    if offset is not None and not 0 <= offset <= MAX_OFFSET:
        message = f"offset must be 0 or more, got {offset}"
        raise UserInputError(message)
    if not by_cursor:
        return Slice(
            limit=DEFAULT_LIMIT if limit is None else limit, offset=offset or 0
        )
    size = first or last or DEFAULT_LIMIT
    return Slice(
        limit=size,
        after=_anchor(after, order, "after"),
        before=_anchor(before, order, "before"),
        # `before` alone pages backwards, as `last` does.
        from_end=last is not None
        or (before is not None and first is None and after is None),
    )


def _none_if_unset(value: T | None) -> T | None:
    return None if value is strawberry.UNSET else value


def _given(**values: Any) -> list[str]:
    return [name for name, value in values.items() if value is not None]


def _check_size(name: str, value: int | None) -> None:
    if value is not None and not 1 <= value <= MAX_LIMIT:
        message = f"{name} must be between 1 and {MAX_LIMIT}, got {value}"
        raise UserInputError(message)


def _anchor(value: str | None, order: str, argument: str) -> Anchor | None:
    return (
        None if value is None else parse_cursor(value, order=order, argument=argument)
    )


def _not_a_cursor(argument: str) -> UserInputError:
    message = (
        f"{argument} must be a cursor of this list: the cursor of an edge, "
        "or pageInfo.startCursor or endCursor"
    )
    return UserInputError(message)
