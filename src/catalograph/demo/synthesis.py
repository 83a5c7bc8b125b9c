"""Generates catalogues of any size in either version, determined by a seed."""

import datetime
import itertools
import random
from collections.abc import Iterator

import msgspec

from catalograph.demo import UpstreamVersion
from catalograph.demo.parameters import print_decimal
from catalograph.demo.rows import (
    DataSection,
    GatewaySection,
    OrganisationRow,
    ProviderRow,
    StoredModel,
)
from catalograph.demo.v2026_08.december import convert_catalogue
from catalograph.demo.v2026_08.rows import (
    Catalogue,
    Price,
    PriceList,
    StoredModel as StoredModel202608,
)

_ORGANISATIONS = 60
_PROVIDERS = 30
_FIRST_DAY = datetime.date(2020, 1, 1)
_DAYS = 2200
_COUNTRIES = ("US", "CN", "FR", "DE", "KR", "CA", "IL", None)
_SIZES = ("Nano", "Mini", "7B", "13B", "70B", "405B", "Large", "Ultra")
_FAMILIES = (
    "Albatross",
    "Bittern",
    "Curlew",
    "Dotterel",
    "Egret",
    "Fulmar",
    "Grebe",
    "Heron",
    "Ibis",
    "Jaçana",
    "Kestrel",
    "Lapwing",
)

_STATUSES = ("Available", None, "Retired", "Deprecated", "Rumoured", "Announced")
_STATUS_WEIGHTS = (55, 20, 12, 8, 3, 2)

# Kinds of models: input modalities, output modalities, endpoints.
_KINDS = (
    (("text",), ("text",), ("chat.completions", "responses", "batch")),
    (("text", "image"), ("text",), ("chat.completions", "responses", "batch")),
    (("text", "image", "audio", "video"), ("text",), ("chat.completions", "batch")),
    (("text",), (), ("embeddings", "batch")),
    (("text", "image"), ("image",), ("images.generations", "images.edits")),
    (("text",), ("audio",), ("audio.speech",)),
    (("audio",), ("text",), ("audio.transcription", "realtime")),
    (("text", "image"), ("video",), ("video.generation",)),
    (("text",), ("moderation",), ("moderations",)),
    ((), (), ()),
)
_KIND_WEIGHTS = (30, 20, 5, 6, 5, 3, 2, 2, 1, 26)

# All bounds are far from today, so that responses do not depend on the current day.
_WINDOWS = (
    (None, None),
    ("2024-01-01T00:00:00", None),
    (None, "2099-01-01T00:00:00"),
    (None, "2024-01-01T00:00:00"),
    ("2099-01-01T00:00:00", None),
)
_WINDOW_WEIGHTS = (90, 4, 3, 2, 1)

_METERS = ("input_text_tokens", "output_text_tokens", "cached_read_text_tokens")
_PARAMETERS: dict[str, dict[str, object]] = {
    "max_tokens": {"supported": True, "type": "integer", "min": 1},
    "temperature": {"supported": True, "type": "number", "min": 0, "max": 2},
    **{
        name: {"supported": True}
        for name in ("top_p", "stop", "seed", "tools", "tool_choice", "response_format")
    },
}


def synthesise(
    count: int, version: UpstreamVersion, seed: int = 0
) -> list[StoredModel] | Catalogue:
    """Generate a catalogue in which this version lists `count` models."""
    if version == "2025-12":
        return synthesise_models(count, seed)
    return synthesise_catalogue(count, seed)


def synthesise_catalogue(count: int, seed: int = 0) -> Catalogue:
    """Generate models of 2026-08, all with rows, because others are not listed there."""
    made_up = _synthesise(random.Random(seed))  # noqa: S311 - not for secrets
    served = (model for model in made_up if model.gateway.providers)
    catalogue = convert_catalogue(itertools.islice(served, count))
    return msgspec.structs.replace(
        catalogue,
        models=tuple(
            _enrich(model, place) for place, model in enumerate(catalogue.models)
        ),
    )


def _enrich(model: StoredModel202608, place: int) -> StoredModel202608:
    """Add data that December 2025 does not have: description, limits, parameters, prices."""
    amount = print_decimal((place % 40 + 1) / 20)
    return msgspec.structs.replace(
        model,
        description=f"{model.name}, number {place} of the models that are made up.",
        input_tokens=2 ** (12 + place % 9),
        output_tokens=2 ** (10 + place % 5),
        rows=tuple(
            msgspec.structs.replace(row, parameters=_PARAMETERS) for row in model.rows
        ),
        price_lists=tuple(
            PriceList(
                provider_id=row.provider_id,
                endpoint=row.endpoint,
                prices=tuple(
                    Price(meter, "token", 1_000_000, amount) for meter in _METERS
                ),
            )
            for row in model.rows
        ),
    )


def synthesise_models(count: int, seed: int = 0) -> list[StoredModel]:
    """Generate models of 2025-12. A longer list with the same seed begins with the shorter one.

    Args:
        count: Number of models.
        seed: Seed of the random generator.
    """
    return list(itertools.islice(_synthesise(random.Random(seed)), count))  # noqa: S311 - not for secrets


def _synthesise(chance: random.Random) -> Iterator[StoredModel]:
    organisations = [
        OrganisationRow(f"org-{n:02}", f"Organisation {n}", chance.choice(_COUNTRIES))
        for n in range(_ORGANISATIONS)
    ]
    providers = [
        (f"provider-{n:02}", f"Provider {n}", f"https://provider-{n:02}.example", "US")
        for n in range(_PROVIDERS)
    ]
    sections = [DataSection(takes, gives) for takes, gives, _ in _KINDS]
    for number in itertools.count():
        organisation = chance.choice(organisations)
        family, size = chance.choice(_FAMILIES), chance.choice(_SIZES)
        [kind] = chance.choices(range(len(_KINDS)), _KIND_WEIGHTS)
        [status] = chance.choices(_STATUSES, _STATUS_WEIGHTS)
        slug = f"{family.lower()}-{size.lower()}-{number}"
        rows = [
            ProviderRow(
                *provider,
                endpoint=endpoint,
                provider_model_slug=slug,
                is_active_gateway=chance.random() < 0.97,  # noqa: PLR2004
                input_modalities=sections[kind].input_types,
                output_modalities=sections[kind].output_types,
                effective_from=since,
                effective_to=until,
            )
            for provider in chance.sample(providers, chance.choice((0, 1, 1, 2, 3)))
            for since, until in chance.choices(_WINDOWS, _WINDOW_WEIGHTS)
            for endpoint in _KINDS[kind][2]
        ]
        day = _choose_day(chance)
        yield StoredModel(
            model_id=f"{organisation.organisation_id}/{slug}",
            name=f"{family} {size}",
            release_date=day,
            announcement_date=day or _choose_day(chance),
            retirement_date="2025-06-30T00:00:00" if status == "Retired" else None,
            status=status,
            organisation=organisation,
            aliases=(f"{organisation.organisation_id}/latest-{number}",)
            if number % 50 == 0
            else (),
            data=sections[kind],
            gateway=GatewaySection(providers=tuple(rows)),
        )


def _choose_day(chance: random.Random) -> str | None:
    """Choose a date as the upstream stores it; None for half of the models, as there."""
    if chance.random() < 0.5:  # noqa: PLR2004
        return None
    day = _FIRST_DAY + datetime.timedelta(days=chance.randrange(_DAYS))
    return f"{day.isoformat()}T00:00:00"
