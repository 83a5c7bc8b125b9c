"""Token and partition of a caller."""

from catalograph.catalogue.side_tables import TableKind


class Access:
    """Token and partition of a caller, with a count of its upstream requests.

    Attributes:
        token: The caller's own token; None for the gateway's.
        partition: Name of the caller's cache partition; see `keys`.
        requests: Upstream requests made for this access.
        tables: Side tables that the operation needs; it does not wait for others.
    """

    __slots__ = ("partition", "requests", "tables", "token")

    def __init__(self, *, token: str | None = None, partition: str = "") -> None:
        self.token = token
        self.partition = partition
        self.requests = 0
        self.tables: frozenset[TableKind] = frozenset()
