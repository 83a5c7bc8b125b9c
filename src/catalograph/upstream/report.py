"""The report about a check of the upstream."""

from collections.abc import Mapping

import msgspec

from catalograph.errors import UpstreamError


class UpstreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream that answered.

    Attributes:
        total: Models that it lists.
        version: Name of the version that answered; None when an empty list does not show it.
        release: What `UPSTREAM_VERSION` calls it; None as above.
        tables: By name of a side table, why it cannot be read; None when it can.
        most_models: How many can be listed; None: all.
    """

    total: int
    version: str | None = None
    release: str | None = None
    tables: Mapping[str, UpstreamError | None] = {}
    most_models: int | None = None
