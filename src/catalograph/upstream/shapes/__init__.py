"""The shapes in which upstream versions have written a model; a new one is a new module here."""

from collections.abc import Iterable
from typing import Any

import msgspec

from catalograph.upstream.shapes.documented import Documented
from catalograph.upstream.shapes.later_flat import LaterFlat
from catalograph.upstream.shapes.sectioned import Sectioned
from catalograph.upstream.shapes.shape import Shape

__all__ = ["Shape", "find_shape"]

_SECTIONED = Sectioned()

# The documented shape is last: its marks are the weakest.
_SHAPES: tuple[Shape[Any], ...] = (_SECTIONED, LaterFlat(), Documented())

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def find_shape(rows: Iterable[msgspec.Raw]) -> Shape[Any] | None:
    """Tell the shape of a page from its first row that bears a mark of one.

    Models without any mark are sectioned ones with both sections off and no known
    organisation. None when nothing there is a model.
    """
    any_model = False
    for raw in rows:
        try:
            row = _FIELDS.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if "model_id" not in row:
            continue
        any_model = True
        for shape in _SHAPES:
            if shape.recognises(row):
                return shape
    return _SECTIONED if any_model else None
