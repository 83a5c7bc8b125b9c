"""The embedded upstream: a catalogue of real models and the ASGI app that serves it."""

from typing import Final, Literal

UpstreamVersion = Literal["2025-12", "2026-08"]
"""Version of the API that the embedded upstream serves."""

DEFAULT_VERSION: Final = "2025-12"
"""Default version of `catalograph upstream` and of `build_demo_app`."""

DEMO_VERSION: Final = "2026-08"
"""Version of `serve --demo` and `query --demo` if `UPSTREAM_VERSION` is `auto`."""
