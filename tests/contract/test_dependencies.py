"""The private names of libraries that we use exist, and each is documented."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = re.findall(
    r"^\| `([\w.]+):([\w.]+)` \|",
    (ROOT / "docs/dependencies.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_the_table_is_read() -> None:
    assert len(NAMES) > 20


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_name_that_we_depend_on_exists(module: str, name: str) -> None:
    found: object = importlib.import_module(module)

    for part in name.split("."):
        # An attribute that only instances have is at least annotated in the class.
        assert hasattr(found, part) or part in _words_of(found), name
        found = getattr(found, part, None)


def _words_of(owner: object) -> set[str]:
    annotations = getattr(owner, "__annotations__", {})
    code = getattr(getattr(owner, "__init__", None), "__code__", None)
    return {*annotations, *(() if code is None else code.co_names)}
