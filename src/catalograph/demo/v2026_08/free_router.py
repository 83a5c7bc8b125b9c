"""The model `phaseo/free`, which is not stored but computed from the free models of a list."""

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
    """Find the pool of the router: one free model of each provider, ordered by provider id.

    Args:
        found: The models that a request finds; the pool only has models of these.
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
    """Build the record of the router for a pool.

    It has the oddities of the real one: no endpoints, two meters, and parameters named by
    their index in a list.

    Args:
        words: Name and description of the router.
        pool: At least one member.
        names: Display names of all providers.
        priced_id: The only provider whose price is shown: the first in the pool of the
            unfiltered list. The record shows it even if it is not in `pool`.
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
    """Build prices of 0 for a provider; null without one."""
    zero = provider_id and {
        "provider_id": provider_id,
        "unit": "token",
        "unit_size": 1_000_000,
        "price_per_unit": "0",
        "currency": "USD",
    }
    return {"pricing_plan": "standard", "meters": dict.fromkeys(_METERS, zero)}
