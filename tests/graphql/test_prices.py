"""Prices, costs, and filters and orders by price, compared with the upstream's JSON."""

import datetime
import random
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from catalograph.demo.service import build_demo_app
from support import recorded_2026_08
from support.graph_gateway import GraphGateway, TurnedClock
from support.reference_2026_08 import Row
from support.reference_prices import PriceReference, round_amount
from support.upstream_2026_08 import KEY, NOW

PRICED = """
query ($offset: Int, $usage: Usage!) {
  models(limit: 250, offset: $offset) {
    totalCount
    nodes {
      modelId inputPrice outputPrice
      cheapestOffering(usage: $usage) { ...Key }
      offerings {
        ...Key isRoutable inputPrice outputPrice currency
        priceLists {
          kind
          prices {
            meter unit unitSize amount currency
            conditions { parameter operator values group }
            windows { label start end timeZone amount }
          }
        }
        cost(usage: $usage) { amount currency parts { amount } }
      }
    }
  }
}
fragment Key on Offering { provider { providerId } endpoint { endpointId } }
"""


class Service:
    """An upstream of August 2026 that records requests."""

    token = KEY

    def __init__(self, catalogue: Any = None) -> None:
        self.calls: list[str] = []
        self._app = build_demo_app(catalogue, clock=lambda: NOW, version="2026-08")

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append(scope["path"].removeprefix("/v1"))
        await self._app(scope, receive, send)

    async def list_prices(self) -> list[Row]:
        """Fetch the whole price list directly from the upstream."""
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._app),
            base_url="http://upstream.test/v1",
            headers={"Authorization": f"Bearer {KEY}"},
        ) as client:
            rows: list[Row] = (await client.get("/pricing/models")).json()["models"]
            return rows


@pytest.fixture(
    scope="module",
    params=[
        "embedded",
        pytest.param(
            "recorded",
            marks=pytest.mark.skipif(
                not recorded_2026_08.DATA.is_dir(), reason="the recordings are not here"
            ),
        ),
    ],
)
def service(request: pytest.FixtureRequest) -> Service:
    is_embedded = request.param == "embedded"
    return Service(None if is_embedded else recorded_2026_08.build_catalogue())


@pytest.fixture
async def gateway(service: Service, clock: TurnedClock) -> AsyncIterator[GraphGateway]:
    clock.now_s = NOW.timestamp()
    gateway = GraphGateway(service, clock, MAX_COST="100000000")
    yield gateway
    await gateway.aclose()


async def list_priced(gateway: GraphGateway, usage: dict[str, int]) -> list[Any]:
    nodes: list[Any] = []
    while True:
        data = await gateway.ask(PRICED, {"offset": len(nodes), "usage": usage})
        nodes += data["models"]["nodes"]
        if len(nodes) >= data["models"]["totalCount"]:
            return nodes


def read(amount: str | None) -> Fraction | None:
    return None if amount is None else Fraction(amount)


def expect_lists(lists: list[Row]) -> list[Any]:
    """Expected price lists of one offering, with amounts as fractions."""
    return [
        (
            "OTHER" if place else "STANDARD",
            [
                (
                    *(one[name] for name in ("meter", "unit", "unit_size", "currency")),
                    round_amount(one["price_per_unit"]),
                    [
                        (
                            c["path"],
                            c["op"],
                            [_show(v) for v in c["value"]]
                            if isinstance(c["value"], list)
                            else [_show(c["value"])],
                            c.get("or_group"),
                        )
                        for c in one["conditions"]
                    ],
                    [
                        (
                            *(
                                w[n]
                                for n in ("label", "start_time", "end_time", "timezone")
                            ),
                            round_amount(w["price_per_unit"]),
                        )
                        for w in one["time_windows"]
                    ],
                )
                for one in each["meters"]
            ],
        )
        for place, each in enumerate(lists)
    ]


def _show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_lists(lists: list[Any]) -> list[Any]:
    return [
        (
            each["kind"],
            [
                (
                    *(one[name] for name in ("meter", "unit", "unitSize", "currency")),
                    read(one["amount"]),
                    [
                        (c["parameter"], c["operator"], c["values"], c["group"])
                        for c in one["conditions"]
                    ],
                    [
                        (
                            *(w[n] for n in ("label", "start", "end", "timeZone")),
                            read(w["amount"]),
                        )
                        for w in one["windows"]
                    ],
                )
                for one in each["prices"]
            ],
        )
        for each in lists
    ]


async def test_prices_follow_the_time_also_where_they_were_rendered_before(
    gateway: GraphGateway, service: Service, clock: TurnedClock
) -> None:
    """A page that only selects prices is rendered from cached bytes."""
    rows = await service.list_prices()
    page = """query ($offset: Int) { models(limit: 250, offset: $offset) { totalCount nodes {
        modelId inputPrice outputPrice offerings {
            provider { providerId } endpoint { endpointId }
            inputPrice outputPrice currency
    } } } }"""
    changing = set()
    before: dict[str, Any] = {}
    for hour in (12, 12, 20, 26):
        at = NOW.replace(hour=0) + datetime.timedelta(hours=hour)
        clock.now_s = at.timestamp()
        prices = PriceReference(rows, at)
        nodes: list[Any] = []
        while len(nodes) % 250 == 0:
            data = await gateway.ask(page, {"offset": len(nodes)})
            nodes += data["models"]["nodes"]
        for model in nodes:
            for offering in model["offerings"]:
                meters = prices.find_standard(
                    model["modelId"],
                    offering["provider"]["providerId"],
                    offering["endpoint"]["endpointId"],
                )
                assert (
                    read(offering["inputPrice"]),
                    read(offering["outputPrice"]),
                    offering["currency"],
                ) == prices.find_token_prices(meters)
            if before.setdefault(model["modelId"], model) != model:
                changing.add(model["modelId"])
        assert not (changing and hour == 12)
    assert changing


async def test_every_offering_has_the_prices_of_the_price_list(
    gateway: GraphGateway, service: Service, clock: TurnedClock
) -> None:
    """Lists, conditions, windows, prices and costs match, and so do those of the model."""
    rng = random.Random(16)  # noqa: S311 - chooses usages
    rows = await service.list_prices()
    compared = priced = 0
    for hour in (12, 26):
        at = NOW.replace(hour=0) + datetime.timedelta(hours=hour)
        clock.now_s = at.timestamp()
        prices = PriceReference(rows, at)
        given = rng.choice([0, 900, 32_000, 128_001, 200_000, 200_001, 900_000])
        usage = {
            "inputTokens": given,
            "cachedInputTokens": rng.choice([0, given // 3]),
            "outputTokens": rng.choice([0, 777, 20_000]) or (not given) * 5,
        }
        for model in await list_priced(gateway, usage):
            counted = []
            for offering in model["offerings"]:
                key = (
                    model["modelId"],
                    offering["provider"]["providerId"],
                    offering["endpoint"]["endpointId"],
                )
                meters = prices.find_standard(*key)
                expected = prices.find_token_prices(meters)
                cost = prices.find_cost(meters, usage)
                told = offering["cost"]
                assert read_lists(offering["priceLists"]) == expect_lists(
                    prices.find_lists(*key)
                ), key
                assert (
                    read(offering["inputPrice"]),
                    read(offering["outputPrice"]),
                    offering["currency"],
                ) == expected, key
                assert (
                    told and (Fraction(told["amount"]), told["currency"])
                ) == cost, (key, usage)
                if told:
                    parts = (Fraction(part["amount"]) for part in told["parts"])
                    assert sum(parts) == Fraction(told["amount"])
                if offering["isRoutable"] and key[2] != "batch":
                    counted.append((expected, cost, offering))
                compared += 1
                priced += cost is not None
            dollars = [one for one, _, _ in counted if one[2] == "USD"]
            for place, name in enumerate(("inputPrice", "outputPrice")):
                amounts = [one[place] for one in dollars if one[place] is not None]
                assert read(model[name]) == min(amounts, default=None), model["modelId"]  # type: ignore[type-var]
            costs = [
                (cost[0], offering)
                for _, cost, offering in counted
                if cost is not None and cost[1] == "USD"
            ]
            cheapest = min(costs, key=lambda one: one[0], default=None)
            assert model["cheapestOffering"] == (
                cheapest and {key: cheapest[1][key] for key in ("provider", "endpoint")}
            ), model["modelId"]
    assert compared > priced > 100


async def test_without_the_price_list_there_are_floors_and_no_prices(
    clock: TurnedClock,
) -> None:
    service = Service()
    answer = service.app

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/pricing/models"):
            await JSONResponse({"ok": False}, 500)(scope, receive, send)
            return
        await answer(scope, receive, send)

    service.app = app  # type: ignore[method-assign]
    clock.now_s = NOW.timestamp()
    gateway = GraphGateway(service, clock)
    data = await gateway.ask(
        """{ models(first: 50) { nodes { inputPrice offerings {
          inputPrice currency priceLists { kind }
          cost(usage: {inputTokens: 1}) { amount }
        } } } }"""
    )
    await gateway.aclose()

    nodes = data["models"]["nodes"]
    offerings = [one for node in nodes for one in node["offerings"]]
    assert {node["inputPrice"] for node in nodes} == {None}
    assert {(one["inputPrice"], one["currency"], one["cost"]) for one in offerings} == {
        (None, None, None)
    }
    assert {lists["kind"] for one in offerings for lists in one["priceLists"]} == {
        "FLOOR"
    }


async def test_a_page_with_prices_costs_one_table_more(
    gateway: GraphGateway, service: Service
) -> None:
    document = "{ models(limit: 5) { nodes { modelId inputPrice } } }"
    service.calls.clear()

    cold = await gateway.query(document)
    cold_calls = sorted(set(service.calls))
    service.calls.clear()
    warm = await gateway.query(document)

    assert cold.data == warm.data
    assert cold_calls == ["/models", "/pricing/models"]
    assert service.calls == []


CHOSEN = """
query (
  $filter: ModelFilter, $order: ModelOrder, $search: String, $after: String, $first: Int
) {
  models(filter: $filter, orderBy: $order, search: $search, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { modelId inputPrice outputPrice maxInputTokens maxOutputTokens }
  }
}
"""
ORDERS = {
    "INPUT_PRICE": "inputPrice",
    "OUTPUT_PRICE": "outputPrice",
    "MAX_INPUT_TOKENS": "maxInputTokens",
    "MAX_OUTPUT_TOKENS": "maxOutputTokens",
}


async def list_chosen(
    gateway: GraphGateway, **variables: object
) -> tuple[int, list[Any]]:
    """Page through a list by cursors."""
    nodes: list[Any] = []
    after = None
    while True:
        page = (await gateway.ask(CHOSEN, {**variables, "after": after}))["models"]
        nodes += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return page["totalCount"], nodes


@pytest.mark.parametrize("field", ORDERS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_choosing_by_price_and_limits(
    gateway: GraphGateway, field: str, direction: str
) -> None:
    _, everything = await list_chosen(gateway, first=250)
    asked = {"maxInputPrice": 2.5, "maxOutputPrice": "20", "minInputTokens": 100_000}
    key = ORDERS[field]

    def value(node: Any) -> Fraction | None:
        found = node[key]
        return None if found is None else Fraction(found)

    expected = sorted(
        (
            node
            for node in everything
            if node["inputPrice"] is not None
            and Fraction(node["inputPrice"]) <= Fraction("2.5")
            and node["outputPrice"] is not None
            and Fraction(node["outputPrice"]) <= 20
            and (node["maxInputTokens"] or 0) >= 100_000
        ),
        key=lambda node: node["modelId"],
    )
    present = [node for node in expected if value(node) is not None]
    present.sort(key=lambda node: value(node) or 0, reverse=direction == "DESC")
    expected = present + [node for node in expected if value(node) is None]

    total, chosen = await list_chosen(
        gateway,
        first=31,
        filter=asked,
        order={"field": field, "direction": direction},
    )

    assert total == len(expected) > 5
    assert chosen == expected


async def test_the_question_that_people_bring(gateway: GraphGateway) -> None:
    """Find the cheapest model with image input, tools and a large context, and its cost."""
    data = await gateway.ask(
        """{
          models(
            filter: {
              inputModalities: ["image"], allParameters: ["tools"], minInputTokens: 200000
            }
            orderBy: {field: INPUT_PRICE, direction: ASC}
            first: 3
          ) {
            totalCount
            nodes {
              modelId inputPrice maxInputTokens inputModalities
              parameters { name }
              cheapestOffering(usage: {inputTokens: 150000, outputTokens: 4000}) {
                provider { providerId }
                cost(usage: {inputTokens: 150000, outputTokens: 4000}) { amount currency }
              }
            }
          }
        }"""
    )

    nodes = data["models"]["nodes"]
    assert data["models"]["totalCount"] > 3
    amounts = [Fraction(node["inputPrice"]) for node in nodes]
    assert amounts == sorted(amounts)
    for node in nodes:
        assert "image" in node["inputModalities"]
        assert node["maxInputTokens"] >= 200_000
        assert "tools" in {one["name"] for one in node["parameters"]}
        assert Fraction(node["cheapestOffering"]["cost"]["amount"]) >= 0


@pytest.mark.parametrize(
    ("usage", "message"),
    [
        ("{inputTokens: -1}", "usage.inputTokens must be 0 or more, got -1"),
        ("{outputTokens: -5}", "usage.outputTokens must be 0 or more, got -5"),
        (
            "{inputTokens: 1, cachedInputTokens: 2}",
            (
                "usage.cachedInputTokens must be at most usage.inputTokens, which include "
                "them, got 2 of 1"
            ),
        ),
    ],
)
async def test_an_impossible_usage(
    gateway: GraphGateway, usage: str, message: str
) -> None:
    result = await gateway.query(
        f"{{ models(first: 1) {{ nodes {{ cheapestOffering(usage: {usage}) {{ id }} }} }} }}"
    )

    assert result.messages == [message]
    assert result.codes == ["BAD_USER_INPUT"]


async def test_a_currency_is_named_in_any_case(gateway: GraphGateway) -> None:
    data = await gateway.ask(
        """{ models(filter: {isRoutable: true, maxInputPrice: 1}, first: 3) { nodes {
          large: cheapestOffering(usage: {inputTokens: 1}, currency: "USD") { id }
          small: cheapestOffering(usage: {inputTokens: 1}, currency: "usd") { id }
        } } }"""
    )

    nodes = data["models"]["nodes"]
    assert len(nodes) == 3
    for node in nodes:
        assert node["small"] == node["large"] is not None


@pytest.mark.parametrize("currency", ["", "US", "$", "US dollars", "ÜSD", "USD "])
async def test_invalid_currencies(gateway: GraphGateway, currency: str) -> None:
    result = await gateway.query(
        """query ($currency: String!) { models(first: 1) { nodes {
          cheapestOffering(usage: {inputTokens: 1}, currency: $currency) { id }
        } } }""",
        {"currency": currency},
    )

    assert result.messages == [
        f'currency must be three letters such as USD, got "{currency}"'
    ]
    assert result.codes == ["BAD_USER_INPUT"]
