"""Build hook: the explorer's files come from npm, before a wheel or an sdist is packed.

A wheel and an sdist carry the built files, so only a build from a git checkout needs
Node. What was built from which sources is told by a digest that lies beside the files:
times do not survive git, nor the packing of an sdist.
"""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NODE_NEEDED = (20, 19)
_OUTPUT_LINES = 25  # of a failed command: enough to see why, no wall of text
_NOT_SOURCES = {"node_modules", "test"}


class ExplorerBuildHook(BuildHookInterface[Any]):
    """Builds `explorer/` into the package, unless that is up to date."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before anything is packed, also for an editable install."""
        del version, build_data
        sources = Path(self.root, "explorer")
        built = Path(self.root, "src/catalograph/web/explorer")
        stamp = built / "sources.sha256"
        digest = _digest(sources)
        is_built = (built / "index.html").is_file()
        if is_built and stamp.is_file() and stamp.read_text().strip() == digest:
            return
        problem = _find_problem()
        if problem is None:
            self.app.display_info("building the explorer with npm")
            _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], sources)
            _run(["npm", "run", "build"], sources)
            stamp.write_text(digest + "\n")
        elif is_built:
            self.app.display_warning(
                f"the explorer's files are older than its sources; kept, as {problem}"
            )
        else:
            raise SystemExit(
                f"catalograph: the explorer cannot be built, as {problem}.\n"
                "Node 20.19 or later is needed to build from a git checkout; "
                "installing a wheel or an sdist needs none."
            )


def _digest(sources: Path) -> str:
    """Digest names and contents of all that goes into the build."""
    digest = hashlib.sha256()
    for path in sorted(sources.rglob("*")):
        relative = path.relative_to(sources)
        if relative.parts[0] in _NOT_SOURCES or not path.is_file():
            continue
        content = path.read_bytes()
        digest.update(f"{relative.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _find_problem() -> str | None:
    """Say what keeps npm from building here; None when nothing does."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return "there is no node with npm on the PATH"
    answer = subprocess.run(  # noqa: S603
        [node, "--version"], capture_output=True, text=True, check=False
    )
    found = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    if found is None or (int(found[1]), int(found[2])) < _NODE_NEEDED:
        return f"node is {answer.stdout.strip() or 'broken'}"
    return None


def _run(command: list[str], folder: Path) -> None:
    """Run quietly; show the end of what it said when it fails."""
    program = shutil.which(command[0]) or command[0]  # npm.cmd on Windows
    done = subprocess.run(  # noqa: S603
        [program, *command[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-_OUTPUT_LINES:])
        raise SystemExit(f"catalograph: {' '.join(command)} failed:\n{tail}")
