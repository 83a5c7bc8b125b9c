"""What the embedded upstream of August 2026 stores: models, their rows, their prices."""

from typing import Any

import msgspec


class Organization(msgspec.Struct, frozen=True):
    """Who made a model, as its record shows it.

    Attributes:
        color: `#rrggbb`; None when none is known.
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
        provider_routing: `active` or `disabled`, as the next one.
        model_routing: Of this model at this provider.
        capability_status: `active`, `coming_soon` or `disabled`.
        is_on: The switch that the answer calls `routable`.
        input: Modalities; None means those of the model, as in `output`.
        effective_from: First instant at which it can be routed; None means always was.
        effective_to: First instant at which it no longer can; None means no end.
        parameters: What is known of each parameter, by name.
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
    """When a price applies, in the field order of the answer.

    Attributes:
        op: `lt`, `lte`, `gt`, `gte`, `eq` or `in`.
        path: What is compared, such as `input_tokens`.
        or_group: Conditions of one group must all hold; one group is enough.
    """

    op: str
    path: str
    value: Any
    or_group: int | msgspec.UnsetType = msgspec.UNSET
    and_index: int | msgspec.UnsetType = msgspec.UNSET


class TimeWindow(msgspec.Struct, frozen=True):
    """Hours of the day with a price of their own, in the field order of the answer."""

    label: str
    end_time: str
    timezone: str
    start_time: str
    price_per_unit: int | float


class Price(msgspec.Struct, frozen=True):
    """What `unit_size` units of a meter cost, in the field order of the answer.

    Attributes:
        price_per_unit: Plain decimal; may hold the noise of binary fractions.
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
        since: First instant at which it is in force; None means always was.
        until: First instant at which it no longer is; None means no end.
    """

    provider_id: str
    endpoint: str
    prices: tuple[Price, ...]
    since: str | None = None
    until: str | None = None


class StoredModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model with everything that any answer may say about it.

    Attributes:
        base_model_id: None means that it is its own base.
        variant: `standard`, or `free` for ids that end in `:free`.
        description: None is shown as the name.
        status: Stored word for the lifecycle; a past date takes precedence.
        released_at: With zone, as the other dates.
        predecessor_ids: Models that this one replaces.
        rows: In stored order; a model without any is never listed.
        price_lists: In stored order, which decides between equal prices.
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
    """A row of `/providers`, in the field order of the answer."""

    api_provider_id: str
    api_provider_name: str | None = None
    description: str | None = None
    link: str | None = None
    country_code: str = "xx"


class Organisation(msgspec.Struct, frozen=True):
    """A row of `/organisations`, in the field order of the answer."""

    organisation_id: str
    name: str
    country_code: str = "xx"
    description: str | None = None
    colour: str | None = None


class FreeRouter(msgspec.Struct, frozen=True):
    """What the model `phaseo/free` is called."""

    name: str = "Phaseo Free Router"
    description: str = "Sends each request to one of the models that cost nothing."


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Everything stored; all lists in any order."""

    models: tuple[StoredModel, ...]
    providers: tuple[Provider, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    free_router: FreeRouter = FreeRouter()
