"""Renders models and offers from the rows that match a request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from catalograph.catalogue.collation import collation_key
from catalograph.demo.v2026_08.lifecycle import JudgedRow
from catalograph.demo.v2026_08.pricing import Floors
from catalograph.demo.v2026_08.rows import ProviderRow, StoredModel

Details = dict[str, dict[str, Any]]

ProviderNames = Mapping[str, str | None]
"""Display names by provider id."""


def build_record(
    model: StoredModel,
    offers: Sequence[Mapping[str, Any]],
    *,
    floors: Floors,
    variants: Mapping[str, Any],
    lifecycle: Mapping[str, Any],
) -> dict[str, Any]:
    """Build the record of a model.

    Args:
        model: The stored model.
        offers: Its offers, built from the matching rows, ordered by provider id.
        floors: Its lowest prices.
        variants: Listed models with the same base.
        lifecycle: Computed by the caller, as it depends on the list.
    """
    return {
        "id": model.id,
        "base_model_id": model.base_model_id or model.id,
        "variant": model.variant,
        "variants": variants,
        "name": model.name,
        "description": model.description or model.name,
        "organization": model.organization,
        "aliases": model.aliases,
        "lifecycle": lifecycle,
        "modalities": {"input": model.input, "output": model.output},
        "limits": {
            "input_tokens": model.input_tokens,
            "output_tokens": model.output_tokens,
        },
        "capabilities": {
            "endpoints": sort_words(
                {endpoint for offer in offers for endpoint in offer["endpoints"]}
            ),
            **show_parameters(merge_details(offers)),
        },
        "availability": count_offers(offers),
        "pricing": floors.show_best(offer["provider"]["id"] for offer in offers),
        "offers": offers,
    }


def build_offers(
    model: StoredModel,
    rows: Iterable[JudgedRow],
    *,
    floors: Floors,
    names: ProviderNames,
) -> list[dict[str, Any]]:
    """Combine the rows of each provider into one offer; ordered by provider id."""
    by_provider: dict[str, list[JudgedRow]] = {}
    for judged in rows:
        by_provider.setdefault(judged.row.provider_id, []).append(judged)
    return [
        _build_offer(model, judged, names) | {"pricing": floors.show_own(provider_id)}
        for provider_id, judged in sorted(by_provider.items())
    ]


def _build_offer(
    model: StoredModel, judged: Sequence[JudgedRow], names: ProviderNames
) -> dict[str, Any]:
    best = min(judged, key=lambda each: each.rank)
    rows = [each.row for each in judged]
    details: Details = {}
    for row in rows:
        for name, known in row.parameters.items():
            if name not in details:
                details[name] = dict(known)
            else:
                _merge(details[name], known)
    return {
        "provider": show_provider(rows[0].provider_id, names),
        "model": rows[0].model,
        "status": best.status,
        "status_reason": best.reason,
        "routable": best.row.is_on,
        "endpoints": sort_words({row.endpoint for row in rows}),
        "modalities": {
            "input": _unite([_or_own(row.input, model.input) for row in rows]),
            "output": _unite([_or_own(row.output, model.output) for row in rows]),
        },
        "capabilities": show_parameters(details),
        "routing": show_routing(best.row),
        "effective": show_window(best.row),
    }


def show_provider(provider_id: str, names: ProviderNames) -> dict[str, str | None]:
    """Render the provider of an offer."""
    return {"id": provider_id, "name": names.get(provider_id)}


def show_routing(row: ProviderRow) -> dict[str, str]:
    """Render the three switches of a row."""
    return {
        "provider": row.provider_routing,
        "model": row.model_routing,
        "capability": row.capability_status,
    }


def show_window(row: ProviderRow) -> dict[str, str | None]:
    """Render the period in which a row can be routed."""
    return {"from": row.effective_from, "to": row.effective_to}


def show_modalities(row: ProviderRow, model: StoredModel) -> dict[str, Any]:
    """Render the modalities of one row."""
    return {
        "input": _or_own(row.input, model.input),
        "output": _or_own(row.output, model.output),
    }


def show_parameters(details: Details) -> dict[str, Any]:
    """Render parameters: their names, sorted, and the details of each."""
    return {"parameters": sort_words(details), "parameter_details": details}


def count_offers(offers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Count offers by status; the best status is that of the model."""
    statuses = [offer["status"] for offer in offers]
    counts = {
        status: statuses.count(status)
        for status in ("active", "coming_soon", "inactive")
    }
    best = next((status for status, count in counts.items() if count), "not_listed")
    return {
        "status": best,
        "provider_count": len(statuses),
        **{f"{status}_provider_count": count for status, count in counts.items()},
    }


def merge_details(offers: Iterable[Mapping[str, Any]]) -> Details:
    """Merge the details of each parameter over offers, in their order.

    Later offers take precedence, except for `values`, which are combined and sorted.
    """
    merged: Details = {}
    for offer in offers:
        provider_id = offer["provider"]["id"]
        for name, details in offer["capabilities"]["parameter_details"].items():
            known = {key: each for key, each in details.items() if key != "providers"}
            target = merged.setdefault(name, {})
            _merge(target, known)
            target.setdefault("providers", []).append(provider_id)
    # In JavaScript objects, keys that are numbers come first.
    return dict(sorted(merged.items(), key=lambda item: _number_rank(item[0])))


def _merge(target: dict[str, Any], known: Mapping[str, Any]) -> None:
    united = {*target.get("values", ()), *known.get("values", ())}
    target.update(known)
    if united:
        target["values"] = sort_values(united)


def _number_rank(name: str) -> tuple[bool, int]:
    return (not name.isdigit(), int(name) if name.isdigit() else 0)


def sort_words(words: Iterable[str]) -> list[str]:
    """Sort as the upstream does: by collation, lower case first."""
    return sorted(words, key=lambda word: (collation_key(word), word.swapcase()))


def sort_values(values: Iterable[Any]) -> list[Any]:
    """Sort values of a parameter as text, numbers included."""
    return sorted(
        values, key=lambda value: (collation_key(str(value)), str(value).swapcase())
    )


def _or_own(row: tuple[str, ...] | None, model: tuple[str, ...]) -> tuple[str, ...]:
    return model if row is None else row


def _unite(lists: Sequence[tuple[str, ...]]) -> Sequence[str]:
    """Combine modalities, sorted; those of a single row keep their order."""
    if len(lists) == 1:
        return lists[0]
    return sort_words({word for words in lists for word in words})
