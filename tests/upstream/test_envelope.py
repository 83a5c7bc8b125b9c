"""An answer with a wrong envelope is refused, and the log says what was wrong."""

import httpx
import pytest

from catalograph.catalogue.query import ModelsQuery
from catalograph.errors import UpstreamResponseError
from upstream.fake_time import FakeUpstream, build_page

ROWS = [{"model_id": f"a/{number}"} for number in range(3)]


async def fetch_failing(answer: httpx.Response, query: ModelsQuery) -> str:
    upstream = FakeUpstream(answer)
    with pytest.raises(UpstreamResponseError) as caught:
        await upstream.fetch(query)
    assert str(caught.value) == (
        "the catalogue answered with something that is not a page of models"
    )
    assert len(upstream.requests) == 1
    return caught.value.detail or ""


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"ok": False}, "ok: false with status 200"),
        ({"ok": "yes"}, "Expected `bool`, got `str` - at `$.ok`"),
        ({"limit": 250}, "limit: asked for 50, echoed 250"),
        ({"limit": None}, "Expected `int`, got `null` - at `$.limit`"),
        ({"offset": 5}, "offset: asked for 0, echoed 5"),
        ({"offset": "0"}, "Expected `int`, got `str` - at `$.offset`"),
        ({"total": -1}, "Expected `int` >= 0 - at `$.total`"),
        ({"total": 2.5}, "Expected `int`, got `float` - at `$.total`"),
        ({"total": True}, "Expected `int`, got `bool` - at `$.total`"),
        ({"models": {}}, "Expected `array`, got `object` - at `$.models`"),
        ({"models": None}, "Expected `array`, got `null` - at `$.models`"),
    ],
)
async def test_a_wrong_envelope_is_refused_by_field(
    wrong: dict[str, object], detail: str
) -> None:
    envelope = {"ok": True, "limit": 50, "offset": 0, "total": 3, "models": ROWS}
    answer = httpx.Response(200, json=envelope | wrong)

    assert await fetch_failing(answer, ModelsQuery()) == detail


@pytest.mark.parametrize("field", ["ok", "limit", "offset", "total", "models"])
async def test_a_missing_part_of_the_envelope_is_refused(field: str) -> None:
    envelope = {"ok": True, "limit": 50, "offset": 0, "total": 0, "models": []}
    del envelope[field]

    detail = await fetch_failing(httpx.Response(200, json=envelope), ModelsQuery())

    assert detail == f"Object missing required field `{field}`"


async def test_more_models_than_asked_for_are_refused() -> None:
    detail = await fetch_failing(build_page(*ROWS, limit=2), ModelsQuery(limit=2))

    assert detail == "models: 3 of them with a limit of 2"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Just a moment</title>",
        b"null",
        b"[]",
        b'"ok"',
        b"\xff\xfe",
        b'{"ok": true, "limit": NaN}',
        b'{"ok": true, "models": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"{" + b'"a":{' * 100_000 + b"}" * 100_001,
    ],
)
async def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    detail = await fetch_failing(httpx.Response(200, content=body), ModelsQuery())

    assert 0 < len(detail) < 300


async def test_a_row_nested_too_deeply_is_refused_with_its_page() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    body = build_page({"model_id": "a/b", "data": 0}).content.replace(
        b'"data":0', b'"data":' + deep
    )

    detail = await fetch_failing(httpx.Response(200, content=body), ModelsQuery())

    assert detail == "the body is nested too deeply"


@pytest.mark.parametrize("status", [201, 204, 206])
async def test_another_success_than_200_is_no_page(status: int) -> None:
    detail = await fetch_failing(httpx.Response(status), ModelsQuery())

    assert detail.startswith(f"HTTP {status}")
