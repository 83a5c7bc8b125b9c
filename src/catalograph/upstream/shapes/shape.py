"""What every shape of the upstream's model rows has in common."""

import abc
from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar

import msgspec

from catalograph.catalogue.query import Sections
from catalograph.catalogue.records import Model
from catalograph.upstream.shapes.making import RecordMaker

RowT = TypeVar("RowT", bound=msgspec.Struct)

Id = Annotated[str, msgspec.Meta(min_length=1)]
"""An identity: the only thing on the wire that is never null."""

Words = tuple[str, ...] | None
"""A list of words; null reads as empty."""


class Shape(abc.ABC, Generic[RowT]):
    """One way in which an upstream version writes a model.

    Attributes:
        name: For logs.
        row_type: One element of `models`: identities have no default, all else may be null.
        narrows_by_provider: Whether a `provider` filter may cut the nested rows down.
        ignored_filters: Fields of a filter for which this version has no parameter.
    """

    name: str
    row_type: type[RowT]
    narrows_by_provider: bool
    ignored_filters: tuple[str, ...] = ()

    @abc.abstractmethod
    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """Whether the fields of this row are a mark of this shape."""

    @abc.abstractmethod
    def sections_of(self, row: RowT) -> Sections:
        """The optional sections that this row carries."""

    @abc.abstractmethod
    def build(self, row: RowT, sections: Sections, make: RecordMaker) -> Model:
        """Turn a row into a record that carries exactly `sections`."""


def starts_with(value: msgspec.Raw | None, mark: bytes) -> bool:
    """Whether a raw JSON value begins with `mark`: `"` for a string, `{` for an object."""
    return value is not None and bytes(value).lstrip().startswith(mark)
