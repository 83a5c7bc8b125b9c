"""On whose behalf the upstream is asked."""


class Access:
    """On whose behalf the upstream is asked, and what that has cost so far.

    Attributes:
        token: The caller's own token; None for the gateway's.
        partition: Cached answers are separate for each partition.
        requests: Upstream requests made for this access.
    """

    __slots__ = ("partition", "requests", "token")

    def __init__(self, *, token: str | None = None, partition: str = "") -> None:
        self.token = token
        self.partition = partition
        self.requests = 0
