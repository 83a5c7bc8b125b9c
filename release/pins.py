"""The pinned versions of everything that Python installs: `constraints.txt` and its readers.

    python release/pins.py refresh [NAME …]     resolve again; with names, upgrade these only
    python release/pins.py runtime [--extra X]  print what the gateway itself requires
    python release/pins.py only NAME            print one package's pin with its hashes

`constraints.txt` covers all groups and extras on every supported Python and platform. To
install a set of packages, name its requirements and constrain them:

    pip install --require-hashes --constraint constraints.txt --group dev

pip reads hashes from a constraints file since version 26; an older pip is upgraded first,
with `only pip`. The module needs only the standard library; `refresh` also runs uv.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
INTEROP = ROOT / "interop/requirements"

_OLDEST_PYTHON = "3.11"


def main() -> None:
    """Run one of the three commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    refresh = commands.add_parser("refresh")
    refresh.add_argument("names", nargs="*", metavar="NAME")
    runtime = commands.add_parser("runtime")
    runtime.add_argument("--extra", action="append", default=[])
    only = commands.add_parser("only")
    only.add_argument("name")
    given = parser.parse_args()
    if given.command == "refresh":
        refresh_all(given.names)
    elif given.command == "runtime":
        print(*read_runtime(given.extra), sep="\n")
    else:
        print(read_pin(given.name), end="")


def read_runtime(extras: list[str]) -> list[str]:
    """Read the requirements of the package itself and of the given extras."""
    project = _read_project()["project"]
    requirements: list[str] = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    return requirements


def read_pin(name: str) -> str:
    """Read the lines of one package, version and hashes.

    Raises:
        SystemExit: The file has no such package.
    """
    lines: list[str] = []
    for line in CONSTRAINTS.read_text("utf-8").splitlines(keepends=True):
        if not line.startswith((" ", "#")) and lines:
            break
        if lines or line.startswith(f"{name}=="):
            lines.append(line)
    if not lines:
        raise SystemExit(f"pins: {CONSTRAINTS.name} has no {name}")
    return "".join(lines)


def refresh_all(names: list[str]) -> None:
    """Resolve again and write both files; upgrade all packages, or only the given ones."""
    groups = _read_project()["dependency-groups"]
    chosen = [f"--group={group}" for group in groups]
    _compile(["pyproject.toml", "--all-extras", *chosen], CONSTRAINTS, names)
    _compile(
        [str(INTEROP.with_suffix(".in").relative_to(ROOT))],
        INTEROP.with_suffix(".txt"),
        names,
    )


def _compile(sources: list[str], target: Path, names: list[str]) -> None:
    upgrade = [f"--upgrade-package={name}" for name in names] or ["--upgrade"]
    subprocess.run(  # noqa: S603
        [
            sys.executable,
            *("-m", "uv", "--quiet", "pip", "compile", *sources),
            *("--universal", "--python-version", _OLDEST_PYTHON),
            *("--generate-hashes", "--no-annotate", "--no-config"),
            *("--custom-compile-command", "make pins"),
            *("--output-file", str(target.relative_to(ROOT))),
            *upgrade,
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _read_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


if __name__ == "__main__":
    main()
