"""The embedded upstream: a catalogue of real models and the ASGI app that serves it."""

from typing import Final, Literal

UpstreamVersion = Literal["2025-12", "2026-08"]
"""Which contract the embedded upstream follows."""

DEFAULT_VERSION: Final = "2025-12"
"""What it follows unless told otherwise."""
