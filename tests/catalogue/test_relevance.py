"""Relevance of search results: `relevance.json` lists searches and their first results.

The models of the file are a selection of publicly known ones as of December 2025, newest
first as the catalogue lists them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from catalograph.catalogue.filter import EVERYTHING
from catalograph.catalogue.records import Organisation
from catalograph.catalogue.selection import select
from support.catalogues import build_index, build_model

RELEVANCE: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("relevance.json").read_text("utf-8")
)
CATALOGUE = build_index(
    build_model(
        row["id"],
        name=row["name"],
        status=row.get("status", "Available"),
        released=row["released"],
        organisation=Organisation(
            organisation_id=row["id"].split("/")[0], name=row["maker"]
        ),
        aliases=row.get("aliases", ()),
        inputs=row["takes"],
        outputs=row["gives"],
        rows=[(provider, endpoint) for provider, endpoint in row.get("rows", ())],
    )
    for row in RELEVANCE["models"]
)


@pytest.mark.parametrize(
    "query", RELEVANCE["queries"], ids=lambda query: query["search"]
)
def test_a_search_finds_what_is_meant_first(query: dict[str, Any]) -> None:
    selection = select(CATALOGUE, EVERYTHING, search=query["search"])

    first = [model.model_id for model in selection.window(0, len(query["first"]))]

    assert first == query["first"]
    assert bool(selection.total) == bool(query["first"])


def test_joined_and_split_words_find_the_same() -> None:
    for joined, split in (
        ("gpt5", "gpt 5"),
        ("llama3", "llama 3"),
        ("qwen3", "qwen 3"),
    ):
        found = [
            {
                m.model_id
                for m in select(CATALOGUE, EVERYTHING, search=text).window(0, 99)
            }
            for text in (joined, split)
        ]
        assert found[0] == found[1]
