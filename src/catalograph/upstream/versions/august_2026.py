"""August 2026: models with offers, no optional sections, filters that narrow the offers."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec

from catalograph.catalogue.query import FULL, Sections
from catalograph.catalogue.records import (
    Availability,
    Endpoint,
    Model,
    ModelData,
    ModelGateway,
    Offering,
    Parameter,
    Provider,
    parse_availability,
)
from catalograph.catalogue.side_tables import TableKind
from catalograph.upstream.versions import dialect
from catalograph.upstream.versions.august_2026_tables import TABLES, Scalar, show_scalar
from catalograph.upstream.versions.dialect import Comparison, Dialect
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.tables import TableRoute
from catalograph.upstream.versions.version import (
    MAX_MEMBERS,
    Id,
    Text,
    Version,
    Word,
    Words,
)

_GATEWAY: Final = Sections(gateway=True)

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A number from 0 to the largest `Int` of GraphQL."""


class OrganisationWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `organization`."""

    id: Id
    name: Word | None = None
    color: Word | None = None


class LifecycleWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `lifecycle`."""

    status: Word | None = None
    released_at: Word | None = None
    deprecated_at: Word | None = None
    retires_at: Word | None = None
    replacement_id: Id | None = None
    message: Text | None = None


class ModalitiesWire(msgspec.Struct, frozen=True, gc=False):
    """Input and output modalities of a model or an offer."""

    input: Words = None
    output: Words = None


class LimitsWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `limits`."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None


class ParameterWire(msgspec.Struct, frozen=True, gc=False):
    """One value of `parameter_details`; often without details."""

    type: Word | None = None
    values: tuple[Scalar, ...] | None = None
    enum: tuple[Scalar, ...] | None = None
    default: Scalar | None = None
    provider_default: Scalar | None = None
    min: float | None = None
    max: float | None = None
    provider_min: float | None = None
    provider_max: float | None = None
    aliases: Words = None
    notes: Text | None = None
    required: bool | None = None
    providers: Words = None


class CapabilitiesWire(msgspec.Struct, frozen=True, gc=False):
    """Capabilities of a model or an offer.

    Those of an offer have no `endpoints`, and their details no `providers`.
    """

    endpoints: Words = None
    parameters: Words = None
    parameter_details: dict[str, ParameterWire] | None = None


class AvailabilityWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `availability`. Its counts are not read: they follow from the offers."""

    status: Word | None = None


class MeterWire(msgspec.Struct, frozen=True, gc=False):
    """One value of `meters`."""

    unit: Word
    unit_size: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    price_per_unit: Word | float
    currency: Word


class PricingWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `pricing`. The upstream calls it standard, but it is the lowest price of all."""

    meters: dict[str, MeterWire | None] | None = None


class ProviderWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `provider`."""

    id: Id
    name: Word | None = None


class EffectiveWire(msgspec.Struct, frozen=True, gc=False):
    """The value of `effective`."""

    from_: Word | None = msgspec.field(default=None, name="from")
    to: Word | None = None


class OfferWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `offers`. `routable` is not read: it is true even for disabled offers."""

    provider: ProviderWire
    model: Word | None = None
    status: Word | None = None
    status_reason: Word | None = None
    endpoints: Words = None
    modalities: ModalitiesWire | None = None
    capabilities: CapabilitiesWire | None = None
    effective: EffectiveWire | None = None
    pricing: PricingWire | None = None


class ModelWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `models`. `pricing` and `variants` are not read: they follow from others."""

    id: Id
    base_model_id: Id | None = None
    variant: Word | None = None
    name: Word | None = None
    description: Text | None = None
    organization: OrganisationWire | None = None
    aliases: Words = None
    lifecycle: LifecycleWire | None = None
    modalities: ModalitiesWire | None = None
    limits: LimitsWire | None = None
    capabilities: CapabilitiesWire | None = None
    availability: AvailabilityWire | None = None
    offers: (
        Annotated[tuple[OfferWire, ...], msgspec.Meta(max_length=MAX_MEMBERS)] | None
    ) = None


_NO_LIFECYCLE: Final = LifecycleWire()
_NO_MODALITIES: Final = ModalitiesWire()
_NO_LIMITS: Final = LimitsWire()
_NO_CAPABILITIES: Final = CapabilitiesWire()
_NO_EFFECTIVE: Final = EffectiveWire()
_NO_DETAIL: Final = ParameterWire()


def _row_filter(name: str, compares: Comparison) -> tuple[dialect.Parameter, ...]:
    """Build the parameter of a filter that also removes the offers that do not match."""
    return (dialect.Parameter(name=name, compares=compares, narrows=_GATEWAY),)


class August2026(Version[ModelWire]):
    """Always returns all fields. Every request costs it as much as the whole catalogue."""

    name = "2026-08"
    release = "2026-08"
    address = "https://api.phaseo.app/v1"
    key_prefixes = ("phaseo_v1_sk_", "aistats_v1_sk_")
    row_type = ModelWire
    prefers_index = True
    dialect = Dialect(
        parameters={
            "providers": _row_filter("provider", Comparison.CASELESS),
            "organisations": (dialect.Parameter(name="organisation"),),
            "endpoints": _row_filter("endpoints", Comparison.CASELESS),
            "input_modalities": (
                dialect.Parameter(name="input_types", compares=Comparison.CASELESS),
            ),
            "output_modalities": (
                dialect.Parameter(name="output_types", compares=Comparison.CASELESS),
            ),
            "model_ids": (dialect.Parameter(name="id"),),
            "parameters": _row_filter("params", Comparison.EXACT),
        },
        # Without it, only models that can be called now are listed.
        constants=(("availability", "all"),),
        # Upstream both must match in the same row. Records only have the union of all rows.
        apart=frozenset({"endpoints", "parameters"}),
        max_offset=5_000,
        router_id="phaseo/free",
        tables=frozenset(TABLES),
    )
    tables: Mapping[TableKind, TableRoute] = TABLES

    def recognises(self, row: Mapping[str, msgspec.Raw]) -> bool:
        """By an `id` together with a field that only this version has."""
        return "id" in row and (
            "offers" in row or "lifecycle" in row or "capabilities" in row
        )

    def recognises_page(self, envelope: Mapping[str, msgspec.Raw]) -> bool:
        """By `availability_mode`, which echoes the parameter `availability`."""
        return "availability_mode" in envelope

    def sections_of(self, row: ModelWire) -> Sections:  # noqa: ARG002
        """Always both: neither can be left out."""
        return FULL

    def build(self, row: ModelWire, sections: Sections, make: RecordMaker) -> Model:
        """Build a record. Each offer becomes one offering for each of its endpoints."""
        lifecycle = row.lifecycle or _NO_LIFECYCLE
        limits = row.limits or _NO_LIMITS
        modalities = row.modalities or _NO_MODALITIES
        made_by = row.organization
        return Model(
            model_id=row.id,
            name=row.name,
            status_label=lifecycle.status,
            release_date=make.day("released_at", lifecycle.released_at),
            deprecation_date=make.day("deprecated_at", lifecycle.deprecated_at),
            retirement_date=make.day("retires_at", lifecycle.retires_at),
            organisation=None
            if made_by is None
            else make.organisation(made_by.id, made_by.name, colour=made_by.color),
            aliases=make.words(row.aliases),
            description=row.description,
            variant=row.variant,
            base_model_id=row.base_model_id,
            max_input_tokens=limits.input_tokens,
            max_output_tokens=limits.output_tokens,
            replacement_id=lifecycle.replacement_id if make.is_whole_list else None,
            lifecycle_message=lifecycle.message if make.is_whole_list else None,
            data=ModelData(
                input_modalities=make.words(modalities.input),
                output_modalities=make.words(modalities.output),
            )
            if sections.data
            else None,
            gateway=_build_gateway(row, make) if sections.gateway else None,
        )


def _build_gateway(row: ModelWire, make: RecordMaker) -> ModelGateway:
    providers: dict[str, Provider] = {}
    endpoint_ids: dict[str, None] = {}
    seen: dict[tuple[str, str, str | None], int] = {}
    offerings: list[Offering] = []
    for offer in row.offers or ():
        provider = make.provider(offer.provider.id, offer.provider.name)
        providers.setdefault(offer.provider.id, provider)
        common = _read_offer(offer, make)
        for endpoint_id in dict.fromkeys(offer.endpoints or ()):
            endpoint_ids[endpoint_id] = None
            key = (offer.provider.id, endpoint_id, offer.model)
            ordinal = seen.get(key, 0)
            seen[key] = ordinal + 1
            offerings.append(
                Offering(
                    model_id=row.id,
                    provider=provider,
                    endpoint=make.endpoint(endpoint_id),
                    ordinal=ordinal,
                    **common,
                )
            )
    capabilities = row.capabilities or _NO_CAPABILITIES
    availability = parse_availability(
        None if row.availability is None else row.availability.status
    )
    return ModelGateway(
        is_routable=availability is Availability.ACTIVE,
        endpoints=_list_endpoints(capabilities, endpoint_ids, make),
        providers=tuple(providers.values()),
        offerings=tuple(offerings),
        availability=availability,
        parameters=_read_parameters(capabilities, make, providers),
    )


def _list_endpoints(
    capabilities: CapabilitiesWire, offered: Iterable[str], make: RecordMaker
) -> tuple[Endpoint, ...]:
    """Return the model's own list, or those of its offers: the router has no list."""
    return make.endpoints(capabilities.endpoints or tuple(sorted(offered)))


def _read_offer(offer: OfferWire, make: RecordMaker) -> dict[str, Any]:
    """Read the fields that all offerings of one offer share."""
    modalities = offer.modalities or _NO_MODALITIES
    effective = offer.effective or _NO_EFFECTIVE
    status = parse_availability(offer.status)
    return {
        "provider_model_slug": offer.model,
        "is_routable": status is Availability.ACTIVE,
        "input_modalities": make.words(modalities.input),
        "output_modalities": make.words(modalities.output),
        "effective_from": make.instant("effective.from", effective.from_),
        "effective_to": make.instant("effective.to", effective.to),
        "status": status,
        "status_reason": offer.status_reason,
        "parameters": _read_parameters(offer.capabilities or _NO_CAPABILITIES, make),
        "floor_prices": _read_prices(offer.pricing, make),
    }


def _read_parameters(
    capabilities: CapabilitiesWire,
    make: RecordMaker,
    providers: Mapping[str, Provider] | None = None,
) -> tuple[Parameter, ...]:
    """Read parameters with their details.

    Names that are numbers are skipped: they are indexes of a list that became an object.

    Args:
        capabilities: Of a model or an offer.
        make: Builds the records of the page.
        providers: Providers of the model, by id; None for an offer.
    """
    details = capabilities.parameter_details or {}
    names = dict.fromkeys((*(capabilities.parameters or ()), *details))
    return make.parameters(
        [
            _read_parameter(name, details.get(name, _NO_DETAIL), make, providers or {})
            for name in names
            if name and not name.isdigit()
        ][:MAX_MEMBERS]
    )


def _read_parameter(
    name: str,
    detail: ParameterWire,
    make: RecordMaker,
    providers: Mapping[str, Provider],
) -> Parameter:
    default = detail.provider_default if detail.default is None else detail.default
    return Parameter(
        name=name,
        type=detail.type,
        values=make.words(
            tuple(show_scalar(value) for value in detail.values or detail.enum or ())
        ),
        default=None if default is None else show_scalar(default),
        minimum=detail.provider_min if detail.min is None else detail.min,
        maximum=detail.provider_max if detail.max is None else detail.max,
        aliases=make.words(detail.aliases),
        is_required=detail.required,
        notes=detail.notes,
        providers=tuple(
            providers[one] for one in detail.providers or () if one in providers
        ),
    )


def _read_prices(pricing: PricingWire | None, make: RecordMaker) -> Any:
    meters = (pricing and pricing.meters) or {}
    prices = (
        make.price(
            name, meter.unit, meter.unit_size, meter.price_per_unit, meter.currency
        )
        for name, meter in meters.items()
        if meter is not None
    )
    return make.prices([price for price in prices if price is not None])
