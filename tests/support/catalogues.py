"""Catalogues as records: recorded ones, and models that a test builds in one line."""

import datetime
import functools
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.records import (
    Availability,
    Endpoint,
    Model,
    ModelData,
    ModelGateway,
    Offering,
    Organisation,
    Provider,
)

RECORDED = Path(__file__).parents[3] / "shared" / "upstream" / "data"
DATASETS = {"all": "", "natural": "-natural", "extended": "-extended"}
AS_OF_S = 1_766_361_600.0


@functools.cache
def read_recorded(name: str) -> Any:
    """Read a recorded file by its name without suffixes."""
    return json.loads(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes()))


@functools.cache
def build_recorded_index(shape: str, dataset: str) -> CatalogueIndex:
    """Build the index of a recorded catalogue."""
    parse = {"sectioned": _parse_sectioned, "flat": _parse_flat}[shape]
    rows = read_recorded(f"catalogue-{shape}{DATASETS[dataset]}")["models"]
    return build_index(parse(row) for row in rows)


def build_index(models: Iterable[Model]) -> CatalogueIndex:
    """Build the index of some models."""
    return CatalogueIndex.build(tuple(models), as_of_s=AS_OF_S)


def build_model(  # noqa: PLR0913 - a record has many fields
    model_id: str,
    *,
    name: str | None = None,
    status: str | None = None,
    released: str | None = None,
    announced: str | None = None,
    organisation: str | Organisation | None = None,
    aliases: Iterable[str] = (),
    inputs: Iterable[str] = (),
    outputs: Iterable[str] = (),
    rows: Iterable[tuple[str, str]] = (),
    providers: Iterable[str] = (),
    endpoints: Iterable[str] = (),
    offers: Iterable[Offering] | None = None,
    description: str | None = None,
    variant: str | None = None,
    availability: Availability | None = None,
    tokens: tuple[int | None, int | None] = (None, None),
) -> Model:
    """Build a model from plain strings.

    Each of `rows` is the provider id and the endpoint id of an offering; `providers`
    and `endpoints` are for a model without rows, as the flat upstream gives them. `offers`
    are offerings as they are, in the place of rows. `tokens` are the limits of input and
    output.
    """
    if isinstance(organisation, str):
        organisation = Organisation(
            organisation_id=organisation, name=organisation.title()
        )
    offerings = tuple(
        Offering(
            model_id=model_id,
            provider=Provider(provider_id=provider, name=provider.title()),
            endpoint=Endpoint(endpoint_id=endpoint),
        )
        for provider, endpoint in rows
    )
    if offers is not None:
        offerings = tuple(offers)
    provider_ids = [row.provider.provider_id for row in offerings] or list(providers)
    endpoint_ids = {row.endpoint.endpoint_id for row in offerings} or set(endpoints)
    return Model(
        model_id=model_id,
        name=name,
        status_label=status,
        release_date=parse_day(released),
        announcement_date=parse_day(announced),
        organisation=organisation,
        aliases=tuple(aliases),
        data=ModelData(
            input_modalities=tuple(inputs), output_modalities=tuple(outputs)
        ),
        gateway=ModelGateway(
            is_routable=bool(provider_ids),
            providers=tuple(
                Provider(provider_id=provider, name=provider.title())
                for provider in dict.fromkeys(provider_ids)
            ),
            endpoints=tuple(
                Endpoint(endpoint_id=endpoint) for endpoint in sorted(endpoint_ids)
            ),
            offerings=offerings,
            availability=availability,
            parameters=tuple(
                {one.name: one for row in offerings for one in row.parameters}.values()
            ),
        ),
        description=description,
        variant=variant,
        max_input_tokens=tokens[0],
        max_output_tokens=tokens[1],
    )


def parse_day(text: str | None) -> datetime.date | None:
    """Read the day of an upstream date; None if there is no date."""
    try:
        return datetime.datetime.fromisoformat(text).date() if text else None
    except ValueError:
        return None


def _parse_sectioned(row: dict[str, Any]) -> Model:
    offerings = tuple(
        Offering(
            model_id=row["model_id"],
            provider=Provider(
                provider_id=provider["api_provider_id"],
                name=provider["api_provider_name"],
                link=provider["link"],
                country_code=provider["country_code"],
            ),
            endpoint=Endpoint(endpoint_id=provider["endpoint"]),
            provider_model_slug=provider["provider_model_slug"],
        )
        for provider in row["gateway"]["providers"]
    )
    providers = {
        offering.provider.provider_id: offering.provider for offering in offerings
    }
    organisation = row["organisation"]
    return Model(
        model_id=row["model_id"],
        name=row["name"],
        status_label=row["status"],
        release_date=parse_day(row["release_date"]),
        announcement_date=parse_day(row["announcement_date"]),
        organisation=Organisation(**organisation) if organisation else None,
        aliases=tuple(row["aliases"]),
        data=ModelData(
            input_modalities=tuple(row["data"]["input_types"]),
            output_modalities=tuple(row["data"]["output_types"]),
        ),
        gateway=ModelGateway(
            is_routable=row["gateway"]["active"],
            endpoints=tuple(
                Endpoint(endpoint_id=endpoint)
                for endpoint in row["gateway"]["endpoints"]
            ),
            providers=tuple(providers.values()),
            offerings=offerings,
        ),
    )


def _parse_flat(row: dict[str, Any]) -> Model:
    organisation = row["organisation_id"]
    return Model(
        model_id=row["model_id"],
        name=row["name"],
        status_label=row["status"],
        release_date=parse_day(row["release_date"]),
        organisation=Organisation(organisation_id=organisation)
        if organisation
        else None,
        aliases=tuple(row["aliases"]),
        data=ModelData(
            input_modalities=tuple(row["input_types"]),
            output_modalities=tuple(row["output_types"]),
        ),
        gateway=ModelGateway(
            is_routable=bool(row["providers"]),
            endpoints=tuple(Endpoint(endpoint_id=e) for e in row["endpoints"]),
            providers=tuple(
                Provider(provider_id=p["api_provider_id"]) for p in row["providers"]
            ),
        ),
    )
