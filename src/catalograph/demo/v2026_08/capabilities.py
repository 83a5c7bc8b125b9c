"""Maps stored capabilities to public endpoints, for `/endpoints` and the routes of a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from catalograph.demo.v2026_08.lifecycle import JudgedRow, Listed
from catalograph.demo.v2026_08.pricing import Floors
from catalograph.demo.v2026_08.records import (
    ProviderNames,
    show_modalities,
    show_parameters,
    show_provider,
    show_routing,
    show_window,
)
from catalograph.demo.v2026_08.rows import StoredModel

_SAMPLES = 10


class PublicEndpoint(msgspec.Struct, frozen=True):
    """An endpoint as the public API names it."""

    id: str
    public_path: str
    collection: str


_PUBLIC: Final[Mapping[str, PublicEndpoint]] = {
    endpoint.id: endpoint
    for endpoint in (
        PublicEndpoint("audio.speech", "/v1/audio/speech", "audio"),
        PublicEndpoint("audio.transcription", "/v1/audio/transcriptions", "audio"),
        PublicEndpoint("audio.translations", "/v1/audio/translations", "audio"),
        PublicEndpoint("batch", "/v1/batches", "batch"),
        PublicEndpoint("chat.completions", "/v1/chat/completions", "text"),
        PublicEndpoint("embeddings", "/v1/embeddings", "embeddings"),
        PublicEndpoint("images.edits", "/v1/images/edits", "images"),
        PublicEndpoint("images.generations", "/v1/images/generations", "images"),
        PublicEndpoint("moderations", "/v1/moderations", "moderation"),
        PublicEndpoint("music.generate", "/v1/music/generate", "music"),
        PublicEndpoint("ocr", "/v1/ocr", "ocr"),
        PublicEndpoint("audio.realtime", "/v1/realtime/sessions", "audio"),
        PublicEndpoint("rerank", "/v1/rerank", "rerank"),
        PublicEndpoint("video.generation", "/v1/videos", "video"),
    )
}

# Public names of capabilities, if they differ.
_PUBLIC_NAMES: Final[Mapping[str, str]] = {
    "audio": "audio.speech",
    "audio.generate": "audio.speech",
    "audio.transcribe": "audio.transcription",
    "image.edit": "images.edits",
    "image.generate": "images.generations",
    "text.embed": "embeddings",
    "text.generate": "chat.completions",
    "text.moderate": "moderations",
    "video.edit": "video.generation",
    "video.generate": "video.generation",
}

# The real service leaves capabilities with another public name out of a model's own list, except
# these. So `text.generate` is never in it.
_SAME: Final = frozenset({"video.generate"})


class UnknownCapabilityError(Exception):
    """A stored capability has no public name; the real service answers 500 then."""

    def __init__(self, capability: str) -> None:
        super().__init__(f"Unsupported public capability metadata: {capability}")


def find_public(capability: str) -> PublicEndpoint:
    """Find the public endpoint of a capability.

    Raises:
        UnknownCapabilityError: It has none.
    """
    public = _PUBLIC.get(_PUBLIC_NAMES.get(capability, capability))
    if public is None:
        raise UnknownCapabilityError(capability)
    return public


def summarise_endpoints(models: Sequence[Listed]) -> dict[str, Any]:
    """Build the body of `/endpoints`, ordered by public path.

    Args:
        models: All models, routable or not, in list order.

    Raises:
        UnknownCapabilityError: A row has a capability without a public name.
    """
    served: dict[str, tuple[set[str], set[str]]] = {}
    for listed in models:
        for judged in listed.rows:
            public = find_public(judged.row.endpoint)
            model_ids, provider_ids = served.setdefault(public.id, (set(), set()))
            model_ids.add(listed.model.id)
            provider_ids.add(judged.row.provider_id)
    endpoints = sorted(
        (_PUBLIC[endpoint_id] for endpoint_id in served),
        key=lambda endpoint: endpoint.public_path,
    )
    return {
        "ok": True,
        "endpoints": [endpoint.id for endpoint in endpoints],
        "data": [
            {
                "id": endpoint.id,
                "capability_id": endpoint.id,
                "public_path": endpoint.public_path,
                "collection": endpoint.collection,
                "model_count": len(served[endpoint.id][0]),
                "provider_count": len(served[endpoint.id][1]),
            }
            for endpoint in endpoints
        ],
        "sample_models": [listed.model.id for listed in models[:_SAMPLES]],
    }


def list_model_endpoints(
    model: StoredModel, rows: Iterable[JudgedRow], names: ProviderNames
) -> list[dict[str, Any]]:
    """List the endpoints of one model, ordered by provider and public name.

    Raises:
        UnknownCapabilityError: A row has a capability without a public name.
    """
    found = [
        _build_endpoint(model, judged, public, names)
        for judged in rows
        if (public := find_public(judged.row.endpoint)).id == judged.row.endpoint
        or judged.row.endpoint in _SAME
    ]
    return sorted(found, key=lambda row: (row["provider"]["id"], row["endpoint"]))


def _build_endpoint(
    model: StoredModel,
    judged: JudgedRow,
    public: PublicEndpoint,
    names: ProviderNames,
) -> dict[str, Any]:
    row = judged.row
    floors = Floors(
        prices for prices in model.price_lists if prices.endpoint == row.endpoint
    )
    return {
        "id": f"{row.provider_id}:{public.id}",
        "endpoint": public.id,
        "capability_id": row.endpoint,
        "public_path": public.public_path,
        "collection": public.collection,
        "provider": show_provider(row.provider_id, names),
        "model": row.model,
        "routable": row.is_on,
        "status": judged.status,
        "status_reason": judged.reason,
        "modalities": show_modalities(row, model),
        "capabilities": show_parameters(row.parameters),
        "routing": show_routing(row),
        "effective": show_window(row),
        "pricing": floors.show_own(row.provider_id),
    }
