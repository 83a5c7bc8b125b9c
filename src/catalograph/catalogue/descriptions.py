"""Adds the contents of side tables to the records of models."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from catalograph.catalogue.endpoint_groups import find_group
from catalograph.catalogue.prices import ListedPrices, PriceList, PriceListKind
from catalograph.catalogue.records import (
    Endpoint,
    Model,
    ModelGateway,
    Offering,
    Organisation,
    Parameter,
    Provider,
)
from catalograph.catalogue.side_tables import SideTable, TableKind

_RecordT = TypeVar("_RecordT", bound=msgspec.Struct)

_NO_LISTS: Final[tuple[PriceList, ...]] = ()


def describe(models: Iterable[Model], tables: Sequence[SideTable]) -> tuple[Model, ...]:
    """Add the values of side tables to models; equal values become one object.

    Values that a model already has are not replaced. Without a table of prices, an offering
    gets its floor prices as its only price list.

    Args:
        models: As the upstream listed them, without values from side tables.
        tables: The tables that could be read, at most one of a kind.
    """
    return Describer(tables).describe(models)


class Describer:
    """Looks up the values of side tables by id, and adds them to records.

    Args:
        tables: The tables that could be read, at most one of a kind.
    """

    def __init__(self, tables: Sequence[SideTable]) -> None:
        by_kind = {table.kind: table for table in tables}
        self._providers = _by_id(
            by_kind.get(TableKind.PROVIDERS), lambda one: one.providers, "provider_id"
        )
        self._organisations = _by_id(
            by_kind.get(TableKind.ORGANISATIONS),
            lambda one: one.organisations,
            "organisation_id",
        )
        self._endpoints = _by_id(
            by_kind.get(TableKind.ENDPOINTS), lambda one: one.endpoints, "endpoint_id"
        )
        prices = by_kind.get(TableKind.PRICES)
        self._prices = None if prices is None else _sort_prices(prices.prices)
        self._described: dict[msgspec.Struct, msgspec.Struct] = {}

    def describe(self, models: Iterable[Model]) -> tuple[Model, ...]:
        """Add the values of the tables to models."""
        return tuple(map(self.describe_model, models))

    def describe_model(self, model: Model) -> Model:
        """Add the values of the tables to one model."""
        made_by = model.organisation
        organisation = None if made_by is None else self.describe_organisation(made_by)
        gateway = (
            None if model.gateway is None else self._describe_gateway(model.gateway)
        )
        if organisation is made_by and gateway is model.gateway:
            return model
        return msgspec.structs.replace(
            model, organisation=organisation, gateway=gateway
        )

    def describe_organisation(self, organisation: Organisation) -> Organisation:
        """Add the values of the table to an organisation."""
        found = self._organisations.get(organisation.organisation_id)
        return self._fill(organisation, found)

    def describe_provider(self, provider: Provider) -> Provider:
        """Add the values of the table to a provider."""
        return self._fill(provider, self._providers.get(provider.provider_id))

    def describe_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Add the values of the endpoint's row, or else of another endpoint of its group."""
        endpoint_id = endpoint.endpoint_id
        names = (endpoint_id, *sorted(find_group(endpoint_id)))
        found = next(
            (self._endpoints[name] for name in names if name in self._endpoints), None
        )
        return self._fill(endpoint, found)

    def _describe_gateway(self, gateway: ModelGateway) -> ModelGateway:
        described = msgspec.structs.replace(
            gateway,
            endpoints=_map(self.describe_endpoint, gateway.endpoints),
            providers=_map(self.describe_provider, gateway.providers),
            offerings=_map(self._describe_offering, gateway.offerings),
            parameters=_map(self._describe_parameter, gateway.parameters),
        )
        return gateway if _is_same(described, gateway) else described

    def _describe_offering(self, offering: Offering) -> Offering:
        provider = self.describe_provider(offering.provider)
        endpoint = self.describe_endpoint(offering.endpoint)
        price_lists = self._list_prices(offering)
        if (
            provider is offering.provider
            and endpoint is offering.endpoint
            and price_lists == offering.price_lists
        ):
            return offering
        return msgspec.structs.replace(
            offering, provider=provider, endpoint=endpoint, price_lists=price_lists
        )

    def _describe_parameter(self, parameter: Parameter) -> Parameter:
        providers = _map(self.describe_provider, parameter.providers)
        if providers is parameter.providers:
            return parameter
        return self._share(msgspec.structs.replace(parameter, providers=providers))

    def _list_prices(self, offering: Offering) -> tuple[PriceList, ...]:
        if self._prices is None:
            if not offering.floor_prices:
                return _NO_LISTS
            floor = PriceList(kind=PriceListKind.FLOOR, prices=offering.floor_prices)
            return (floor,)
        endpoint_id = offering.endpoint.endpoint_id
        for name in (endpoint_id, *sorted(find_group(endpoint_id))):
            key = (offering.provider.provider_id, offering.model_id, name)
            if key in self._prices:
                return self._prices[key]
        return _NO_LISTS

    def _fill(self, record: _RecordT, other: _RecordT | None) -> _RecordT:
        """Fill the empty fields of a record from another one."""
        if other is None:
            return record
        known = self._described.get(record)
        if known is None:
            missing = {
                name: getattr(other, name)
                for name in record.__struct_fields__
                # Names are never filled in: models bring them along. So an operation that
                # selects only names does not wait for the table.
                if name != "name"
                and getattr(record, name) is None
                and getattr(other, name) is not None
            }
            known = msgspec.structs.replace(record, **missing) if missing else record
            self._described[record] = known
        return known  # type: ignore[return-value]

    def _share(self, record: _RecordT) -> _RecordT:
        return self._described.setdefault(record, record)  # type: ignore[return-value]


def _by_id(
    table: SideTable | None,
    read: Callable[[SideTable], Sequence[_RecordT]],
    key: str,
) -> Mapping[str, _RecordT]:
    """Map ids to the rows of a table; of rows with the same id, the first one counts."""
    rows = () if table is None else read(table)
    return {getattr(row, key): row for row in reversed(rows)}


def _sort_prices(
    lists: Iterable[ListedPrices],
) -> Mapping[tuple[str, str, str], tuple[PriceList, ...]]:
    """Group price lists by offering; the first list of each is taken as the standard tier."""
    found: dict[tuple[str, str, str], list[PriceList]] = {}
    for one in lists:
        key = (one.provider_id, one.model_id, one.endpoint_id)
        lists_of = found.setdefault(key, [])
        kind = PriceListKind.OTHER if lists_of else PriceListKind.STANDARD
        lists_of.append(PriceList(kind=kind, prices=one.prices))
    return {key: tuple(lists_of) for key, lists_of in found.items()}


def _map(
    change: Callable[[_RecordT], _RecordT], records: tuple[_RecordT, ...]
) -> tuple[_RecordT, ...]:
    """Apply a change to each record; return the same tuple if no record has changed."""
    changed = tuple(map(change, records))
    return (
        records
        if all(new is old for new, old in zip(changed, records, strict=True))
        else changed
    )


def _is_same(one: msgspec.Struct, other: msgspec.Struct) -> bool:
    return all(
        getattr(one, name) is getattr(other, name) for name in one.__struct_fields__
    )
