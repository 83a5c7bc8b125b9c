"""The systemd unit, as far as it can be tested without a running systemd."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from catalograph.server.lifecycle import FINISH_S
from catalograph.settings import Settings

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "docker/catalograph.service"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists here."""
    text = UNIT.read_text("utf-8")
    path = tmp_path / UNIT.name
    path.write_text(
        text.replace("/opt/catalograph/bin/catalograph", "/bin/true"), "utf-8"
    )
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run(  # noqa: S603
        [ANALYZE, *arguments], capture_output=True, text=True, check=False
    )


def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.read(UNIT, "utf-8")
    return parser["Service"]


@needs_systemd
def test_systemd_understands_the_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))

    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, complaints) == (0, [])


@needs_systemd
def test_the_service_is_hardly_exposed(unit: Path) -> None:
    """On systemd's scale from 0 to 10; below 2 is its best grade but one."""
    done = analyze("security", "--offline=true", "--threshold=15", str(unit))

    assert done.returncode == 0, done.stdout


def test_the_stop_timeout_fits_the_drain() -> None:
    assert float(service()["TimeoutStopSec"]) > Settings().drain_s + FINISH_S


def test_its_environment_names_settings() -> None:
    name, _, path = service()["Environment"].partition("=")

    assert name.removesuffix("_FILE") in {row.name for row in Settings().describe({})}
    assert path.startswith("/etc/catalograph/")
