"""The composition root: the only package that turns settings into objects."""

from catalograph.app.application import create_app
from catalograph.app.gateway import Gateway, check_upstream, open_gateway
from catalograph.app.reloader import RELOADABLE
from catalograph.app.serving import serve
from catalograph.app.start import check_start, find_start_warnings

__all__ = [
    "RELOADABLE",
    "Gateway",
    "check_start",
    "check_upstream",
    "create_app",
    "find_start_warnings",
    "open_gateway",
    "serve",
]
