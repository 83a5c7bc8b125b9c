"""The rows of the embedded upstream, field by field in the order of its JSON.

They have no reference cycles, so the garbage collector can skip them (`gc=False`).
"""

import datetime

import msgspec


class OrganisationRow(msgspec.Struct, frozen=True, gc=False):
    """The maker of a model. Dates and names, here and below, are shown as they are stored."""

    organisation_id: str
    name: str | None = None
    country_code: str | None = None


class ProviderRow(msgspec.Struct, frozen=True, gc=False):
    """One provider serving one model on one endpoint.

    Attributes:
        is_active_gateway: False hides the row from every response.
        effective_from: First instant at which the row is shown; None: no bound.
        effective_to: First instant at which it is no longer shown; None: no bound.
    """

    api_provider_id: str
    api_provider_name: str | None
    link: str | None
    country_code: str | None
    endpoint: str
    provider_model_slug: str | None = None
    is_active_gateway: bool = True
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    effective_from: str | None = None
    effective_to: str | None = None


class DataSection(msgspec.Struct, frozen=True, gc=False):
    """The section `data`."""

    input_types: tuple[str, ...] = ()
    output_types: tuple[str, ...] = ()


class GatewaySection(msgspec.Struct, frozen=True, gc=False):
    """The section `gateway`. Stored models only use `providers`; the rest is computed."""

    active: bool = False
    endpoints: tuple[str, ...] = ()
    providers: tuple[ProviderRow, ...] = ()


class StoredModel(msgspec.Struct, frozen=True, gc=False):
    """One model with all data that any response shows.

    Attributes:
        params: Parameters that each provider supports, by provider id; only shown in the
            later, flat form.
    """

    model_id: str
    name: str | None = None
    release_date: str | None = None
    announcement_date: str | None = None
    deprecation_date: str | None = None
    retirement_date: str | None = None
    status: str | None = None
    organisation: OrganisationRow | None = None
    aliases: tuple[str, ...] = ()
    data: DataSection = DataSection()
    gateway: GatewaySection = GatewaySection()
    params: dict[str, tuple[str, ...]] = {}


class SectionedModel(msgspec.Struct, frozen=True, gc=False):
    """A model in the form with sections; a section that is switched off is absent."""

    model_id: str
    name: str | None
    release_date: str | None
    announcement_date: str | None
    deprecation_date: str | None
    retirement_date: str | None
    status: str | None
    organisation: OrganisationRow | None
    aliases: tuple[str, ...]
    data: DataSection | msgspec.UnsetType
    gateway: GatewaySection | msgspec.UnsetType


def parse_instant(stored: str | None) -> datetime.datetime | None:
    """Read a stored date as UTC; None for None and for text that is not a date."""
    if stored is None:
        return None
    try:
        instant = datetime.datetime.fromisoformat(stored)
    except ValueError:
        return None
    if instant.tzinfo is None:
        return instant.replace(tzinfo=datetime.UTC)
    return instant
