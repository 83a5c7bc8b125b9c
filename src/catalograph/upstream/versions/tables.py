"""How the side tables of a version are asked for and read."""

from collections.abc import Callable
from typing import Any

import msgspec

from catalograph.catalogue.prices import ListedPrices
from catalograph.catalogue.records import Endpoint, Organisation, Provider
from catalograph.upstream.versions.making import RecordMaker

TableRecord = Provider | Organisation | Endpoint | ListedPrices


class TableRoute(msgspec.Struct, frozen=True, kw_only=True):
    """Where a side table is, and how it is read.

    Attributes:
        path: Below the base address.
        rows: Name of the field that holds the rows.
        row_type: One row: identities have no default, all else may be null.
        build: Turns a row into a record; None for one that says nothing.
        is_paged: Whether it takes `limit` and `offset`, and tells its `total`.
    """

    path: str
    rows: str
    row_type: type[msgspec.Struct]
    build: Callable[[Any, RecordMaker], TableRecord | None]
    is_paged: bool = False
