"""Builds the stored catalogue of August 2026 from the data file."""

import decimal
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from catalograph.demo.catalogue import (
    Case,
    CatalogueFile,
    Model,
    Offering,
    Prices,
    Provider as ProviderFacts,
    Step,
    build_row,
    read_file,
)
from catalograph.demo.v2026_08.december import (
    convert_date,
    convert_id,
    convert_owner_id,
    convert_row,
    convert_status,
    drop_twins,
)
from catalograph.demo.v2026_08.rows import (
    Catalogue,
    Condition,
    FreeRouter,
    Organisation,
    Organization,
    Price,
    PriceList,
    Provider,
    ProviderRow,
    StoredModel,
    TimeWindow,
)

_SHORT_METERS: Final[Mapping[str, str]] = {
    "in": "input_text_tokens",
    "out": "output_text_tokens",
    "cached": "cached_read_text_tokens",
}

# Unit and default size by meter; all other meters count tokens.
_UNITS: Final[Mapping[str, tuple[str, int]]] = {
    "image_pixels": ("pixel", 1_000_000_000),
    "input_audio_seconds": ("second", 60),
    "input_characters": ("character", 1000),
    "output_image": ("image", 1),
    "output_video_seconds": ("second", 1),
    "output_videos": ("video", 1),
    "search_units": ("request", 1000),
    "web_search": ("request", 1000),
}
_TOKENS: Final = ("token", 1_000_000)

_BATCH = "batch"
_OF_THE_MODEL = frozenset({"text.generate", "video.generate"})
"""Capabilities for which a model may name its own parameter sets."""


def read_catalogue() -> Catalogue:
    """Read the embedded catalogue, with its variants `:free`.

    Raises:
        msgspec.ValidationError: The data file does not have the format of `demo.catalogue`.
        KeyError: It names a provider or a parameter set that it does not define.
    """
    data = read_file()
    stored = [
        model
        for each in data.models
        for model in (_build_model(data, each), *_build_free(data, each))
    ]
    renamed = {name for name in data.organisations if convert_owner_id(name) != name}
    return Catalogue(
        models=tuple(stored),
        providers=tuple(
            Provider(
                provider_id,
                facts.name,
                facts.about,
                facts.link,
                facts.country_code or "xx",
            )
            for provider_id, facts in data.providers.items()
            if provider_id not in renamed
        ),
        organisations=tuple(
            Organisation(
                organisation_id,
                facts.name,
                facts.country_code or "xx",
                facts.about,
                facts.colour,
            )
            for organisation_id, facts in data.organisations.items()
            if organisation_id not in renamed
        ),
        free_router=FreeRouter(),
    )


def _build_model(data: CatalogueFile, model: Model) -> StoredModel:
    model_id = convert_id(model.model_id)
    organisation_id = model_id.partition("/")[0]
    organisation = data.organisations.get(organisation_id)
    most_in, most_out = model.limits
    return StoredModel(
        id=model_id,
        name=model.name or model_id,
        description=model.about,
        organization=None
        if organisation is None
        else Organization(organisation_id, organisation.name, organisation.colour),
        aliases=tuple(sorted({*model.aliases, model.model_id} - {model_id})),
        status=convert_status(model.status),
        released_at=_midnight(model.released),
        deprecated_at=_midnight(model.deprecated),
        retires_at=_midnight(model.retired or model.retires),
        predecessor_ids=tuple(map(convert_id, model.after)),
        input=model.takes,
        output=model.gives,
        input_tokens=most_in,
        output_tokens=most_out,
        rows=_build_rows(data, model, model.offerings),
        price_lists=tuple(
            prices
            for offering in model.offerings
            for prices in _build_price_lists(data, model, offering)
        ),
    )


def _build_free(data: CatalogueFile, model: Model) -> Iterator[StoredModel]:
    """Build the variant `:free`, if there is one."""
    if not model.free:
        return
    base = _build_model(data, model)
    nothing = (
        _build_price("input_text_tokens", "0"),
        _build_price("output_text_tokens", "0"),
    )
    yield msgspec.structs.replace(
        base,
        id=f"{base.id}:free",
        name=f"{base.name} (Free)",
        base_model_id=base.id,
        variant="free",
        aliases=(),
        predecessor_ids=(),
        rows=_build_rows(data, model, model.free),
        price_lists=tuple(
            PriceList(
                provider_id=offering.provider,
                endpoint="text.generate",
                prices=nothing,
            )
            for offering in model.free
        ),
    )


def _build_rows(
    data: CatalogueFile, model: Model, offerings: tuple[Offering, ...]
) -> tuple[ProviderRow, ...]:
    return drop_twins(
        _build_row(data, model, offering, endpoint)
        for offering in offerings
        for endpoint in offering.endpoints
    )


def _build_row(
    data: CatalogueFile, model: Model, offering: Offering, endpoint: str
) -> ProviderRow:
    provider = data.providers[offering.provider]
    row = convert_row(build_row(data, model, offering, endpoint))
    is_routed = provider.routing == offering.routing == "active"
    return msgspec.structs.replace(
        row,
        provider_status=offering.rollout,
        provider_routing=provider.routing,
        model_routing=offering.routing,
        capability_status=offering.capability.get(endpoint, "active"),
        is_on=row.is_on and is_routed,
        parameters=_build_parameters(data, model, provider, row.endpoint),
    )


def _build_parameters(
    data: CatalogueFile, model: Model, provider: ProviderFacts, capability: str
) -> dict[str, dict[str, Any]]:
    sets = data.parameters.get(capability, ())
    if capability in _OF_THE_MODEL:
        sets = model.params or sets
    if capability == "text.generate":
        if provider.parameters == ():
            return {}
        sets = (*sets, *(provider.parameters or ()))
    return {
        name: {"supported": True} | known | provider.details.get(name, {})
        for each in sets
        for name, known in data.parameter_sets[each].items()
    }


def _build_price_lists(
    data: CatalogueFile, model: Model, offering: Offering
) -> Iterator[PriceList]:
    """Build the price lists of one offering: standard, batch, then those of other times."""
    provider = data.providers[offering.provider]
    standard = () if offering.unpriced else tuple(_price(model, offering, provider))
    rows = _build_rows(data, model, (offering,))
    for capability in dict.fromkeys(row.endpoint for row in rows):
        lists = _build_tiers(
            capability, standard, has_batch=_BATCH in offering.endpoints, facts=provider
        )
        for prices in lists:
            yield PriceList(
                provider_id=convert_owner_id(offering.provider),
                endpoint=capability,
                prices=prices,
            )
        if capability != _BATCH:
            for other in offering.other_prices:
                yield PriceList(
                    provider_id=convert_owner_id(offering.provider),
                    endpoint=capability,
                    prices=tuple(_price_each(other.price, model, provider.currency)),
                    since=_midnight(other.since),
                    until=_midnight(other.until),
                )


def _build_tiers(
    capability: str,
    standard: tuple[Price, ...],
    *,
    has_batch: bool,
    facts: ProviderFacts,
) -> Iterator[tuple[Price, ...]]:
    """Build the standard tier, and the batch tier after it or in its place."""
    if not standard:
        return
    if capability != _BATCH:
        yield standard
    if has_batch and facts.batch_factor:
        yield tuple(_multiply(price, facts.batch_factor) for price in standard)
    elif capability == _BATCH:
        yield standard


def _price(
    model: Model, offering: Offering, provider: ProviderFacts
) -> Iterator[Price]:
    """Build the prices of the standard tier."""
    if offering.price is not None:
        found = list(_price_each(offering.price, model, provider.currency))
    else:
        found = [
            *_price_steps(model.steps, model, provider.currency),
            *_price_cases(model.cases, model, provider.currency),
            *_price_each(model.price, model, provider.currency),
        ]
    for price in found:
        yield msgspec.structs.replace(
            price,
            time_windows=tuple(
                TimeWindow(
                    label=window.label,
                    end_time=window.end,
                    timezone=window.zone,
                    start_time=window.start,
                    price_per_unit=float(price.price_per_unit) * float(window.factor),
                )
                for window in offering.windows
            ),
        )


def _price_steps(
    steps: tuple[Step, ...], model: Model, currency: str
) -> Iterator[Price]:
    above: int | None = None
    for step in steps:
        bounds = [("gt", above), ("lte", step.up_to)]
        conditions = [
            Condition(op, "input_tokens", bound, 1, place)
            for place, (op, bound) in enumerate(
                ((op, bound) for op, bound in bounds if bound is not None), start=1
            )
        ]
        for price in _price_each(step.price, model, currency):
            yield msgspec.structs.replace(price, conditions=tuple(conditions))
        above = step.up_to


def _price_cases(
    cases: tuple[Case, ...], model: Model, currency: str
) -> Iterator[Price]:
    for case in cases:
        conditions = tuple(
            Condition("eq", path, value, 1, place)
            for place, (path, value) in enumerate(case.when.items(), start=1)
        )
        for price in _price_each(case.price, model, currency):
            yield msgspec.structs.replace(price, conditions=conditions)


def _price_each(prices: Prices, model: Model, currency: str) -> Iterator[Price]:
    for name, amount in prices.items():
        meter = _SHORT_METERS.get(name, name)
        yield _build_price(meter, amount, currency, model.unit_sizes.get(meter))


def _build_price(
    meter: str, amount: str, currency: str = "USD", unit_size: int | None = None
) -> Price:
    unit, usual_size = _UNITS.get(meter, _TOKENS)
    return Price(meter, unit, unit_size or usual_size, amount, currency)


def _multiply(price: Price, factor: str) -> Price:
    amount = decimal.Decimal(price.price_per_unit) * decimal.Decimal(factor)
    return msgspec.structs.replace(
        price, price_per_unit=f"{amount.normalize():f}", time_windows=()
    )


def _midnight(day: str | None) -> str | None:
    return day and convert_date(f"{day}T00:00:00")
