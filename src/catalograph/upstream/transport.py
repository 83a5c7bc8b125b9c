"""The embedded upstream without a socket."""

from typing import Any

import httpx


def build_in_process_transport(app: Any) -> httpx.AsyncBaseTransport:
    """Let a client ask an ASGI application of this process as if it were far away."""
    return httpx.ASGITransport(app=app)
