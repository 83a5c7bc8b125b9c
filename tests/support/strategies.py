"""Random catalogues and filters of few values, so that filters often match."""

import datetime
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from catalograph.catalogue.collation import collation_key
from catalograph.catalogue.filter import (
    EVERYTHING,
    DayRange,
    ModelsFilter,
    Values,
    normalise,
)
from catalograph.catalogue.prices import Price, PriceList, PriceListKind
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import (
    Availability,
    Endpoint,
    Model,
    Offering,
    Parameter,
    Provider,
    Status,
)
from support.catalogues import build_model

PROVIDERS = ("azure", "groq", "openai")
ENDPOINTS = ("audio.speech", "batch", "chat.completions")
"""None of them is another name of another, see `endpoint_groups`."""

ORGANISATIONS = ("meta", "mistral", "openai")
MODALITIES = ("Text", "audio", "image", "text")
STATUSES = ("", "Available", "RUMOURED", "Withdrawn", "deprecated", "Retired")
PARAMETERS = ("duration", "seed", "tools")
ALIASES = {"duration": ("seconds", "seed")}
"""By parameter; one is the name of another parameter, too."""
VARIANTS = ("free", "standard")
TOKENS = (None, 1_000, 8_000, 200_000)
AMOUNTS = (Decimal(0), Decimal("0.1"), Decimal("0.25"), Decimal(3))
NAMES = (None, "GPT-4o", "GPT 4o mini", "gpt-4O", "Été", "ete 2", "Llama 3.1 8B", " x")
DAYS = ("2024-05-05", "2024-05-06", "2025-01-01")
SEARCHES = (
    "gpt",
    "GPT 4o",
    "ete",
    "8b llama",
    "openai",
    "meta 3",
    "m",
    "zz",
    "4o-MINI",
)


def models(model_id: str) -> st.SearchStrategy[Model]:
    """Draw one model with this id."""
    days = st.none() | st.sampled_from(DAYS)
    modalities = st.lists(st.sampled_from(MODALITIES), max_size=3, unique=True)
    rows = st.lists(
        st.tuples(st.sampled_from(PROVIDERS), st.sampled_from(ENDPOINTS)), max_size=3
    )
    return st.builds(
        build_model,
        st.just(model_id),
        name=st.sampled_from(NAMES),
        status=st.none() | st.sampled_from(STATUSES),
        released=days,
        announced=days,
        organisation=st.none() | st.sampled_from(ORGANISATIONS),
        aliases=st.sampled_from([(), (f"alias/{model_id}",)]),
        inputs=modalities,
        outputs=modalities,
        rows=rows,
        # Without rows these hold, as in the flat shape.
        providers=st.lists(st.sampled_from(PROVIDERS), max_size=2),
        endpoints=st.lists(st.sampled_from(ENDPOINTS), max_size=2),
        offers=st.none() | st.lists(offerings(model_id), min_size=1, max_size=3),
        variant=st.sampled_from((None, *VARIANTS)),
        availability=st.none() | st.sampled_from(Availability),
        tokens=st.tuples(st.sampled_from(TOKENS), st.sampled_from(TOKENS)),
    )


def offerings(model_id: str) -> st.SearchStrategy[Offering]:
    """Draw an offering with parameters and prices."""
    amounts = st.none() | st.sampled_from(AMOUNTS)

    def build(
        provider: str,
        endpoint: str,
        names: list[str],
        amounts: tuple[Decimal | None, Decimal | None],
        currency: str,
        is_routable: bool,  # noqa: FBT001 - drawn
    ) -> Offering:
        meters = ("input_text_tokens", "output_text_tokens")
        prices = tuple(
            Price(
                meter=meter,
                unit="token",
                unit_size=1_000_000,
                amount=amount,
                currency=currency,
            )
            for meter, amount in zip(meters, amounts, strict=True)
            if amount is not None
        )
        lists = (PriceList(kind=PriceListKind.STANDARD, prices=prices),)
        return Offering(
            model_id=model_id,
            provider=Provider(provider_id=provider, name=provider.title()),
            endpoint=Endpoint(endpoint_id=endpoint),
            is_routable=is_routable,
            parameters=tuple(
                Parameter(name=name, aliases=ALIASES.get(name, ())) for name in names
            ),
            price_lists=lists if prices else (),
        )

    return st.builds(
        build,
        st.sampled_from(PROVIDERS),
        st.sampled_from(ENDPOINTS),
        st.lists(st.sampled_from(PARAMETERS), max_size=3, unique=True),
        st.tuples(amounts, amounts),
        st.sampled_from(("USD", "USD", "EUR")),
        st.booleans(),
    )


def catalogues(max_size: int = 12) -> st.SearchStrategy[list[Model]]:
    """Draw a catalogue in the upstream's order."""
    return (
        st.integers(min_value=0, max_value=max_size)
        .flatmap(lambda n: st.tuples(*(models(f"lab/model-{i}") for i in range(n))))
        .map(sort_as_upstream)
    )


def sort_as_upstream(models: tuple[Model, ...]) -> list[Model]:
    """Sort by day, newest first and undated last, then name, then id."""
    return sorted(
        models,
        key=lambda model: (
            -(model.listing_date or datetime.date.min).toordinal(),
            collation_key(model.name or ""),
            model.model_id,
        ),
    )


def filters(
    *,
    providers: tuple[str, ...] = PROVIDERS,
    organisations: tuple[str, ...] = ORGANISATIONS,
    endpoints: tuple[str, ...] = ENDPOINTS,
    modalities: tuple[str, ...] = MODALITIES,
    model_ids: tuple[str, ...] = ("lab/model-1", "lab/model-2", "lab/model-3"),
    days: tuple[str, ...] = DAYS,
) -> st.SearchStrategy[ModelsFilter]:
    """Draw a filter of at most four restrictions; some name an unknown value."""

    def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
        value = st.sampled_from((*values, *values, "unknown", values[0].upper()))
        return st.lists(value, min_size=1, max_size=2).map(normalise)

    def some_or_none(values: tuple[str, ...]) -> st.SearchStrategy[Values]:
        return some(values) | some(values).map(lambda chosen: (*chosen, None))

    date = st.sampled_from(days).map(datetime.date.fromisoformat)
    values: dict[str, st.SearchStrategy[object]] = {
        "providers": some_or_none(providers),
        "organisations": some_or_none(organisations),
        "endpoints": some_or_none(endpoints),
        "exclude_endpoints": some(endpoints),
        "input_modalities": some_or_none(modalities),
        "output_modalities": some_or_none(modalities),
        "include_rumoured": st.just(False),  # noqa: FBT003 - a value
        "include_deprecated": st.just(False),  # noqa: FBT003 - a value
        "include_retired": st.just(False),  # noqa: FBT003 - a value
        "model_ids": some(model_ids),
        "statuses": st.lists(st.none() | st.sampled_from(Status), min_size=1).map(
            tuple
        ),
        "is_routable": st.booleans(),
        "release_date": st.builds(DayRange, date)
        | st.builds(DayRange, st.none(), date)
        | st.tuples(date, date).map(lambda days: DayRange(*sorted(days))),
        "all_input_modalities": some(modalities),
        "all_output_modalities": some(modalities),
        "parameters": some_or_none((*PARAMETERS, "seconds")),
        "all_parameters": some((*PARAMETERS, "seconds")),
        "availability": st.lists(
            st.none() | st.sampled_from(Availability), min_size=1
        ).map(tuple),
        "variants": some_or_none(VARIANTS),
        "min_input_tokens": st.sampled_from((0, 1_000, 8_001)),
        "min_output_tokens": st.sampled_from((0, 1_000, 8_001)),
        "max_input_price": st.sampled_from(AMOUNTS),
        "max_output_price": st.sampled_from(AMOUNTS),
        "is_free": st.booleans(),
    }
    # Filters on rows interact, so their fields are drawn more often.
    fields = (*values, "providers", "endpoints", "exclude_endpoints", "all_parameters")
    return (
        st.lists(st.sampled_from(fields), max_size=4, unique=True)
        .flatmap(lambda chosen: st.fixed_dictionaries({f: values[f] for f in chosen}))
        .map(lambda chosen: msgspec.structs.replace(EVERYTHING, **chosen))
    )


def orders() -> st.SearchStrategy[ModelsOrder | None]:
    """Draw an order, or none."""
    return st.none() | st.builds(
        ModelsOrder, st.sampled_from(OrderField), st.booleans()
    )
