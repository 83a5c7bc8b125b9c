"""Recorded pages of every shape become the same kind of record."""

import datetime
import functools
import gzip
import json
import urllib.parse
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.query import BARE, FULL, ModelsPage, ModelsQuery, Sections
from catalograph.catalogue.records import (
    Endpoint,
    Model,
    ModelData,
    ModelGateway,
    Offering,
    Organisation,
    Provider,
)
from upstream.fake_time import NOW_S, FakeUpstream, build_page
from upstream.reference import read_flat, read_sectioned

RECORDINGS = Path(__file__).parents[4] / "shared" / "upstream"
needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings lie beside the project"
)

OPENAI = Provider(
    provider_id="openai", name="OpenAI", link="https://openai.com", country_code="US"
)
CHAT = Endpoint(endpoint_id="chat.completions")
BATCH = Endpoint(endpoint_id="batch")


def build_row(**fields: object) -> dict[str, object]:
    return {
        "api_provider_id": "openai",
        "api_provider_name": "OpenAI",
        "link": "https://openai.com",
        "country_code": "US",
        "endpoint": "chat.completions",
        "provider_model_slug": "gpt-5",
        "is_active_gateway": True,
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "effective_from": "2025-08-07T00:00:00",
        "effective_to": None,
        **fields,
    }


SECTIONED = {
    "model_id": "openai/gpt-5+",
    "name": "GPT 5 ",
    "release_date": "2025-08-07T00:00:00",
    "announcement_date": "2025-08-06T00:00:00",
    "deprecation_date": None,
    "retirement_date": "2026-08-07",
    "status": "Available",
    "organisation": {
        "organisation_id": "openai",
        "name": "OpenAI",
        "country_code": "US",
    },
    "aliases": ["openai/gpt-5.0"],
    "data": {"input_types": ["text", "image"], "output_types": ["text"]},
    "gateway": {
        "active": True,
        "endpoints": ["batch", "chat.completions"],
        "providers": [build_row(), build_row(endpoint="batch")],
    },
}
DOCUMENTED = {
    "model_id": "openai/gpt-5+",
    "name": "GPT 5 ",
    "release_date": "2025-08-07",
    "announcement_date": "2025-08-06",
    "status": "Available",
    "organisation": "openai",
    "aliases": ["openai/gpt-5.0"],
    "endpoints": ["batch", "chat.completions"],
    "input_types": ["text", "image"],
    "output_types": ["text"],
    "providers": [
        build_row(effective_from="2025-08-07T00:00:00Z"),
        build_row(endpoint="batch", is_active_gateway=False),
    ],
}
LATER_FLAT = {
    "model_id": "openai/gpt-5+",
    "name": "GPT 5 ",
    "release_date": "2025-08-07T00:00:00",
    "status": "Available",
    "organisation_id": "openai",
    "aliases": ["openai/gpt-5.0"],
    "endpoints": ["batch", "chat.completions"],
    "input_types": ["text", "image"],
    "output_types": ["text"],
    "providers": [{"api_provider_id": "openai", "params": ["temperature"]}],
}

CHAT_OFFERING = Offering(
    model_id="openai/gpt-5+",
    provider=OPENAI,
    endpoint=CHAT,
    provider_model_slug="gpt-5",
    is_routable=True,
    input_modalities=("text", "image"),
    output_modalities=("text",),
    effective_from=datetime.datetime(2025, 8, 7, tzinfo=datetime.UTC),
    effective_to=None,
)
BATCH_OFFERING = Offering(
    model_id="openai/gpt-5+",
    provider=OPENAI,
    endpoint=BATCH,
    provider_model_slug="gpt-5",
    is_routable=True,
    input_modalities=("text", "image"),
    output_modalities=("text",),
    effective_from=datetime.datetime(2025, 8, 7, tzinfo=datetime.UTC),
    effective_to=None,
)


async def fetch_one(row: object, query: ModelsQuery | None = None) -> ModelsPage:
    return await FakeUpstream(build_page(row)).fetch(query or ModelsQuery())


async def test_a_sectioned_model_becomes_a_whole_record() -> None:
    page = await fetch_one(SECTIONED)

    assert page == ModelsPage(
        models=(
            Model(
                model_id="openai/gpt-5+",
                name="GPT 5 ",
                status_label="Available",
                release_date=datetime.date(2025, 8, 7),
                announcement_date=datetime.date(2025, 8, 6),
                deprecation_date=None,
                retirement_date=datetime.date(2026, 8, 7),
                organisation=Organisation(
                    organisation_id="openai", name="OpenAI", country_code="US"
                ),
                aliases=("openai/gpt-5.0",),
                data=ModelData(
                    input_modalities=("text", "image"), output_modalities=("text",)
                ),
                gateway=ModelGateway(
                    is_routable=True,
                    endpoints=(BATCH, CHAT),
                    providers=(OPENAI,),
                    offerings=(CHAT_OFFERING, BATCH_OFFERING),
                ),
            ),
        ),
        total=1,
        limit=50,
        offset=0,
        sections=FULL,
        as_of_s=NOW_S,
        version="2025-12 sectioned",
    )


async def test_a_documented_model_becomes_a_whole_record() -> None:
    page = await fetch_one(DOCUMENTED)

    assert page.sections == FULL
    assert page.models == (
        Model(
            model_id="openai/gpt-5+",
            name="GPT 5 ",
            status_label="Available",
            release_date=datetime.date(2025, 8, 7),
            announcement_date=datetime.date(2025, 8, 6),
            organisation=Organisation(organisation_id="openai"),
            aliases=("openai/gpt-5.0",),
            data=ModelData(
                input_modalities=("text", "image"), output_modalities=("text",)
            ),
            gateway=ModelGateway(
                is_routable=True,
                endpoints=(BATCH, CHAT),
                providers=(OPENAI,),
                offerings=(
                    CHAT_OFFERING,
                    Offering(
                        model_id="openai/gpt-5+",
                        provider=OPENAI,
                        endpoint=BATCH,
                        provider_model_slug="gpt-5",
                        is_routable=False,
                        input_modalities=("text", "image"),
                        output_modalities=("text",),
                        effective_from=CHAT_OFFERING.effective_from,
                    ),
                ),
            ),
        ),
    )


async def test_a_documented_model_with_no_active_row_cannot_be_routed() -> None:
    row = DOCUMENTED | {"providers": [build_row(is_active_gateway=False)]}

    page = await fetch_one(row)

    assert page.models[0].is_routable is False
    assert page.models[0].providers == (OPENAI,)


async def test_a_later_flat_model_becomes_a_whole_record() -> None:
    page = await fetch_one(LATER_FLAT)

    assert page.sections == FULL
    assert page.models == (
        Model(
            model_id="openai/gpt-5+",
            name="GPT 5 ",
            status_label="Available",
            release_date=datetime.date(2025, 8, 7),
            organisation=Organisation(organisation_id="openai"),
            aliases=("openai/gpt-5.0",),
            data=ModelData(
                input_modalities=("text", "image"), output_modalities=("text",)
            ),
            gateway=ModelGateway(
                is_routable=True,
                endpoints=(BATCH, CHAT),
                providers=(Provider(provider_id="openai"),),
                offerings=(),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("row", "carried"),
    [
        ({"model_id": "a/b"}, BARE),
        ({"model_id": "a/b", "organisation": None}, BARE),
        ({"model_id": "a/b", "organisation": {"organisation_id": "a"}}, BARE),
        ({"model_id": "a/b", "data": {}}, Sections(data=True)),
        ({"model_id": "a/b", "gateway": None}, Sections(gateway=True)),
        ({"model_id": "a/b", "organisation": "a"}, FULL),
        ({"model_id": "a/b", "organisation": None, "providers": []}, FULL),
        ({"model_id": "a/b", "organisation_id": None}, FULL),
    ],
)
async def test_the_shape_is_told_by_the_answer_whatever_was_asked(
    row: dict[str, object], carried: Sections
) -> None:
    page = await fetch_one(row, ModelsQuery(sections=FULL))

    assert page.sections == carried
    assert [model.model_id for model in page.models] == ["a/b"]
    assert (page.models[0].data is None) == (not carried.data)
    assert (page.models[0].gateway is None) == (not carried.gateway)


@pytest.mark.parametrize("sections", [BARE, Sections(data=True), FULL])
async def test_an_empty_page_has_the_sections_asked_for(sections: Sections) -> None:
    page = await FakeUpstream(build_page()).fetch(ModelsQuery(sections=sections))

    assert page.models == ()
    assert page.sections == sections


async def test_equal_values_of_a_page_are_one_object() -> None:
    page = await FakeUpstream(
        build_page(SECTIONED, SECTIONED | {"model_id": "openai/other"})
    ).fetch()

    first, second = page.models
    assert first.organisation is second.organisation
    assert first.offerings[0].provider is second.offerings[1].provider
    assert first.offerings[0].endpoint is second.offerings[0].endpoint
    assert first.input_modalities is second.offerings[0].input_modalities


async def test_true_twins_are_told_apart_by_an_ordinal() -> None:
    twin = build_row()
    gateway = {"providers": [twin, twin, build_row(provider_model_slug=None), twin]}

    page = await fetch_one(SECTIONED | {"gateway": gateway})

    assert [
        (row.provider_model_slug, row.ordinal) for row in page.models[0].offerings
    ] == [("gpt-5", 0), ("gpt-5", 1), (None, 0), ("gpt-5", 2)]


async def test_providers_and_endpoints_are_distinct_other_lists_as_they_are() -> None:
    row = SECTIONED | {
        "aliases": ["x", "y", "x"],
        "gateway": {
            "endpoints": ["b", "a", "b"],
            "providers": [
                build_row(api_provider_id="z", endpoint="b"),
                build_row(endpoint="b"),
                build_row(api_provider_id="z", endpoint="a"),
            ],
        },
    }

    page = await fetch_one(row)

    model = page.models[0]
    assert [endpoint.endpoint_id for endpoint in model.endpoints] == ["b", "a"]
    assert [provider.provider_id for provider in model.providers] == ["z", "openai"]
    assert model.aliases == ("x", "y", "x")


# A provider filter


@pytest.mark.parametrize("row", [SECTIONED, DOCUMENTED])
async def test_rows_that_may_be_narrowed_are_no_part_of_the_record(
    row: dict[str, object],
) -> None:
    query = ModelsQuery(filter=ModelsFilter(providers=("azure", "openai")))

    page = await fetch_one(row, query)

    assert page.sections == Sections(data=True)
    assert page.models[0].gateway is None
    assert page.models[0].data is not None


@pytest.mark.parametrize("row", [SECTIONED, DOCUMENTED, LATER_FLAT])
async def test_rows_that_show_an_ignored_provider_filter_are_kept(
    row: dict[str, object],
) -> None:
    query = ModelsQuery(filter=ModelsFilter(providers=("azure",)))

    page = await fetch_one(row, query)

    assert page.sections == FULL
    assert [one.provider_id for one in page.models[0].providers] == ["openai"]


async def test_a_shape_that_ignores_the_provider_filter_keeps_its_rows() -> None:
    query = ModelsQuery(filter=ModelsFilter(providers=("openai",)))

    page = await fetch_one(LATER_FLAT, query)

    assert page.sections == FULL


# Recorded


@functools.cache
def read_pages() -> list[dict[str, Any]]:
    packed = (RECORDINGS / "data" / "pages.json.gz").read_bytes()
    pages: list[dict[str, Any]] = json.loads(gzip.decompress(packed))["pages"]
    return pages


@needs_recordings
async def test_every_recorded_page_of_250_is_read_as_the_reference_reads_it() -> None:
    for recorded in read_pages():
        asked = dict(urllib.parse.parse_qsl(recorded["query_string"]))
        sections = Sections(
            data="include_data" not in asked, gateway="include_gateway" not in asked
        )
        body = recorded["body"]
        query = ModelsQuery(
            limit=int(asked["limit"]), offset=int(asked["offset"]), sections=sections
        )

        page = await FakeUpstream(httpx.Response(200, json=body)).fetch(query)

        assert page.sections == (FULL if recorded["shape"] == "flat" else sections)
        assert page.total == body["total"]
        assert page.models == tuple(
            read_flat(row)
            if recorded["shape"] == "flat"
            else read_sectioned(row, data=sections.data, gateway=sections.gateway)
            for row in body["models"]
        )


@needs_recordings
@pytest.mark.parametrize(
    ("name", "sections", "offset"),
    [
        ("sectioned-full", FULL, 0),
        ("sectioned-full-natural", FULL, 0),
        ("sectioned-without-data", Sections(gateway=True), 0),
        ("sectioned-without-gateway", Sections(data=True), 0),
        ("sectioned-bare", BARE, 0),
        ("flat", FULL, 0),
        ("sectioned-no-match", BARE, 0),
        ("sectioned-past-end", BARE, 5000),
    ],
)
async def test_the_recorded_bytes_are_read(
    name: str, sections: Sections, offset: int
) -> None:
    body = (RECORDINGS / "recorded" / f"{name}.json").read_bytes()
    recorded = json.loads(body)

    page = await FakeUpstream(httpx.Response(200, content=body)).fetch(
        ModelsQuery(offset=offset)
    )

    assert page.sections == sections
    assert page.total == recorded["total"]
    assert [model.model_id for model in page.models] == [
        row["model_id"] for row in recorded["models"]
    ]
