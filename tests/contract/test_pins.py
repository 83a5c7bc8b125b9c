"""All packages are pinned: `constraints.txt` agrees with `pyproject.toml` and `.venv`."""

import importlib.metadata
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Environment, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

PIN = re.compile(
    r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[\w.+!]+)(?P<marker> ; [^\\]+)?"
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

# We use private names of these, so an untested version may break the gateway.
WITH_PRIVATE_NAMES = {
    "graphql-core",
    "httptools",
    "httpx",
    "starlette",
    "strawberry-graphql",
    "uvicorn",
}
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def read_pins(path: Path) -> dict[str, tuple[Version, str]]:
    """Version and marker by name, every line checked on the way."""
    pins: dict[str, tuple[Version, str]] = {}
    text = path.read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        pin, *hashes = re.split(r"\s+(?=--hash)", line.strip())
        match = PIN.fullmatch(pin.rstrip())
        assert match, f"{path.name}: not name==version with hashes: {line[:80]}"
        assert hashes, f"{path.name}: {pin} has no hash"
        assert all(HASH.fullmatch(one.strip()) for one in hashes), pin
        assert match["name"] not in pins, f"{path.name}: {pin} twice"
        marker = (match["marker"] or "").removeprefix(" ; ").strip()
        pins[match["name"]] = Version(match["version"]), marker
    return pins


PINS = read_pins(ROOT / "constraints.txt")


def declared() -> list[str]:
    """Every requirement that pyproject.toml names: package, extras, groups."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    groups = PROJECT["dependency-groups"].values()
    lines = itertools.chain(project["dependencies"], *extras, *groups)
    return sorted({line for line in lines if isinstance(line, str)})


def environment(python: str) -> Environment:
    """Markers' values on this machine under another Python."""
    found = default_environment()
    found["python_version"] = python
    found["python_full_version"] = f"{python}.9"
    return found


def is_wanted(requirement: Requirement, python: str, extras: set[str]) -> bool:
    if requirement.marker is None:
        return True
    values = {key: str(value) for key, value in environment(python).items()}
    return any(
        requirement.marker.evaluate({**values, "extra": extra})
        for extra in extras | {""}
    )


@pytest.mark.parametrize("line", declared())
def test_what_pyproject_asks_for_is_pinned(line: str) -> None:
    requirement = Requirement(line)

    version, _ = PINS[canonicalize_name(requirement.name)]

    assert requirement.specifier.contains(version, prereleases=True)


def test_the_clients_of_interop_are_pinned() -> None:
    pins = read_pins(ROOT / "interop/requirements.txt")
    lines = (ROOT / "interop/requirements.in").read_text("utf-8").splitlines()

    wanted = [Requirement(line) for line in lines if not line.startswith("#")]

    assert wanted
    assert all(one.specifier.contains(pins[one.name][0]) for one in wanted)


@pytest.mark.parametrize("python", PYTHONS)
def test_what_the_pinned_packages_need_is_pinned(python: str) -> None:
    """From the metadata of all that is installed here, also for other Pythons."""
    missing = []
    for name, (pinned, _) in PINS.items():
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of another system, Python or group
        if Version(found.version) != pinned:
            continue  # the next test says so
        for line in found.requires or ():
            needed = Requirement(line)
            if not is_wanted(needed, python, set()):
                continue
            pin = PINS.get(canonicalize_name(needed.name))
            if pin is None or not needed.specifier.contains(pin[0], prereleases=True):
                missing.append(f"{name} needs {line}")

    assert missing == []


def test_what_is_installed_is_what_is_pinned() -> None:
    differing = {
        name: found.version
        for found in importlib.metadata.distributions()
        # A package that is no longer pinned may remain from an earlier installation.
        if (name := canonicalize_name(found.name)) in PINS
        and PINS[name][0] != Version(found.version)
    }

    assert differing == {}, "`make install` installs from the pins"


def test_packages_with_private_names_have_an_upper_bound() -> None:
    bounded = {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, PROJECT["project"]["dependencies"])
        if any(part.operator == "<" for part in requirement.specifier)
    }

    assert bounded >= WITH_PRIVATE_NAMES


def test_the_gateway_s_own_requirements_can_be_listed() -> None:
    said = subprocess.run(
        [sys.executable, "release/pins.py", "runtime", "--extra", "opentelemetry"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    project = PROJECT["project"]
    extra = project["optional-dependencies"]["opentelemetry"]
    assert said.stdout.splitlines() == [*project["dependencies"], *extra]


def test_one_pin_can_be_printed_with_its_hashes() -> None:
    said = subprocess.run(
        [sys.executable, "release/pins.py", "only", "pip"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    first, *hashes = said.stdout.replace("\\", "").split()
    assert first == f"pip=={PINS['pip'][0]}"
    assert len(hashes) >= 1
    assert all(HASH.fullmatch(one) for one in hashes)


@pytest.mark.parametrize("name", ["Makefile", "docker/Dockerfile", ".ci/run"])
def test_everything_is_installed_by_hash_and_without_scripts(name: str) -> None:
    """Pip takes pinned files or our own tree alone; npm runs no program of a package."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    commands = [
        command
        for line in text.splitlines()
        if not line.lstrip().startswith("#")
        for command in re.split(r"&&|;|\|\|", line)
    ]

    assert [
        command.strip()
        for command in commands
        if re.search(r"\bpip\b.*\binstall\b", command)
        and "--require-hashes" not in command
        and "--no-deps" not in command
    ] == []
    assert [
        command.strip()
        for command in commands
        if re.search(r"\bnpm (ci|install)\b", command)
        and "--ignore-scripts" not in command
    ] == []


@pytest.mark.parametrize(
    "folder", ["explorer", "interop", "interop/registries", "examples/federation"]
)
def test_npm_runs_no_program_of_a_package(folder: str) -> None:
    assert "ignore-scripts=true" in (ROOT / folder / ".npmrc").read_text("utf-8")
