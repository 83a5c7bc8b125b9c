"""HTTP: GraphQL over HTTP, the explorer, health and metrics."""

from catalograph.web.application import build_web_app
from catalograph.web.options import Rate, WebOptions
from catalograph.web.protocol import BoundedHttpProtocol, bounded_protocol

__all__ = [
    "BoundedHttpProtocol",
    "Rate",
    "WebOptions",
    "bounded_protocol",
    "build_web_app",
]
