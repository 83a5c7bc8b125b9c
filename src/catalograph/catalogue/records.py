"""The records of the catalogue: frozen, and the same for every version of the upstream.

They are serialised as arrays without names, which halves their size in a shared cache. Its
keys contain the version of these classes.
"""

import datetime
import enum
from typing import Any, Final

import msgspec

from catalograph.catalogue.endpoint_groups import find_other_names
from catalograph.catalogue.prices import Price, PriceList
from catalograph.errors import CatalographError


class SectionMissingError(CatalographError):
    """A field was read whose section was not requested from the upstream: a bug here."""

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


# 2026-08 says `active` for the `Available` of 2025-12.
_STATUS_BY_WORD = {status.value: status for status in Status} | {
    "active": Status.AVAILABLE
}


def parse_status(label: str | None) -> Status | None:
    """Parse the upstream's text, ignoring case; unknown text is OTHER, None stays None."""
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
    """Parse the upstream's text, ignoring case; unknown text is OTHER, None stays None."""
    if word is None:
        return None
    return _AVAILABILITY_BY_WORD.get(word.strip().lower(), Availability.OTHER)


class Organisation(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """The maker of a model.

    Attributes:
        organisation_id: Upstream identity, the part of a model id before the slash.
        name: Display name; None when the upstream gives none (the flat shapes never do).
        country_code: ISO 3166 alpha-2; None when the upstream gives none.
        description: A few sentences, plain text; None as above.
        colour: As `#rrggbb`; None as above.
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
        name: Display name; None when the upstream does not describe the provider.
        link: Address of the provider's pages; None as above.
        country_code: ISO 3166 alpha-2; None as above.
        description: A few sentences, plain text; None as above.
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
        collection: Kind of API, such as `text` or `images`; None as above.
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
        type: Such as `number` or `enum`; None when the upstream does not say, as below.
        values: Allowed values, as text; empty when the upstream lists none.
        default: Default value, as text.
        minimum: Minimum value.
        maximum: Maximum value.
        aliases: Other names under which the upstream accepts it.
        is_required: Whether a request must contain it.
        notes: Remarks, plain text.
        providers: Providers of the model that support it; empty for a parameter of one
            offering, whose provider is that of the offering.
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
    """One provider row: a model as a provider serves it on an endpoint.

    Attributes:
        model_id: Id of the model.
        provider: The provider that serves it.
        endpoint: The kind of call.
        provider_model_slug: The provider's own name of the model; None when not given.
        is_routable: Upstream `is_active_gateway`, or `status` where there is one.
        input_modalities: Upstream order.
        output_modalities: Upstream order.
        effective_from: First instant at which it is valid, UTC; None: no bound.
        effective_to: First instant at which it is no longer valid, UTC; None: no bound.
        ordinal: 0, or its index among rows equal in model, provider, endpoint and slug.
        status: Whether it can be called now; None when the upstream does not say.
        status_reason: The upstream's reason for the status; None as above.
        parameters: Parameters that the provider supports, sorted by name; of all its endpoints
            together if the upstream does not distinguish them.
        floor_prices: The lowest of all prices; see `PriceListKind.FLOOR`.
        price_lists: From the table of prices; empty until that has been read.
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
        input_modalities: Upstream order and case.
        output_modalities: Upstream order and case.
    """

    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()


class ModelGateway(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """The upstream section `gateway`, complete: not narrowed by a filter.

    Attributes:
        is_routable: Whether the gateway can route the model at all.
        endpoints: Distinct, as the upstream lists them.
        providers: Distinct, in the order of their first row.
        offerings: One for each provider row, upstream order; empty if the upstream does not
            relate providers to endpoints.
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
    `model.gateway.offerings`, and raises SectionMissingError without that section.

    Attributes:
        model_id: Upstream identity, `organisation/name`. Not the GraphQL `id`.
        name: Display name; not unique, None when the upstream gives none.
        status_label: Status as the upstream words it; None when it gives none.
        release_date: Calendar day without time zone; None when not published.
        announcement_date: As above.
        deprecation_date: As above.
        retirement_date: As above.
        organisation: None when the upstream does not name it.
        aliases: Other ids by which the model is known, upstream order.
        data: None when the section was not requested.
        gateway: None when the section was not requested.
        description: A few sentences, plain text; None when the upstream gives none.
        variant: Such as `standard` or `free`; None as above.
        base_model_id: Id of the model of which this is a variant; its own id if it is a base
            model; None as above.
        max_input_tokens: Maximum number of input tokens of a request; None as above.
        max_output_tokens: Maximum number of output tokens; None as above.
        replacement_id: Id of the successor; None without one. Also None in filtered lists,
            as the upstream only looks for the successor in the same list.
        lifecycle_message: Message about deprecation or retirement; None as above.
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
        """Return the day by which the upstream orders lists: of release, or else of announcement."""
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
"""Fields of a model that are in one of its sections, with the name of the section."""
