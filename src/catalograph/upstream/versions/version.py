"""The interface of a version of the upstream: dialect, decoding and recognition."""

import abc
from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar

import msgspec

from catalograph.catalogue.query import Sections
from catalograph.catalogue.records import Model
from catalograph.catalogue.side_tables import TableKind
from catalograph.upstream.versions.dialect import Dialect
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.tables import TableRoute, read_fields

RowT = TypeVar("RowT", bound=msgspec.Struct)

MAX_ID_CHARACTERS = 256
MAX_TEXT_CHARACTERS = 16_384
MAX_MEMBERS = 1_000
"""Bounds far above everything seen so far: ids of 70 characters, 52 offers of one model."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
"""An identity. No other value on the wire is required."""

Word = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARACTERS)]
"""A name, a label, a date."""

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT_CHARACTERS)]
"""Prose, or an address."""

Words = Annotated[tuple[Word, ...], msgspec.Meta(max_length=MAX_MEMBERS)] | None
"""A list of words; null reads as empty."""


class Version(abc.ABC, Generic[RowT]):
    """One version of the upstream.

    Attributes:
        name: Unique name, for logs and for the record of the version that answered last.
        release: Name in the setting `UPSTREAM_VERSION`, which sorts by age; several versions may
            share it.
        row_type: Wire type of one element of `models`. Identities have no default; all other
            fields may be null.
        dialect: Its request parameters.
        address: Base address at which the release is served.
        key_prefixes: Prefixes of keys that only this release accepts.
        tables: Routes of its side tables, by kind.
        prefers_index: Whether a warm index answers lists although the upstream could: a page
            costs such an upstream as much as the whole catalogue.
    """

    name: str
    release: str
    address: str
    row_type: type[RowT]
    dialect: Dialect
    key_prefixes: tuple[str, ...] = ()
    tables: Mapping[TableKind, TableRoute] = {}
    prefers_index: bool = False

    def __init_subclass__(cls) -> None:
        """Prepare the decoding of rows; the class is made before there are threads."""
        super().__init_subclass__()
        read_fields(cls.row_type)

    @abc.abstractmethod
    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """Whether the fields of this row show that it is of this version."""

    def recognises_page(self, envelope: Mapping[str, msgspec.Raw]) -> bool:
        """Whether the envelope of a page without models shows this version."""
        del envelope
        return False

    @abc.abstractmethod
    def sections_of(self, row: RowT) -> Sections:
        """Return the optional sections that this row has."""

    @abc.abstractmethod
    def build(self, row: RowT, sections: Sections, make: RecordMaker) -> Model:
        """Build a record with exactly `sections` from a row."""


def starts_with(value: msgspec.Raw | None, mark: bytes) -> bool:
    """Whether a raw JSON value begins with `mark`: `"` for a string, `{` for an object."""
    return value is not None and bytes(value).lstrip().startswith(mark)
