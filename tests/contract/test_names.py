"""Names show what a function costs, and texts use standard terms."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "catalograph"

SYNCHRONOUS: Final = ("find_", "build_", "parse_")
ASYNCHRONOUS: Final = ("fetch_", "load_")

SAME_NAME: Final = {
    "Engine": "the web layer's protocol, and the engine that satisfies it",
    "FacetCount": "the GraphQL type, and the record that it is read from",
    "Parameter": "of a model, and of a request to the upstream",
    "SharedBuckets": "the web layer's protocol, and the Redis that satisfies it",
}
"""Public classes that share a name, with the reason.

Not listed: GraphQL types and the records that they are read from, the wire shapes of the
upstream's versions, and the embedded upstream, which is a program of its own.
"""

DIALECT: Final = re.compile(
    r"\b(whoever|somebody|anybody|befalls?|hardly meant|one that is none)\b",
    re.IGNORECASE,
)


def list_trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text("utf-8"))


def test_a_functions_verb_tells_whether_it_awaits() -> None:
    """`find_`, `build_` and `parse_` never await; `fetch_` and `load_` always can."""
    wrong = []
    for path, tree in list_trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            is_async = isinstance(node, ast.AsyncFunctionDef)
            if node.name.lstrip("_").startswith(
                SYNCHRONOUS if is_async else ASYNCHRONOUS
            ):
                wrong.append(f"{path}:{node.lineno} {node.name}")

    assert wrong == []


def test_no_two_classes_share_a_name_without_a_reason() -> None:
    """A class is found by its name alone, except for the pairs that say why not."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path, tree in list_trees():
        if path.startswith(("demo/", "graphql/types/")):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(path)

    shared = {
        name: paths
        for name, paths in homes.items()
        if len(paths) > 1
        and name not in SAME_NAME
        and not name.startswith("_")
        and not name.endswith("Wire")
    }
    assert shared == {}


def test_texts_use_the_fields_words() -> None:
    """A subject has a name: client, caller, operator, process; not `whoever`."""
    paths = [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
    ]
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in sorted(paths)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if DIALECT.search(line)
    ]

    assert found == []
