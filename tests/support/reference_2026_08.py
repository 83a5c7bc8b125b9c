"""What lists of August 2026 hold and what their models look like, worked out from JSON alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

WHOLE_MODEL = """
fragment Whole on Model {
  modelId name status statusLabel
  releaseDate announcementDate deprecationDate retirementDate
  organisation { organisationId name }
  aliases inputModalities outputModalities isRoutable availability
  description variant maxInputTokens maxOutputTokens lifecycleMessage
  baseModel { modelId } variants { modelId } replacement { modelId }
  endpoints { endpointId }
  providers { providerId name }
  parameters { ...Told providers { providerId } }
  offerings {
    provider { providerId name }
    endpoint { endpointId }
    providerModelSlug isRoutable status statusReason inputModalities outputModalities
    effectiveFrom effectiveTo
    parameters { ...Told providers { providerId } }
  }
}
fragment Told on Parameter {
  name type values default minimum maximum aliases isRequired notes
}
"""
"""Every field of a model that no side table has a say in, but for opaque ids."""

PLAIN_MODEL = """
fragment Plain on Model {
  modelId name status releaseDate description variant maxInputTokens
  inputModalities outputModalities
}
"""
"""Fields that no filter changes."""

_STATUSES = {"active": "AVAILABLE", "deprecated": "DEPRECATED", "retired": "RETIRED"}
_AVAILABILITIES = {"active", "coming_soon", "inactive"}


class Reference:
    """The unfiltered list of an upstream, and what follows from it.

    Args:
        rows: Its models, in order.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._by_id = {row["id"]: row for row in rows}

    def select(self, **asked: Sequence[str]) -> list[Row]:
        """List the models that pass a filter, by the graph's names of its fields."""
        return [row for row in self.rows if passes(row, asked)]

    def expect(self, row: Row) -> dict[str, Any]:
        """Turn a row into what `Whole` selects."""
        lifecycle = row["lifecycle"]
        base, successor = row["base_model_id"], lifecycle["replacement_id"]
        return expect_plain(row) | {
            "statusLabel": lifecycle["status"],
            "announcementDate": None,
            "deprecationDate": _day(lifecycle["deprecated_at"]),
            "retirementDate": _day(lifecycle["retires_at"]),
            "organisation": row["organization"]
            and {
                "organisationId": row["organization"]["id"],
                "name": row["organization"]["name"],
            },
            "aliases": row["aliases"],
            "isRoutable": row["availability"]["status"] == "active",
            "availability": _availability(row["availability"]["status"]),
            "maxOutputTokens": row["limits"]["output_tokens"],
            "lifecycleMessage": lifecycle["message"],
            "baseModel": {"modelId": base}
            if base != row["id"] and base in self._by_id
            else None,
            "variants": [
                {"modelId": other["id"]}
                for other in self.rows
                if other["base_model_id"] == base
            ],
            "replacement": {"modelId": successor} if successor in self._by_id else None,
            "endpoints": [{"endpointId": one} for one in list_endpoints(row)],
            "providers": list(
                {
                    offer["provider"]["id"]: _provider(offer) for offer in row["offers"]
                }.values()
            ),
            "parameters": _parameters(
                row["capabilities"],
                {offer["provider"]["id"] for offer in row["offers"]},
            ),
            "offerings": [
                _offering(offer, endpoint_id)
                for offer in row["offers"]
                for endpoint_id in offer["endpoints"]
            ],
        }


def expect_plain(row: Row) -> dict[str, Any]:
    """Turn a row into what `Plain` selects."""
    return {
        "modelId": row["id"],
        "name": row["name"],
        "status": _STATUSES.get(row["lifecycle"]["status"], "OTHER"),
        "releaseDate": _day(row["lifecycle"]["released_at"]),
        "description": row["description"],
        "variant": row["variant"],
        "maxInputTokens": row["limits"]["input_tokens"],
        "inputModalities": row["modalities"]["input"],
        "outputModalities": row["modalities"]["output"],
    }


def list_endpoints(row: Row) -> list[str]:
    """The endpoints of a model; of one that lists none, those of its offers."""
    own: list[str] = row["capabilities"]["endpoints"]
    return own or sorted({one for offer in row["offers"] for one in offer["endpoints"]})


def passes(row: Row, asked: Mapping[str, Sequence[str]]) -> bool:
    """Whether a model passes a filter."""
    organisation = row["organization"] and row["organization"]["id"]
    return (
        _any_of([organisation], asked.get("organisations"))
        and _any_of(_lower(row["modalities"]["input"]), asked.get("inputModalities"))
        and _any_of(_lower(row["modalities"]["output"]), asked.get("outputModalities"))
        and _any_of([row["id"], *row["aliases"]], asked.get("modelIds"))
        and _any_of(
            [_availability(row["availability"]["status"])], asked.get("availability")
        )
        and any(
            _any_of([offer["provider"]["id"]], asked.get("providers"))
            and _any_of([endpoint_id], asked.get("endpoints"))
            and _any_of(
                [name for parameter in _told(offer) for name in parameter],
                asked.get("parameters"),
            )
            for offer in row["offers"]
            for endpoint_id in offer["endpoints"]
        )
    )


def _any_of(held: Iterable[str | None], values: Sequence[str] | None) -> bool:
    return not values or any(one in values for one in held)


def _lower(values: Iterable[str]) -> list[str]:
    return [value.lower() for value in values]


def _told(offer: Row) -> Iterable[tuple[str, ...]]:
    for name, detail in offer["capabilities"]["parameter_details"].items():
        if not name.isdigit():
            yield name, *detail.get("aliases", ())


def _availability(word: str) -> str:
    return word.upper() if word in _AVAILABILITIES else "OTHER"


def _provider(offer: Row) -> dict[str, Any]:
    return {"providerId": offer["provider"]["id"], "name": offer["provider"]["name"]}


def _offering(offer: Row, endpoint_id: str) -> dict[str, Any]:
    return {
        "provider": _provider(offer),
        "endpoint": {"endpointId": endpoint_id},
        "providerModelSlug": offer["model"],
        "isRoutable": offer["status"] == "active",
        "status": _availability(offer["status"]),
        "statusReason": offer["status_reason"],
        "inputModalities": offer["modalities"]["input"],
        "outputModalities": offer["modalities"]["output"],
        "effectiveFrom": _instant(offer["effective"]["from"]),
        "effectiveTo": _instant(offer["effective"]["to"]),
        "parameters": _parameters(offer["capabilities"], set()),
    }


def _parameters(capabilities: Row, provider_ids: set[str]) -> list[dict[str, Any]]:
    details = capabilities["parameter_details"]
    return [
        {
            "name": name,
            "type": detail.get("type"),
            "values": [
                _text(one) for one in detail.get("values") or detail.get("enum") or ()
            ],
            "default": _text(detail.get("default", detail.get("provider_default"))),
            "minimum": detail.get("min", detail.get("provider_min")),
            "maximum": detail.get("max", detail.get("provider_max")),
            "aliases": detail.get("aliases", []),
            "isRequired": detail.get("required"),
            "notes": detail.get("notes"),
            "providers": [
                {"providerId": one}
                for one in detail.get("providers", ())
                if one in provider_ids
            ],
        }
        for name, detail in sorted(details.items())
        if not name.isdigit()
    ]


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _day(text: str | None) -> str | None:
    return None if text is None else text[:10]


def _instant(text: str | None) -> str | None:
    # Every recorded instant is in UTC.
    return None if text is None else text.replace("+00:00", "Z")
