"""Parse the text of environment variables into values, and format values as text.

Every reader takes trimmed, non-empty text. Its ValueError says what would be right, and
is worded to follow the name of a variable: `must be a whole number from 1 to 64`.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

from catalograph import origins
from catalograph.cache import url as cache_url
from catalograph.upstream.versions import VERSIONS

Reader: TypeAlias = Callable[[str], object]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MASK = "••••••"
_WORDS = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
_PERIODS_S = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hour"), 3600.0),
}
_RATE = re.compile(r"([1-9][0-9]{0,17})\s*/\s*([a-z]+)")
_MOST_OF_A_RATE: Final = 1_000_000
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}")
_LEAST_S: Final = 0.001
"""Shortest time other than 0. A shorter one would be no usable deadline, and would be shown
as 0."""
_HOST_NAME = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_LEAST_KEY_CHARACTERS: Final = 3

SHORT_KEY_CHARACTERS: Final = 16
"""Fewer characters than this in an API key cause a warning: it can be guessed."""


class Secret:
    """Text that only `reveal` returns.

    `repr`, `str`, formatting and JSON encoders give a mask in its place.
    """

    __slots__ = ("_shown", "_text")

    def __init__(self, text: str, *, shown: str = _MASK) -> None:
        self._text = text
        self._shown = shown

    def reveal(self) -> str:
        """Return the text itself. Never pass it to a log or a message."""
        return self._text

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"Secret({self._shown})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class RateLimit(msgspec.Struct, frozen=True):
    """How many requests one caller may send.

    Attributes:
        count: Requests of ordinary cost in one period, 1 or more.
        period_s: Length of the period in seconds.
    """

    count: int
    period_s: float

    def __str__(self) -> str:
        unit = {1.0: "s", 60.0: "min", 3600.0: "h"}.get(self.period_s)
        return f"{self.count}/{unit or f'{self.period_s:g}s'}"


def whole(least: int, most: int) -> Reader:
    """Build a reader of whole numbers, both bounds included."""

    def parse(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,18}", text) and least <= int(text) <= most:
            return int(text)
        raise ValueError(f"must be a whole number from {least:,} to {most:,}")

    return parse


def seconds(most_s: int, *, zero_allowed: bool) -> Reader:
    """Build a reader of durations in seconds, fractions allowed.

    Args:
        most_s: Upper bound, included.
        zero_allowed: Whether 0 is accepted; otherwise 0.001 is the least.
    """
    bounds = f"from {0 if zero_allowed else _LEAST_S} to {most_s:,}"

    def parse(text: str) -> float:
        number = float(text) if _SECONDS.fullmatch(text) else math.nan
        if _LEAST_S <= number <= most_s or (zero_allowed and number == 0):
            return number
        raise ValueError(f"must be a number of seconds {bounds}")

    return parse


def one_of(*words: str) -> Reader:
    """Build a reader of one word of a list, in any case; it gives lower case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text.lower()

    return parse


def parse_switch(text: str) -> bool:
    """Read a switch: on, true, yes or 1; off, false, no or 0."""
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise ValueError("must be on or off") from None


def parse_host(text: str) -> str:
    """Read an address, with or without brackets, or a host name to listen on."""
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host == text and _HOST_NAME.fullmatch(text):
            return text
        raise ValueError("must be an address or a host name, such as 0.0.0.0") from None
    return host


def parse_path(text: str) -> str:
    """Read the path of a file. Whether it exists is only seen when it is opened."""
    return text


def parse_token(text: str) -> Secret:
    """Read a bearer token; any text that a header can carry."""
    if text.lower().startswith("bearer "):
        raise ValueError("must be the token alone, without the word Bearer")
    if not _VISIBLE_ASCII.fullmatch(text):
        raise ValueError("must be visible ASCII characters without spaces")
    return Secret(text)


def parse_partition_key(text: str) -> Secret:
    """Read the key of the hash that separates callers' tokens; see `cache.keys`."""
    if not 16 <= len(text.encode()) <= 64:  # noqa: PLR2004 - the hash takes no more
        raise ValueError("must have 16 to 64 bytes")
    return Secret(text)


def parse_keys(text: str) -> tuple[Secret, ...]:
    """Read keys separated by commas or white space."""
    keys = _split(text)
    if not all(_VISIBLE_ASCII.fullmatch(key) for key in keys):
        raise ValueError("must be keys of visible ASCII characters, joined by commas")
    if not keys:
        # No keys would mean "open to all": surely not the intention of setting this variable.
        raise ValueError("must hold at least one key; leave it unset to need none")
    if min(map(len, keys)) < _LEAST_KEY_CHARACTERS:
        raise ValueError(
            f"must hold keys of at least {_LEAST_KEY_CHARACTERS} characters; "
            f"{SHORT_KEY_CHARACTERS} random ones are hard to guess"
        )
    return tuple(Secret(key) for key in keys)


RELEASES: Final = tuple(sorted({version.release for version in VERSIONS}))
"""Releases of the catalogue's API, as `UPSTREAM_VERSION` names them, oldest first."""

_ADDRESSES: Final = {version.release: version.address for version in VERSIONS}
_KEY_FORMS: Final = {
    prefix: version.release for version in VERSIONS for prefix in version.key_prefixes
}


def find_key_release(token: str) -> str | None:
    """Find the release that accepts keys of this form; None if no release is known to."""
    return next(
        (release for prefix, release in _KEY_FORMS.items() if token.startswith(prefix)),
        None,
    )


def find_key_form(token: str) -> str | None:
    """Find the prefix of a key, such as `phaseo_v1_sk_`; None for an unknown one."""
    return next((prefix for prefix in _KEY_FORMS if token.startswith(prefix)), None)


def choose_upstream_url(token: Secret | None) -> str:
    """Choose the base address for keys of this form; the newest for an unknown form."""
    release = None if token is None else find_key_release(token.reveal())
    return _ADDRESSES[release or RELEASES[-1]]


def parse_upstream_url(text: str) -> str:
    """Read the base of the REST API; a trailing slash is dropped."""
    parts = _split_url(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or a password")
    if parts.query or parts.fragment:
        raise ValueError("must be the base alone, without ? or #")
    return _lower_scheme(text, parts).rstrip("/")


def parse_cache_url(text: str) -> Secret:
    """Read the address of the cache. Parts that may be secret are masked when it is shown."""
    found = cache_url.parse_cache_url(text)
    return Secret(found.url, shown=found.shown)


def parse_origins(text: str) -> tuple[str, ...]:
    """Read origins of pages, in the form in which browsers send them."""
    return origins.parse_origins(_split(text))


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks, IPv4 or IPv6."""
    try:
        found = tuple(ipaddress.ip_network(item, strict=False) for item in _split(text))
    except ValueError:
        found = ()
    if not found:
        raise ValueError("must be addresses or networks, such as 10.0.0.0/8")
    return found


def parse_rate(text: str) -> RateLimit | None:
    """Read `600/min`; `off` is None."""
    if text.lower() == "off":
        return None
    match = _RATE.fullmatch(text.lower())
    period_s = _PERIODS_S.get(match[2]) if match else None
    if match is None or period_s is None or int(match[1]) > _MOST_OF_A_RATE:
        raise ValueError(
            f"must be off, or a number up to {_MOST_OF_A_RATE:,} per s, min or h, "
            "such as 600/min"
        )
    return RateLimit(int(match[1]), period_s)


def show(value: object) -> str:
    """Format a value as the variable would be set; secrets masked, None as empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return ",".join(show(item) for item in value)
    return str(value)


def clamp_between(
    chosen: Mapping[str, float], defaults: Mapping[str, float]
) -> dict[str, float]:
    """Clamp the values that were not chosen between those that were.

    Args:
        chosen: Values set on purpose, by name; may be any part of `defaults`.
        defaults: All names with their defaults, ascending.

    Returns:
        A value for every name, in the order of `defaults`; ascending if `chosen` is.
    """
    values = {**defaults, **chosen}
    names = list(defaults)
    for place, name in enumerate(names):
        if name not in chosen:
            least = max((chosen[n] for n in names[:place] if n in chosen), default=0.0)
            most = min(
                (chosen[n] for n in names[place:] if n in chosen), default=math.inf
            )
            values[name] = max(least, min(values[name], most))
    return values


def _split(text: str) -> list[str]:
    return [item for item in re.split(r"[,\s]+", text) if item]


def _split_url(text: str) -> SplitResult:
    """Split an address into its parts, and check the port.

    Raises:
        ValueError: It is no address. The message does not quote it: it may hold a password.
    """
    if not _VISIBLE_ASCII.fullmatch(text):
        raise ValueError(
            "must be an address without spaces, of ASCII characters (a domain in its "
            "form xn--…)"
        )
    try:
        parts = urlsplit(text)
        if parts.port != 0 and ".." not in (parts.hostname or ""):
            return parts
    except ValueError:
        pass
    raise ValueError("must be an address with a valid host and port")


def _lower_scheme(text: str, parts: SplitResult) -> str:
    """Write the scheme in lower case: libraries compare it so."""
    return parts.scheme + text[len(parts.scheme) :]
