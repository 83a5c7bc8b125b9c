"""A transport to the embedded upstream without a socket."""

from typing import Any

import httpx


def build_in_process_transport(app: Any) -> httpx.AsyncBaseTransport:
    """Build a transport that sends requests to an ASGI application in this process."""
    return httpx.ASGITransport(app=app)
