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
    """A field was read whose section was not requested from the upstream: a bug of ours."""

    def __init__(self, model_id: str, section: str) -> None:
        super().__init__("internal error", detail=f"{model_id} lacks {section}")


class Status(enum.Enum):
    """Where a model is in its life, read from the upstream's own word."""

    AVAILABLE = "available"
    ANNOUNCED = "announced"
    RUMOURED = "rumoured"
    DEPRECATED = "deprecated"
    RETIRED = "retired"
    OTHER = "other"


# `active` is the word of 2026-08 for what December called `Available`.
_STATUS_BY_WORD = {status.value: status for status in Status} | {
    "active": Status.AVAILABLE
}


def parse_status(label: str | None) -> Status | None:
    """Read the upstream's word without case; a word we do not know is OTHER, None stays None."""
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
    """Read the upstream's word without case; an unknown word is OTHER, None stays None."""
    if word is None:
        return None
    return _AVAILABILITY_BY_WORD.get(word.strip().lower(), Availability.OTHER)


class Organisation(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """Who made a model.

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
    """Who serves models.

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
    """A kind of call, such as `chat.completions`.

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
        """The other names of the same call, sorted; see `endpoint_groups`."""
        return find_other_names(self.endpoint_id)


class Parameter(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Something a request may contain, such as `temperature`.

    Attributes:
        name: Upstream identity.
        type: Such as `number` or `enum`; None when the upstream does not say, as below.
        values: What it may be, as text; empty when the upstream lists none.
        default: Used when a request does not contain it, as text.
        minimum: Least value.
        maximum: Greatest value.
        aliases: Other names under which the upstream finds it.
        is_required: Whether a request must contain it.
        notes: A sentence for people.
        providers: Who takes it, by the model's offerings; empty for a parameter of one
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
    """One provider row: this provider serves this model on this endpoint.

    Attributes:
        model_id: The model it is a row of.
        provider: Who serves it.
        endpoint: On which kind of call.
        provider_model_slug: The provider's own name of the model; None when not given.
        is_routable: Upstream `is_active_gateway`, or `status` where there is one.
        input_modalities: What this offering takes, upstream order.
        output_modalities: What this offering gives, upstream order.
        effective_from: First instant it holds, UTC; None means always has.
        effective_to: Instant at which it ends, UTC; None means no end is known.
        ordinal: 0, or its place among rows equal in model, provider, endpoint and slug.
        status: Whether it can be called now; None when the upstream does not say.
        status_reason: Why the status is what it is, the upstream's own word; None as above.
        parameters: What a request to this provider may contain, by name. Of all its
            endpoints together where the upstream does not tell them apart.
        floor_prices: The lowest prices ever stored, see `PriceListKind.FLOOR`.
        price_lists: From the table of prices; empty as long as that has not been read.
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
        input_modalities: What the model takes, upstream order and case.
        output_modalities: What it gives.
    """

    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()


class ModelGateway(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False
):
    """The upstream section `gateway`, not narrowed to any provider.

    Attributes:
        is_routable: Whether the gateway can route the model at all.
        endpoints: Distinct, as the upstream lists them.
        providers: Distinct, in the order of their first row.
        offerings: One a provider row, upstream order; empty where the upstream gives no
            endpoint per provider.
        availability: Whether the model can be called now; None when the upstream does not
            say.
        parameters: What a request may contain, by name, united over the offerings.
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
    `model.gateway.offerings`, and raises SectionMissingError where there is no section.

    Attributes:
        model_id: Upstream identity, `organisation/name`. Not the GraphQL `id`.
        name: Display name; not unique, None when the upstream gives none.
        status_label: The upstream's own word; None when it gives none.
        release_date: Calendar day without time zone; None when not published.
        announcement_date: As above.
        deprecation_date: As above.
        retirement_date: As above.
        organisation: None where the upstream does not know it.
        aliases: Other ids by which the model is known, upstream order.
        data: None when the section was not asked for.
        gateway: None when the section was not asked for.
        description: A few sentences, plain text; None when the upstream gives none.
        variant: The upstream's word, such as `standard` or `free`; None as above.
        base_model_id: Of the model this is a variant of, its own id if it is none; None
            as above.
        max_input_tokens: Most tokens a request may hold; None as above.
        max_output_tokens: Most tokens an answer may hold; None as above.
        replacement_id: Id of the model that succeeds this one; None when there is none,
            and in a model of a filtered list: the upstream looks for it in that list.
        lifecycle_message: A sentence for people about the end of the model; None as above.
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
        """`status_label` as one of the known words."""
        return parse_status(self.status_label)

    @property
    def listing_date(self) -> datetime.date | None:
        """The day by which the upstream orders its list: released, or else announced."""
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
