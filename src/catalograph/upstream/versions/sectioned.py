"""December 2025 as first deployed: optional sections, the organisation an object."""

from collections.abc import Mapping

import msgspec

from catalograph.catalogue.query import Sections
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


class OrganisationWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `organisation`."""

    organisation_id: Id
    name: Word | None = None
    country_code: Word | None = None


class DataWire(msgspec.Struct, frozen=True, gc=False):
    """The section `data`."""

    input_types: Words = None
    output_types: Words = None


class GatewayWire(msgspec.Struct, frozen=True, gc=False):
    """The section `gateway`."""

    active: bool | None = None
    endpoints: Words = None
    providers: tuple[OfferingRow, ...] | None = None


class ModelWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `models`; a section that was switched off is absent, not null."""

    model_id: Id
    name: Word | None = None
    release_date: Word | None = None
    announcement_date: Word | None = None
    deprecation_date: Word | None = None
    retirement_date: Word | None = None
    status: Word | None = None
    organisation: OrganisationWire | None = None
    aliases: Words = None
    data: DataWire | msgspec.UnsetType | None = msgspec.UNSET
    gateway: GatewayWire | msgspec.UnsetType | None = msgspec.UNSET


_NO_DATA = DataWire()
_NO_GATEWAY = GatewayWire()


class Sectioned(Version[ModelWire]):
    """The form with optional sections `data` and `gateway`."""

    name = "2025-12 sectioned"
    release = december_2025.RELEASE
    address = december_2025.ADDRESS
    key_prefixes = december_2025.KEY_PREFIXES
    row_type = ModelWire
    dialect = december_2025.SECTIONED_DIALECT

    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """By a section, or by an organisation that is a JSON object."""
        return (
            "data" in row
            or "gateway" in row
            or starts_with(row.get("organisation"), b"{")
        )

    def sections_of(self, row: ModelWire) -> Sections:
        """Return the sections that are present; null counts as present."""
        return Sections(
            data=row.data is not msgspec.UNSET,
            gateway=row.gateway is not msgspec.UNSET,
        )

    def build(self, row: ModelWire, sections: Sections, make: RecordMaker) -> Model:
        """Build a record. A section that is null, or missing in this row only, is empty."""
        data = row.data or _NO_DATA
        gateway = row.gateway or _NO_GATEWAY
        made_by = row.organisation
        return Model(
            model_id=row.model_id,
            name=row.name,
            status_label=row.status,
            release_date=make.day("release_date", row.release_date),
            announcement_date=make.day("announcement_date", row.announcement_date),
            deprecation_date=make.day("deprecation_date", row.deprecation_date),
            retirement_date=make.day("retirement_date", row.retirement_date),
            organisation=None
            if made_by is None
            else make.organisation(
                made_by.organisation_id, made_by.name, made_by.country_code
            ),
            aliases=make.words(row.aliases),
            data=ModelData(
                input_modalities=make.words(data.input_types),
                output_modalities=make.words(data.output_types),
            )
            if sections.data
            else None,
            gateway=build_gateway(
                row.model_id,
                gateway.providers,
                endpoints=gateway.endpoints,
                is_routable=gateway.active,
                make=make,
            )
            if sections.gateway
            else None,
        )
