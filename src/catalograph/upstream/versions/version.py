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
from catalograph.upstream.versions.tables import TableRoute

RowT = TypeVar("RowT", bound=msgspec.Struct)

MAX_ID_CHARACTERS = 256
MAX_TEXT_CHARACTERS = 16_384
MAX_MEMBERS = 1_000
"""Far above all that was ever seen (ids of 70 characters, 52 offers of one model)."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
"""An identity: the only thing on the wire that is never null."""

Word = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARACTERS)]
"""A name, a label, a date."""

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT_CHARACTERS)]
"""Prose, or an address."""

Words = Annotated[tuple[Word, ...], msgspec.Meta(max_length=MAX_MEMBERS)] | None
"""A list of words; null reads as empty."""


class Version(abc.ABC, Generic[RowT]):
    """One version of the upstream.

    Attributes:
        name: Unique; for logs, and for what is remembered of an upstream.
        release: What the setting `UPSTREAM_VERSION` calls it; several versions may share it.
        row_type: One element of `models`: identities have no default, all else may be null.
        dialect: How it is asked.
        key_prefixes: Beginnings of the keys that no other release takes.
        tables: Its side tables.
        prefers_index: Whether a warm index answers lists, as a page costs the upstream as
            much as the whole catalogue.
    """

    name: str
    release: str
    row_type: type[RowT]
    dialect: Dialect
    key_prefixes: tuple[str, ...] = ()
    tables: Mapping[TableKind, TableRoute] = {}
    prefers_index: bool = False

    @abc.abstractmethod
    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """Whether the fields of this row are a mark of this version."""

    def recognises_page(self, envelope: Mapping[str, msgspec.Raw]) -> bool:
        """Whether an answer without models bears a mark of this version."""
        del envelope
        return False

    @abc.abstractmethod
    def sections_of(self, row: RowT) -> Sections:
        """The optional sections that this row carries."""

    @abc.abstractmethod
    def build(self, row: RowT, sections: Sections, make: RecordMaker) -> Model:
        """Turn a row into a record that carries exactly `sections`."""


def starts_with(value: msgspec.Raw | None, mark: bytes) -> bool:
    """Whether a raw JSON value begins with `mark`: `"` for a string, `{` for an object."""
    return value is not None and bytes(value).lstrip().startswith(mark)
