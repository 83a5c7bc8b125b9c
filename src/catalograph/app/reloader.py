"""Applies changed settings while the process runs."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from catalograph.app.gateway import Gateway
from catalograph.errors import SettingsError
from catalograph.observability.logs import (
    configure_logging,
    get_logger,
)
from catalograph.server.reloading import ReloadableApp
from catalograph.settings import Settings

RELOADABLE: Final = frozenset(
    {
        "api_keys",
        "log_level",
        "trusted_documents",
        "trusted_documents_mode",
        "upstream_token",
    }
)
"""Fields of `Settings` that SIGHUP applies."""


class Reloader:
    """Reads the settings again, and applies those that may change while the process runs.

    Args:
        settings: The current settings.
        gateway: Gets the new token.
        app: Gets the new application.
        build: Builds an application from settings.
        demo: Whether the embedded catalogue is used, which has its own token.
    """

    def __init__(
        self,
        settings: Settings,
        gateway: Gateway,
        app: ReloadableApp,
        build: Callable[[Settings], ASGIApp],
        *,
        demo: bool,
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._app = app
        self._build = build
        self._demo = demo

    async def catch_up(self, manifest: object) -> None:
        """Reload if a file has changed since it was read.

        Args:
            manifest: From `find_file_version`, before the manifest was read.
        """
        try:
            found = await asyncio.to_thread(Settings.from_environ, os.environ)
        except SettingsError:
            await self.reload()  # It says why.
            return
        chosen = self._settings.take(found, RELOADABLE)
        is_same = manifest == find_file_version(chosen.trusted_documents)
        if not is_same or self._settings.list_differences(chosen):
            await self.reload()

    async def reload(self) -> None:
        """Apply changed settings. If one is invalid, log why and change nothing."""
        try:
            found = await asyncio.to_thread(Settings.from_environ, os.environ)
            chosen = self._settings.take(found, RELOADABLE)
            # In a thread, as a manifest may be large. Its errors are found before any change.
            app = await asyncio.to_thread(self._build, chosen)
        except SettingsError as exc:
            get_logger().error(
                "the settings cannot be reloaded; all stays as it was",
                problems=exc.problems,
            )
            return
        changed = self._settings.list_differences(chosen)
        if not self._demo and "UPSTREAM_TOKEN" in changed:
            self._gateway.use_token(chosen)
        configure_logging(level=chosen.log_level, log_format=chosen.log_format)
        self._settings = chosen
        self._app.replace(app)
        get_logger().info("the settings are reloaded", changed=changed, pid=os.getpid())
        if left := chosen.list_differences(found):
            get_logger().warning(
                "some settings need a restart to change", settings=left
            )


def find_file_version(path: str | None) -> object:
    """Find what changes when a file is written or replaced; None without a file."""
    if path is None:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
