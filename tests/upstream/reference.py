"""A plain second reading of the upstream's JSON, to compare the real one with."""

import datetime
from typing import Any

from catalograph.catalogue.records import (
    Endpoint,
    Model,
    ModelData,
    ModelGateway,
    Offering,
    Organisation,
    Provider,
)

Json = dict[str, Any]


def read_sectioned(row: Json, *, data: bool, gateway: bool) -> Model:
    organisation = row["organisation"]
    return Model(
        **_read_common(row),
        announcement_date=_read_day(row["announcement_date"]),
        deprecation_date=_read_day(row["deprecation_date"]),
        retirement_date=_read_day(row["retirement_date"]),
        organisation=organisation and Organisation(**organisation),
        data=_read_data(row["data"]) if data else None,
        gateway=_read_gateway(row) if gateway else None,
    )


def read_flat(row: Json) -> Model:
    organisation_id = row["organisation_id"]
    return Model(
        **_read_common(row),
        organisation=organisation_id and Organisation(organisation_id=organisation_id),
        data=_read_data(row),
        gateway=ModelGateway(
            is_routable=bool(row["providers"]),
            endpoints=tuple(Endpoint(endpoint_id=word) for word in row["endpoints"]),
            providers=tuple(
                Provider(provider_id=provider["api_provider_id"])
                for provider in row["providers"]
            ),
        ),
    )


def _read_common(row: Json) -> Json:
    return {
        "model_id": row["model_id"],
        "name": row["name"],
        "status_label": row["status"],
        "release_date": _read_day(row["release_date"]),
        "aliases": tuple(row["aliases"]),
    }


def _read_data(row: Json) -> ModelData:
    return ModelData(
        input_modalities=tuple(row["input_types"]),
        output_modalities=tuple(row["output_types"]),
    )


def _read_gateway(row: Json) -> ModelGateway:
    gateway = row["gateway"]
    offerings: list[Offering] = []
    for nested in gateway["providers"]:
        twins = [
            other
            for other in offerings
            if other.provider.provider_id == nested["api_provider_id"]
            and other.endpoint.endpoint_id == nested["endpoint"]
            and other.provider_model_slug == nested["provider_model_slug"]
        ]
        offerings.append(
            Offering(
                model_id=row["model_id"],
                provider=Provider(
                    provider_id=nested["api_provider_id"],
                    name=nested["api_provider_name"],
                    link=nested["link"],
                    country_code=nested["country_code"],
                ),
                endpoint=Endpoint(endpoint_id=nested["endpoint"]),
                provider_model_slug=nested["provider_model_slug"],
                is_routable=nested["is_active_gateway"],
                input_modalities=tuple(nested["input_modalities"]),
                output_modalities=tuple(nested["output_modalities"]),
                effective_from=_read_instant(nested["effective_from"]),
                effective_to=_read_instant(nested["effective_to"]),
                ordinal=len(twins),
            )
        )
    providers = {row.provider.provider_id: row.provider for row in offerings}
    return ModelGateway(
        is_routable=gateway["active"],
        endpoints=tuple(Endpoint(endpoint_id=word) for word in gateway["endpoints"]),
        providers=tuple(providers.values()),
        offerings=tuple(offerings),
    )


def _read_instant(text: str | None) -> datetime.datetime | None:
    """No recorded date has another zone than UTC."""
    if text is None or not text[:1].isdigit():
        return None
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def _read_day(text: str | None) -> datetime.date | None:
    instant = _read_instant(text)
    return instant and instant.date()
