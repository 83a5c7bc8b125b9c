"""Whether a page of models can be an answer to its filter.

An upstream that no longer knows a parameter ignores it without a word, and answers
with models nobody asked for. What a page carries is checked directly; what it does
not carry is looked up in the index, where there is one.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from catalograph.catalogue.query import ModelsFilter, ModelsPage
from catalograph.catalogue.records import Model, ModelData, ModelGateway, Status

if TYPE_CHECKING:
    from catalograph.catalogue.index import CatalogueIndex


def find_contradiction(
    asked: ModelsFilter, page: ModelsPage, index: "CatalogueIndex | None"
) -> str | None:
    """Name the field of `asked` that some model of the page contradicts; None if none does.

    Args:
        asked: The filter the page was asked with.
        page: The answer.
        index: Stands in for sections that the page lacks; None when there is none.
    """
    for model in page.models:
        known = index.find_model_by_id(model.model_id) if index is not None else None
        if dimension := _find_contradicted(asked, model, known):
            return dimension
    return None


def is_unverified(asked: ModelsFilter, page: ModelsPage) -> bool:
    """Whether some part of the filter leaves no trace in the sections that the page carries."""
    of_gateway = asked.providers or asked.endpoints or asked.exclude_endpoints
    of_data = asked.input_modalities or asked.output_modalities
    return bool(page.models) and bool(
        (of_gateway and not page.sections.gateway)
        or (of_data and not page.sections.data)
    )


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
