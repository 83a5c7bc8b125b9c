"""A GraphQL gateway to the REST API of a catalogue of AI models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from catalograph.app import create_app
    from catalograph.settings import Settings

__all__ = ["Settings", "__version__", "create_app"]

__version__ = "1.0.0"

_HOMES: Final = {"Settings": "catalograph.settings", "create_app": "catalograph.app"}


def __getattr__(name: str) -> Any:
    # Imported when asked for: the command line needs neither to print its help.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
