"""Requests for lists as the stub records them, in the parameters of each version."""

from collections.abc import Mapping

_AUGUST: Mapping[str, str] = {"include_endpoints": "endpoints"}
"""Names of parameters in 2026-08, by those of December 2025; others have the same name."""

_WINDOW = {"limit", "offset"}


def write_page_call(version: str, parameters: Mapping[str, object]) -> str:
    """Write the request of one page, with parameters sorted by name.

    2026-08 puts the router first in every filtered list, so such a page is requested from
    its start and with one model more.

    Args:
        version: Release of the upstream.
        parameters: As in December 2025.
    """
    pairs = dict(parameters)
    if version == "2026-08":
        pairs = {_AUGUST.get(name, name): value for name, value in pairs.items()}
        for name in ("include_data", "include_gateway"):
            pairs.pop(name, None)
        if pairs.keys() - _WINDOW:
            pairs["limit"] = int(str(pairs["limit"])) + int(str(pairs["offset"])) + 1
            pairs["offset"] = 0
        pairs["availability"] = "all"
    text = "&".join(f"{name}={value}" for name, value in sorted(pairs.items()))
    return f"GET /models?{text}"
