"""What the catalogue holds: frozen records, the same whichever upstream shape they came from.

Written down they are arrays without names, which halves what a shared cache holds; its keys
carry the version of these classes.
"""

import datetime
import enum

import msgspec

from catalograph.errors import CatalographError


class SectionMissingError(CatalographError):
    """A record was asked for a section nobody had asked the upstream for: our mistake."""

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


_STATUS_BY_WORD = {status.value: status for status in Status}


def parse_status(label: str | None) -> Status | None:
    """Read the upstream's word without case; a word we do not know is OTHER, None stays None."""
    if label is None:
        return None
    return _STATUS_BY_WORD.get(label.strip().lower(), Status.OTHER)


class Organisation(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Who made a model.

    Attributes:
        organisation_id: Upstream identity, the part of a model id before the slash.
        name: Display name; None when the upstream gives none (the flat shapes never do).
        country_code: ISO 3166 alpha-2; None when the upstream gives none.
    """

    organisation_id: str
    name: str | None = None
    country_code: str | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Who serves models.

    Attributes:
        provider_id: Upstream identity.
        name: Display name; None when the upstream does not describe the provider.
        link: Address of the provider's pages; None as above.
        country_code: ISO 3166 alpha-2; None as above.
    """

    provider_id: str
    name: str | None = None
    link: str | None = None
    country_code: str | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A kind of call, such as `chat.completions`.

    Attributes:
        endpoint_id: Upstream identity; singular and plural spellings are different endpoints.
    """

    endpoint_id: str


class Offering(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One provider row: this provider serves this model on this endpoint.

    Attributes:
        model_id: The model it is a row of.
        provider: Who serves it.
        endpoint: On which kind of call.
        provider_model_slug: The provider's own name of the model; None when not given.
        is_routable: Upstream `is_active_gateway`.
        input_modalities: What this offering takes, upstream order.
        output_modalities: What this offering gives, upstream order.
        effective_from: First instant it holds, UTC; None means always has.
        effective_to: Instant at which it ends, UTC; None means no end is known.
        ordinal: 0, or its place among rows equal in model, provider, endpoint and slug.
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


class ModelData(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The upstream section `data`.

    Attributes:
        input_modalities: What the model takes, upstream order and case.
        output_modalities: What it gives.
    """

    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()


class ModelGateway(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The upstream section `gateway`, not narrowed to any provider.

    Attributes:
        is_routable: Whether the gateway can route the model at all.
        endpoints: Distinct, as the upstream lists them.
        providers: Distinct, in the order of their first row.
        offerings: One a provider row, upstream order; empty where the upstream gives no
            endpoint per provider.
    """

    is_routable: bool = False
    endpoints: tuple[Endpoint, ...] = ()
    providers: tuple[Provider, ...] = ()
    offerings: tuple[Offering, ...] = ()


class Model(msgspec.Struct, frozen=True, kw_only=True, array_like=True, weakref=True):
    """One model of the catalogue.

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

    @property
    def status(self) -> Status | None:
        """`status_label` as one of the known words."""
        return parse_status(self.status_label)

    @property
    def input_modalities(self) -> tuple[str, ...]:
        """Of section `data`, which must have been asked for."""
        return self._data.input_modalities

    @property
    def output_modalities(self) -> tuple[str, ...]:
        """Of section `data`, which must have been asked for."""
        return self._data.output_modalities

    @property
    def is_routable(self) -> bool:
        """Of section `gateway`, which must have been asked for."""
        return self._gateway.is_routable

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Of section `gateway`, which must have been asked for."""
        return self._gateway.endpoints

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Of section `gateway`, which must have been asked for."""
        return self._gateway.providers

    @property
    def offerings(self) -> tuple[Offering, ...]:
        """Of section `gateway`, which must have been asked for."""
        return self._gateway.offerings

    @property
    def _data(self) -> ModelData:
        if self.data is None:
            raise SectionMissingError(self.model_id, "data")
        return self.data

    @property
    def _gateway(self) -> ModelGateway:
        if self.gateway is None:
            raise SectionMissingError(self.model_id, "gateway")
        return self.gateway

    @property
    def listing_date(self) -> datetime.date | None:
        """The day by which the upstream orders its list: released, or else announced."""
        return self.release_date or self.announcement_date
