"""Checks of the address of the upstream."""

import ipaddress
from urllib.parse import urlsplit

import httpx


def check_base_url(base_url: str) -> str:
    """Check the base address of the upstream; returns it without a trailing slash.

    Raises:
        ValueError: It is not an absolute http or https address without user, query and
            fragment. The message does not quote it, as it may contain a password.
    """
    try:
        parts = urlsplit(base_url)
        host = parts.hostname
        httpx.URL(base_url)  # It rejects other addresses than `urlsplit` does.
        _ = parts.port  # Raises if it is out of range.
    except (ValueError, httpx.InvalidURL):
        raise ValueError("the upstream address is not a URL") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("the upstream address must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "the upstream address must not hold a user; give the token by itself"
        )
    if parts.query or parts.fragment:
        raise ValueError("the upstream address must have no query and no fragment")
    return base_url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
