"""Generated models are reproducible, and cover all kinds of values."""

import datetime

import msgspec

from catalograph.demo.service import (
    DEMO_TOKEN,
    DEMO_TOKENS,
    DemoUpstream,
    build_demo_app,
)
from catalograph.demo.shapes import SectionedShape
from catalograph.demo.synthesis import (
    synthesise,
    synthesise_catalogue,
    synthesise_models,
)

NOW = datetime.datetime(2025, 12, 22, tzinfo=datetime.UTC)


class Answer(msgspec.Struct):
    total: int
    models: list[dict[str, object]]


def ask(upstream: DemoUpstream, query: str) -> Answer:
    reply = upstream.reply("GET", "/v1/models", query, f"Bearer {DEMO_TOKEN}")
    return msgspec.json.decode(reply.body, type=Answer)


def test_one_seed_gives_the_same_models_and_more_of_them_for_more() -> None:
    assert synthesise_models(50) == synthesise_models(100)[:50]
    assert synthesise_models(50, seed=1) != synthesise_models(50, seed=2)


def test_ids_are_unique_and_made_of_two_parts() -> None:
    ids = [model.model_id for model in synthesise_models(2000)]

    assert len(set(ids)) == 2000
    assert [id for id in ids if id.count("/") != 1] == []


def test_every_status_and_modality_occurs() -> None:
    models = synthesise_models(2000)

    assert {model.status for model in models} == {
        "Available",
        "Announced",
        "Rumoured",
        "Deprecated",
        "Retired",
        None,
    }
    assert {kind for model in models for kind in model.data.output_types} == {
        "text",
        "image",
        "audio",
        "video",
        "moderation",
    }


def test_paging_through_them_meets_each_one_once() -> None:
    models = synthesise_models(1100)
    upstream = DemoUpstream(models, shape=SectionedShape(), clock=lambda: NOW)

    pages = [
        ask(upstream, f"limit=250&offset={offset}") for offset in range(0, 1100, 250)
    ]

    assert [page.total for page in pages] == [1100] * 5
    ids = [model["model_id"] for page in pages for model in page.models]
    assert sorted(map(str, ids)) == sorted(model.model_id for model in models)


def test_a_catalogue_of_2026_08_lists_as_many_models_as_asked_for() -> None:
    catalogue = synthesise_catalogue(600)
    upstream = build_demo_app(catalogue, clock=lambda: NOW, version="2026-08")

    pages = [
        msgspec.json.decode(
            upstream.reply(
                "GET",
                "/v1/models",
                f"availability=all&limit=250&offset={offset}",
                f"Bearer {DEMO_TOKENS['2026-08']}",
            ).body,
            type=Answer,
        )
        for offset in (0, 250, 500)
    ]

    assert [(page.total, len(page.models)) for page in pages] == [
        (600, 250),
        (600, 250),
        (600, 100),
    ]
    assert synthesise_catalogue(50).models == catalogue.models[:50]
    assert {model["id"] for page in pages for model in page.models} == {
        model.id for model in catalogue.models
    }


def test_each_version_has_its_own_rows() -> None:
    assert synthesise(3, "2025-12") == synthesise_models(3)
    assert synthesise(3, "2026-08") == synthesise_catalogue(3)
