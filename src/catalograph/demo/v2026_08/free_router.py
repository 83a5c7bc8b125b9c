"""The model `phaseo/free`, which is not stored but made of the free ones of a list."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from catalograph.demo.v2026_08.lifecycle import JudgedRow, Listed
from catalograph.demo.v2026_08.pricing import Floors
from catalograph.demo.v2026_08.records import (
    Details,
    ProviderNames,
    build_offers,
    count_offers,
    merge_details,
    show_parameters,
    sort_words,
)
from catalograph.demo.v2026_08.rows import FreeRouter, StoredModel

FREE_ROUTER_ID: Final = "phaseo/free"

_ENDPOINT = "text.generate"
_METERS = ("input_text_tokens", "output_text_tokens")

Member = tuple[StoredModel, JudgedRow]


def find_pool(found: Iterable[Listed]) -> list[Member]:
    """Find what the router chooses from: one free model of each provider, by provider id.

    Args:
        found: The list that a request finds; the router has no other.
    """
    members: dict[str, Member] = {}
    free = (listed for listed in found if listed.model.variant == "free")
    for listed in sorted(free, key=lambda listed: listed.model.id):
        for judged in listed.rows:
            if judged.status == "active" and judged.row.endpoint == _ENDPOINT:
                members.setdefault(judged.row.provider_id, (listed.model, judged))
    return [members[provider_id] for provider_id in sorted(members)]


def build_free_router(
    words: FreeRouter,
    pool: Sequence[Member],
    names: ProviderNames,
    priced_id: str,
) -> dict[str, Any]:
    """Show the router with the members of its pool that are left.

    Its record has oddities of the real one: no endpoints, two meters, and parameters
    named by their place in a list.

    Args:
        words: What it is called.
        pool: At least one member.
        names: Of all providers.
        priced_id: The one provider that shows a price, the first of the pool of the
            whole list; the record shows it whether or not it is left.
    """
    offers = [_build_offer(model, judged, names, priced_id) for model, judged in pool]
    return {
        "id": FREE_ROUTER_ID,
        "base_model_id": FREE_ROUTER_ID,
        "variant": "standard",
        "variants": {"standard": {"model_id": FREE_ROUTER_ID, "name": words.name}},
        "name": words.name,
        "description": words.description,
        "organization": {"id": "phaseo", "name": "Phaseo", "color": None},
        "aliases": [],
        "lifecycle": {
            "status": "active",
            "released_at": None,
            "deprecated_at": None,
            "retires_at": None,
            "replacement_id": None,
            "message": None,
        },
        "modalities": {
            "input": sort_words({kind for model, _ in pool for kind in model.input}),
            "output": sort_words({kind for model, _ in pool for kind in model.output}),
        },
        "limits": {"input_tokens": None, "output_tokens": None},
        "capabilities": {"endpoints": [], **show_parameters(merge_details(offers))},
        "availability": count_offers(offers),
        "pricing": _show_zero(priced_id),
        "offers": offers,
    }


def _build_offer(
    model: StoredModel, judged: JudgedRow, names: ProviderNames, priced_id: str
) -> dict[str, Any]:
    [offer] = build_offers(model, [judged], floors=Floors(()), names=names)
    details = offer["capabilities"]["parameter_details"]
    provider_id = judged.row.provider_id
    offer["capabilities"] = show_parameters(_number(details, provider_id) | details)
    is_priced = provider_id == priced_id
    return offer | {"pricing": _show_zero(provider_id if is_priced else None)}


def _number(details: Mapping[str, Any], provider_id: str) -> Details:
    return {
        str(place): {"supported": True, "providers": [provider_id]}
        for place in range(len(details))
    }


def _show_zero(provider_id: str | None) -> dict[str, Any]:
    """Show prices of nothing; null where they are those of another offer."""
    zero = provider_id and {
        "provider_id": provider_id,
        "unit": "token",
        "unit_size": 1_000_000,
        "price_per_unit": "0",
        "currency": "USD",
    }
    return {"pricing_plan": "standard", "meters": dict.fromkeys(_METERS, zero)}
