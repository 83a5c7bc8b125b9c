"""The documentation agrees with the code."""

import re
from pathlib import Path

from catalograph import errors
from catalograph.settings import Settings

ROOT = Path(__file__).parents[2]
FOREIGN_CODES = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
"""Codes of errors that graphql-core raises, so that no class of ours has them."""


def rows_of(document: str) -> list[list[str]]:
    """Cells of every table row that starts with a name in code style."""
    text = (ROOT / document).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def test_every_setting_is_documented_with_its_default() -> None:
    documented = [
        (name.strip("|` "), default.strip("`"), description.rstrip("| "))
        for name, default, description in rows_of("docs/settings.md")
    ]

    assert documented == [
        (row.name, row.default, row.description) for row in Settings().describe({})
    ]


def test_the_example_names_known_settings_only() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^#? ?(CATALOGRAPH_\w+)=", text, re.MULTILINE)

    assert named
    assert set(named) <= {row.name for row in Settings().describe({})}


def all_below(cls: type[errors.CatalographError]) -> set[type[errors.CatalographError]]:
    return {cls}.union(*(all_below(child) for child in cls.__subclasses__()))


def test_every_error_code_is_documented() -> None:
    documented = [name.strip("|` ") for name, *_ in rows_of("docs/errors.md")]

    assert len(documented) == len(set(documented))
    assert set(documented) == FOREIGN_CODES | {
        error.code for error in all_below(errors.CatalographError)
    }


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = set(re.findall(r"\w+Error", errors.__doc__ or ""))

    assert drawn == {
        error.__name__
        for error in all_below(errors.CatalographError)
        if error.__module__ == "catalograph.errors"
    }


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    links = [
        (document, target.partition("#")[0])
        for document in documents
        for target in re.findall(
            r"\]\(([^):]+)\)", document.read_text(encoding="utf-8")
        )
    ]

    missing = [
        f"{document.relative_to(ROOT)}: {target}"
        for document, target in links
        if target and not (document.parent / target).exists()
    ]

    assert missing == []


def test_make_targets_named_in_documents_exist() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    named = {
        target
        for document in documents
        for target in re.findall(
            r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE
        )
    }

    assert named <= targets
