"""On whose behalf the upstream is asked."""

from catalograph.catalogue.side_tables import TableKind


class Access:
    """On whose behalf the upstream is asked, and what that has cost so far.

    Attributes:
        token: The caller's own token; None for the gateway's.
        partition: Cached answers are separate for each partition.
        requests: Upstream requests made for this access.
        tables: Side tables that the operation reads from; the others are not asked for on
            its account.
    """

    __slots__ = ("partition", "requests", "tables", "token")

    def __init__(self, *, token: str | None = None, partition: str = "") -> None:
        self.token = token
        self.partition = partition
        self.requests = 0
        self.tables: frozenset[TableKind] = frozenset()
