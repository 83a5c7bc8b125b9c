"""Side tables: each is requested and parsed, and fails, independently."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from catalograph.catalogue.prices import (
    ListedPrices,
    Price,
    PriceCondition,
    PriceWindow,
)
from catalograph.catalogue.records import Endpoint, Organisation, Provider
from catalograph.catalogue.side_tables import SideTable, TableKind
from catalograph.errors import UpstreamAuthError, UpstreamUnavailableError
from catalograph.upstream.lifetime import Lifetime, parse_lifetime
from upstream.fake_time import NOW_S, FakeUpstream, build_page

VERSION = "2026-08"
CACHE = {"cache-control": "private, max-age=300, stale-while-revalidate=600"}


async def fetch(
    kind: TableKind, *answers: httpx.Response
) -> tuple[SideTable, list[str]]:
    upstream = FakeUpstream(*answers, release=VERSION)
    table = await upstream.client.fetch_table(kind, version=VERSION)
    asked = [str(request.url.raw_path, "ascii") for request in upstream.requests]
    return table, asked


async def test_providers_are_read_in_pages() -> None:
    def page(*ids: str) -> httpx.Response:
        rows = [
            {
                "api_provider_id": one,
                "api_provider_name": one.upper(),
                "description": None,
                "link": f"https://{one}.test",
                "country_code": "xx" if one == "a" else "FR",
            }
            for one in ids
        ]
        return httpx.Response(
            200, headers=CACHE, json={"ok": True, "total": 251, "providers": rows}
        )

    table, asked = await fetch(TableKind.PROVIDERS, page("a"), page("b"))

    assert table == SideTable(
        kind=TableKind.PROVIDERS,
        as_of_s=NOW_S,
        providers=(
            Provider(provider_id="a", name="A", link="https://a.test"),
            Provider(
                provider_id="b", name="B", link="https://b.test", country_code="FR"
            ),
        ),
        max_age_s=300.0,
        stale_s=600.0,
    )
    assert asked == [
        "/v1/providers?limit=250&offset=0",
        "/v1/providers?limit=250&offset=250",
    ]


async def test_organisations_are_read() -> None:
    row = {
        "organisation_id": "acme",
        "name": "Acme",
        "country_code": "FR",
        "description": "They.",
        "colour": "#123456",
    }
    body = {"ok": True, "total": 2, "organisations": [row, {"organisation_id": 3}]}

    table, asked = await fetch(TableKind.ORGANISATIONS, httpx.Response(200, json=body))

    assert table.organisations == (
        Organisation(
            organisation_id="acme",
            name="Acme",
            country_code="FR",
            description="They.",
            colour="#123456",
        ),
    )
    assert (table.max_age_s, table.stale_s) == (None, None)
    assert asked == ["/v1/organisations?limit=250&offset=0"]


async def test_endpoints_are_read() -> None:
    row = {"id": "ocr", "public_path": "/v1/ocr", "collection": "ocr", "model_count": 3}
    body = {"ok": True, "endpoints": ["ocr"], "data": [row]}

    table, asked = await fetch(TableKind.ENDPOINTS, httpx.Response(200, json=body))

    assert table.endpoints == (
        Endpoint(endpoint_id="ocr", public_path="/v1/ocr", collection="ocr"),
    )
    assert asked == ["/v1/endpoints"]


async def test_prices_are_read_with_conditions_and_windows() -> None:
    meter: dict[str, Any] = {
        "meter": "input_text_tokens",
        "unit": "token",
        "unit_size": 1000000,
        "price_per_unit": "0.220",
        "currency": "USD",
        "conditions": [
            {
                "op": "in",
                "path": "resolution",
                "value": ["1k", 2, True],
                "or_group": 1,
                "and_index": 2,
            }
        ],
        "time_windows": [
            {
                "label": "peak",
                "start_time": "22:00",
                "end_time": "04:00",
                "timezone": "UTC",
                "price_per_unit": 0.44,
            }
        ],
    }
    sick = meter | {"conditions": [{"op": 3}]}
    row = {"provider": "a", "model": "acme/one", "endpoint": "text.generate"}
    body = {"ok": True, "models": [row | {"meters": [meter, sick]}, row]}

    table, asked = await fetch(TableKind.PRICES, httpx.Response(200, json=body))

    price = Price(
        meter="input_text_tokens",
        unit="token",
        unit_size=1_000_000,
        amount=Decimal("0.22"),
        currency="USD",
        conditions=(
            PriceCondition(
                parameter="resolution",
                operator="in",
                values=("1k", "2", "true"),
                group=1,
            ),
        ),
        windows=(
            PriceWindow(
                label="peak",
                start="22:00",
                end="04:00",
                time_zone="UTC",
                amount=Decimal("0.44"),
            ),
        ),
    )
    assert [one.prices for one in table.prices] == [(price,), ()]
    assert isinstance(table.prices[0], ListedPrices)
    assert asked == ["/v1/pricing/models"]


@pytest.mark.parametrize(
    ("status", "error"), [(500, UpstreamUnavailableError), (403, UpstreamAuthError)]
)
async def test_a_failing_table_does_not_affect_the_models(
    status: int, error: type[Exception]
) -> None:
    upstream = FakeUpstream(
        *[httpx.Response(status, json={})] * 40, build_page(), release=VERSION
    )
    for _ in range(40):
        with pytest.raises(error):
            await upstream.client.fetch_table(TableKind.ENDPOINTS, version=VERSION)

    await upstream.fetch()

    assert len(upstream.requests) == 41


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("private, max-age=1800, stale-while-revalidate=1800", (1800.0, 1800.0)),
        ("MAX-AGE = 60", (60.0, None)),
        ('max-age="7"', (7.0, None)),
        ("max-age=999999999", (86_400.0, None)),
        ("s-maxage=5", (None, None)),
        ("no-store", (None, None)),
        ("max-age=60, no-store", (None, None)),
        ("stale-while-revalidate=5", (None, None)),
        ("max-age=-1", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_a_lifetime_is_read_from_its_header(
    header: str | None, expected: tuple[float | None, float | None]
) -> None:
    assert parse_lifetime(header) == Lifetime(*expected)
