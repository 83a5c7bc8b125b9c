"""December 2025 as its OpenAPI document describes it: flat, the organisation a string."""

from collections.abc import Mapping

import msgspec

from catalograph.catalogue.query import FULL, Sections
from catalograph.catalogue.records import Model, ModelData
from catalograph.upstream.versions import december_2025
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.offering_row import OfferingRow, build_gateway
from catalograph.upstream.versions.version import (
    Id,
    Version,
    Word,
    Words,
    starts_with,
)


class ModelWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `models`. Dates that the document does not have are read if present."""

    model_id: Id
    name: Word | None = None
    release_date: Word | None = None
    announcement_date: Word | None = None
    deprecation_date: Word | None = None
    retirement_date: Word | None = None
    status: Word | None = None
    organisation: Id | None = None
    aliases: Words = None
    endpoints: Words = None
    input_types: Words = None
    output_types: Words = None
    providers: tuple[OfferingRow, ...] | None = None


class Documented(Version[ModelWire]):
    """The form of the OpenAPI document. It was never observed, so narrowing is assumed."""

    name = "2025-12 documented"
    release = december_2025.RELEASE
    address = december_2025.ADDRESS
    key_prefixes = december_2025.KEY_PREFIXES
    row_type = ModelWire
    dialect = december_2025.SECTIONED_DIALECT

    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """By an organisation that is a string, or by top-level lists of the gateway."""
        return (
            starts_with(row.get("organisation"), b'"')
            or "providers" in row
            or "endpoints" in row
            or "input_types" in row
        )

    def sections_of(self, row: ModelWire) -> Sections:  # noqa: ARG002
        """Always both: neither can be switched off."""
        return FULL

    def build(self, row: ModelWire, sections: Sections, make: RecordMaker) -> Model:
        """Build a record. Inactive rows of `providers` become offerings that are not routable."""
        return Model(
            model_id=row.model_id,
            name=row.name,
            status_label=row.status,
            release_date=make.day("release_date", row.release_date),
            announcement_date=make.day("announcement_date", row.announcement_date),
            deprecation_date=make.day("deprecation_date", row.deprecation_date),
            retirement_date=make.day("retirement_date", row.retirement_date),
            organisation=None
            if row.organisation is None
            else make.organisation(row.organisation),
            aliases=make.words(row.aliases),
            data=ModelData(
                input_modalities=make.words(row.input_types),
                output_modalities=make.words(row.output_types),
            )
            if sections.data
            else None,
            gateway=build_gateway(
                row.model_id,
                row.providers,
                endpoints=row.endpoints,
                is_routable=None,
                make=make,
            )
            if sections.gateway
            else None,
        )
