"""Origins of web pages that may call the gateway (CORS): parsing and matching.

A browser sends `Origin: scheme://host[:port]`, in lower case, without the default port of the
scheme and without a path. An origin that an operator writes in another form would never be
equal to it, so it is normalised or refused.
"""

import difflib
import ipaddress
import re
from collections.abc import Sequence
from typing import Final, NoReturn
from urllib.parse import SplitResult, urlsplit

ANY: Final = "*"
"""All origins; allowed only as the single element of a list."""

LOCAL_ORIGINS: Final = tuple(
    f"{scheme}://{host}:*"
    for scheme in ("http", "https")
    for host in ("localhost", "127.0.0.1", "[::1]")
)
"""Pages served by the user's own machine, on any port."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NEVER_ORIGINS: Final = {"file", "ftp", "mailto", "ws", "wss"}
"""Schemes that no page has as its origin; a page from a file has the origin `null`."""

_FORM: Final = re.compile(r"([a-z][a-z0-9+.-]*)://([^\s,]+)")
_HOST: Final = re.compile(r"(?:\*\.)?(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DIFFERENT_IN_IDNA_2003: Final = frozenset("ßς\u200c\u200d")
"""Characters that Python's codec maps to others, and browsers keep."""
_SUBDOMAINS: Final = r"(?:[a-z0-9_-]+\.)+"
_ANY_PORT: Final = r"(?::[0-9]{1,5})?"


def parse_origins(texts: Sequence[str]) -> tuple[str, ...]:
    """Read origins as an operator writes them.

    Args:
        texts: Each `scheme://host[:port]`; `*.` before a domain stands for all its
            subdomains, `*` as the port for all ports. Or `*` alone.

    Returns:
        The origins in the form in which browsers send them, in the same order.

    Raises:
        ValueError: The list is empty, or holds an origin that no page can have. The message
            is worded to follow the name of a variable.
    """
    if not texts:
        raise ValueError("must hold at least one origin, such as https://app.example")
    if list(texts) == [ANY]:
        return (ANY,)
    if ANY in texts:
        raise ValueError("must be * alone, or a list of origins")
    return tuple(_parse(text) for text in texts)


class Origins:
    """Decides which pages may call, by their `Origin` header.

    Args:
        origins: As `parse_origins` returns them.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self.allow_any = ANY in origins
        self._exact = frozenset(one for one in origins if "*" not in one)
        self._patterns = [
            re.compile(_build_pattern(one))
            for one in origins
            if "*" in one and one != ANY
        ]

    def __bool__(self) -> bool:
        return bool(self.allow_any or self._exact or self._patterns)

    def allow(self, origin: str) -> bool:
        """Whether a page of this origin may call."""
        return (
            self.allow_any
            or origin in self._exact
            or any(pattern.fullmatch(origin) for pattern in self._patterns)
        )


def _parse(text: str) -> str:
    match = _FORM.fullmatch(text.lower())
    if match is None:
        _refuse()
    scheme, rest = match[1], match[2].removesuffix("/")
    any_port = rest.endswith(":*")
    parts = _split(f"{scheme}://{rest.removesuffix(':*')}")
    if scheme in _NEVER_ORIGINS:
        raise ValueError(f"must be origins of pages; none has the scheme {scheme}")
    near = difflib.get_close_matches(scheme, _DEFAULT_PORTS, n=1, cutoff=0.7)
    if near and scheme not in _DEFAULT_PORTS:
        raise ValueError(f"holds the scheme {scheme}; did you mean {near[0]}?")
    host = _parse_host(parts.hostname or "")
    if any_port:
        return f"{scheme}://{host}:*"
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{parts.port}"


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        has_port_zero = parts.port == 0
    except ValueError:
        _refuse()
    is_more = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if is_more or has_port_zero or text.endswith((":", "?", "#")):
        _refuse()
    return parts


def _parse_host(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        pass
    else:
        if address.scope_id is not None:
            _refuse()
        return f"[{address}]"
    host = _to_ascii(host)
    if not _HOST.fullmatch(host):
        _refuse()
    if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        # Browsers take such a host for an IPv4 address, and send it in the usual form.
        # Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError("must hold IPv4 addresses such as 127.0.0.1") from None
    domain = host.removeprefix("*.")
    if domain != host and "." not in domain and domain != "localhost":
        raise ValueError(f"would let in all of .{domain}; name a domain below it")
    return host


def _to_ascii(host: str) -> str:
    if host.isascii():
        return host
    if _DIFFERENT_IN_IDNA_2003 & set(host):
        raise ValueError("must hold this domain in its ASCII form (xn--…)")
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        _refuse()


def _refuse() -> NoReturn:
    raise ValueError(
        "must be origins such as https://app.example, without a path; "
        "*. stands for subdomains, :* for any port"
    )


def _build_pattern(origin: str) -> str:
    scheme, rest = origin.split("://")
    has_any_port = rest.endswith(":*")
    rest = rest.removesuffix(":*")
    domain = rest.removeprefix("*.")
    return (
        re.escape(f"{scheme}://")
        + (_SUBDOMAINS if domain != rest else "")
        + re.escape(domain)
        + (_ANY_PORT if has_any_port else "")
    )
