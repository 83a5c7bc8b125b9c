"""The embedded catalogue is consistent, and covers all kinds of values."""

import datetime
from collections import Counter

from catalograph.demo.catalogue import read_catalogue
from catalograph.demo.rows import ProviderRow, StoredModel, parse_instant

MODELS = read_catalogue()
ROWS = [row for model in MODELS for row in model.gateway.providers]

# Any day on which the tests may run lies between these.
BEFORE_NOW = datetime.datetime(2025, 12, 31, tzinfo=datetime.UTC)
AFTER_NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)

DOCUMENTED_ORGANISATIONS = {
    "ai21",
    "amazon",
    "anthropic",
    "baidu",
    "black-forest-labs",
    "bytedance",
    "cohere",
    "deepseek",
    "eleven-labs",
    "google",
    "ibm",
    "inclusionai",
    "lg",
    "meta",
    "microsoft",
    "minimax",
    "mistral",
    "moonshotai",
    "nous",
    "nvidia",
    "openai",
    "perplexity",
    "qwen",
    "suno",
    "x-ai",
    "z-ai",
}
DOCUMENTED_ENDPOINTS = {
    "audio.speech",
    "audio.transcription",
    "batch",
    "chat.completions",
    "embeddings",
    "images.generations",
    "moderations",
    "video.generation",
}
UNDOCUMENTED_ENDPOINTS = {
    "audio.transcriptions",
    "audio.translations",
    "image.edits",
    "image.generations",
    "images.edits",
    "realtime",
    "rerank",
    "responses",
    "video.generations",
}


def organisation_of(model: StoredModel) -> str:
    return model.model_id.partition("/")[0]


def all_dates(model: StoredModel) -> list[str | None]:
    return [
        model.release_date,
        model.announcement_date,
        model.deprecation_date,
        model.retirement_date,
        *(row.effective_from for row in model.gateway.providers),
        *(row.effective_to for row in model.gateway.providers),
    ]


def lies_ahead(row: ProviderRow) -> bool:
    since = parse_instant(row.effective_from)
    return since is not None and since > AFTER_NOW


def lies_behind(row: ProviderRow) -> bool:
    until = parse_instant(row.effective_to)
    return until is not None and until < BEFORE_NOW


def ends_ahead(row: ProviderRow) -> bool:
    until = parse_instant(row.effective_to)
    return until is not None and until > AFTER_NOW


def test_there_are_about_150_models() -> None:
    assert 140 <= len(MODELS) <= 170


def test_every_id_is_an_organisation_and_a_slug() -> None:
    ids = [model.model_id for model in MODELS]

    assert [id for id in ids if id.count("/") != 1 or "" in id.split("/")] == []
    assert len(set(ids)) == len(ids)


def test_aliases_are_full_ids_of_one_model_only() -> None:
    aliases = [alias for model in MODELS for alias in model.aliases]

    assert [alias for alias in aliases if alias.count("/") != 1] == []
    assert len(set(aliases)) == len(aliases)
    assert set(aliases) & {model.model_id for model in MODELS} == set()
    assert max(len(model.aliases) for model in MODELS) > 1


def test_every_date_is_a_midnight_without_a_zone() -> None:
    dates = [date for model in MODELS for date in all_dates(model) if date is not None]

    assert [
        date
        for date in dates
        if not date.endswith("T00:00:00") or parse_instant(date) is None
    ] == []


def test_dates_of_a_life_follow_each_other() -> None:
    lives = [
        [
            date
            for date in (
                model.announcement_date,
                model.release_date,
                model.deprecation_date,
                model.retirement_date,
            )
            if date is not None
        ]
        for model in MODELS
    ]

    assert [life for life in lives if life != sorted(life)] == []


def test_a_retired_model_has_a_past_date_and_no_other_has_one() -> None:
    retired = {model.model_id for model in MODELS if model.status == "Retired"}
    dated = {model.model_id for model in MODELS if model.retirement_date is not None}

    assert retired == dated


def test_every_model_belongs_to_a_documented_organisation_or_to_none() -> None:
    described = {
        model.organisation.organisation_id for model in MODELS if model.organisation
    }
    unknown = {organisation_of(model) for model in MODELS if not model.organisation}

    assert described == DOCUMENTED_ORGANISATIONS
    assert unknown == {"allenai"}


def test_every_organisation_has_the_id_that_its_models_begin_with() -> None:
    assert [
        model.model_id
        for model in MODELS
        if model.organisation
        and model.organisation.organisation_id != organisation_of(model)
    ] == []


def test_endpoints_are_the_documented_ones_and_some_more() -> None:
    endpoints = {row.endpoint for row in ROWS}

    assert endpoints == DOCUMENTED_ENDPOINTS | UNDOCUMENTED_ENDPOINTS


def test_there_are_many_providers_and_one_is_not_described() -> None:
    providers = {row.api_provider_id for row in ROWS}
    unnamed = {row.api_provider_id for row in ROWS if row.api_provider_name is None}

    assert len(providers) >= 15
    assert unnamed == {"baseten"}


def test_modalities_are_the_known_ones() -> None:
    taken = {kind for model in MODELS for kind in model.data.input_types}
    given = {kind for model in MODELS for kind in model.data.output_types}

    assert taken == {"text", "image", "audio", "video"}
    assert given == {"text", "image", "audio", "video", "moderation"}


def test_every_status_occurs_and_none_at_all() -> None:
    assert {model.status for model in MODELS} == {
        "Available",
        "Announced",
        "Rumoured",
        "Deprecated",
        "Retired",
        None,
    }


def test_nulls_occur_wherever_the_upstream_has_them() -> None:
    assert any(model.name is None for model in MODELS)
    assert any(
        model.release_date is None and model.announcement_date is None
        for model in MODELS
    )
    assert any(
        model.release_date is None and model.announcement_date for model in MODELS
    )
    assert any(
        model.organisation and model.organisation.country_code is None
        for model in MODELS
    )
    assert any(row.provider_model_slug is None for row in ROWS)
    assert any(not model.gateway.providers for model in MODELS)
    assert any("+" in model.model_id for model in MODELS)


def test_many_models_have_several_providers() -> None:
    providers = [
        len({row.api_provider_id for row in model.gateway.providers})
        for model in MODELS
    ]

    assert sum(count > 1 for count in providers) > 50
    assert max(providers) >= 5


def test_a_provider_can_serve_a_model_twice_on_one_endpoint() -> None:
    pairs = Counter(
        (model.model_id, row.api_provider_id, row.endpoint)
        for model in MODELS
        for row in model.gateway.providers
    )

    assert max(pairs.values()) > 1


def test_effective_dates_lie_on_both_sides_of_now() -> None:
    assert any(lies_ahead(row) for row in ROWS)
    assert any(lies_behind(row) for row in ROWS)
    assert any(ends_ahead(row) for row in ROWS)
    assert any(not row.is_active_gateway for row in ROWS)


def test_an_offering_can_take_less_than_its_model() -> None:
    assert any(
        set(row.input_modalities) < set(model.data.input_types)
        for model in MODELS
        for row in model.gateway.providers
    )
