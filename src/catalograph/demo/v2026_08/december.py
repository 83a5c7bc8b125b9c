"""Converts stored models of December 2025 to August 2026: ids, capabilities, dates."""

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
"""Capabilities by endpoint of December 2025; others have the same name."""

_RENAMED: Final[Mapping[str, str]] = {"x-ai": "spacex-ai"}

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")

# A size after a hyphen, such as `8b`, `128k` or `8x22b`, is not part of a version.
_VERSION = re.compile(r"(?<![\d.])(\d{1,2})-(\d{1,2})(?![\d.bkmtx])")


def convert_id(model_id: str) -> str:
    """Convert a model id of December 2025.

    A renamed organisation gets its new id, a hyphen within a version becomes a dot (`gpt-4-1`
    is `gpt-4.1`), and a date at the end is dropped.
    """
    organisation_id, _, slug = model_id.partition("/")
    slug = _VERSION.sub(r"\1.\2", _DATE.sub("", slug))
    return f"{convert_owner_id(organisation_id)}/{slug}"


def convert_owner_id(owner_id: str) -> str:
    """Convert the id of an organisation or a provider."""
    return _RENAMED.get(owner_id, owner_id)


def convert_date(stored: str | None) -> str | None:
    """Add the zone to an instant; other text is returned as it is."""
    if stored is None or not december.parse_instant(stored):
        return stored
    is_zoned = stored.endswith("Z") or "+" in stored
    return stored if is_zoned else f"{stored}+00:00"


def convert_row(row: december.ProviderRow) -> ProviderRow:
    """Convert a row; the result can be routed if the row is active."""
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
    """Keep the first row of each provider, capability and name.

    `chat.completions` and `responses` of December 2025 are a single capability.
    """
    kept: dict[tuple[str, str, str | None], ProviderRow] = {}
    for row in rows:
        kept.setdefault((row.provider_id, row.endpoint, row.model), row)
    return tuple(kept.values())


def convert_status(status: str | None) -> str | None:
    """Convert a status to the stored one, in lower case."""
    return status and status.lower()


def convert_model(model: december.StoredModel) -> StoredModel:
    """Convert a model; it keeps its id."""
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
    """Convert a catalogue of December 2025.

    Ids of models and organisations stay as they are. Descriptions, limits and prices are
    missing, as December 2025 does not have them.
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
