"""August 2026: side tables of providers, organisations, endpoints and prices."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import msgspec

from catalograph.catalogue.prices import (
    ListedPrices,
    Price,
    PriceCondition,
    PriceWindow,
    parse_amount,
)
from catalograph.catalogue.records import Endpoint, Organisation, Provider
from catalograph.catalogue.side_tables import TableKind
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.tables import TableRoute
from catalograph.upstream.versions.version import MAX_MEMBERS, Id, Text, Word

_UNKNOWN_COUNTRY: Final = "xx"

Scalar = Word | bool | int | float


class ProviderWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `providers`."""

    api_provider_id: Id
    api_provider_name: Word | None = None
    description: Text | None = None
    link: Text | None = None
    country_code: Word | None = None


class OrganisationWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `organisations`."""

    organisation_id: Id
    name: Word | None = None
    country_code: Word | None = None
    description: Text | None = None
    colour: Word | None = None


class EndpointWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `data`. Its counts are not read: they follow from the models."""

    id: Id
    public_path: Word | None = None
    collection: Word | None = None


class ConditionWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `conditions`."""

    path: Word
    op: Word
    value: Scalar | tuple[Scalar, ...] | None = None
    or_group: int | None = None


class WindowWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `time_windows`."""

    start_time: Annotated[str, msgspec.Meta(pattern="^[0-2][0-9]:[0-5][0-9]$")]
    end_time: Annotated[str, msgspec.Meta(pattern="^[0-2][0-9]:[0-5][0-9]$")]
    price_per_unit: Word | float
    timezone: Word | None = None
    label: Word | None = None


class MeterWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `meters`, left out if any part of it is malformed.

    Without one of its conditions, the price would seem to apply more often than it does.
    """

    is_all_or_nothing: ClassVar[bool] = True

    meter: Id
    unit: Word
    unit_size: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    price_per_unit: Word | float
    currency: Word
    conditions: tuple[ConditionWire, ...] = ()
    time_windows: tuple[WindowWire, ...] = ()


class PricesWire(msgspec.Struct, frozen=True, gc=False):
    """One element of `models`: the prices of one provider, model, endpoint and tier."""

    provider: Id
    model: Id
    endpoint: Id
    meters: (
        Annotated[tuple[MeterWire, ...], msgspec.Meta(max_length=MAX_MEMBERS)] | None
    ) = None


def _build_provider(row: ProviderWire, make: RecordMaker) -> Provider:
    del make
    return Provider(
        provider_id=row.api_provider_id,
        name=row.api_provider_name,
        link=row.link,
        country_code=_read_country(row.country_code),
        description=row.description,
    )


def _build_organisation(row: OrganisationWire, make: RecordMaker) -> Organisation:
    del make
    return Organisation(
        organisation_id=row.organisation_id,
        name=row.name,
        country_code=_read_country(row.country_code),
        description=row.description,
        colour=row.colour,
    )


def _build_endpoint(row: EndpointWire, make: RecordMaker) -> Endpoint:
    del make
    return Endpoint(
        endpoint_id=row.id, public_path=row.public_path, collection=row.collection
    )


def _build_prices(row: PricesWire, make: RecordMaker) -> ListedPrices:
    prices = (_build_price(meter, make) for meter in row.meters or ())
    return ListedPrices(
        provider_id=row.provider,
        model_id=row.model,
        endpoint_id=row.endpoint,
        prices=make.prices([price for price in prices if price is not None]),
    )


def _build_price(meter: MeterWire, make: RecordMaker) -> Price | None:
    price = make.price(
        meter.meter, meter.unit, meter.unit_size, meter.price_per_unit, meter.currency
    )
    windows = tuple(map(_build_window, meter.time_windows))
    if price is None or None in windows:
        return None
    if not windows and not meter.conditions:
        return price
    return msgspec.structs.replace(
        price,
        conditions=tuple(map(_build_condition, meter.conditions)),
        windows=windows,
    )


def _build_window(window: WindowWire) -> PriceWindow | None:
    amount = parse_amount(window.price_per_unit)
    if amount is None:
        return None
    return PriceWindow(
        label=window.label,
        start=window.start_time,
        end=window.end_time,
        time_zone=window.timezone or "UTC",
        amount=amount,
    )


def _build_condition(condition: ConditionWire) -> PriceCondition:
    value = condition.value
    values: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
    return PriceCondition(
        parameter=condition.path,
        operator=condition.op,
        values=tuple(show_scalar(one) for one in values if one is not None),
        group=condition.or_group,
    )


def _read_country(code: str | None) -> str | None:
    return None if code is None or code.lower() == _UNKNOWN_COUNTRY else code


def show_scalar(value: Scalar) -> str:
    """Write a value as JSON, but a string without quotes."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


TABLES: Final[Mapping[TableKind, TableRoute]] = {
    TableKind.PROVIDERS: TableRoute(
        path="/providers",
        rows="providers",
        row_type=ProviderWire,
        build=_build_provider,
        is_paged=True,
    ),
    TableKind.ORGANISATIONS: TableRoute(
        path="/organisations",
        rows="organisations",
        row_type=OrganisationWire,
        build=_build_organisation,
        is_paged=True,
    ),
    TableKind.ENDPOINTS: TableRoute(
        path="/endpoints", rows="data", row_type=EndpointWire, build=_build_endpoint
    ),
    TableKind.PRICES: TableRoute(
        path="/pricing/models", rows="models", row_type=PricesWire, build=_build_prices
    ),
}
