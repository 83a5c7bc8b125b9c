"""The public names of `import catalograph`."""

import subprocess
import sys

import pytest

import catalograph
from catalograph.app import create_app
from catalograph.settings import Settings


def test_the_public_names_are_these() -> None:
    assert catalograph.__all__ == ["Settings", "__version__", "create_app"]
    assert catalograph.create_app is create_app
    assert catalograph.Settings is Settings


def test_any_other_name_is_missing_as_usual() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'create_appp'"):
        _ = catalograph.create_appp


@pytest.mark.parametrize(
    "command", ["import catalograph", "import catalograph.commands.cli"]
)
def test_what_is_slow_is_imported_when_needed(command: str) -> None:
    """Neither the package nor the command line's help waits for the gateway's libraries."""
    report = f"{command}; import sys; print(*sorted(sys.modules))"

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )

    slow = {"strawberry", "graphql", "httpx", "starlette", "redis", "msgspec"}
    assert slow & set(done.stdout.split()) == set()
