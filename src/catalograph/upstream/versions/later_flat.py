"""December 2025, last form: flat, with only the ids and parameters of providers."""

from collections.abc import Mapping

import msgspec

from catalograph.catalogue.query import FULL, Sections
from catalograph.catalogue.records import Model, ModelData, ModelGateway
from catalograph.upstream.versions import december_2025
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.version import Id, Version, Word, Words


class ProviderWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `providers`; its parameters are not read."""

    api_provider_id: Id


class ModelWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `models`."""

    model_id: Id
    name: Word | None = None
    release_date: Word | None = None
    status: Word | None = None
    organisation_id: Id | None = None
    aliases: Words = None
    endpoints: Words = None
    input_types: Words = None
    output_types: Words = None
    providers: tuple[ProviderWire, ...] | None = None


class LaterFlat(Version[ModelWire]):
    """The last form of December 2025. It ignores `provider`, so no section is narrowed."""

    name = "2025-12 flat"
    release = december_2025.RELEASE
    address = december_2025.ADDRESS
    key_prefixes = december_2025.KEY_PREFIXES
    row_type = ModelWire
    dialect = december_2025.FLAT_DIALECT

    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """By a top-level `organisation_id`, which may be null."""
        return "organisation_id" in row

    def sections_of(self, row: ModelWire) -> Sections:  # noqa: ARG002
        """Always both: neither can be switched off."""
        return FULL

    def build(self, row: ModelWire, sections: Sections, make: RecordMaker) -> Model:
        """Build a record without offerings: no row says which provider serves which endpoint."""
        providers = {
            provider.api_provider_id: make.provider(provider.api_provider_id)
            for provider in row.providers or ()
        }
        return Model(
            model_id=row.model_id,
            name=row.name,
            status_label=row.status,
            release_date=make.day("release_date", row.release_date),
            organisation=None
            if row.organisation_id is None
            else make.organisation(row.organisation_id),
            aliases=make.words(row.aliases),
            data=ModelData(
                input_modalities=make.words(row.input_types),
                output_modalities=make.words(row.output_types),
            )
            if sections.data
            else None,
            gateway=ModelGateway(
                is_routable=bool(providers),
                endpoints=make.endpoints(row.endpoints),
                providers=tuple(providers.values()),
            )
            if sections.gateway
            else None,
        )
