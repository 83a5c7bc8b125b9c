"""Builds a release from the current commit, and tests it in clean environments.

    python release/build.py [PYTHON …]    default: python3.11 to python3.14

Steps, and conditions that must hold:

1. Two clean copies of the commit are built independently: wheels and sdists must be equal,
   byte by byte. A wheel built from the sdist without Node must be equal, too.
2. The wheel must contain every tracked file of the package, and the explorer's built files.
3. For each Python, the pinned dependencies and the wheel are installed in a new environment
   without Node. Every module can be imported, and the commands and a gateway work.
4. `dist/` contains wheel, sdist, pins, a list of all components (CycloneDX), and checksums.
"""

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
DIST: Final = ROOT / "dist"
PINS: Final = "constraints.txt"

_PYTHONS: Final = ("python3.11", "python3.12", "python3.13", "python3.14")
_PACKAGE: Final = "src/catalograph/"
_EXPLORER: Final = "catalograph/web/explorer/"
_NODE: Final = ("node", "npm")


def main() -> None:
    """Build, compare, test and write; end at the first condition that does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    parser.add_argument("--sbom-only", action="store_true")
    given = parser.parse_args()
    pythons = [
        found
        for name in given.pythons or _PYTHONS
        if (found := find_python(name)) is not None
    ]
    if not pythons:
        raise SystemExit("release: none of the Pythons is on the PATH")
    DIST.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="catalograph-release-") as name:
        work = Path(name)
        if given.sbom_only:
            environment = create_environment(pythons[0], work / "environment")
            write_sbom(environment, work)
            return
        wheel, sdist = build_twice(work)
        check_completeness(wheel)
        for old in DIST.iterdir():
            old.unlink()
        for number, python in enumerate(pythons):
            environment = create_environment(python, work / f"environment{number}")
            if number == 0:
                write_sbom(environment, work)
            try_wheel(environment, wheel, work)
        for path in (wheel, sdist, ROOT / PINS):
            shutil.copy2(path, DIST)
        write_checksums()
    missing = [name for name in _PYTHONS if find_python(name) is None]
    if missing and not given.pythons:
        say(f"not tried, as they are not here: {', '.join(missing)}")


def find_python(name: str) -> str | None:
    """Find an interpreter on the PATH, and check that it runs.

    Version managers put a name on the PATH for every version, including versions that are
    not selected. Those end with an error.
    """
    found = shutil.which(name)
    if found is None:
        return None
    done = subprocess.run([found, "--version"], capture_output=True, check=False)  # noqa: S603
    return found if done.returncode == 0 else None


def build_twice(work: Path) -> tuple[Path, Path]:
    """Build in two copies, and once more from the sdist without Node; all must be equal."""
    builds = [build(copy_commit(work / name), work / f"{name}-out") for name in "ab"]
    wheel, sdist = builds[0]
    for path, other in zip(builds[0], builds[1], strict=True):
        expect_equal(path, other, "two builds of one commit")
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "unpacked", filter="data")
    (unpacked,) = (work / "unpacked").iterdir()
    (again,) = run_hatchling(unpacked, work / "c-out", ["wheel"], without_node())
    expect_equal(wheel, again, "a wheel from the sdist, built without Node,")
    say(f"reproducible: {wheel.name} {digest(wheel)[:16]}…, {sdist.name}")
    return wheel, sdist


def copy_commit(target: Path) -> Path:
    """Unpack the files of the commit, and nothing else, into a folder."""
    archive = target.with_suffix(".tar")
    run(["git", "archive", "--output", str(archive), "HEAD"], ROOT)
    with tarfile.open(archive) as file:
        file.extractall(target, filter="data")
    return target


def build(tree: Path, out: Path) -> tuple[Path, Path]:
    """Build wheel and sdist with the explorer, dated at the time of the commit."""
    wheel, sdist = run_hatchling(tree, out, ["wheel", "sdist"], dict(os.environ))
    return wheel, sdist


def run_hatchling(
    tree: Path, out: Path, targets: Sequence[str], environ: Mapping[str, str]
) -> list[Path]:
    """Run the pinned build backend; return the built files, in the order of `targets`."""
    committed_s = run(["git", "log", "-1", "--format=%ct"], ROOT).strip()
    made: list[Path] = []
    for target in targets:
        run(
            [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)],
            tree,
            {**environ, "SOURCE_DATE_EPOCH": committed_s},
        )
        suffix = {"wheel": "*.whl", "sdist": "*.tar.gz"}[target]
        made += out.glob(suffix)
    return made


def check_completeness(wheel: Path) -> None:
    """Compare the wheel with the tracked files, and check that it has the explorer."""
    tracked = run(["git", "ls-files", _PACKAGE], ROOT).splitlines()
    wanted = {name.removeprefix("src/") for name in tracked}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    built = {name for name in packed if name.startswith(_EXPLORER)}
    if missing := wanted - packed:
        raise SystemExit(f"release: the wheel lacks {', '.join(sorted(missing))}")
    if surplus := packed - wanted - built:
        raise SystemExit(f"release: nobody tracks {', '.join(sorted(surplus))}")
    if f"{_EXPLORER}index.html" not in built:
        raise SystemExit("release: the wheel lacks the explorer")
    say(f"complete: {len(wanted)} files, and {len(built)} of the explorer")


def create_environment(python: str, folder: Path) -> Path:
    """Create an environment with only the pinned dependencies; return its interpreter."""
    run([python, "-m", "venv", "--without-pip", str(folder)], ROOT)
    inside = folder / "bin/python"
    needed = run([sys.executable, "release/pins.py", "runtime"], ROOT)
    requirements = folder / "runtime.txt"
    requirements.write_text(needed, "utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(inside), "install", "--quiet"]
    pinned = ["--require-hashes", "--constraint", PINS]
    run([*pip, *pinned, "--requirement", str(requirements)], ROOT)
    return inside


def try_wheel(python: Path, wheel: Path, work: Path) -> None:
    """Install the wheel and use it from an empty folder, with no Node on the PATH."""
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    run([*pip, "install", "--quiet", "--no-deps", str(wheel)], ROOT)
    run([*pip, "check"], ROOT)
    empty = work / "empty"
    empty.mkdir(exist_ok=True)
    script = str(ROOT / "release/smoke.py")
    said = run([str(python), "-I", script], empty, without_node())
    say(said.strip())


def write_sbom(python: Path, work: Path) -> None:
    """Write a list of the installed packages, and of the npm packages in the explorer."""
    listed = work / "python.json"
    run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", str(python)),
            *("--output-reproducible", "--output-format", "JSON"),
            *("--output-file", str(listed)),
        ],
        ROOT,
    )
    bom: dict[str, Any] = json.loads(listed.read_text("utf-8"))
    own = ["npm", "sbom", "--omit=dev", "--package-lock-only"]
    of_npm = json.loads(run([*own, "--sbom-format=cyclonedx"], ROOT / "explorer"))
    name = "catalograph"
    installed = {one["bom-ref"] for one in bom["components"] if one["name"] == name}
    bom["components"] = [
        one for one in bom["components"] if one["bom-ref"] not in installed
    ] + of_npm["components"]
    bom["dependencies"] = [
        one for one in bom.get("dependencies", ()) if one["ref"] not in installed
    ] + of_npm.get("dependencies", [])
    bom["metadata"]["component"] = {
        "type": "application",
        "bom-ref": name,
        "name": name,
        "version": importlib.metadata.version(name),
        "licenses": [{"license": {"id": "MIT"}}],
    }
    target = DIST / "catalograph-sbom.json"
    target.write_text(json.dumps(bom, indent=2, sort_keys=True) + "\n", "utf-8")
    say(f"components: {len(bom['components'])}, in {target.relative_to(ROOT)}")


def write_checksums() -> None:
    """Write SHA-256 of every file, as `sha256sum --check` reads it."""
    lines = [f"{digest(path)}  {path.name}\n" for path in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("".join(lines), "utf-8")


def without_node() -> dict[str, str]:
    """Build environment variables without Node on the PATH, and without our settings."""
    folders = [
        folder
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if not any(Path(folder, name).exists() for name in _NODE)
    ]
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("CATALOGRAPH_", "PYTHON"))
    }
    return {**kept, "PATH": os.pathsep.join(folders)}


def expect_equal(path: Path, other: Path, what: str) -> None:
    """Exit with an error if two files differ."""
    if path.read_bytes() != other.read_bytes():
        raise SystemExit(f"release: {what} differ: {path.name}, {other}")


def digest(path: Path) -> str:
    """Compute the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(
    command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
) -> str:
    """Run a command and return its output; exit with the end of the output if it fails."""
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise SystemExit(f"release: {' '.join(command)} failed:\n{said}")
    return done.stdout


def say(text: str) -> None:
    """Print without buffering, because a build takes a while."""
    print(text, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
