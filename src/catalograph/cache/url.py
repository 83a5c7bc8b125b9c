"""The address of the shared cache: parsing, checks, and a form without secrets."""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from catalograph.redaction import hide

MEMORY_URL: Final = "memory://"

_MASK: Final = "••••••"
_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]+")
_MOST_SECONDS: Final = 60.0
# Common ways of writing the address of a cluster, of sentinels, or of several hosts.
_MANY: Final = re.compile(
    r"(?:\w+[+-](?:cluster|sentinel)|(?:redis-)?(?:cluster|sentinel)s?)://"
    r"|rediss?://(?:[^/?#]*@)?[^/?#@]*,",
    re.IGNORECASE,
)

_Check: TypeAlias = Callable[[str], bool]


def _in_range(least: float, most: float) -> _Check:
    def check(text: str) -> bool:
        if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text):
            return False
        return least <= float(text) <= most

    return check


def _whole(least: int, most: int) -> _Check:
    return lambda text: text.isdecimal() and _in_range(least, most)(text)


def _one_of(*words: str) -> _Check:
    return lambda text: text.lower() in words


def _any(text: str) -> bool:
    return bool(text)


_SWITCH: Final = _one_of("true", "false", "yes", "no", "on", "off", "1", "0", "t", "f")

_OPTIONS: Final[Mapping[str, tuple[_Check, str]]] = {
    "client_name": (_any, "a name"),
    "db": (_whole(0, 65_535), "a number from 0"),
    "health_check_interval": (_whole(0, 86_400), "whole seconds"),
    "max_connections": (_whole(1, 1_024), "a number from 1 to 1024"),
    "password": (_any, "a password"),
    "protocol": (_one_of("2", "3"), "2 or 3"),
    "socket_connect_timeout": (
        _in_range(0.001, _MOST_SECONDS),
        "seconds from 0.001 to 60",
    ),
    "socket_keepalive": (_SWITCH, "true or false"),
    "socket_timeout": (_in_range(0.001, _MOST_SECONDS), "seconds from 0.001 to 60"),
    "timeout": (_in_range(0, _MOST_SECONDS), "seconds from 0 to 60"),
    "username": (_any, "a name"),
}
_TLS_OPTIONS: Final[Mapping[str, tuple[_Check, str]]] = {
    "ssl_ca_certs": (_any, "the path of a file"),
    "ssl_ca_path": (_any, "the path of a folder"),
    "ssl_cert_reqs": (
        _one_of("none", "optional", "required"),
        "none, optional or required",
    ),
    "ssl_certfile": (_any, "the path of a file"),
    "ssl_check_hostname": (_SWITCH, "true or false"),
    "ssl_ciphers": (_any, "names of ciphers"),
    "ssl_keyfile": (_any, "the path of a file"),
    "ssl_min_version": (_whole(0, 1_000), "a number of Python's ssl.TLSVersion"),
    "ssl_password": (_any, "a password"),
}
_IGNORED: Final = frozenset(
    (
        "decode_responses",
        "encoding",
        "encoding_errors",
        "legacy_responses",
        "retry_on_error",
        "retry_on_timeout",
    )
)
"""Options without effect: they would change the type of replies, or wait too long."""

_REPEATED: Final = re.compile(r"(with args beginning with:).*", re.DOTALL)

_PATHS: Final = frozenset(
    ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
)
_SECRET: Final = frozenset(("password", "ssl_password", "username"))


class CacheUrl(NamedTuple):
    """A parsed address.

    Attributes:
        url: The address for the client library, with the password.
        shown: The address to show, without possible secrets.
    """

    url: str
    shown: str


def parse_cache_url(text: str) -> CacheUrl:
    """Parse the address of the cache.

    Args:
        text: `memory://`; or `redis://[user:password@]host[:port][/db][?options]`, the same
            with `rediss://` for TLS, or `unix://[user:password@]/path[?options]`. Schemes
            may be in any case.

    Raises:
        ValueError: It has another form, an unknown option, or an invalid value of an option. The
            message is worded to follow the name of a variable, and quotes nothing that may be
            a secret.
    """
    if _MANY.match(text):
        raise ValueError(
            "must name one Redis or Valkey: Redis Cluster and Sentinel are not supported "
            "(name the address that leads to the present primary)"
        )
    parts = _split(text)
    if parts.scheme == "memory":
        if text.lower() not in ("memory://", "memory:"):
            raise ValueError("takes nothing after memory://")
        return CacheUrl(MEMORY_URL, MEMORY_URL)
    _check_place(parts)
    options, ignored = _read_options(parts)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    shown = f"{parts.scheme}://{_mask_user(parts)}{parts.path}"
    if options:
        base += f"?{urlencode(options)}"
    shown_options = [
        f"{name}={_MASK if name in _SECRET else value}"
        for name, value in {**options, **ignored}.items()
    ]
    if shown_options:
        shown += "?" + "&".join(shown_options)
    return CacheUrl(base, shown)


def find_ignored_options(shown: str) -> list[str]:
    """Find the options of an address that have no effect."""
    names = [name for name, _ in parse_qsl(urlsplit(shown).query)]
    return sorted(_IGNORED.intersection(names))


def hide_secrets(text: str, url: str) -> str:
    """Remove the user and the password of an address from the text of an error.

    A server that does not know a command repeats its arguments, which may be the password.
    """
    parts = urlsplit(url)
    # Without a password, the user may be a token, as in `_mask_user`.
    secrets = [unquote(parts.password or parts.username or "")]
    secrets += [
        value
        for name, value in parse_qsl(parts.query)
        if name in _SECRET - {"username"}
    ]
    for secret in sorted(secrets, key=len, reverse=True):
        text = hide(text, secret, _MASK)
    return _REPEATED.sub(r"\1 …", text)


def find_missing_files(url: str) -> list[str]:
    """Find the options of an address that name a file or folder which cannot be read."""
    return [
        name
        for name, value in parse_qsl(urlsplit(url).query)
        if name in _PATHS and not os.access(value, os.R_OK)
    ]


def _check_place(parts: SplitResult) -> None:
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(
            "must be memory://, redis://host:port/db, rediss://… or unix:///path"
        )
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise ValueError("must name a socket, such as unix:///run/redis.sock")
    if parts.scheme != "unix":
        if not parts.hostname:
            raise ValueError("must name a host, such as redis://localhost:6379/0")
        if not re.fullmatch(r"/?|/[0-9]{1,5}/?", parts.path):
            raise ValueError(
                "must have the number of a database as its path, such as /0"
            )


def _read_options(parts: SplitResult) -> tuple[dict[str, str], dict[str, str]]:
    known = {**_OPTIONS, **(_TLS_OPTIONS if parts.scheme == "rediss" else {})}
    options: dict[str, str] = {}
    ignored: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in _IGNORED:
            # Only short and plain values: they are shown as they are.
            ignored[name] = value if value.isalnum() else _MASK
            continue
        if name in _TLS_OPTIONS and name not in known:
            raise ValueError(f"must begin with rediss:// to have the option {name}")
        if name not in known:
            # Only a possible option name is shown: anything else may be part of a password.
            near = difflib.get_close_matches(name, known, n=1)
            hint = f", such as one close to {near[0]}" if near else ""
            raise ValueError(
                f"has an option that the cache's client does not know{hint}"
            )
        check, what = known[name]
        if not check(value):
            raise ValueError(f"must have {what} as its option {name}")
        options[name] = value
    return options, ignored


def _mask_user(parts: SplitResult) -> str:
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return host
    name, _, password = user.partition(":")
    # Without a password, the user may be a token: some services work that way.
    return f"{name}:{_MASK}@{host}" if password else f"{_MASK}@{host}"


def _split(text: str) -> SplitResult:
    if not _VISIBLE_ASCII.fullmatch(text):
        raise ValueError("must be an address without spaces, of ASCII characters")
    if "#" in text:
        raise ValueError("must write # in a user or a password as %23")
    try:
        parts = urlsplit(text)
        if parts.port != 0:
            return parts
    except ValueError:
        pass
    raise ValueError(
        "must be an address with a valid host and port (in a user or a password, write "
        "/ as %2F and ? as %3F)"
    )
