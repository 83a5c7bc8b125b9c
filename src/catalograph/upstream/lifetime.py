"""Freshness of an upstream response according to its `Cache-Control`."""

import re
from typing import Final

import msgspec

_LONGEST_S: Final = 86_400.0
_DIRECTIVE: Final = re.compile(
    r"(?:^|[\s,])(?P<name>max-age|stale-while-revalidate)\s*=\s*\"?(?P<seconds>\d{1,10})\"?",
    re.ASCII | re.IGNORECASE,
)
_FORBIDDEN: Final = re.compile(
    r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])", re.IGNORECASE
)


class Lifetime(msgspec.Struct, frozen=True):
    """The ages in a `Cache-Control` header.

    Attributes:
        max_age_s: `max-age` in seconds, a day at most; None if it is not given, or if storing
            is forbidden.
        stale_s: `stale-while-revalidate` in seconds; None as above.
    """

    max_age_s: float | None = None
    stale_s: float | None = None


NO_LIFETIME: Final = Lifetime()


def parse_lifetime(cache_control: str | None) -> Lifetime:
    """Parse a `Cache-Control` header; repeated lines are joined by commas."""
    if not cache_control or _FORBIDDEN.search(cache_control):
        return NO_LIFETIME
    found = {
        match["name"].lower(): min(_LONGEST_S, float(match["seconds"]))
        for match in _DIRECTIVE.finditer(cache_control)
    }
    if "max-age" not in found:
        return NO_LIFETIME
    return Lifetime(found["max-age"], found.get("stale-while-revalidate"))
