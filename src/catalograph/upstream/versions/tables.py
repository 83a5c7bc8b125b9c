"""Routes of side tables: tables beside the models, such as providers and prices."""

from collections.abc import Callable
from typing import Any

import msgspec

from catalograph.catalogue.prices import ListedPrices
from catalograph.catalogue.records import Endpoint, Organisation, Provider
from catalograph.upstream.versions.making import RecordMaker

TableRecord = Provider | Organisation | Endpoint | ListedPrices


def read_fields(row_type: type[msgspec.Struct]) -> None:
    """Let msgspec read the fields of a struct, and of those inside it, now.

    It does so when the first decoder of a struct is built. If two threads do that at the same
    time, the process crashes (msgspec 0.22), and pages are decoded in several threads.
    """
    msgspec.json.Decoder(row_type)


class TableRoute(msgspec.Struct, frozen=True, kw_only=True):
    """Where a side table is, and how its rows become records.

    Attributes:
        path: Below the base address.
        rows: Name of the response field that holds the rows.
        row_type: Wire type of a row. Identities have no default; other fields may be null.
        build: Turns a row into a record; None for a row without content.
        is_paged: Whether it takes `limit` and `offset`, and returns its `total`.
    """

    path: str
    rows: str
    row_type: type[msgspec.Struct]
    build: Callable[[Any, RecordMaker], TableRecord | None]
    is_paged: bool = False

    def __post_init__(self) -> None:
        """Prepare the decoding of rows; the module is imported before there are threads."""
        read_fields(self.row_type)
