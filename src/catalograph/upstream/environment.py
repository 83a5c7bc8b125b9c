"""Checks the environment variables that the HTTP client reads, such as `HTTPS_PROXY`.

Proxies and certificate authorities are configured by variables for all programs of a machine.
The HTTP client reads them when it is created. Its error for an invalid one would not name the
variable.
"""

import importlib.util
import ipaddress
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx

from catalograph.redaction import redact
from catalograph.upstream.request import is_loopback

_PROXY_VARIABLES: Final = ("http", "https", "all")
_PROXY_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_LAST_PORT: Final = 65_535
_EXAMPLE: Final = "such as http://proxy.example:3128"


def find_environment_problems(environ: Mapping[str, str], base_url: str) -> list[str]:
    """Find variables that would prevent the client from being created.

    Args:
        environ: The environment of this process.
        base_url: Address of the upstream; it determines which variables are used.

    Returns:
        One sentence for each invalid variable. It begins with the name of the variable, and
        quotes no password.
    """
    problems: list[str] = []
    if not is_loopback(base_url):
        problems += _check_proxies(environ)
    if base_url.startswith("https:"):
        problems += _check_tls(environ)
    return problems


def has_proxies() -> bool:
    """Whether this machine names a proxy, in the environment or in its own configuration.

    Without one the client would still parse `NO_PROXY`, and fail at an invalid entry.
    """
    named = urllib.request.getproxies()
    return any(named.get(scheme) for scheme in _PROXY_VARIABLES)


def find_ineffective_variables(environ: Mapping[str, str], base_url: str) -> list[str]:
    """Find variables that are set without effect; one sentence each."""
    name, text = _find(environ, "no_proxy")
    if is_loopback(base_url) or not any(
        _find(environ, f"{scheme}_proxy")[1] for scheme in _PROXY_VARIABLES
    ):
        return []
    networks = [entry for entry in _split(text) if _is_ipv4_network(entry)]
    return [
        f"{name} holds the network {entry}, which has no effect: name addresses or hosts"
        for entry in networks
    ]


def _check_proxies(environ: Mapping[str, str]) -> Iterator[str]:
    has_proxy = False
    for scheme in _PROXY_VARIABLES:
        name, text = _find(environ, f"{scheme}_proxy")
        if text:
            has_proxy = True
            problem = _judge_proxy(text)
            if problem:
                yield f"{name} {problem}"
    name, text = _find(environ, "no_proxy")
    entries = _split(text)
    if not has_proxy or "*" in entries:
        return
    for entry in entries:
        if not _is_host_pattern(entry):
            yield (
                f"{name} must hold hosts, domains or addresses (IPv6 without brackets, no "
                f"networks of IPv6), got {redact(entry)[:80]!r}"
            )


def _judge_proxy(text: str) -> str:
    """Describe what is wrong with the address of a proxy; empty if it is valid."""
    if text != text.strip():
        return "must have no white space around the address"
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except (httpx.InvalidURL, ValueError):
        return f"must be the address of a proxy, {_EXAMPLE}"
    if url.scheme not in _PROXY_SCHEMES:
        return f"must be an address with http, https or socks5, {_EXAMPLE}"
    if not url.host or (url.port or 1) > _LAST_PORT:
        return f"must name a host and a port that can be, {_EXAMPLE}"
    if url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return (
            "names a SOCKS proxy, for which the package socksio must be installed; "
            f"or name an HTTP proxy, {_EXAMPLE}"
        )
    return ""


def _is_host_pattern(entry: str) -> bool:
    """Whether an entry of NO_PROXY is valid; the client turns it into a URL pattern."""
    try:
        ipaddress.IPv6Address(entry.partition("/")[0])
        pattern = f"all://[{entry}]"
    except ValueError:
        pattern = entry if "://" in entry else f"all://*{entry}"
    try:
        httpx.URL(pattern)
    except (httpx.InvalidURL, ValueError):
        return False
    return True


def _is_ipv4_network(entry: str) -> bool:
    address, slash, _ = entry.partition("/")
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return bool(slash)


def _check_tls(environ: Mapping[str, str]) -> Iterator[str]:
    authorities = environ.get("SSL_CERT_FILE", "")
    folder = environ.get("SSL_CERT_DIR", "")
    key_log = environ.get("SSLKEYLOGFILE", "")
    if authorities:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(authorities)
        except ssl.SSLError:
            yield f"SSL_CERT_FILE must name a file of certificates in PEM: {authorities}"
        except OSError as exc:
            yield f"SSL_CERT_FILE cannot be read: {_say(exc)}: {authorities}"
    elif folder and not any(Path(one).is_dir() for one in folder.split(":")):
        yield f"SSL_CERT_DIR must name a folder of certificates: {folder}"
    if key_log:
        try:
            with Path(key_log).open("ab"):
                pass
        except OSError as exc:
            yield f"SSLKEYLOGFILE cannot be written: {_say(exc)}: {key_log}"


def _say(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _find(environ: Mapping[str, str], lower_name: str) -> tuple[str, str]:
    """Find a variable in any case, as the client does.

    The one in lower case takes precedence, also when it is empty. Returns its text unchanged.
    """
    if lower_name in environ:
        return lower_name, environ[lower_name]
    for name in reversed(list(environ)):
        if name.lower() == lower_name and environ[name]:
            return name, environ[name]
    return lower_name.upper(), ""


def _split(text: str) -> list[str]:
    return [entry for part in text.split(",") if (entry := part.strip())]
