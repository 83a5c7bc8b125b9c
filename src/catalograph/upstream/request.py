"""A question as the upstream's own parameters, and the address they are asked at."""

import ipaddress
from urllib.parse import quote, urlencode, urlsplit

import httpx

from catalograph.catalogue.filter import Values, is_sendable, normalise
from catalograph.catalogue.query import REST_FIELDS, ModelsQuery


def build_query_string(query: ModelsQuery) -> str:
    """Write a question as a query string: equal questions give equal strings.

    Raises:
        ValueError: The filter is more than the upstream has parameters for, or holds a value
            that it would split or ignore. Whoever asks should have known.
    """
    asked = query.filter
    if not asked.fits(REST_FIELDS):
        raise ValueError(f"the upstream has no parameter for a part of {asked}")
    lists = (
        ("provider", asked.providers),
        ("organisation", asked.organisations),
        ("include_endpoints", asked.endpoints),
        ("exclude_endpoints", asked.exclude_endpoints),
        ("input_types", asked.input_modalities),
        ("output_types", asked.output_modalities),
    )
    switches = (
        ("include_rumoured", asked.include_rumoured),
        ("include_deprecated", asked.include_deprecated),
        ("include_retired", asked.include_retired),
        ("include_data", query.sections.data),
        ("include_gateway", query.sections.gateway),
    )
    pairs = [(name, _join(values)) for name, values in lists if values]
    pairs += [(name, "false") for name, wanted in switches if not wanted]
    pairs += [("limit", str(query.limit)), ("offset", str(query.offset))]
    return urlencode(pairs, safe=",", quote_via=quote)


def _join(values: Values) -> str:
    sent = [value for value in values if value is not None and is_sendable(value)]
    if len(sent) != len(values):
        raise ValueError(f"a filter cannot hold the values {values!r}")
    return ",".join(normalise(sent))


def build_models_url(base_url: str) -> str:
    """Check the upstream's base address and add the route to it.

    Raises:
        ValueError: It is not an absolute http or https address without user, query and
            fragment. The message does not repeat it, since a password may be in it.
    """
    try:
        parts = urlsplit(base_url)
        host = parts.hostname
        httpx.URL(base_url)  # it knows more reasons to refuse one, but not all of ours
        _ = parts.port  # read for its check of the range
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
    return f"{base_url.rstrip('/')}/models"


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
