"""The result of a check of the upstream."""

from collections.abc import Mapping

import msgspec

from catalograph.errors import UpstreamError


class UpstreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about an upstream that answered.

    Attributes:
        total: Models that it lists.
        version: Name of its version; None if the list is empty and does not show it.
        release: Its release, as in `UPSTREAM_VERSION`; None as above.
        tables: By name of a side table, the error of reading it; None if it can be read.
        most_models: How many models can be listed; None: all.
    """

    total: int
    version: str | None = None
    release: str | None = None
    tables: Mapping[str, UpstreamError | None] = {}
    most_models: int | None = None
