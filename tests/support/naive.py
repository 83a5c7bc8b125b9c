"""The semantics of filters and searches as plain loops, to compare the index with."""

import re
import unicodedata

from catalograph.catalogue.query import ModelsFilter
from catalograph.catalogue.records import Model


def passes(model: Model, asked: ModelsFilter) -> bool:
    """Whether a model passes a filter, rule by rule of the upstream's behaviour table."""
    return (
        _passes_rows(model, asked)
        and _passes_modalities(model, asked)
        and _passes_status(model, asked)
        and (
            not asked.organisations
            or (
                model.organisation is not None
                and model.organisation.organisation_id in asked.organisations
            )
        )
        and (not asked.model_ids or model.model_id in asked.model_ids)
        and asked.is_routable in {None, model.is_routable}
        and _passes_release(model, asked)
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
        if not any(p.provider_id in asked.providers for p in model.providers):
            return False
        if model.offerings:
            endpoints = {
                row.endpoint.endpoint_id
                for row in model.offerings
                if row.provider.provider_id in asked.providers
            }
    if asked.endpoints and endpoints.isdisjoint(asked.endpoints):
        return False
    return endpoints.isdisjoint(asked.exclude_endpoints)


def _passes_modalities(model: Model, asked: ModelsFilter) -> bool:
    inputs = {modality.lower() for modality in model.input_modalities}
    outputs = {modality.lower() for modality in model.output_modalities}
    for has, any_of, all_of in (
        (inputs, asked.input_modalities, asked.all_input_modalities),
        (outputs, asked.output_modalities, asked.all_output_modalities),
    ):
        if any_of and has.isdisjoint(value.lower() for value in any_of):
            return False
        if not has.issuperset(value.lower() for value in all_of):
            return False
    return True


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
    if asked.released_from is None and asked.released_to is None:
        return True
    day = model.release_date
    return (
        day is not None
        and (asked.released_from is None or day >= asked.released_from)
        and (asked.released_to is None or day <= asked.released_to)
    )
