"""Paging by cursor in a changing catalogue returns each unchanged model exactly once.

`PROPERTY_EXAMPLES` sets how many walks; nightly runs take hundreds.
"""

import asyncio
import os
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from support.catalogues import RECORDED, read_recorded
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "4"))

DAYS = (None, "2024-05-05T00:00:00", "2024-05-06T00:00:00", "2025-01-01T00:00:00")
NAMES = (
    "GPT-4o",
    "GPT 4o mini",
    "gpt-4O",
    "Été gpt",
    "ete 2 gpt",
    "Llama gpt 8B",
    " gpt",
)

ORDERS: list[dict[str, Any]] = [
    {},
    *(
        {"order": {"field": field, "direction": direction}}
        for field in ("NAME", "MODEL_ID", "RELEASE_DATE")
        for direction in ("ASC", "DESC")
    ),
    {"search": "gpt"},
    {"search": "gpt", "order": {"field": "NAME", "direction": "ASC"}},
    {"filter": {"inputModalities": ["text"]}},
]

FORWARDS = """
query ($size: Int, $cursor: String, $order: ModelOrder, $search: String, $filter: ModelFilter) {
  models(first: $size, after: $cursor, orderBy: $order, search: $search, filter: $filter) {
    nodes { modelId name releaseDate announcementDate }
    pageInfo { more: hasNextPage cursor: endCursor } } }"""
BACKWARDS = (
    FORWARDS.replace("first:", "last:")
    .replace("after:", "before:")
    .replace(
        "more: hasNextPage cursor: endCursor",
        "more: hasPreviousPage cursor: startCursor",
    )
)

Key = tuple[Any, ...]


class Changing:
    """A stub whose models change, with the contents of all its states."""

    def __init__(
        self, rng: random.Random, stub: StubUpstream, keys: dict[str, Key]
    ) -> None:
        self._random = rng
        self.stub = stub
        self._keys = keys
        self.stayed = set(keys.values())
        self.changes = 0
        self._made = 0

    def change(self) -> None:
        """Add, remove or move one model."""
        self.changes += 1
        kind = self._random.random()
        if kind < 0.45:
            self.add()
            return
        model_id = self._random.choice(sorted(self._keys))
        self.stayed.discard(self._keys.pop(model_id))
        self.stub.remove_model(model_id)
        if kind > 0.8:
            self.add(model_id)

    def add(self, model_id: str | None = None) -> None:
        self._made += 1
        pick = self._random.choice
        model_id = model_id or f"lab/{self._made * 7919 % 10007}-new"
        name, released, announced = pick(NAMES), pick(DAYS), pick(DAYS)
        self.stub.add_model(
            model_id,
            name=name,
            release_date=released,
            announcement_date=announced,
            input_types=pick((["text"], ["text", "image"])),
        )
        self._keys[model_id] = (
            model_id,
            name,
            released and released[:10],
            announced and announced[:10],
        )


async def walk(
    changing: Changing,
    rng: random.Random,
    document: str,
    variables: dict[str, Any],
    *,
    size: int,
    changes: int,
) -> tuple[Counter[Key], int]:
    """Page through a list while it changes; return the models found, and the number of pages."""
    clock = TurnedClock()
    gateway = GraphGateway(changing.stub, clock)
    met: Counter[Key] = Counter()
    cursor, more, pages = None, True, 0
    while more:
        data = await gateway.ask(
            document, {"size": size, "cursor": cursor, **variables}
        )
        page = data["models"]
        met.update(tuple(node.values()) for node in page["nodes"])
        more, pages = page["pageInfo"]["more"], pages + 1
        cursor = page["pageInfo"]["cursor"] or cursor
        if changing.changes < changes:
            for _ in range(rng.randrange(4)):
                changing.change()
        clock.pass_s(rng.choice((0, 30, 61, 700)))
    await gateway.aclose()
    return met, pages


@pytest.mark.parametrize(
    "document", [FORWARDS, BACKWARDS], ids=["forwards", "backwards"]
)
@pytest.mark.parametrize("variables", ORDERS, ids=str)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 9))
@settings(max_examples=EXAMPLES, deadline=None)
def test_unchanged_models_are_listed_exactly_once(
    document: str, variables: dict[str, Any], seed: int, size: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret depends on it
    changing = Changing(rng, StubUpstream(), {})
    for _ in range(30):
        changing.add()
    changing.stayed = set(changing._keys.values())  # noqa: SLF001 - of this module

    met, _ = asyncio.run(
        walk(changing, rng, document, variables, size=size, changes=20)
    )

    assert {key: met[key] for key in changing.stayed} == dict.fromkeys(
        changing.stayed, 1
    )
    assert set(met.values()) <= {1}


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")
@pytest.mark.parametrize(
    "document", [FORWARDS, BACKWARDS], ids=["forwards", "backwards"]
)
@pytest.mark.parametrize("variables", ORDERS[:7], ids=str)
def test_the_recorded_catalogue_is_walked_while_it_changes(
    document: str, variables: dict[str, Any]
) -> None:
    rows = read_recorded("catalogue-sectioned")["models"]
    keys = {
        row["model_id"]: (
            row["model_id"],
            row["name"],
            row["release_date"] and row["release_date"][:10],
            row["announcement_date"] and row["announcement_date"][:10],
        )
        for row in rows
    }
    rng = random.Random(7)  # noqa: S311 - as above
    changing = Changing(rng, StubUpstream(rows), keys)

    met, pages = asyncio.run(
        walk(changing, rng, document, variables, size=50, changes=40)
    )

    assert len(changing.stayed) > 500
    assert {key: met[key] for key in changing.stayed} == dict.fromkeys(
        changing.stayed, 1
    )
    assert set(met.values()) <= {1}
    assert pages >= 12
