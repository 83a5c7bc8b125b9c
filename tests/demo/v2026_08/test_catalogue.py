"""The embedded catalogue of August 2026 is consistent, and covers all kinds of values."""

import datetime
import re
from typing import Any, Final

import msgspec
import pytest

from catalograph.demo import catalogue as december
from catalograph.demo.parameters import print_decimal
from catalograph.demo.v2026_08.catalogue import read_catalogue
from catalograph.demo.v2026_08.december import convert_id
from catalograph.demo.v2026_08.keys import TOKEN
from catalograph.demo.v2026_08.pricing import METERS
from catalograph.demo.v2026_08.rows import PriceList, StoredModel
from catalograph.demo.v2026_08.service import Upstream

CATALOGUE: Final = read_catalogue()
MODELS: Final = {model.id: model for model in CATALOGUE.models}
LISTED: Final = [model for model in CATALOGUE.models if model.rows]
ROWS: Final = [row for model in LISTED for row in model.rows]
LISTS: Final = [prices for model in LISTED for prices in model.price_lists]
PRICES: Final = [price for prices in LISTS for price in prices.prices]

# Any day on which this is used lies between these.
CLOCKS: Final = [
    datetime.datetime(2026, 1, 6, tzinfo=datetime.UTC),
    datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC),
]


def ask(path: str, query: str = "", now: datetime.datetime = CLOCKS[0]) -> Any:
    upstream = Upstream(CATALOGUE, clock=lambda: now)
    reply = upstream.reply("GET", f"/v1{path}", query, f"Bearer {TOKEN}")
    assert reply.status == 200
    return msgspec.json.decode(reply.body)


def fetch_models(query: str = "", now: datetime.datetime = CLOCKS[0]) -> list[Any]:
    models: list[Any] = ask("/models", f"limit=250&{query}", now)["models"]
    return models


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("openai/gpt-4-1-mini", "openai/gpt-4.1-mini"),
        ("openai/gpt-5-nano-2025-08-07", "openai/gpt-5-nano"),
        ("openai/gpt-4", "openai/gpt-4"),
        ("x-ai/grok-4", "spacex-ai/grok-4"),
        ("qwen/qwen-2-5-vl-72b", "qwen/qwen-2.5-vl-72b"),
        ("qwen/qwen-3-235b-a22b", "qwen/qwen-3-235b-a22b"),
        ("microsoft/wizardlm-2-8x22b", "microsoft/wizardlm-2-8x22b"),
        ("eleven-labs/flash-v2-5", "eleven-labs/flash-v2.5"),
        ("moonshotai/moonshot-v1-128k", "moonshotai/moonshot-v1-128k"),
        ("cohere/command-r+-08-2024", "cohere/command-r+-08-2024"),
        ("z-ai/glm-4-5v", "z-ai/glm-4.5v"),
    ],
)
def test_an_id_of_december_follows_one_rule(old: str, new: str) -> None:
    assert convert_id(old) == new


def test_every_model_of_december_is_stored_under_its_new_id_and_the_old_finds_it() -> (
    None
):
    old_ids = [model.model_id for model in december.read_catalogue()]
    new_ids = [convert_id(old_id) for old_id in old_ids]

    assert len(set(MODELS)) == len(CATALOGUE.models)
    assert set(new_ids) == {
        model.id for model in CATALOGUE.models if model.variant == "standard"
    }
    for old_id, new_id in zip(old_ids, new_ids, strict=True):
        assert old_id == new_id or old_id in MODELS[new_id].aliases


def test_aliases_are_sorted_few_and_of_one_model_only() -> None:
    aliases = [alias for model in CATALOGUE.models for alias in model.aliases]

    assert len(set(aliases)) == len(aliases)
    assert set(aliases) & set(MODELS) == set()
    assert max(len(model.aliases) for model in CATALOGUE.models) == 2
    assert all(list(each.aliases) == sorted(each.aliases) for each in MODELS.values())


def test_listed_models_have_a_description_in_our_own_words() -> None:
    """A sentence or two, not the name again, and no two alike but for variants."""
    described = {model.base_model_id or model.id: model.description for model in LISTED}

    assert all(
        text and re.fullmatch(r"\S.{30,250}[.!]", text) for text in described.values()
    )
    assert len(set(described.values())) == len(described)


def test_limits_are_positive_and_most_text_models_have_them() -> None:
    text = [model for model in LISTED if model.output == ("text",)]

    for model in LISTED:
        for limit in (model.input_tokens, model.output_tokens):
            assert limit is None or 0 < limit < 2**31
    assert sum(model.output_tokens is not None for model in text) > 0.9 * len(text)
    assert any(model.input_tokens is None for model in LISTED)


def test_every_predecessor_and_provider_is_stored() -> None:
    providers = {each.api_provider_id for each in CATALOGUE.providers}

    assert {each for model in LISTED for each in model.predecessor_ids} <= set(MODELS)
    assert {prices.provider_id for prices in LISTS} <= {row.provider_id for row in ROWS}
    assert {row.provider_id for row in ROWS} <= providers
    assert "x-ai" not in providers
    assert "x-ai" not in {each.organisation_id for each in CATALOGUE.organisations}


def test_variants_come_with_their_base_and_alone() -> None:
    models = fetch_models()

    kinds = {tuple(model["variants"]) for model in models}
    assert kinds == {("standard",), ("free",), ("standard", "free")}
    assert models[0]["id"] == "phaseo/free"
    assert len(models[0]["offers"]) > 3


@pytest.mark.parametrize("now", CLOCKS)
def test_every_status_and_most_reasons_occur(now: datetime.datetime) -> None:
    offers = [
        offer
        for model in fetch_models("availability=all", now)
        for offer in model["offers"]
    ]

    assert {offer["status"] for offer in offers} == {
        "active",
        "coming_soon",
        "inactive",
    }
    assert {offer["status_reason"] for offer in offers} == {
        "active",
        "capability_disabled",
        "coming_soon",
        "inactive",
        "model_disabled",
        "preview_only",
        "provider_disabled",
        "provider_not_ready",
        "retired",
        "scheduled",
    }
    assert any(o["routable"] and o["status"] != "active" for o in offers)


def test_every_lifecycle_occurs_with_and_without_a_successor() -> None:
    lifecycles = [model["lifecycle"] for model in fetch_models("availability=all")]

    assert {each["status"] for each in lifecycles} == {
        "active",
        "deprecated",
        "retired",
    }
    assert any(each["message"] and each["replacement_id"] for each in lifecycles)
    assert any(each["message"] and not each["replacement_id"] for each in lifecycles)
    assert any(
        each["status"] == "active" and each["replacement_id"] for each in lifecycles
    )
    assert any(each["status"] == "active" and each["retires_at"] for each in lifecycles)


def test_endpoints_are_stored_names_all_of_which_have_a_public_one() -> None:
    endpoints = ask("/endpoints")

    assert {row.endpoint for row in ROWS} == {
        "audio.realtime",
        "audio.speech",
        "audio.transcribe",
        "audio.transcription",
        "audio.translations",
        "batch",
        "image.edit",
        "image.generate",
        "images.edits",
        "images.generations",
        "rerank",
        "text.embed",
        "text.generate",
        "text.moderate",
        "video.generate",
    }
    assert "chat.completions" in endpoints["endpoints"]


def test_parameters_have_each_kind_of_detail_and_some_offers_tell_none() -> None:
    details = [each for row in ROWS for each in row.parameters.values()]

    assert {key for each in details for key in each} == {
        "aliases",
        "default",
        "enum",
        "item_types",
        "max",
        "max_length",
        "min",
        "notes",
        "provider_default",
        "provider_max",
        "provider_min",
        "required",
        "supported",
        "type",
        "values",
    }
    assert all(each["supported"] is True for each in details)
    assert any(not row.parameters for row in ROWS if row.endpoint == "text.generate")


def test_prices_are_plain_decimals_as_the_upstream_prints_them() -> None:
    amounts = {price.price_per_unit for price in PRICES}

    assert [each for each in amounts if each != print_decimal(float(each))] == []
    assert len([each for each in amounts if len(each) > 12]) > 4
    assert {"0", "0.9500000000000001"} <= amounts


def test_price_lists_have_conditions_windows_dates_and_a_second_currency() -> None:
    paths = {each.path for price in PRICES for each in price.conditions}
    operators = {each.op for price in PRICES for each in price.conditions}
    windows = [each for price in PRICES for each in price.time_windows]
    euros = {
        prices.provider_id
        for prices in LISTS
        if any(price.currency == "EUR" for price in prices.prices)
    }

    assert {"input_tokens", "image_params.quality", "video_params.audio"} <= paths
    assert operators == {"eq", "gt", "lte"}
    assert any(each.end_time < each.start_time for each in windows)
    assert any(prices.since for prices in LISTS)
    assert any(prices.until for prices in LISTS)
    assert euros == {"scaleway"}
    assert {price.meter for price in PRICES} - set(METERS) == {
        "image_pixels",
        "output_video_seconds",
        "output_videos",
        "search_units",
    }
    assert {price.unit_size for price in PRICES if price.unit == "second"} == {
        1,
        60,
        3600,
    }


def find_standard(model: StoredModel, provider_id: str) -> PriceList | None:
    """Find the first list of a provider for text that is not dated."""
    return next(
        (
            prices
            for prices in model.price_lists
            if (prices.provider_id, prices.endpoint) == (provider_id, "text.generate")
            and prices.since is prices.until is None
        ),
        None,
    )


def test_the_price_in_a_record_often_differs_from_the_standard_list() -> None:
    """Because of batches, dated lists and hours of the day; some offers have no price."""
    compared = []
    for record in fetch_models():
        for offer in record["offers"]:
            if record["id"] == "phaseo/free":
                continue
            standard = find_standard(MODELS[record["id"]], offer["provider"]["id"])
            meter = offer["pricing"]["meters"]["input_text_tokens"]
            if standard is None or meter is None:
                compared.append("none" if meter is None else "other")
                continue
            amount = min(
                float(price.price_per_unit)
                for price in standard.prices
                if price.meter == "input_text_tokens"
            )
            compared.append(
                "below" if float(meter["price_per_unit"]) < amount else "equal"
            )

    assert compared.count("below") > 40
    assert compared.count("equal") > 100
    assert compared.count("none") > 5


def test_organisations_have_colours_and_descriptions_but_not_all() -> None:
    organisations = ask("/organisations", "limit=250")["organisations"]
    providers = ask("/providers", "limit=250")["providers"]

    assert all(
        each["colour"] is None or re.fullmatch("#[0-9a-f]{6}", each["colour"])
        for each in organisations
    )
    for name, rows in (("colour", organisations), ("description", providers)):
        known = sum(row[name] is not None for row in rows)
        assert 0 < known < len(rows)
    assert any(model["organization"] is None for model in fetch_models())
    assert any(
        offer["provider"]["name"] is None
        for model in fetch_models()
        for offer in model["offers"]
    )
