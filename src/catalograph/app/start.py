"""Checks that everything that settings and environment name can be used."""

import os
from pathlib import Path

from catalograph.cache.url import find_missing_files
from catalograph.errors import SettingsError
from catalograph.observability.tracing_variables import read_tracing_variables
from catalograph.settings import PREFIX, Settings
from catalograph.upstream.environment import (
    find_environment_problems,
    find_ineffective_variables,
)
from catalograph.web.persisted_queries import ManifestError, read_manifest


def check_start(settings: Settings, *, demo: bool = False) -> None:
    """Check that everything that settings and environment name can be used.

    Raises:
        SettingsError: Contains every problem, each with its variable.
    """
    problems: list[str] = []
    if not demo:
        problems += find_environment_problems(os.environ, settings.upstream_url)
    url = settings.cache_url.reveal()
    problems += [
        f"{PREFIX}CACHE_URL names a file that cannot be read, in its option {option}"
        for option in find_missing_files(url)
    ]
    try:
        read_trusted_documents(settings)
    except SettingsError as exc:
        problems += exc.problems
    if problems:
        raise SettingsError(problems)


def find_start_warnings(settings: Settings, *, demo: bool = False) -> list[str]:
    """Find probable mistakes in settings and environment; one sentence each.

    Args:
        settings: Settings of the gateway.
        demo: Whether it uses the embedded catalogue, which needs nothing of an upstream.
    """
    warnings = list(read_tracing_variables(os.environ).problems)
    if not demo:
        warnings += settings.warnings
        warnings += find_ineffective_variables(os.environ, settings.upstream_url)
    return warnings


def read_trusted_documents(settings: Settings) -> dict[str, str] | None:
    """Read the manifest of trusted documents: texts by id; None if none is set.

    Raises:
        SettingsError: It cannot be read, or is no manifest.
    """
    if settings.trusted_documents is None:
        return None
    try:
        return read_manifest(Path(settings.trusted_documents).read_bytes())
    except (OSError, ManifestError) as exc:
        reason = str(exc)
        if isinstance(exc, OSError):
            reason = (exc.strerror or reason).lower()
        problem = (
            f"{PREFIX}TRUSTED_DOCUMENTS names {settings.trusted_documents}: {reason}"
        )
        raise SettingsError([problem]) from exc
