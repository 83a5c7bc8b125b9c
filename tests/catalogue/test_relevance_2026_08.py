"""Relevance of searches for abilities and words of descriptions, in the embedded catalogue.

`relevance_2026_08.json` lists searches, each judged by hand from the names, parameters and
descriptions of the embedded catalogue of August 2026:

    first      these models, in this order, before all others
    among      these models are among the first six, in any order
    parameter  each of the first six takes one of these parameters
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catalograph.app import open_gateway
from catalograph.graphql.run.engine import Engine
from catalograph.graphql.run.request import Caller, Operation
from catalograph.settings import Settings

QUERIES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("relevance_2026_08.json").read_text("utf-8")
)["queries"]

SEARCH = """
query ($search: String) {
  models(search: $search, first: 6) {
    nodes { modelId parameters { name } }
  }
}
"""


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[Engine]:
    settings = Settings.from_environ({"CATALOGRAPH_UPSTREAM_VERSION": "2026-08"})
    async with open_gateway(settings, demo=True) as engine:
        yield engine


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query["search"])
async def test_a_search_finds_what_is_meant(
    engine: Engine, query: dict[str, Any]
) -> None:
    answer = await engine.execute(
        Operation(document=SEARCH, variables={"search": query["search"]}), Caller()
    )
    nodes = json.loads(answer.body)["data"]["models"]["nodes"]
    ids = [node["modelId"] for node in nodes]

    assert ids
    assert ids[: len(query.get("first", ()))] == query.get("first", [])
    assert set(query.get("among", ())) - set(ids) == set()
    if "parameter" in query:
        wanted = set(query["parameter"])
        for node in nodes:
            assert wanted & {one["name"] for one in node["parameters"]}, node
