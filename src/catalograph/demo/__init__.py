"""The embedded upstream: a catalogue of real models and the ASGI app that serves it."""

from typing import Final, Literal

UpstreamVersion = Literal["2025-12", "2026-08"]
"""Which contract the embedded upstream follows."""

DEFAULT_VERSION: Final = "2025-12"
"""What it follows as a REST service of its own, unless told otherwise."""

DEMO_VERSION: Final = "2026-08"
"""What it follows below the gateway in a demo, unless `UPSTREAM_VERSION` says otherwise."""
