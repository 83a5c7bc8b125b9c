"""Rules for all files of the repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HOME_PATH = re.compile(r"(?<![\w.~}])/(?:home|root|work|Users|tmp)/\w")
RESOLVED = re.compile(r'"resolved":\s*"https?:')
INDEX_URL = re.compile(r"(?:index-url|registry)\s*=\s*https?:")


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="ignore")


def test_no_file_names_a_place_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_files()
        if (match := HOME_PATH.search(text_of(path)))
    ]

    assert found == []


def test_no_file_names_a_registry() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if RESOLVED.search(text_of(path)) or INDEX_URL.search(text_of(path))
    ]

    assert found == []


def test_imports_point_down_only() -> None:
    program = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(  # noqa: S603
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
