"""Prices by step, hour and currency, compared with a simple reference in exact fractions."""

import datetime
import gzip
import json
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from catalograph.catalogue.prices import (
    Price,
    PriceCondition,
    PriceList,
    PriceListKind,
    PriceWindow,
    parse_amount,
)
from catalograph.catalogue.pricing import (
    NO_PRICES,
    Cost,
    CostPart,
    PricePostings,
    TokenPrices,
    Usage,
    find_amount,
    find_cheapest,
    find_cost,
    find_model_prices,
    find_token_prices,
    format_amount,
    is_free,
)
from catalograph.catalogue.records import (
    Endpoint,
    Model,
    ModelGateway,
    Offering,
    Provider,
)

NOON = datetime.datetime(2026, 8, 22, 12, tzinfo=datetime.UTC)
RECORDED = (
    Path(__file__).parents[3] / "shared/upstream/today/data/pricing-models.json.gz"
)


def price(
    meter: str,
    amount: str,
    *conditions: tuple[str, str],
    currency: str = "USD",
    windows: Iterable[PriceWindow] = (),
    parameter: str = "input_tokens",
) -> Price:
    """Build a price for a million tokens; each condition is an operator and a value."""
    return Price(
        meter=meter,
        unit="token",
        unit_size=1_000_000,
        amount=Decimal(amount),
        currency=currency,
        conditions=tuple(
            PriceCondition(
                parameter=parameter, operator=operator, values=(value,), group=1
            )
            for operator, value in conditions
        ),
        windows=tuple(windows),
    )


def window(start: str, end: str, amount: str, zone: str = "UTC") -> PriceWindow:
    return PriceWindow(
        label="peak", start=start, end=end, time_zone=zone, amount=Decimal(amount)
    )


INPUT, OUTPUT, CACHED = (
    "input_text_tokens",
    "output_text_tokens",
    "cached_read_text_tokens",
)
STEPPED = (
    price(INPUT, "3", ("gt", "200000")),
    price(INPUT, "1.5", ("lte", "200000")),
    price(OUTPUT, "6", ("lte", "200000")),
    price(OUTPUT, "9", ("gt", "200000")),
    price(CACHED, "0.15", ("lte", "200000")),
)


def offer(
    provider: str,
    prices: Sequence[Price],
    *,
    endpoint: str = "text.generate",
    routable: bool = True,
    kind: PriceListKind = PriceListKind.STANDARD,
) -> Offering:
    return Offering(
        model_id="a/b",
        provider=Provider(provider_id=provider),
        endpoint=Endpoint(endpoint_id=endpoint),
        is_routable=routable,
        price_lists=(PriceList(kind=kind, prices=tuple(prices)),),
    )


def model(*offerings: Offering) -> Model:
    return Model(
        model_id="a/b", gateway=ModelGateway(is_routable=True, offerings=offerings)
    )


def test_the_lowest_step_is_the_price() -> None:
    assert find_token_prices(STEPPED, NOON) == TokenPrices(
        Decimal("1.5"), Decimal(6), "USD"
    )


def test_the_first_counts_of_several_that_remain() -> None:
    prices = (
        price(INPUT, "0.35"),
        price(INPUT, "0.805"),
        price(INPUT, "0.1", ("lte", "5")),
    )

    assert find_token_prices(prices, NOON).input == Decimal("0.35")


def test_conditions_on_anything_else_are_no_token_price() -> None:
    prices = (
        price(INPUT, "1", ("eq", "high"), parameter="image_params.quality"),
        price(OUTPUT, "2", ("between", "5")),
    )

    assert find_token_prices(prices, NOON) == NO_PRICES


def test_prices_for_other_sizes_are_told_for_a_million() -> None:
    small = Price(
        meter=INPUT,
        unit="token",
        unit_size=1_000,
        amount=Decimal("0.0001"),
        currency="USD",
    )

    assert find_token_prices((small,), NOON).input == Decimal("0.1")


def test_free_is_not_unpriced() -> None:
    free = find_token_prices((price(INPUT, "0"), price(OUTPUT, "0")), NOON)
    half = find_token_prices((price(INPUT, "0"),), NOON)

    assert free.is_free
    assert free.input == Decimal(0)
    assert not half.is_free
    assert half.output is None


def test_currencies_are_never_mixed() -> None:
    mixed = (price(INPUT, "1"), price(OUTPUT, "1", currency="EUR"))
    cached = (price(INPUT, "1", currency="EUR"), price(CACHED, "0"))
    usage = Usage(input_tokens=10, cached_input_tokens=5, at=NOON)

    assert find_token_prices(mixed, NOON) == NO_PRICES
    assert find_token_prices(cached, NOON).currency == "EUR"
    assert find_cost(cached, usage) is None
    assert find_cost(cached, Usage(input_tokens=10, at=NOON)) == Cost(
        Decimal("0.00001"), "EUR", (CostPart(INPUT, 10, Decimal("0.00001")),)
    )


@pytest.mark.parametrize(
    ("time", "amount"),
    [
        ("00:59", "1"),
        ("01:00", "2"),
        ("03:59", "2"),
        ("04:00", "1"),
        ("22:59", "1"),
        ("23:00", "3"),
        ("00:10", "3"),
        ("00:30", "1"),
    ],
)
def test_windows_hold_from_their_start_until_before_their_end(
    time: str, amount: str
) -> None:
    day = price(
        INPUT,
        "1",
        windows=(window("01:00", "04:00", "2"), window("23:00", "00:30", "3")),
    )
    at = datetime.datetime.fromisoformat(f"2026-08-22T{time}:59+00:00")

    assert find_amount(day, at) == Decimal(amount)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("00:59:00", 60), ("01:00:00", 10_800), ("03:59:59", 1), ("04:00:00", 75_600)],
)
def test_prices_hold_until_a_window_opens_or_closes(time: str, seconds: int) -> None:
    prices = (price(INPUT, "1", windows=(window("01:00", "04:00", "2"),)),)
    at = datetime.datetime.fromisoformat(f"2026-08-22T{time}+00:00")

    with_windows = PricePostings([model(offer("a", prices))], at, [0])
    without = PricePostings([model(offer("a", [price(INPUT, "1")]))], at, [0])

    assert with_windows.find_seconds_left(at) == seconds
    assert without.find_seconds_left(at) == math.inf


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        # In Berlin, clocks skip from 02:00 to 03:00 at 01:00 UTC, so there is no 02:30.
        pytest.param("2026-03-29T00:10:00", 3_000, id="until clocks go forward"),
        pytest.param("2026-03-29T01:00:00", 1_800, id="after it"),
        # Clocks go back from 03:00 to 02:00 at 01:00 UTC, so 02:30 occurs twice.
        pytest.param("2026-10-25T00:10:00", 1_200, id="the first 02:30"),
        pytest.param("2026-10-25T00:40:00", 1_200, id="until clocks go back"),
        pytest.param("2026-10-25T01:10:00", 1_200, id="the second 02:30"),
        pytest.param("2026-10-25T01:40:00", 3_000, id="the end"),
    ],
)
def test_prices_hold_until_a_window_changes_when_clocks_do(
    time: str, seconds: int
) -> None:
    prices = (
        price(INPUT, "1", windows=(window("02:30", "03:30", "2", "Europe/Berlin"),)),
    )
    at = datetime.datetime.fromisoformat(time).replace(tzinfo=datetime.UTC)

    postings = PricePostings([model(offer("a", prices))], at, [0])

    assert postings.find_seconds_left(at) == seconds


@pytest.mark.parametrize(
    ("time", "amount"),
    [
        ("2026-03-29T00:59:59", "1"),
        ("2026-03-29T01:00:00", "2"),
        ("2026-03-29T01:30:00", "1"),
        ("2026-10-25T00:30:00", "2"),
        ("2026-10-25T01:15:00", "1"),
        ("2026-10-25T01:45:00", "2"),
        ("2026-10-25T02:30:00", "1"),
    ],
)
def test_windows_follow_the_clocks_of_their_zone(time: str, amount: str) -> None:
    with_window = price(
        INPUT, "1", windows=(window("02:30", "03:30", "2", "Europe/Berlin"),)
    )
    at = datetime.datetime.fromisoformat(time).replace(tzinfo=datetime.UTC)

    assert find_amount(with_window, at) == Decimal(amount)


@pytest.mark.parametrize(
    ("time", "zone"),
    [
        ("9999-12-31T23:30:00", "Asia/Shanghai"),
        ("0001-01-01T00:30:00", "America/New_York"),
    ],
)
def test_the_ends_of_the_calendar_have_no_price_in_a_zone_beyond(
    time: str, zone: str
) -> None:
    with_window = price(INPUT, "1", windows=(window("02:30", "03:30", "2", zone),))
    at = datetime.datetime.fromisoformat(time).replace(tzinfo=datetime.UTC)

    assert find_amount(with_window, at) is None


def test_windows_are_in_their_own_time_zone() -> None:
    shifted = price(
        INPUT, "1", windows=(window("20:00", "21:00", "2", "Asia/Shanghai"),)
    )

    assert find_amount(shifted, NOON) == 2
    assert find_amount(shifted, NOON.replace(hour=13)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        window("1", "2", "3"),
        window("01:00", "25:00", "3"),
        window("01:00", "02:00", "3", "Nowhere/At"),
    ],
)
def test_a_window_that_cannot_be_understood_has_no_price(bad: PriceWindow) -> None:
    prices = (price(INPUT, "1", windows=(bad,)),)

    assert find_token_prices(prices, NOON).input is None
    assert find_cost(prices, Usage(input_tokens=1, at=NOON)) is None


def test_cost_has_parts_that_add_up() -> None:
    usage = Usage(
        input_tokens=100_000, cached_input_tokens=40_000, output_tokens=2_000, at=NOON
    )

    assert find_cost(STEPPED, usage) == Cost(
        Decimal("0.108"),
        "USD",
        (
            CostPart(INPUT, 60_000, Decimal("0.09")),
            CostPart(CACHED, 40_000, Decimal("0.006")),
            CostPart(OUTPUT, 2_000, Decimal("0.012")),
        ),
    )


def test_the_step_follows_from_all_input_tokens() -> None:
    """Above the step there is no cached price, so cached tokens cost as much as others."""
    usage = Usage(
        input_tokens=200_001, cached_input_tokens=200_000, output_tokens=1, at=NOON
    )

    assert find_cost(STEPPED, usage) == Cost(
        Decimal("0.600012"),
        "USD",
        (
            CostPart(INPUT, 200_001, Decimal("0.600003")),
            CostPart(OUTPUT, 1, Decimal("0.000009")),
        ),
    )


def test_a_usage_without_a_price_for_a_part_has_no_cost() -> None:
    prices = (price(INPUT, "1"),)

    assert find_cost(prices, Usage(input_tokens=1, output_tokens=1, at=NOON)) is None
    assert find_cost((), Usage(input_tokens=1, at=NOON)) is None


def test_nothing_used_costs_nothing_where_there_are_prices() -> None:
    assert find_cost(STEPPED, Usage(at=NOON)) == Cost(Decimal(0), "USD", ())
    assert find_cost((), Usage(at=NOON)) is None


def test_a_model_has_the_lowest_prices_of_routable_offerings_in_dollars() -> None:
    one = model(
        offer("off", [price(INPUT, "0.1"), price(OUTPUT, "0.1")], routable=False),
        offer("batch", [price(INPUT, "0.2"), price(OUTPUT, "0.2")], endpoint="batch"),
        offer("floor", [price(INPUT, "0.3")], kind=PriceListKind.FLOOR),
        offer("other", [price(INPUT, "0.3")], kind=PriceListKind.OTHER),
        offer("euro", [price(INPUT, "0.4", currency="EUR")]),
        offer("a", [price(INPUT, "2"), price(OUTPUT, "3")]),
        offer("b", [price(INPUT, "1"), price(OUTPUT, "4")]),
    )

    assert find_model_prices(one, NOON) == TokenPrices(Decimal(1), Decimal(3), "USD")
    assert find_model_prices(model(), NOON) == NO_PRICES
    assert not is_free(one, NOON)


def test_the_cheapest_offering_depends_on_the_usage() -> None:
    a = offer("a", [price(INPUT, "2"), price(OUTPUT, "3")])
    b = offer("b", [price(INPUT, "1"), price(OUTPUT, "4")])
    euro = offer("c", [price(INPUT, "1", currency="EUR")])
    one = model(a, b, euro)

    def cheapest(currency: str = "USD", **counts: int) -> Offering | None:
        return find_cheapest(one, Usage(at=NOON, **counts), currency)

    assert cheapest(input_tokens=10, output_tokens=1) == b
    assert cheapest(output_tokens=10) == a
    assert cheapest(input_tokens=1, output_tokens=1) == a  # the first of equals
    assert cheapest("EUR", input_tokens=10) == euro
    assert cheapest("EUR", output_tokens=10) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.9500000000000001", "0.95"),
        ("0.7499999999999999", "0.75"),
        ("1E-7", "0.0000001"),
        ("1E+3", "1000"),
        ("300", "300"),
        ("0.10", "0.1"),
        ("0", "0"),
        ("-0", "0"),
    ],
)
def test_amounts_are_plain_and_without_noise(amount: str, text: str) -> None:
    parsed = parse_amount(amount)

    assert parsed is not None
    assert format_amount(parsed) == text


# A simple reference: fractions, one loop for each rule.

Step = tuple[str, int, int | None, str, str]
"""Meter, first and last token count, amount, currency."""


def reference_cost(
    steps: Sequence[Step], given: int, cached: int, output: int
) -> tuple[Fraction, str] | None:
    def rate(meter: str) -> tuple[Fraction, str] | None:
        for name, first, last, amount, currency in steps:
            if name == meter and first <= given and (last is None or given <= last):
                return Fraction(amount), currency
        return None

    cached_rate = rate(CACHED) or rate(INPUT)
    wanted = [
        (given - cached, rate(INPUT)),
        (cached, cached_rate),
        (output, rate(OUTPUT)),
    ]
    used = [(count, found) for count, found in wanted if count]
    if any(found is None for _, found in used):
        return None
    currencies = {found[1] for _, found in used if found is not None}
    if len(currencies) != 1:
        return None
    total = sum(
        (count * found[0] / 1_000_000 for count, found in used if found is not None),
        start=Fraction(0),
    )
    return total, currencies.pop()


def build_step(step: Step) -> Price:
    meter, first, last, amount, currency = step
    conditions = [("gte", str(first))] if first else []
    conditions += [] if last is None else [("lte", str(last))]
    return price(meter, amount, *conditions, currency=currency)


AMOUNTS = st.decimals(
    min_value=0, max_value=300, places=9, allow_nan=False, allow_infinity=False
).map(str)
STEPS = st.tuples(
    st.sampled_from((INPUT, OUTPUT, CACHED)),
    st.sampled_from((0, 0, 0, 100, 32_001)),
    st.none() | st.sampled_from((100, 32_000, 1_000_000)),
    AMOUNTS,
    st.sampled_from(("USD", "USD", "USD", "EUR")),
)


@given(
    steps=st.lists(STEPS, max_size=8),
    given_=st.integers(1, 2**31 - 1) | st.sampled_from((99, 100, 101, 32_000, 32_001)),
    share=st.integers(0, 4),
    output=st.integers(0, 2**31 - 1),
)
@settings(max_examples=300, deadline=None)
def test_random_usages_cost_what_the_reference_says(
    steps: list[Step], given_: int, share: int, output: int
) -> None:
    cached = given_ * share // 4
    usage = Usage(
        input_tokens=given_, cached_input_tokens=cached, output_tokens=output, at=NOON
    )

    cost = find_cost([build_step(step) for step in steps], usage)

    expected = reference_cost(steps, given_, cached, output)
    if expected is None:
        assert cost is None
        return
    assert cost is not None
    assert (Fraction(cost.amount), cost.currency) == expected
    assert sum(Fraction(part.amount) for part in cost.parts) == expected[0]


@pytest.mark.skipif(not RECORDED.is_file(), reason="the recorded answers are not here")
def test_every_recorded_list_has_the_token_prices_of_a_plain_reading() -> None:
    rows = json.loads(gzip.decompress(RECORDED.read_bytes()))["body"]["models"]
    for row in rows:
        prices = [
            Price(
                meter=one["meter"],
                unit=one["unit"],
                unit_size=one["unit_size"],
                amount=parse_amount(one["price_per_unit"]) or Decimal(0),
                currency=one["currency"],
                conditions=tuple(
                    PriceCondition(
                        parameter=c["path"],
                        operator=c["op"],
                        values=tuple(map(str, c["value"]))
                        if isinstance(c["value"], list)
                        else (str(c["value"]),),
                        group=c.get("or_group"),
                    )
                    for c in one["conditions"]
                ),
                windows=tuple(
                    PriceWindow(
                        label=w["label"],
                        start=w["start_time"],
                        end=w["end_time"],
                        time_zone=w["timezone"],
                        amount=parse_amount(w["price_per_unit"]) or Decimal(0),
                    )
                    for w in one["time_windows"]
                ),
            )
            for one in row["meters"]
        ]
        found = find_token_prices(prices, NOON)
        for meter, amount in ((INPUT, found.input), (OUTPUT, found.output)):
            plain = [
                one
                for one in row["meters"]
                if one["meter"] == meter
                and all(c["path"] == "input_tokens" for c in one["conditions"])
            ]
            # Of the recorded conditions, those of the lowest step have no lower bound.
            lowest = [
                one
                for one in plain
                if not any(c["op"] in {"gt", "gte"} for c in one["conditions"])
            ] or plain
            expected = Fraction(lowest[0]["price_per_unit"]) if lowest else None
            if expected is None:
                assert amount is None, row
            else:
                assert amount is not None, row
                assert abs(Fraction(amount) - expected) < Fraction(1, 10**14), row
