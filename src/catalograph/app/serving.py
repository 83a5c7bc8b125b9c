"""Runs the server: one process, or several workers."""

import os
import socket

from starlette.types import ASGIApp

from catalograph.app.application import create_app
from catalograph.app.start import check_start
from catalograph.observability.logs import (
    configure_logging,
    gather_logs,
)
from catalograph.server.gc_tuning import (
    tune_collector,
    tune_threads,
)
from catalograph.server.lifecycle import (
    bound_requests,
    handle_signals,
    run_server,
)
from catalograph.server.workers import Workers, find_folder, open_folder
from catalograph.settings import Settings


def serve(
    settings: Settings, listeners: list[socket.socket], *, demo: bool = False
) -> None:
    """Serve until a signal stops the process.

    Args:
        settings: Workers read them again from the environment.
        listeners: Listening sockets; closed at the end.
        demo: Use the embedded catalogue.

    Raises:
        SettingsError: Something that they name cannot be used.
    """
    check_start(settings, demo=demo)
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    gather_logs()
    handle_signals()
    if settings.workers == 1:
        bound_requests(settings.max_body_bytes)
        app = create_app(settings, demo=demo, follows_files=True)
        tune_collector()
        tune_threads()
        run_server(app, listeners)
        return
    factory = create_demo_worker if demo else create_worker
    name = f"{__name__}:{factory.__name__}"
    with open_folder(settings.workers):
        run_server(name, listeners, workers=settings.workers)


def create_worker() -> ASGIApp:
    """Build the application in a worker process, from the environment."""
    return _create_in_worker(demo=False)


def create_demo_worker() -> ASGIApp:
    """Build the application over the embedded catalogue in a worker process."""
    return _create_in_worker(demo=True)


def _create_in_worker(*, demo: bool) -> ASGIApp:
    settings = Settings.from_environ(os.environ)
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    gather_logs()
    handle_signals()
    bound_requests(settings.max_body_bytes)
    folder = find_folder(os.environ)
    app = create_app(
        settings,
        demo=demo,
        workers=None if folder is None else Workers(folder),
        follows_files=True,
    )
    tune_collector()
    tune_threads()
    return app
