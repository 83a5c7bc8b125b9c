"""Builds the records of one page; equal values become one shared object."""

import datetime
import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from catalograph.catalogue.prices import Price, parse_amount
from catalograph.catalogue.records import (
    Endpoint,
    Organisation,
    Parameter,
    Provider,
)
from catalograph.upstream.salvage import Tally

_NO_WORDS: tuple[str, ...] = ()
_RecordT = TypeVar("_RecordT", bound=msgspec.Struct)

# `fromisoformat` accepts much more: week dates, any separator, trailing characters.
_INSTANT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)


class RecordMaker:
    """Builds the records of one page; equal values share one object, to save memory.

    Args:
        tally: Counts values that cannot be read.
        is_whole_list: Whether the list is unfiltered. Fields that the upstream derives from
            the other models of the same list are only right then.
    """

    def __init__(self, tally: Tally, *, is_whole_list: bool = True) -> None:
        self.is_whole_list = is_whole_list
        self._tally = tally
        self._records: dict[msgspec.Struct, msgspec.Struct] = {}
        self._organisations: dict[tuple[str | None, ...], Organisation] = {}
        self._providers: dict[tuple[str | None, ...], Provider] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._endpoint_lists: dict[tuple[str, ...], tuple[Endpoint, ...]] = {}
        self._words: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._parameter_lists: dict[tuple[Parameter, ...], tuple[Parameter, ...]] = {}
        self._price_lists: dict[tuple[Price, ...], tuple[Price, ...]] = {}

    def organisation(
        self,
        organisation_id: str,
        name: str | None = None,
        country_code: str | None = None,
        colour: str | None = None,
    ) -> Organisation:
        """Make or find an organisation with exactly these values."""
        key = (organisation_id, name, country_code, colour)
        found = self._organisations.get(key)
        if found is None:
            found = self._organisations[key] = Organisation(
                organisation_id=organisation_id,
                name=name,
                country_code=country_code,
                colour=colour,
            )
        return found

    def provider(
        self,
        provider_id: str,
        name: str | None = None,
        link: str | None = None,
        country_code: str | None = None,
    ) -> Provider:
        """Make or find a provider with exactly these values."""
        key = (provider_id, name, link, country_code)
        found = self._providers.get(key)
        if found is None:
            found = self._providers[key] = Provider(
                provider_id=provider_id, name=name, link=link, country_code=country_code
            )
        return found

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """Make or find an endpoint."""
        found = self._endpoints.get(endpoint_id)
        if found is None:
            found = self._endpoints[endpoint_id] = Endpoint(endpoint_id=endpoint_id)
        return found

    def endpoints(self, endpoint_ids: tuple[str, ...] | None) -> tuple[Endpoint, ...]:
        """Make or find the endpoints of a list, without repeats, in its order; empty for null."""
        if not endpoint_ids:
            return ()
        found = self._endpoint_lists.get(endpoint_ids)
        if found is None:
            distinct = dict.fromkeys(endpoint_ids)
            found = self._endpoint_lists[endpoint_ids] = tuple(
                self.endpoint(endpoint_id) for endpoint_id in distinct
            )
        return found

    def parameters(self, parameters: list[Parameter]) -> tuple[Parameter, ...]:
        """Share a list of parameters, sorted by name."""
        found = tuple(self._share(one) for one in sorted(parameters, key=_name_of))
        return self._parameter_lists.setdefault(found, found)

    def prices(self, prices: list[Price]) -> tuple[Price, ...]:
        """Share a list of prices, in its order."""
        found = tuple(self._share(price) for price in prices)
        return self._price_lists.setdefault(found, found)

    def price(
        self, meter: str, unit: str, unit_size: int, amount: object, currency: str
    ) -> Price | None:
        """Make a price without conditions; None, and counted, if `amount` is not a number."""
        read = parse_amount(amount) if isinstance(amount, str | float | int) else None
        if read is None:
            self._tally.add("price_per_unit", amount)
            return None
        return Price(
            meter=meter, unit=unit, unit_size=unit_size, amount=read, currency=currency
        )

    def words(self, words: tuple[str, ...] | None) -> tuple[str, ...]:
        """Share a list of words, in its order and with its repeats; empty for null."""
        return self._words.setdefault(words, words) if words else _NO_WORDS

    def day(self, field: str, text: str | None) -> datetime.date | None:
        """Read a calendar day, ignoring time and zone after it; None, and counted, if malformed."""
        return self._read(field, text, _read_day)

    def instant(self, field: str, text: str | None) -> datetime.datetime | None:
        """Read an instant as UTC, also if it has no zone; None, and counted, if malformed."""
        return self._read(field, text, _read_instant)

    def _read(
        self, field: str, text: str | None, read: Callable[[str], "_Read"]
    ) -> "_Read | None":
        if text is None:
            return None
        try:
            if _INSTANT.fullmatch(text):
                return read(text)
        except (ValueError, OverflowError):  # the latter: before year 1 or after 9999
            pass
        self._tally.add(field, text)
        return None

    def _share(self, record: _RecordT) -> _RecordT:
        return self._records.setdefault(record, record)  # type: ignore[return-value]


_Read = TypeVar("_Read")


def _read_day(text: str) -> datetime.date:
    return datetime.datetime.fromisoformat(text).date()


def _read_instant(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    if found.tzinfo is None:
        return found.replace(tzinfo=datetime.UTC)
    return found.astimezone(datetime.UTC)


def _name_of(parameter: Parameter) -> str:
    return parameter.name
