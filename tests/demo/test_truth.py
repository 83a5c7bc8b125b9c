"""The embedded upstream gives the recorded answers, byte by byte."""

import datetime
import functools
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalograph.catalogue.collation import collation_key
from catalograph.demo.service import DEMO_TOKEN, DemoUpstream
from catalograph.demo.shapes import SectionedShape, Shape
from support.stub_shapes import FlatShape

RECORDED = Path(__file__).parents[3] / "shared" / "upstream" / "data"
CLOCK = datetime.datetime(2025, 12, 22, tzinfo=datetime.UTC)
SHAPES: dict[str, Callable[[], Shape]] = {
    "sectioned": SectionedShape,
    "flat": FlatShape,
}
FILES = {"all": "", "natural": "-natural", "extended": "-extended"}

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers are not here"
)


class Seen(msgspec.Struct, omit_defaults=True):
    """What of an answer was recorded.

    Attributes:
        ids: Of the whole list, or of the page alone where the case says so.
        provider_rows: Of the same models, where a provider was asked for.
    """

    status: int
    limit: float
    offset: float
    total: int
    sha256: str
    size: int
    ids: list[str]
    sections: list[str] | None = None
    provider_rows: dict[str, list[list[str | None]]] | None = None


@functools.cache
def read(name: str) -> Any:
    return json.loads(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes()))


@functools.cache
def build_upstream(dataset: str, shape: str) -> DemoUpstream:
    """Serve a recorded catalogue; the parameters of its rows stand in the flat file only."""
    params = {
        model["model_id"]: {
            provider["api_provider_id"]: provider["params"]
            for provider in model["providers"]
        }
        for model in read(f"catalogue-flat{FILES[dataset]}")["models"]
    }
    models = [
        model | {"params": params[model["model_id"]]}
        for model in read(f"catalogue-sectioned{FILES[dataset]}")["models"]
    ]
    return DemoUpstream(models, shape=SHAPES[shape](), clock=lambda: CLOCK)


def ask(case: dict[str, Any], window: str = "") -> tuple[int, bytes]:
    """Repeat a recorded request; of repeated `limit` and `offset`, the first ones count."""
    reply = build_upstream(case["dataset"], case["shape"]).reply(
        "GET",
        "/v1/models",
        window + case["query_string"],
        f"Bearer {DEMO_TOKEN}",
    )
    return reply.status, reply.body


def ask_for_all(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        model
        for offset in range(0, case["total"], 250)
        for model in json.loads(ask(case, f"limit=250&offset={offset}&")[1])["models"]
    ]


def find_sections(models: list[dict[str, Any]]) -> list[str] | None:
    """Find the sections of the sectioned shape; None where no model shows any shape."""
    if not models or "announcement_date" not in models[0]:
        return None
    return [name for name in ("data", "gateway") if name in models[0]]


def find_rows(models: list[dict[str, Any]]) -> dict[str, list[list[str | None]]]:
    names = ("api_provider_id", "endpoint", "provider_model_slug")
    return {
        model["model_id"]: [
            [row[name] for name in names] for row in model["gateway"]["providers"]
        ]
        for model in models
        if "gateway" in model
    }


@pytest.mark.parametrize("shape", ["sectioned", "flat"])
@pytest.mark.parametrize("dataset", ["all", "natural", "extended"])
def test_every_recorded_request_has_its_recorded_answer(
    dataset: str, shape: str
) -> None:
    cases = [
        case
        for case in read("truth")
        if (case["dataset"], case["shape"]) == (dataset, shape)
    ]

    for case in cases:
        status, body = ask(case)
        answer = json.loads(body)
        models = ask_for_all(case) if case["ids_cover"] == "all" else answer["models"]
        rows = case.get("provider_rows")
        seen = Seen(
            status=status,
            limit=answer["limit"],
            offset=answer["offset"],
            total=answer["total"],
            sha256=hashlib.sha256(body).hexdigest(),
            size=len(body),
            ids=[model["model_id"] for model in models],
            sections=find_sections(models),
            provider_rows=None if rows is None else find_rows(models),
        )
        assert seen == Seen(
            status=case["status"],
            limit=case["limit"],
            offset=case["offset"],
            total=case["total"],
            sha256=case["sha256"],
            size=case["bytes"],
            ids=case["ids"],
            sections=case.get("sections"),
            provider_rows=rows,
        ), case["query_string"]

    assert len(cases) == {"sectioned": 109, "flat": 62}[shape]


def test_every_recorded_page_has_its_recorded_bytes() -> None:
    pages = read("pages")["pages"]

    for page in pages:
        status, body = ask(page)
        assert (status, hashlib.sha256(body).hexdigest()) == (
            page["status"],
            page["sha256"],
        ), page["query_string"]

    assert len(pages) == 45


@pytest.mark.parametrize("dataset", ["all", "extended"])
def test_names_of_one_day_sort_as_recorded(dataset: str) -> None:
    models = read(f"catalogue-sectioned{FILES[dataset]}")["models"]
    undated = [
        model
        for model in models
        if not model["release_date"] and not model["announcement_date"]
    ]

    in_order = sorted(
        undated,
        key=lambda model: (collation_key(model["name"] or ""), model["model_id"]),
    )

    assert in_order == undated
