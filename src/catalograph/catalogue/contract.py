"""Whether a page of models can be an answer to its filter.

An upstream that no longer knows a parameter ignores it without a word, and answers
with models nobody asked for. What a page carries is checked directly; what it does
not carry, and how long the list is, is compared with the index where there is one.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator

import msgspec

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.matching import match_filter
from catalograph.catalogue.query import EVERYTHING, ModelsFilter, ModelsPage
from catalograph.catalogue.records import Model, ModelData, ModelGateway, Status


def is_used(asked: ModelsFilter, dimension: str) -> bool:
    """Whether a field of a filter restricts anything."""
    return bool(getattr(asked, dimension) != getattr(EVERYTHING, dimension))


def find_ignored_by_itself(asked: ModelsFilter, page: ModelsPage) -> str | None:
    """Name a field of `asked` that a page shows to have been ignored; None if it shows none."""
    for name in page.ignored_filters:
        if is_used(asked, name):
            return name
    return _find_contradiction(asked, page, None)


def find_ignored(
    asked: ModelsFilter, page: ModelsPage, index: CatalogueIndex
) -> str | None:
    """Name a field of `asked` that was ignored, as far as the index knows; None if none was.

    Some model of the page contradicts it, or the list is as long as it would be without.
    """
    dimension = _find_contradiction(asked, page, index)
    if dimension is not None:
        return dimension
    if page.total == match_filter(index, asked).bit_count():
        return None
    used = [name for name in asked.__struct_fields__ if is_used(asked, name)]
    for size in range(1, len(used) + 1):
        for names in itertools.combinations(used, size):
            nothing = {name: getattr(EVERYTHING, name) for name in names}
            rest = msgspec.structs.replace(asked, **nothing)
            if page.total == match_filter(index, rest).bit_count():
                return names[0]
    return None


def is_proved(asked: ModelsFilter, page: ModelsPage) -> bool:
    """Whether the page by itself, not contradicted, proves that its whole list is right."""
    of_gateway = asked.providers or asked.endpoints or asked.exclude_endpoints
    of_data = asked.input_modalities or asked.output_modalities
    return (
        page.offset == 0
        and len(page.models) == page.total
        and (page.sections.gateway or not of_gateway)
        and (page.sections.data or not of_data)
    )


def _find_contradiction(
    asked: ModelsFilter, page: ModelsPage, index: CatalogueIndex | None
) -> str | None:
    """Name the field of `asked` that some model of the page contradicts; None if none does.

    The index stands in for sections that the page lacks.
    """
    for model in page.models:
        known = index.find_model_by_id(model.model_id) if index is not None else None
        if dimension := _find_contradicted(asked, model, known):
            return dimension
    return None


def _find_contradicted(
    asked: ModelsFilter, model: Model, known: Model | None
) -> str | None:
    """Name the first field that `model` contradicts, by what it carries or what is known."""
    contradicted = _contradicted_fields(
        asked,
        model,
        model.data or (known.data if known else None),
        model.gateway or (known.gateway if known else None),
    )
    return next((name for name, holds in contradicted if holds), None)


def _contradicted_fields(
    asked: ModelsFilter,
    model: Model,
    data: ModelData | None,
    gateway: ModelGateway | None,
) -> Iterator[tuple[str, bool]]:
    status = model.status
    yield "include_rumoured", not asked.include_rumoured and status is Status.RUMOURED
    yield (
        "include_deprecated",
        not asked.include_deprecated and status is Status.DEPRECATED,
    )
    yield "include_retired", not asked.include_retired and status is Status.RETIRED
    yield (
        "organisations",
        bool(asked.organisations)
        and _organisation_id(model) not in asked.organisations,
    )
    if data is not None:
        yield (
            "input_modalities",
            not _overlaps(asked.input_modalities, data.input_modalities),
        )
        yield (
            "output_modalities",
            not _overlaps(asked.output_modalities, data.output_modalities),
        )
    if gateway is not None:
        endpoints = _endpoint_ids(gateway, asked.providers)
        served_by = {provider.provider_id for provider in gateway.providers}
        yield (
            "providers",
            bool(asked.providers) and served_by.isdisjoint(asked.providers),
        )
        yield (
            "endpoints",
            bool(asked.endpoints) and endpoints.isdisjoint(asked.endpoints),
        )
        yield "exclude_endpoints", not endpoints.isdisjoint(asked.exclude_endpoints)


def _endpoint_ids(gateway: ModelGateway, providers: Collection[str]) -> set[str]:
    """Endpoints that the endpoint filters look at: those of `providers`, if any are asked."""
    if providers and gateway.offerings:
        return {
            offering.endpoint.endpoint_id
            for offering in gateway.offerings
            if offering.provider.provider_id in providers
        }
    return {endpoint.endpoint_id for endpoint in gateway.endpoints}


def _organisation_id(model: Model) -> str:
    if model.organisation is None:
        return model.model_id.partition("/")[0]
    return model.organisation.organisation_id


def _overlaps(asked: Iterable[str], held: Iterable[str]) -> bool:
    """Whether nothing is asked, or any of it is held; case does not count."""
    wanted = {value.lower() for value in asked}
    return not wanted or any(value.lower() in wanted for value in held)
