"""The records of the catalogue: frozen, and the same for every version of the upstream.

They are serialised as arrays without field names, which halves their size in the shared
cache. Keys of that cache contain a version of these classes, so a change invalidates it.
"""

import datetime
import enum
from typing import Any, Final

import msgspec

from catalograph.catalogue.endpoint_groups import find_other_names
from catalograph.catalogue.prices import Price, PriceList
from catalograph.errors import CatalographError


class SectionMissingError(CatalographError):
    """A field was read whose section was not requested from the upstream: a bug in catalograph."""

    def __init__(self, model_id: str, section: str) -> None:
        super().__init__("internal error", detail=f"{model_id} lacks {section}")


class Status(enum.Enum):
    """Stage of the life cycle of a model, parsed from the text of the upstream."""

    AVAILABLE = "available"
    ANNOUNCED = "announced"
    RUMOURED = "rumoured"
    DEPRECATED = "deprecated"
    RETIRED = "retired"
    OTHER = "other"


# The upstream version of 2026-08 calls `active` what that of 2025-12 called `Available`.
_STATUS_BY_WORD = {status.value: status for status in Status} | {
    "active": Status.AVAILABLE
}


def parse_status(label: str | None) -> Status | None:
    """Parse the upstream's text, ignoring case; unknown text becomes OTHER, None stays None."""
    if label is None:
        return None
    return _STATUS_BY_WORD.get(label.strip().lower(), Status.OTHER)


class Availability(enum.Enum):
    """Whether a model, or one offering of it, can be called now."""

    ACTIVE = "active"
    COMING_SOON = "coming_soon"
    INACTIVE = "inactive"
    OTHER = "other"


_AVAILABILITY_BY_WORD = {one.value: one for one in Availability}


def parse_availability(word: str | None) -> Availability | None:
    """Parse the upstream's text, ignoring case; unknown text becomes OTHER, None stays None."""
    if word is None:
        return None
    return _AVAILABILITY_BY_WORD.get(word.strip().lower(), Availability.OTHER)


class Organisation(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """The maker of a model.

    Attributes:
        organisation_id: Upstream identity, the part of a model id before the slash.
        name: Display name; None when the upstream gives none, as in its flat row formats.
        country_code: ISO 3166 alpha-2; None when the upstream gives none.
        description: A few sentences, plain text; None when the upstream gives none.
        colour: As `#rrggbb`; None when the upstream gives none.
    """

    organisation_id: str
    name: str | None = None
    country_code: str | None = None
    description: str | None = None
    colour: str | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A provider of models.

    Attributes:
        provider_id: Upstream identity.
        name: Display name. This and all other fields are None when the upstream does not
            give them.
        link: URL of the provider's website.
        country_code: ISO 3166 alpha-2.
        description: A few sentences, plain text.
    """

    provider_id: str
    name: str | None = None
    link: str | None = None
    country_code: str | None = None
    description: str | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A kind of API call, such as `chat.completions`.

    Attributes:
        endpoint_id: Upstream identity; singular and plural spellings are different endpoints.
        public_path: Path of the public API that serves it, such as `/v1/embeddings`; None
            when the upstream does not say.
        collection: Kind of API, such as `text` or `images`; None when the upstream does not
            say.
    """

    endpoint_id: str
    public_path: str | None = None
    collection: str | None = None

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names of the same kind of call, sorted; see `endpoint_groups`."""
        return find_other_names(self.endpoint_id)


class Parameter(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A request parameter, such as `temperature`.

    Attributes:
        name: Upstream identity.
        type: Such as `number` or `enum`. This and all following single values are None when
            the upstream does not say.
        values: Allowed values, as text; empty when the upstream lists none.
        default: Default value, as text.
        minimum: Minimum value.
        maximum: Maximum value.
        aliases: Other names under which the upstream accepts it.
        is_required: Whether a request must contain it.
        notes: Remarks, plain text.
        providers: Providers of the model that support it. Empty for a parameter of a single
            offering, which has only one provider.
    """

    name: str
    type: str | None = None
    values: tuple[str, ...] = ()
    default: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()
    is_required: bool | None = None
    notes: str | None = None
    providers: tuple[Provider, ...] = ()


class Offering(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A model as one provider serves it on one endpoint; a "provider row" of the upstream.

    Attributes:
        model_id: Id of the model.
        provider: The provider that serves it.
        endpoint: The kind of call.
        provider_model_slug: The provider's own name of the model; None when not given.
        is_routable: Upstream `status` if present, else upstream `is_active_gateway`.
        input_modalities: In the upstream's order.
        output_modalities: In the upstream's order.
        effective_from: First instant at which it is valid, UTC; None means no bound.
        effective_to: First instant at which it is no longer valid, UTC; None means no bound.
        ordinal: Index among the rows with the same model, provider, endpoint and slug, from
            0; usually there is only one.
        status: Whether it can be called now; None when the upstream does not say.
        status_reason: The upstream's reason for the status; None when it gives none.
        parameters: Parameters that the provider supports, sorted by name. If the upstream
            does not distinguish endpoints, those of all its endpoints together.
        floor_prices: The provider's lowest price of each meter; see `PriceListKind`.
        price_lists: Lists from the side table of prices; empty until it has been read.
    """

    model_id: str
    provider: Provider
    endpoint: Endpoint
    provider_model_slug: str | None = None
    is_routable: bool = True
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    effective_from: datetime.datetime | None = None
    effective_to: datetime.datetime | None = None
    ordinal: int = 0
    status: Availability | None = None
    status_reason: str | None = None
    parameters: tuple[Parameter, ...] = ()
    floor_prices: tuple[Price, ...] = ()
    price_lists: tuple[PriceList, ...] = ()


class ModelData(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """The upstream section `data`.

    Attributes:
        input_modalities: In the upstream's order and case.
        output_modalities: In the upstream's order and case.
    """

    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()


class ModelGateway(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """The upstream section `gateway`; always complete, also when the list was filtered.

    Attributes:
        is_routable: Whether the gateway can route the model at all.
        endpoints: Distinct, in the upstream's order.
        providers: Distinct, in the order of their first provider row.
        offerings: One for each provider row, in the upstream's order; empty if the upstream
            does not relate providers to endpoints.
        availability: Whether the model can be called now; None when the upstream does not
            say.
        parameters: Parameters that any offering supports, sorted by name.
    """

    is_routable: bool = False
    endpoints: tuple[Endpoint, ...] = ()
    providers: tuple[Provider, ...] = ()
    offerings: tuple[Offering, ...] = ()
    availability: Availability | None = None
    parameters: tuple[Parameter, ...] = ()


class Model(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One model of the catalogue.

    The fields of a section can be read from the model itself: `model.offerings` is
    `model.gateway.offerings`. Without that section, it raises SectionMissingError.

    Attributes:
        model_id: Upstream identity, `organisation/name`. Not the GraphQL `id`.
        name: Display name; not unique, None when the upstream gives none.
        status_label: Status as the upstream words it; None when it gives none.
        release_date: Calendar day without time zone; None when not published.
        announcement_date: As `release_date`.
        deprecation_date: As `release_date`.
        retirement_date: As `release_date`.
        organisation: The maker; None when the upstream does not name it.
        aliases: Other ids of the model, in the upstream's order.
        data: None when the section was not requested.
        gateway: None when the section was not requested.
        description: A few sentences, plain text; None when the upstream gives none.
        variant: Such as `standard` or `free`; None when the upstream gives none.
        base_model_id: Id of the model of which this is a variant; its own id if it is a base
            model; None when the upstream gives none.
        max_input_tokens: Maximum number of input tokens of a request; None if unknown.
        max_output_tokens: Maximum number of output tokens of an answer; None if unknown.
        replacement_id: Id of the successor; None without one. May be None in a filtered
            list, because the upstream looks for the successor only in the same list.
        lifecycle_message: Message about deprecation or retirement; None when there is none.
    """

    model_id: str
    name: str | None = None
    status_label: str | None = None
    release_date: datetime.date | None = None
    announcement_date: datetime.date | None = None
    deprecation_date: datetime.date | None = None
    retirement_date: datetime.date | None = None
    organisation: Organisation | None = None
    aliases: tuple[str, ...] = ()
    data: ModelData | None = None
    gateway: ModelGateway | None = None
    description: str | None = None
    variant: str | None = None
    base_model_id: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    replacement_id: str | None = None
    lifecycle_message: str | None = None

    @property
    def status(self) -> Status | None:
        """Return `status_label` as an enum member."""
        return parse_status(self.status_label)

    @property
    def listing_date(self) -> datetime.date | None:
        """Return the day by which the upstream orders lists: release, or else announcement."""
        return self.release_date or self.announcement_date

    def __getattr__(self, name: str) -> Any:
        """Read a field of a section.

        Raises:
            SectionMissingError: The model lacks that section.
        """
        section = SECTION_BY_FIELD.get(name)
        if section is None:
            raise AttributeError(name)
        held = getattr(self, section)
        if held is None:
            raise SectionMissingError(self.model_id, section)
        return getattr(held, name)


SECTION_BY_FIELD: Final = {
    field: section
    for section, kind in (("data", ModelData), ("gateway", ModelGateway))
    for field in kind.__struct_fields__
}
"""Name of the section that holds a field, by name of the field."""
