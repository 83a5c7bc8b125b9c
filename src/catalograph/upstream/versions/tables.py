"""Routes of side tables: tables beside the models, such as providers and prices."""

from collections.abc import Callable
from typing import Any

import msgspec

from catalograph.catalogue.prices import ListedPrices
from catalograph.catalogue.records import Endpoint, Organisation, Provider
from catalograph.upstream.versions.making import RecordMaker

TableRecord = Provider | Organisation | Endpoint | ListedPrices


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
