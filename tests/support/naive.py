"""The semantics of filters and searches as plain loops, to compare the index with."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from decimal import Decimal

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
        and _has_any(
            [model.availability.name] if model.availability else [],
            [one and one.name for one in asked.availability],
        )
        and _has_any([model.variant] if model.variant else [], asked.variants)
        and _is_between(asked.min_input_tokens, model.max_input_tokens)
        and _is_between(asked.min_output_tokens, model.max_output_tokens)
        and _passes_prices(model, asked)
    )


def _is_between(least: float | Decimal | None, value: float | Decimal | None) -> bool:
    return least is None or (value is not None and value >= least)


def _passes_prices(model: Model, asked: ModelsFilter) -> bool:
    """Prices by a loop of its own: the standard list, dollars, routable, no batch."""
    inputs: list[Decimal] = []
    outputs: list[Decimal] = []
    has_free = False
    for row in model.offerings:
        if not row.is_routable or row.endpoint.endpoint_id == "batch":
            continue
        prices = row.price_lists[0].prices if row.price_lists else ()
        found = {
            meter: next((p.amount for p in prices if p.meter == meter), None)
            for meter in ("input_text_tokens", "output_text_tokens")
        }
        given, taken = found.values()
        has_free = has_free or (given == 0 and taken == 0)
        if prices and prices[0].currency == "USD":
            inputs += [] if given is None else [given]
            outputs += [] if taken is None else [taken]
    return (
        asked.is_free in {None, has_free}
        and _costs_at_most(inputs, asked.max_input_price)
        and _costs_at_most(outputs, asked.max_output_price)
    )


def _costs_at_most(amounts: list[Decimal], most: Decimal | None) -> bool:
    return most is None or (bool(amounts) and min(amounts) <= most)


def _has_any(held: Iterable[str], asked: Collection[str | None]) -> bool:
    """Whether the filter is empty, any value matches, or None is asked and there is no value."""
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
    if (asked.parameters or asked.all_parameters) and not _passes_parameters(
        model, asked
    ):
        return False
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


def _passes_parameters(model: Model, asked: ModelsFilter) -> bool:
    """Whether one offering satisfies all filters on rows together."""
    has_none = not any(row.parameters for row in model.offerings)
    for row in model.offerings:
        names = {name for one in row.parameters for name in (one.name, *one.aliases)}
        values = [None] if has_none else []
        if (
            (not asked.providers or row.provider.provider_id in asked.providers)
            and (not asked.endpoints or row.endpoint.endpoint_id in asked.endpoints)
            and (
                not asked.parameters
                or not names.isdisjoint(one for one in asked.parameters if one)
                or (None in asked.parameters and None in values)
            )
            and names.issuperset(asked.all_parameters)
        ):
            return True
    return (
        not model.offerings
        and None in asked.parameters
        and not asked.all_parameters
        and _has_any([p.provider_id for p in model.providers], asked.providers)
        and _has_any([e.endpoint_id for e in model.endpoints], asked.endpoints)
    )


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
