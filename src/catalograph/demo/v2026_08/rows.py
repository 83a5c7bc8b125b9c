"""Stored data of the embedded upstream of August 2026: models, rows, prices."""

from typing import Any

import msgspec


class Organization(msgspec.Struct, frozen=True):
    """The maker of a model, as the record of a model shows it.

    Attributes:
        color: `#rrggbb`; None: not known.
    """

    id: str
    name: str
    color: str | None = None


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One provider serving one capability of a model.

    Attributes:
        endpoint: Stored name of the capability, such as `text.generate`.
        model: The provider's own name for the model.
        provider_status: Rollout of the provider: `active`, `alpha`, `beta`, `not_ready`.
        provider_routing: `active` or `disabled`, like the next one.
        model_routing: Switch of this model at this provider.
        capability_status: `active`, `coming_soon` or `disabled`.
        is_on: The switch that responses call `routable`.
        input: Modalities; None: those of the model; the same for `output`.
        effective_from: First instant at which it can be routed; None: no bound.
        effective_to: First instant at which it can no longer be routed; None: no bound.
        parameters: Details of each parameter, by name.
    """

    provider_id: str
    endpoint: str
    model: str | None = None
    provider_status: str = "active"
    provider_routing: str = "active"
    model_routing: str = "active"
    capability_status: str = "active"
    is_on: bool = True
    input: tuple[str, ...] | None = None
    output: tuple[str, ...] | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    parameters: dict[str, dict[str, Any]] = {}


class Condition(msgspec.Struct, frozen=True):
    """A condition of a price; fields in the order of the response.

    Attributes:
        op: `lt`, `lte`, `gt`, `gte`, `eq` or `in`.
        path: Value that is compared, such as `input_tokens`.
        or_group: All conditions of any one group must be met.
    """

    op: str
    path: str
    value: Any
    or_group: int | msgspec.UnsetType = msgspec.UNSET
    and_index: int | msgspec.UnsetType = msgspec.UNSET


class TimeWindow(msgspec.Struct, frozen=True):
    """Hours of the day with another price; fields in the order of the response."""

    label: str
    end_time: str
    timezone: str
    start_time: str
    price_per_unit: int | float


class Price(msgspec.Struct, frozen=True):
    """The price of `unit_size` units of a meter; fields in the order of the response.

    Attributes:
        price_per_unit: Plain decimal, perhaps with rounding errors of binary fractions.
    """

    meter: str
    unit: str
    unit_size: int
    price_per_unit: str
    currency: str = "USD"
    conditions: tuple[Condition, ...] = ()
    billing_timestamp_basis: str = "request_start"
    time_windows: tuple[TimeWindow, ...] = ()


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    """One tier of one provider and capability; the first one stored is the standard tier.

    Attributes:
        since: First instant at which it applies; None: no bound.
        until: First instant at which it no longer applies; None: no bound.
    """

    provider_id: str
    endpoint: str
    prices: tuple[Price, ...]
    since: str | None = None
    until: str | None = None


class StoredModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model with all data that any response shows.

    Attributes:
        base_model_id: None: it is a base model itself.
        variant: `standard`, or `free` for ids that end in `:free`.
        description: If None, responses show the name.
        status: Stored status; past dates take precedence.
        released_at: With a zone, like the other dates.
        predecessor_ids: Ids of the models that this one replaces.
        rows: In stored order; a model without rows is never listed.
        price_lists: In stored order; of equal prices the first is shown.
    """

    id: str
    name: str
    base_model_id: str | None = None
    variant: str = "standard"
    description: str | None = None
    organization: Organization | None = None
    aliases: tuple[str, ...] = ()
    status: str | None = None
    released_at: str | None = None
    deprecated_at: str | None = None
    retires_at: str | None = None
    predecessor_ids: tuple[str, ...] = ()
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    rows: tuple[ProviderRow, ...] = ()
    price_lists: tuple[PriceList, ...] = ()


class Provider(msgspec.Struct, frozen=True):
    """A row of `/providers`; fields in the order of the response."""

    api_provider_id: str
    api_provider_name: str | None = None
    description: str | None = None
    link: str | None = None
    country_code: str = "xx"


class Organisation(msgspec.Struct, frozen=True):
    """A row of `/organisations`; fields in the order of the response."""

    organisation_id: str
    name: str
    country_code: str = "xx"
    description: str | None = None
    colour: str | None = None


class FreeRouter(msgspec.Struct, frozen=True):
    """Name and description of the model `phaseo/free`."""

    name: str = "Phaseo Free Router"
    description: str = "Sends each request to one of the models that cost nothing."


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """All stored data; lists are in any order."""

    models: tuple[StoredModel, ...]
    providers: tuple[Provider, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    free_router: FreeRouter = FreeRouter()
