"""Random GraphQL queries give the same results as a plain loop over all models.

`PROPERTY_EXAMPLES` sets how many for each dataset and shape; nightly runs take hundreds.
"""

import asyncio
import os
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from catalograph.catalogue.filter import FIELDS, DayRange, ModelsFilter, to_camel_case
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import Model
from catalograph.catalogue.selection import select
from catalograph.upstream.versions.december_2025 import SECTIONED_DIALECT
from support.catalogues import (
    DATASETS,
    RECORDED,
    build_recorded_index,
    read_recorded,
)
from support.graph_gateway import GraphGateway, TurnedClock
from support.naive import passes
from support.strategies import filters, orders
from support.stub_upstream import StubUpstream
from support.whole_models import WHOLE_MODEL, expect_model

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers are not here"
)

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "12"))
CASES = [(shape, d) for shape in ("sectioned", "flat", "documented") for d in DATASETS]

QUESTIONS = filters(
    providers=("azure", "openai", "google-vertex", "groq", "unlisted-host"),
    organisations=("openai", "google", "meta", "synthetic"),
    endpoints=("batch", "chat.completions", "responses", "made.up"),
    modalities=("text", "image", "audio", "Video", "moderation"),
    model_ids=("synthetic/null-all", "openai/gpt-5-2-2025-12-11", "openai/gpt-5"),
    days=("2024-05-05", "2025-08-07", "2025-12-02"),
)
INDEX_ONLY = tuple(name for name in FIELDS if name not in SECTIONED_DIALECT.parameters)
"""Filters that the upstream lacks."""

DOCUMENT = (
    """
query ($filter: ModelFilter, $search: String, $orderBy: ModelOrder, $limit: Int, $offset: Int) {
  models(filter: $filter, search: $search, orderBy: $orderBy, limit: $limit, offset: $offset) {
    totalCount limit offset
    pageInfo { hasNextPage hasPreviousPage }
    nodes { ...Whole }
  }
}
"""
    + WHOLE_MODEL
)


class Session:
    """A gateway over one recorded catalogue, for all questions of a test."""

    def __init__(self, runner: asyncio.Runner, shape: str, dataset: str) -> None:
        self._runner = runner
        suffix = DATASETS[dataset]
        stored = read_recorded(f"catalogue-sectioned{suffix}")["models"]
        kind = "flat" if shape == "flat" else "sectioned"
        rows = read_recorded(f"catalogue-{kind}{suffix}")["models"]
        self.index = build_recorded_index(kind, dataset)
        self.models = self.index.models
        self.expected = {row["model_id"]: expect_model(row, shape) for row in rows}
        self._upstream = StubUpstream(stored, shape=shape)  # type: ignore[arg-type]
        self.clock = TurnedClock()
        self._gateway = self._open()

    def restart(self) -> None:
        """Clear all caches."""
        self.close()
        self._gateway = self._open()

    def ask(self, variables: dict[str, Any]) -> Any:
        data = self._runner.run(self._gateway.ask(DOCUMENT, variables))
        return data["models"]

    def close(self) -> None:
        self._runner.run(self._gateway.aclose())

    def _open(self) -> GraphGateway:
        return GraphGateway(self._upstream, self.clock)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def session(
    request: pytest.FixtureRequest, runner: asyncio.Runner
) -> Iterator[Session]:
    session = Session(runner, *request.param)
    yield session
    session.close()


def write_filter(asked: ModelsFilter) -> dict[str, Any]:
    """Write a filter as a client does."""

    def write(value: Any) -> Any:
        match value:
            case tuple():
                return [write(one) for one in value]
            case Enum():
                return value.name
            case Decimal():
                return str(value)
            case DayRange(first, last):
                return {
                    "from": first and first.isoformat(),
                    "to": last and last.isoformat(),
                }
        return value

    return {to_camel_case(name): write(getattr(asked, name)) for name in FIELDS}


def sort_plainly(models: list[Model], order: ModelsOrder | None) -> list[Model]:
    """Order by date or id, nulls last, ties by id."""
    if order is None:
        return models
    by_id = sorted(models, key=lambda model: model.model_id)
    if order.field is OrderField.MODEL_ID:
        return by_id[::-1] if order.descending else by_id
    dated = [model for model in by_id if model.release_date]
    dated.sort(key=lambda model: str(model.release_date), reverse=order.descending)
    return dated + [model for model in by_id if not model.release_date]


WINDOWS = st.tuples(
    st.sampled_from((1, 7, 50, 250)), st.sampled_from((0, 0, 3, 49, 250, 600, 5_000))
)
MOMENTS = st.sampled_from((0, 0, 10, 100, 700, None))
"""Seconds that pass before the question; None starts the gateway again."""

SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def compare(
    session: Session,
    listed: list[Model],
    window: tuple[int, int],
    variables: dict[str, Any],
) -> None:
    limit, offset = window
    seen = session.ask(variables | {"limit": limit, "offset": offset})

    wanted = listed[offset : offset + limit]
    assert [node["modelId"] for node in seen["nodes"]] == [m.model_id for m in wanted]
    assert seen == {
        "totalCount": len(listed),
        "limit": limit,
        "offset": offset,
        "pageInfo": {
            "hasNextPage": offset + limit < len(listed),
            "hasPreviousPage": offset > 0 and bool(listed),
        },
        "nodes": [session.expected[model.model_id] for model in wanted],
    }


def pass_time(session: Session, seconds: float | None) -> None:
    if seconds is None:
        session.restart()
    else:
        session.clock.pass_s(seconds)


@given(asked=QUESTIONS, window=WINDOWS, moment=MOMENTS)
@SETTINGS
def test_filters_that_the_upstream_has(
    session: Session,
    asked: ModelsFilter,
    window: tuple[int, int],
    moment: float | None,
) -> None:
    defaults = ModelsFilter()
    asked = msgspec.structs.replace(
        asked, **{name: getattr(defaults, name) for name in INDEX_ONLY}
    )
    pass_time(session, moment)
    listed = [model for model in session.models if passes(model, asked)]

    compare(session, listed, window, {"filter": write_filter(asked)})


@given(asked=QUESTIONS, window=WINDOWS, order=orders(), moment=MOMENTS)
@SETTINGS
def test_filters_and_orders_that_the_index_answers(
    session: Session,
    asked: ModelsFilter,
    window: tuple[int, int],
    order: ModelsOrder | None,
    moment: float | None,
) -> None:
    if order is not None and order.field is not OrderField.MODEL_ID:
        # Names are ordered as in a dictionary; December has no numbers to order by.
        order = msgspec.structs.replace(order, field=OrderField.RELEASE_DATE)
    pass_time(session, moment)
    listed = [model for model in session.models if passes(model, asked)]
    variables: dict[str, Any] = {"filter": write_filter(asked)}
    if order is not None:
        direction = "DESC" if order.descending else "ASC"
        variables["orderBy"] = {"field": order.field.name, "direction": direction}

    compare(session, sort_plainly(listed, order), window, variables)


@given(
    asked=st.just(ModelsFilter()) | QUESTIONS,
    search=st.sampled_from(("gpt", "openai 5", "LLAMA", "mini gpt", "zz", "é", " ")),
    offset=st.sampled_from((0, 1, 20)),
)
@SETTINGS
def test_searches_find_what_has_their_words(
    session: Session, asked: ModelsFilter, search: str, offset: int
) -> None:
    order = ModelsOrder(OrderField.MODEL_ID)
    selection = select(session.index, ModelsFilter(), search=search)
    ids = {m.model_id for m in selection.window(0, selection.total)}
    listed = [m for m in session.models if passes(m, asked) and m.model_id in ids]
    variables = {
        "filter": write_filter(asked),
        "search": search,
        "orderBy": {"field": "MODEL_ID", "direction": "ASC"},
    }

    compare(session, sort_plainly(listed, order), (50, offset), variables)
