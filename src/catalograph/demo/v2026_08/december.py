"""December's stored models as those of August 2026: other names, dates with a zone."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from catalograph.demo import rows as december
from catalograph.demo.v2026_08.rows import (
    Catalogue,
    Organisation,
    Organization,
    Provider,
    ProviderRow,
    StoredModel,
)

CAPABILITIES: Final[Mapping[str, str]] = {
    "chat.completions": "text.generate",
    "responses": "text.generate",
    "embeddings": "text.embed",
    "image.generations": "image.generate",
    "image.edits": "image.edit",
    "video.generation": "video.generate",
    "video.generations": "video.generate",
    "audio.transcriptions": "audio.transcribe",
    "realtime": "audio.realtime",
    "moderations": "text.moderate",
}
"""Capabilities by December's endpoint; every other one has kept its name."""

_RENAMED: Final[Mapping[str, str]] = {"x-ai": "spacex-ai"}

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")

# A size such as `8b`, `128k` or `8x22b` after a hyphen is no part of a version.
_VERSION = re.compile(r"(?<![\d.])(\d{1,2})-(\d{1,2})(?![\d.bkmtx])")


def convert_id(model_id: str) -> str:
    """Write a model id of December as August 2026 does.

    The rule: an organisation that was renamed has its new id; the hyphen within a version
    is a dot (`gpt-4-1` is `gpt-4.1`); a date at the end is dropped.
    """
    organisation_id, _, slug = model_id.partition("/")
    slug = _VERSION.sub(r"\1.\2", _DATE.sub("", slug))
    return f"{convert_owner_id(organisation_id)}/{slug}"


def convert_owner_id(owner_id: str) -> str:
    """Write the id of an organisation or a provider as August 2026 does."""
    return _RENAMED.get(owner_id, owner_id)


def convert_date(stored: str | None) -> str | None:
    """Add the zone to an instant of December; what is no instant is passed through."""
    if stored is None or not december.parse_instant(stored):
        return stored
    is_zoned = stored.endswith("Z") or "+" in stored
    return stored if is_zoned else f"{stored}+00:00"


def convert_row(row: december.ProviderRow) -> ProviderRow:
    """Turn a row of December into one that can be routed if it is switched on."""
    return ProviderRow(
        provider_id=convert_owner_id(row.api_provider_id),
        endpoint=CAPABILITIES.get(row.endpoint, row.endpoint),
        model=row.provider_model_slug,
        is_on=row.is_active_gateway,
        input=row.input_modalities,
        output=row.output_modalities,
        effective_from=convert_date(row.effective_from),
        effective_to=convert_date(row.effective_to),
    )


def drop_twins(rows: Iterable[ProviderRow]) -> tuple[ProviderRow, ...]:
    """Keep one row for each provider, capability and name, the first.

    December's `chat.completions` and `responses` are one capability now.
    """
    kept: dict[tuple[str, str, str | None], ProviderRow] = {}
    for row in rows:
        kept.setdefault((row.provider_id, row.endpoint, row.model), row)
    return tuple(kept.values())


def convert_status(status: str | None) -> str | None:
    """Turn December's word into the stored word."""
    return status and status.lower()


def convert_model(model: december.StoredModel) -> StoredModel:
    """Turn a model of December into one of August 2026 with the same id."""
    organisation = model.organisation
    rows = []
    for row in model.gateway.providers:
        params = model.params.get(row.api_provider_id, ())
        converted = convert_row(row)
        details = {name: {"supported": True} for name in params}
        rows.append(msgspec.structs.replace(converted, parameters=details))
    return StoredModel(
        id=model.model_id,
        name=model.name or model.model_id,
        organization=None
        if organisation is None
        else Organization(
            organisation.organisation_id,
            organisation.name or organisation.organisation_id,
        ),
        aliases=model.aliases,
        status=convert_status(model.status),
        released_at=convert_date(model.release_date),
        deprecated_at=convert_date(model.deprecation_date),
        retires_at=convert_date(model.retirement_date),
        input=model.data.input_types,
        output=model.data.output_types,
        rows=drop_twins(rows),
    )


def convert_catalogue(models: Iterable[december.StoredModel]) -> Catalogue:
    """Turn a catalogue of December into one of August 2026.

    Ids of models and organisations stay as they are. What December did not know
    (descriptions, limits, prices) is not there.
    """
    models = list(models)
    providers = {
        row.api_provider_id: row for model in models for row in model.gateway.providers
    }
    organisations = {
        model.organisation.organisation_id: model.organisation
        for model in models
        if model.organisation
    }
    return Catalogue(
        models=tuple(map(convert_model, models)),
        providers=tuple(
            Provider(
                convert_owner_id(provider_id),
                row.api_provider_name,
                link=row.link,
                country_code=(row.country_code or "xx"),
            )
            for provider_id, row in providers.items()
        ),
        organisations=tuple(
            Organisation(
                organisation_id,
                organisation.name or organisation_id,
                organisation.country_code or "xx",
            )
            for organisation_id, organisation in organisations.items()
        ),
    )
