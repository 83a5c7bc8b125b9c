"""Expected GraphQL results for recorded models, computed without the package."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

WHOLE_MODEL = """
fragment Whole on Model {
  modelId name status statusLabel
  releaseDate announcementDate deprecationDate retirementDate
  organisation { organisationId name countryCode }
  aliases inputModalities outputModalities isRoutable
  endpoints { endpointId }
  providers { providerId name link countryCode }
  offerings {
    model { modelId }
    provider { providerId name link countryCode }
    endpoint { endpointId }
    providerModelSlug isRoutable inputModalities outputModalities
    effectiveFrom effectiveTo
  }
}
"""
"""Every field of a model and its offerings but their opaque ids."""

_WORDS = ("available", "announced", "rumoured", "deprecated", "retired")

Row = Mapping[str, Any]


def expect_model(row: Row, shape: str) -> dict[str, Any]:
    """Turn a recorded row into what `Whole` selects.

    Args:
        row: Of a sectioned catalogue, for the documented shape too; of a flat one for flat.
        shape: Format of the upstream: `sectioned`, `flat` or `documented`.
    """
    if shape == "flat":
        return _common(row) | _flat(row)
    rows = row["gateway"]["providers"]
    found = _common(row) | {
        "announcementDate": _day(row["announcement_date"]),
        "deprecationDate": _day(row["deprecation_date"]),
        "retirementDate": _day(row["retirement_date"]),
        "organisation": _organisation(row["organisation"]),
        "inputModalities": row["data"]["input_types"],
        "outputModalities": row["data"]["output_types"],
        "isRoutable": row["gateway"]["active"],
        "endpoints": _endpoints(row["gateway"]["endpoints"]),
        "providers": _distinct([_provider(one) for one in rows]),
        "offerings": [_offering(row["model_id"], one) for one in rows],
    }
    if shape == "documented":
        # What the OpenAPI document leaves out.
        found["deprecationDate"] = found["retirementDate"] = None
        if found["organisation"] is not None:
            found["organisation"] |= {"name": None, "countryCode": None}
    return found


def _common(row: Row) -> dict[str, Any]:
    label = row["status"]
    word = None if label is None else label.strip().lower()
    status = None if word is None else word.upper() if word in _WORDS else "OTHER"
    return {
        "modelId": row["model_id"],
        "name": row["name"],
        "status": status,
        "statusLabel": label,
        "releaseDate": _day(row["release_date"]),
        "aliases": row["aliases"],
    }


def _flat(row: Row) -> dict[str, Any]:
    organisation_id = row["organisation_id"]
    nothing = {"name": None, "countryCode": None}
    return {
        "announcementDate": None,
        "deprecationDate": None,
        "retirementDate": None,
        "organisation": organisation_id
        and {"organisationId": organisation_id, **nothing},
        "inputModalities": row["input_types"],
        "outputModalities": row["output_types"],
        "isRoutable": bool(row["providers"]),
        "endpoints": _endpoints(row["endpoints"]),
        "providers": [
            {"providerId": one["api_provider_id"], "link": None, **nothing}
            for one in row["providers"]
        ],
        "offerings": [],
    }


def _organisation(found: Row | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "organisationId": found["organisation_id"],
        "name": found["name"],
        "countryCode": found["country_code"],
    }


def _endpoints(ids: Sequence[str]) -> list[dict[str, Any]]:
    return [{"endpointId": id_} for id_ in ids]


def _provider(row: Row) -> dict[str, Any]:
    return {
        "providerId": row["api_provider_id"],
        "name": row["api_provider_name"],
        "link": row["link"],
        "countryCode": row["country_code"],
    }


def _offering(model_id: str, row: Row) -> dict[str, Any]:
    return {
        "model": {"modelId": model_id},
        "provider": _provider(row),
        "endpoint": {"endpointId": row["endpoint"]},
        "providerModelSlug": row["provider_model_slug"],
        "isRoutable": row["is_active_gateway"],
        "inputModalities": row["input_modalities"],
        "outputModalities": row["output_modalities"],
        "effectiveFrom": _instant(row["effective_from"]),
        "effectiveTo": _instant(row["effective_to"]),
    }


def _distinct(providers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({one["providerId"]: one for one in reversed(providers)}.values())[::-1]


def _day(text: str | None) -> str | None:
    try:
        return text and datetime.datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        return None


def _instant(text: str | None) -> str | None:
    try:
        found = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=datetime.UTC)
    return found.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
