"""The semantics of filters and searches as plain loops, to compare the index with."""

import re
import unicodedata
from collections.abc import Collection, Iterable

from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.records import Model


def passes(model: Model, asked: ModelsFilter) -> bool:
    """Whether a model passes a filter, rule by rule of the upstream's behaviour table."""
    maker = [model.organisation.organisation_id] if model.organisation else []
    return (
        _passes_rows(model, asked)
        and _passes_modalities(model, asked)
        and _passes_status(model, asked)
        and _has_any(maker, asked.organisations)
        and _has_any((model.model_id, *model.aliases), asked.model_ids)
        and asked.is_routable in {None, model.is_routable}
        and _passes_release(model, asked)
    )


def _has_any(held: Iterable[str], asked: Collection[str | None]) -> bool:
    """Whether nothing is asked, any of it is held, or None is asked and nothing held."""
    values = set(held)
    return (
        not asked
        or not values.isdisjoint(one for one in asked if one is not None)
        or (None in asked and not values)
    )


def found(model: Model, search: str) -> bool:
    """Whether each word of a search begins a word of name, id, alias or organisation."""
    texts = [model.model_id, model.name or "", *model.aliases]
    if model.organisation is not None:
        texts += [model.organisation.organisation_id, model.organisation.name or ""]
    words = [word for text in texts for word in fold(text)]
    return all(
        any(word.startswith(sought) for word in words) for sought in fold(search)
    )


def fold(text: str) -> list[str]:
    """Split into words without case and accents."""
    base = unicodedata.normalize("NFKD", text).casefold()
    return re.findall(
        r"[^\W_]+", "".join(c for c in base if not unicodedata.combining(c))
    )


def _passes_rows(model: Model, asked: ModelsFilter) -> bool:
    endpoints = {endpoint.endpoint_id for endpoint in model.endpoints}
    if asked.providers:
        if not _has_any((p.provider_id for p in model.providers), asked.providers):
            return False
        if model.offerings:
            endpoints = {
                row.endpoint.endpoint_id
                for row in model.offerings
                if row.provider.provider_id in asked.providers
            }
    if not _has_any(endpoints, asked.endpoints):
        return False
    return endpoints.isdisjoint(asked.exclude_endpoints)


def _passes_modalities(model: Model, asked: ModelsFilter) -> bool:
    inputs = {modality.lower() for modality in model.input_modalities}
    outputs = {modality.lower() for modality in model.output_modalities}
    return (
        _has_any(inputs, _lower(asked.input_modalities))
        and _has_any(outputs, _lower(asked.output_modalities))
        and inputs.issuperset(_lower(asked.all_input_modalities))
        and outputs.issuperset(_lower(asked.all_output_modalities))
    )


def _lower(values: Iterable[str | None]) -> list[str | None]:
    return [value and value.lower() for value in values]


def _passes_status(model: Model, asked: ModelsFilter) -> bool:
    word = (model.status_label or "").lower()
    dropped = {
        "rumoured": not asked.include_rumoured,
        "deprecated": not asked.include_deprecated,
        "retired": not asked.include_retired,
    }
    if dropped.get(word, False):
        return False
    return not asked.statuses or model.status in asked.statuses


def _passes_release(model: Model, asked: ModelsFilter) -> bool:
    days = asked.release_date
    if days is None:
        return True
    day = model.release_date
    return (
        day is not None
        and (days.first is None or day >= days.first)
        and (days.last is None or day <= days.last)
    )
