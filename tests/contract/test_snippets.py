"""Documents show files as they are: those that `make interop` runs, and the example's."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = ["docs/clients.md", "examples/federation/README.md"]


def shown_by(document: str) -> dict[str, str]:
    """Blocks of a document by the file that the comment above them names."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return dict(SHOWN.findall(text))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_shows_is_the_file(document: str) -> None:
    shown = shown_by(document)

    assert shown
    assert shown == {name: (ROOT / name).read_text(encoding="utf-8") for name in shown}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_block_of_code_is_written_by_hand(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")

    assert text.count("```") == 2 * len(shown_by(document))


def test_every_client_is_shown() -> None:
    folder = ROOT / "interop/clients"
    clients = {
        str(path.relative_to(ROOT)) for path in folder.rglob("*") if path.is_file()
    }

    assert clients == {
        name for name in shown_by("docs/clients.md") if name.startswith("interop/")
    }


def test_every_client_is_run() -> None:
    suites = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "interop/suites").glob("*.mjs")
    )
    folder = ROOT / "interop/clients"

    missing = [
        path.name
        for path in folder.iterdir()
        if path.suffix not in {".txt", ".json"} and path.stem not in suites
    ]

    assert missing == []
