"""Endpoint ids that name the same call.

Versions of the upstream name one call differently: the documented public name
(`chat.completions`), the stored capability (`text.generate`), singular and plural. The
groups are fixed here, because no answer of the upstream contains them.

Source: the endpoint tables of the December 2025 OpenAPI document, the answers of
`GET /endpoints` and of `GET /models/{author}/{slug}/endpoints`, and the capability names
that occur in models of August 2026.
"""

from collections.abc import Collection, Iterable
from typing import Final

GROUPS: Final[tuple[frozenset[str], ...]] = (
    frozenset({"chat.completions", "responses", "messages", "text.generate"}),
    frozenset({"embeddings", "text.embed"}),
    frozenset({"images.generations", "image.generations", "image.generate"}),
    frozenset({"images.edits", "image.edits", "image.edit"}),
    frozenset({"audio.transcription", "audio.transcriptions", "audio.transcribe"}),
    frozenset({"moderations", "moderations.create", "text.moderate"}),
    frozenset({"video.generation", "video.generations", "video.generate"}),
    frozenset({"rerank", "text.rerank"}),
)

_GROUP_BY_ID: Final = {name: group for group in GROUPS for name in group}
_NOTHING: Final[frozenset[str]] = frozenset()


def find_group(endpoint_id: str) -> frozenset[str]:
    """Find all names of a call, including the given one; empty if it has no other name."""
    return _GROUP_BY_ID.get(endpoint_id, _NOTHING)


def find_other_names(endpoint_id: str) -> tuple[str, ...]:
    """Find the other names of a call, sorted."""
    return tuple(sorted(find_group(endpoint_id) - {endpoint_id}))


def resolve(endpoint_id: str, held: Collection[str]) -> tuple[str, ...]:
    """Find the ids of the catalogue that a name means.

    Args:
        endpoint_id: The name that a client wrote.
        held: All ids of the catalogue.

    Returns:
        The name itself if the catalogue holds it. Otherwise the ids of its group that the
        catalogue holds, sorted. If there are none, the name itself.
    """
    if endpoint_id in held:
        return (endpoint_id,)
    found = tuple(sorted(name for name in find_group(endpoint_id) if name in held))
    return found or (endpoint_id,)


def may_mean_others(endpoint_ids: Iterable[str | None]) -> bool:
    """Whether any name belongs to a group, so that only the index can resolve it."""
    return any(name in _GROUP_BY_ID for name in endpoint_ids)
