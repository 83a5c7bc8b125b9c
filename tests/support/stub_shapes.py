"""The two other shapes of the contract, which the package itself never serves."""

import datetime
from collections.abc import Sequence

import msgspec

from catalograph.demo.parameters import Parameters, Question
from catalograph.demo.rows import ProviderRow, StoredModel, parse_instant
from catalograph.demo.shapes import SectionedShape


class FlatProvider(msgspec.Struct, frozen=True):
    api_provider_id: str
    params: tuple[str, ...]


class FlatModel(msgspec.Struct, frozen=True):
    """A model as the later handler shows it."""

    model_id: str
    name: str | None
    release_date: str | None
    status: str | None
    organisation_id: str | None
    aliases: tuple[str, ...]
    endpoints: tuple[str, ...]
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]
    providers: tuple[FlatProvider, ...]


class FlatShape:
    """The later handler: seven parameters, no sections, nothing narrowed."""

    def read(self, parameters: Parameters) -> Question:
        return Question(
            organisations=parameters.read_list("organisation"),
            include_endpoints=parameters.read_list("endpoints"),
            input_types=parameters.read_types("input_types"),
            output_types=parameters.read_types("output_types"),
            params=parameters.read_list("params"),
            limit=parameters.read_limit(),
            offset=parameters.read_offset(),
        )

    def find_listing_instant(self, model: StoredModel) -> datetime.datetime | None:
        return parse_instant(model.release_date)

    def render(
        self,
        model: StoredModel,
        rows: Sequence[ProviderRow],
        question: Question,  # noqa: ARG002 - nothing can be switched off
    ) -> FlatModel:
        provider_ids = dict.fromkeys(row.api_provider_id for row in rows)
        return FlatModel(
            model_id=model.model_id,
            name=model.name,
            release_date=model.release_date,
            status=model.status,
            organisation_id=_organisation_id(model),
            aliases=model.aliases,
            endpoints=tuple(sorted({row.endpoint for row in rows})),
            input_types=model.data.input_types,
            output_types=model.data.output_types,
            providers=tuple(
                FlatProvider(provider_id, model.params.get(provider_id, ()))
                for provider_id in provider_ids
            ),
        )


class DocumentedModel(msgspec.Struct, frozen=True):
    """A model as the OpenAPI document describes it."""

    model_id: str
    name: str | None
    release_date: str | None
    announcement_date: str | None
    status: str | None
    organisation: str | None
    aliases: tuple[str, ...]
    endpoints: tuple[str, ...]
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]
    providers: tuple[ProviderRow, ...]


class DocumentedShape(SectionedShape):
    """The OpenAPI document: asked like the sectioned shape, answered flat."""

    def render(  # type: ignore[override]  # the answer is another struct on purpose
        self,
        model: StoredModel,
        rows: Sequence[ProviderRow],
        question: Question,  # noqa: ARG002 - nothing can be switched off
    ) -> DocumentedModel:
        return DocumentedModel(
            model_id=model.model_id,
            name=model.name,
            release_date=_day(model.release_date),
            announcement_date=_day(model.announcement_date),
            status=model.status,
            organisation=_organisation_id(model),
            aliases=model.aliases,
            endpoints=tuple(sorted({row.endpoint for row in rows})),
            input_types=model.data.input_types,
            output_types=model.data.output_types,
            providers=tuple(
                msgspec.structs.replace(
                    row,
                    effective_from=_date_time(row.effective_from),
                    effective_to=_date_time(row.effective_to),
                )
                for row in rows
            ),
        )


def _organisation_id(model: StoredModel) -> str | None:
    return model.organisation.organisation_id if model.organisation else None


def _day(stored: str | None) -> str | None:
    """Write a date as the format `date` wants it; what is no date stays as it is."""
    instant = parse_instant(stored)
    return stored if instant is None else instant.date().isoformat()


def _date_time(stored: str | None) -> str | None:
    """Write an instant as the format `date-time` wants it, with its zone."""
    instant = parse_instant(stored)
    return stored if instant is None else instant.isoformat().replace("+00:00", "Z")
