"""August 2026: how rows are parsed into records."""

import datetime
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalograph.catalogue import records
from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.prices import Price
from catalograph.catalogue.query import FULL, ModelsQuery, Sections
from catalograph.upstream.wire import read_page
from upstream.fake_time import FakeUpstream, build_page

RECORDINGS = Path(__file__).parents[4] / "shared" / "upstream" / "today"

ROW: dict[str, Any] = {
    "id": "acme/one:free",
    "base_model_id": "acme/one",
    "variant": "free",
    "variants": {"free": {"model_id": "acme/one:free", "name": "One"}},
    "name": "One",
    "description": "A model.",
    "organization": {"id": "acme", "name": "Acme", "color": "#123456"},
    "aliases": ["acme/uno"],
    "lifecycle": {
        "status": "deprecated",
        "released_at": "2026-01-02T13:00:00+00:00",
        "deprecated_at": "2026-06-01T00:00:00+00:00",
        "retires_at": "2027-01-01T00:00:00+00:00",
        "replacement_id": "acme/two",
        "message": "Use two.",
    },
    "modalities": {"input": ["text", "image"], "output": ["text"]},
    "limits": {"input_tokens": 1000, "output_tokens": None},
    "capabilities": {
        "endpoints": ["batch", "text.generate"],
        "parameters": ["temperature", "0", "effort"],
        "parameter_details": {
            "temperature": {
                "supported": True,
                "provider_min": 0,
                "max": 2,
                "provider_max": 1,
                "provider_default": 0.5,
                "providers": ["a", "gone"],
            },
            "effort": {
                "supported": True,
                "type": "enum",
                "enum": ["low", 3, True],
                "default": "low",
                "aliases": ["reasoning.effort"],
                "notes": "A note.",
                "required": True,
                "providers": ["a"],
            },
            "0": {"supported": True, "providers": ["a"]},
        },
    },
    "availability": {"status": "active", "provider_count": 1},
    "pricing": {"pricing_plan": "standard", "meters": {}},
    "offers": [
        {
            "provider": {"id": "a", "name": "A"},
            "model": "one-1",
            "status": "inactive",
            "status_reason": "provider_disabled",
            "routable": True,
            "endpoints": ["batch", "text.generate"],
            "modalities": {"input": ["text"], "output": ["text"]},
            "capabilities": {
                "parameters": ["temperature"],
                "parameter_details": {"temperature": {"supported": True}},
            },
            "routing": {"provider": "active"},
            "effective": {"from": "2026-01-02T02:00:00+02:00", "to": None},
            "pricing": {
                "meters": {
                    "input_text_tokens": {
                        "provider_id": "a",
                        "unit": "token",
                        "unit_size": 1000000,
                        "price_per_unit": "0.9500000000000001",
                        "currency": "USD",
                    },
                    "output_text_tokens": None,
                }
            },
        }
    ],
}
A = records.Provider(provider_id="a", name="A")
BATCH = records.Endpoint(endpoint_id="batch")
TEXT = records.Endpoint(endpoint_id="text.generate")


def offering(endpoint: records.Endpoint) -> records.Offering:
    return records.Offering(
        model_id="acme/one:free",
        provider=A,
        endpoint=endpoint,
        provider_model_slug="one-1",
        is_routable=False,
        input_modalities=("text",),
        output_modalities=("text",),
        effective_from=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        status=records.Availability.INACTIVE,
        status_reason="provider_disabled",
        parameters=(records.Parameter(name="temperature"),),
        floor_prices=(
            Price(
                meter="input_text_tokens",
                unit="token",
                unit_size=1_000_000,
                amount=Decimal("0.95"),
                currency="USD",
            ),
        ),
    )


MODEL = records.Model(
    model_id="acme/one:free",
    name="One",
    status_label="deprecated",
    release_date=datetime.date(2026, 1, 2),
    deprecation_date=datetime.date(2026, 6, 1),
    retirement_date=datetime.date(2027, 1, 1),
    organisation=records.Organisation(
        organisation_id="acme", name="Acme", colour="#123456"
    ),
    aliases=("acme/uno",),
    description="A model.",
    variant="free",
    base_model_id="acme/one",
    max_input_tokens=1000,
    replacement_id="acme/two",
    lifecycle_message="Use two.",
    data=records.ModelData(
        input_modalities=("text", "image"), output_modalities=("text",)
    ),
    gateway=records.ModelGateway(
        is_routable=True,
        endpoints=(BATCH, TEXT),
        providers=(A,),
        offerings=(offering(BATCH), offering(TEXT)),
        availability=records.Availability.ACTIVE,
        parameters=(
            records.Parameter(
                name="effort",
                type="enum",
                values=("low", "3", "true"),
                default="low",
                aliases=("reasoning.effort",),
                is_required=True,
                notes="A note.",
                providers=(A,),
            ),
            records.Parameter(
                name="temperature",
                default="0.5",
                minimum=0.0,
                maximum=2.0,
                providers=(A,),
            ),
        ),
    ),
)


async def fetch(*rows: object, **asked: Any) -> Any:
    page = build_page(*rows, availability_mode="all")
    upstream = FakeUpstream(page, release="2026-08")
    return await upstream.fetch(ModelsQuery(filter=ModelsFilter(**asked)))


async def test_a_row_becomes_a_whole_record() -> None:
    page = await fetch(ROW)

    assert page.models == (MODEL,)
    assert (page.sections, page.version) == (FULL, "2026-08")


@pytest.mark.parametrize("asked", [{"providers": ("a",)}, {"endpoints": ("batch",)}])
async def test_rows_that_a_filter_narrows_are_left_out(asked: dict[str, Any]) -> None:
    page = await fetch(ROW, **asked)

    assert page.sections == Sections(data=True)
    assert page.models[0].gateway is None


async def test_what_is_looked_up_in_a_filtered_list_is_left_out() -> None:
    page = await fetch(ROW, organisations=("acme",))

    model = page.models[0]
    assert (model.replacement_id, model.lifecycle_message) == (None, None)
    assert model.gateway == MODEL.gateway


async def test_the_router_is_taken_out_of_a_filtered_list() -> None:
    router = ROW | {"id": "phaseo/free", "capabilities": {"endpoints": []}}

    filtered = await fetch(router, ROW, organisations=("acme",))
    whole = await fetch(router, ROW)

    assert [model.model_id for model in filtered.models] == ["acme/one:free"]
    assert (filtered.total, whole.total) == (1, 2)
    assert [one.endpoint_id for one in whole.models[0].endpoints] == [
        "batch",
        "text.generate",
    ]


async def test_a_field_of_another_kind_costs_only_itself() -> None:
    sick = json.loads(json.dumps(ROW))
    sick["limits"] = {"input_tokens": 2**40}
    sick["capabilities"]["parameter_details"]["temperature"] = "warm"
    sick["offers"][0]["pricing"]["meters"]["input_text_tokens"] = {"unit": 3}
    sick["offers"].append({"provider": {"id": None}})

    page = await fetch(sick)

    model = page.models[0]
    assert model.max_input_tokens is None
    assert [parameter.name for parameter in model.parameters] == [
        "effort",
        "temperature",
    ]
    assert [one.floor_prices for one in model.offerings] == [(), ()]


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not here")
def test_every_recorded_page_is_read_without_a_loss() -> None:
    packed = (RECORDINGS / "data" / "pages.json.gz").read_bytes()
    pages = json.loads(gzip.decompress(packed))["pages"]
    counts = []
    for recorded in pages:
        body = recorded["body"]
        query = ModelsQuery(limit=body["limit"], offset=body["offset"])
        page = read_page(json.dumps(body).encode(), query, as_of_s=0.0)
        ids = [model.model_id for model in page.models]
        assert ids == [row["id"] for row in body["models"]]
        assert page.version == "2026-08"
        counts.append(len(ids))

    assert sum(counts) == 465 + 826
