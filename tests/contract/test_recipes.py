"""Following docs/adding-a-field.md literally gives a working field and filter."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-field.md").read_text(encoding="utf-8")

STEP = re.compile(
    r"In `(?P<file>[\w/.]+)`, (?P<where>after|before) `(?P<line>[^`]+)`:\n\n"
    r"(?P<indent> *)```python\n(?P<block>.*?)\n *```\n",
    re.DOTALL,
)

FIELD = """
stub.distort = lambda page: page | {
    "models": [one | {"license": "MIT"} for one in page["models"]]
}
found = await ask('{ model(modelId: "acme/one") { licence } }')
assert found == {"model": {"licence": "MIT"}}, found
found = await ask("{ models(limit: 1) { nodes { licence } } }")
assert found == {"models": {"nodes": [{"licence": "MIT"}]}}, found
"""

FILTER = """
found = await ask("{ models(filter: {hasAliases: true}) { nodes { modelId } } }")
assert found == {"models": {"nodes": [{"modelId": "acme/two"}]}}, found
found = await ask("{ models(filter: {hasAliases: false}) { nodes { modelId } } }")
assert found == {"models": {"nodes": [{"modelId": "acme/one"}]}}, found
"""

PROGRAM = """
import asyncio
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream

async def main():
    stub = StubUpstream(shape="2026-08")
    stub.add_model("acme/one", rows=[("openai", "responses")])
    stub.add_model("acme/two", rows=[("openai", "responses")], aliases=["acme/2"])
    gateway = GraphGateway(stub, TurnedClock())
    ask = gateway.ask
{checks}
    await gateway.aclose()

asyncio.run(main())
"""


def steps_of(heading: str) -> list[re.Match[str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return list(STEP.finditer(section))


@pytest.mark.parametrize(
    ("heading", "files", "checks"),
    [("A field", 3, FIELD), ("A filter", 2, FILTER)],
    ids=["field", "filter"],
)
def test_a_recipe_works(tmp_path: Path, heading: str, files: int, checks: str) -> None:
    package = tmp_path / "catalograph"
    shutil.copytree(ROOT / "src/catalograph", package)
    steps = steps_of(heading)
    assert len({step["file"] for step in steps}) == files

    for step in steps:
        source = package / step["file"]
        text, line = source.read_text(encoding="utf-8"), step["line"] + "\n"
        assert text.count(line) == 1, step["line"]
        block = _unindent(step["block"], len(step["indent"])) + "\n"
        added = line + block if step["where"] == "after" else block + line
        source.write_text(text.replace(line, added), encoding="utf-8")

    path = os.pathsep.join([str(tmp_path), str(ROOT / "tests")])
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM.format(checks=textwrap.indent(checks, "    "))],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2_000:]


def _unindent(block: str, spaces: int) -> str:
    return "\n".join(line[spaces:] for line in block.split("\n"))
