"""Prices: the lowest stored price of each meter, and the lists of `/pricing/models`."""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from catalograph.demo.parameters import print_decimal
from catalograph.demo.rows import parse_instant
from catalograph.demo.v2026_08.rows import Price, PriceList, StoredModel

METERS: Final = (
    "input_tokens",
    "input_characters",
    "input_text_bytes",
    "input_text_tokens",
    "input_image_tokens",
    "input_image",
    "input_video_tokens",
    "input_audio_tokens",
    "input_audio_seconds",
    "output_tokens",
    "output_text_tokens",
    "output_image_tokens",
    "output_image",
    "output_audio_tokens",
    "output_audio_seconds",
    "web_search",
    "implicit_cached_input_text_tokens",
    "cached_read_text_tokens",
    "cached_write_text_tokens",
    "cached_write_text_tokens_5m",
    "cached_write_text_tokens_1h",
)
"""The meters that models and offers show, in this order; others are not shown."""

Meter = dict[str, Any]


class Floors:
    """The lowest stored price of each meter of one model.

    Like the real service, this ignores tiers, conditions, windows and dates.
    """

    def __init__(self, price_lists: Iterable[PriceList]) -> None:
        owned: dict[str, dict[str, Meter]] = {}
        for price_list in price_lists:
            own = owned.setdefault(price_list.provider_id, {})
            for price in price_list.prices:
                _lower(own, price.meter, _find_floor(price_list.provider_id, price))
        self._best: dict[str, Meter] = {}
        for provider_id, own in sorted(owned.items()):
            for name, meter in own.items():
                _lower(self._best, name, meter)
                # As in the real service, the lowest price has the id of the last provider
                # with this meter, not of the one it belongs to.
                self._best[name] = self._best[name] | {"provider_id": provider_id}
        self._shown = {provider_id: _show(own) for provider_id, own in owned.items()}

    def show_own(self, provider_id: str) -> dict[str, Any]:
        """Build the prices of one provider."""
        return self._shown.get(provider_id) or _show({})

    def show_best(self, provider_ids: Iterable[str]) -> dict[str, Any]:
        """Build the lowest prices of all providers; null if their provider is not given."""
        listed = set(provider_ids)

        return _show(
            {
                name: meter
                for name, meter in self._best.items()
                if meter["provider_id"] in listed
            }
        )


def _find_floor(provider_id: str, price: Price) -> Meter:
    in_windows = [float(window.price_per_unit) for window in price.time_windows]
    lowest = min([float(price.price_per_unit), *in_windows])
    is_standard = lowest == float(price.price_per_unit)
    return {
        "provider_id": provider_id,
        "unit": price.unit,
        "unit_size": price.unit_size,
        "price_per_unit": price.price_per_unit
        if is_standard
        else print_decimal(lowest),
        "currency": price.currency,
    }


def _lower(found: dict[str, Meter], name: str, meter: Meter) -> None:
    known = found.get(name)
    if known is None or float(meter["price_per_unit"]) < float(known["price_per_unit"]):
        found[name] = meter


def _show(meters: Mapping[str, Meter]) -> dict[str, Any]:
    return {
        "pricing_plan": "standard",
        "meters": {name: meters.get(name) for name in METERS},
    }


def find_served_prices(model: StoredModel) -> list[PriceList]:
    """Find the price lists of a model that belong to one of its rows."""
    served = {(row.provider_id, row.endpoint) for row in model.rows}
    return [
        prices
        for prices in model.price_lists
        if (prices.provider_id, prices.endpoint) in served
    ]


def list_prices(
    models: Iterable[StoredModel], now: datetime.datetime
) -> list[dict[str, Any]]:
    """List all current prices of providers with an active row.

    Returns:
        One entry for each tier, ordered by provider, model and endpoint. Tiers have no names,
        and are in stored order.
    """
    found = [entry for model in models for entry in _list_model(model, now)]
    return sorted(
        found, key=lambda entry: (entry["provider"], entry["model"], entry["endpoint"])
    )


def _list_model(model: StoredModel, now: datetime.datetime) -> Iterator[dict[str, Any]]:
    switched_on = {row.provider_id for row in model.rows if row.is_on}
    for prices in model.price_lists:
        if prices.provider_id in switched_on and _is_in_force(prices, now):
            yield {
                "provider": prices.provider_id,
                "model": model.id,
                "endpoint": prices.endpoint,
                "display_name": model.name,
                "meters": prices.prices,
            }


def _is_in_force(prices: PriceList, now: datetime.datetime) -> bool:
    since, until = parse_instant(prices.since), parse_instant(prices.until)
    return (since is None or since <= now) and (until is None or now < until)
