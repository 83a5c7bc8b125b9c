"""The three ages of a kept answer."""

import enum

import msgspec


class Age(enum.Enum):
    """How old a kept answer is; the values are the labels of the counter of reads."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"
    MISS = "miss"


class Ages(msgspec.Struct, frozen=True):
    """Until when a kept answer is what, in seconds since the upstream was asked.

    Attributes:
        fresh_s: Up to here it is served.
        stale_s: Up to here it is served at once, and refreshed in the background.
        expired_s: Up to here it is served when the upstream fails; after that it is gone.
    """

    fresh_s: float = 60
    stale_s: float = 600
    expired_s: float = 86_400

    def __post_init__(self) -> None:
        """Refuse ages out of order."""
        if not 0 <= self.fresh_s <= self.stale_s <= self.expired_s:
            message = (
                "ages must be in order, 0 <= fresh <= stale <= expired, "
                f"got {self.fresh_s:g}, {self.stale_s:g}, {self.expired_s:g}"
            )
            raise ValueError(message)

    def classify(self, age_s: float) -> Age:
        """Name the age.

        An answer from the future was written by a machine whose clock is wrong. A little of
        that is fresh; more is expired, or it would stay fresh until that time has come.
        """
        if -self.fresh_s <= age_s <= self.fresh_s:
            return Age.FRESH
        if 0 <= age_s <= self.stale_s:
            return Age.STALE
        if age_s <= self.expired_s:
            return Age.EXPIRED
        return Age.MISS
