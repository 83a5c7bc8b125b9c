"""HTTP: GraphQL over HTTP, the explorer, health and metrics."""

from catalograph.web.application import build_web_app
from catalograph.web.options import Rate, WebOptions

__all__ = [
    "Rate",
    "WebOptions",
    "build_web_app",
]
