"""The embedded upstream refuses requests and formats answers as the real one does."""

import datetime
import json
import re
from typing import Any

import httpx
import pytest

from catalograph.demo.catalogue import read_catalogue
from catalograph.demo.service import DEMO_TOKEN, build_demo_app

NOW = datetime.datetime(2025, 12, 22, tzinfo=datetime.UTC)
SHORTLY_BEFORE = NOW - datetime.timedelta(microseconds=1)


def connect(
    models: list[dict[str, Any]] | None = None,
    *,
    now: datetime.datetime = NOW,
    key: str = DEMO_TOKEN,
) -> httpx.AsyncClient:
    app = build_demo_app(models, clock=lambda: now)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://demo",
        headers={"Authorization": f"Bearer {key}"},
    )


def build_model(model_id: str, *rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    described = {"api_provider_name": None, "link": None, "country_code": None}
    return {
        "model_id": model_id,
        "gateway": {"providers": [described | row for row in rows]},
        **fields,
    }


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "missing_or_invalid_authorization_header"),
        ("Basic abc", "missing_or_invalid_authorization_header"),
        (f"bearer {DEMO_TOKEN}", "missing_or_invalid_authorization_header"),
        ("Bearer bad", "invalid_key_format"),
        ("Bearer aistats_v1_k_only", "invalid_key_format"),
        ("Bearer aistats_v1_k_revoked_secret", "key_not_found_or_revoked"),
        ("Bearer aistats_v1_k_any_wrong", "invalid_secret"),
        ("Bearer aistats_v1_k_dberror_secret", "db_error"),
        ("Bearer aistats_v1_k_nopepper_x", "server_misconfig_missing_pepper"),
    ],
)
async def test_a_refusal_gives_its_reason(
    authorization: str | None, reason: str
) -> None:
    async with connect([]) as client:
        client.headers.pop("Authorization")
        headers = {"Authorization": authorization} if authorization else {}
        answer = await client.get("/v1/models", headers=headers)

    body = answer.json()
    request_id = body["request_id"]
    assert answer.status_code == 401
    assert re.fullmatch("G-[0-9A-HJKMNP-TV-Z]{26}", request_id)
    assert (
        answer.text
        == f'{{"error":"unauthorised","reason":"{reason}","request_id":"{request_id}"}}'
    )
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "content-length": str(len(answer.content)),
    }


async def test_a_secret_may_hold_underscores() -> None:
    async with connect([], key="aistats_v1_k_kid_a_b_c") as client:
        assert (await client.get("/v1/models")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models"),
        ("OPTIONS", "/v1/models"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/openai/gpt-4o"),
        ("GET", "/models"),
        ("GET", "/"),
    ],
)
async def test_other_methods_and_paths_are_not_found_before_the_key_is_looked_at(
    method: str, path: str
) -> None:
    async with connect([], key="bad") as client:
        answer = await client.request(method, path)

    assert (answer.status_code, answer.text) == (404, "404 Not Found")
    assert dict(answer.headers) == {
        "content-type": "text/plain; charset=UTF-8",
        "content-length": "13",
    }


async def test_providers_are_not_implemented() -> None:
    async with connect([]) as client:
        answer = await client.get("/v1/providers")

    assert (answer.status_code, answer.json()["error"]) == (501, "not_implemented")
    assert answer.headers["content-length"] == "162"


async def test_head_has_the_headers_of_get_without_the_body() -> None:
    async with connect() as client:
        got = await client.get("/v1/models")
        head = await client.head("/v1/models")

    assert (head.status_code, head.headers, head.content) == (200, got.headers, b"")


async def test_conditional_requests_get_the_whole_answer() -> None:
    async with connect([]) as client:
        answer = await client.get("/v1/models", headers={"If-None-Match": "*"})

    assert answer.status_code == 200
    assert answer.text == (
        '{\n  "ok": true,\n  "limit": 50,\n  "offset": 0,\n  "total": 0,\n'
        '  "models": []\n}'
    )


async def test_the_embedded_catalogue_is_served_unless_told_otherwise() -> None:
    async with connect() as client:
        answer = (await client.get("/v1/models?limit=250")).json()

    assert answer["total"] == len(read_catalogue())
    assert {model["model_id"] for model in answer["models"]} == {
        model.model_id for model in read_catalogue()
    }


@pytest.mark.parametrize(
    ("window", "before", "at"),
    [
        ({"effective_from": "2025-12-22T00:00:00"}, False, True),
        ({"effective_to": "2025-12-22T00:00:00"}, True, False),
        ({"effective_from": "not a date"}, True, True),
        ({"effective_to": "2025-12-22T01:00:00+01:00"}, True, False),
        ({"is_active_gateway": False}, False, False),
    ],
)
async def test_a_row_is_shown_from_its_first_instant_until_before_its_last(
    window: dict[str, Any],
    before: bool,  # noqa: FBT001 - a column of the table
    at: bool,  # noqa: FBT001
) -> None:
    row = {"api_provider_id": "host", "endpoint": "batch", **window}
    models = [build_model("acme/one", row)]

    seen = []
    for now in (SHORTLY_BEFORE, NOW):
        async with connect(models, now=now) as client:
            [model] = (await client.get("/v1/models")).json()["models"]
            seen.append(model["gateway"]["active"])

    assert seen == [before, at]


async def test_answers_change_as_time_passes_without_a_release() -> None:
    row = {"api_provider_id": "host", "endpoint": "batch"}
    models = [
        build_model("acme/one", row | {"effective_from": "2025-12-22T00:00:00"}),
        build_model("acme/two", row | {"effective_to": "2025-12-22T00:00:00"}),
    ]
    instants = iter([SHORTLY_BEFORE, NOW, SHORTLY_BEFORE])
    app = build_demo_app(models, clock=lambda: next(instants))

    seen = []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
    ) as client:
        for _ in range(3):
            answer = await client.get("http://demo/v1/models?provider=host")
            seen.append([model["model_id"] for model in answer.json()["models"]])

    assert seen == [["acme/two"], ["acme/one"], ["acme/two"]]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("provider=a", ["acme/both", "acme/only-a"]),
        ("provider=a&include_endpoints=batch", ["acme/only-a"]),
        ("provider=a&exclude_endpoints=batch", ["acme/both"]),
        ("include_endpoints=batch", ["acme/both", "acme/only-a"]),
        ("exclude_endpoints=batch", ["acme/none"]),
        ("include_endpoints=batch&exclude_endpoints=batch", []),
    ],
)
async def test_endpoint_filters_look_at_the_rows_of_the_provider_asked_for(
    query: str, ids: list[str]
) -> None:
    models = [
        build_model(
            "acme/both",
            {"api_provider_id": "a", "endpoint": "chat.completions"},
            {"api_provider_id": "b", "endpoint": "batch"},
        ),
        build_model("acme/only-a", {"api_provider_id": "a", "endpoint": "batch"}),
        build_model("acme/none"),
    ]

    async with connect(models) as client:
        answer = (await client.get(f"/v1/models?{query}")).json()

    assert [model["model_id"] for model in answer["models"]] == ids


async def test_a_provider_filter_narrows_what_is_nested() -> None:
    models = [
        build_model(
            "acme/both",
            {"api_provider_id": "a", "endpoint": "chat.completions"},
            {"api_provider_id": "b", "endpoint": "batch"},
        )
    ]

    async with connect(models) as client:
        [whole] = (await client.get("/v1/models")).json()["models"]
        [narrowed] = (await client.get("/v1/models?provider=b")).json()["models"]

    assert whole["gateway"]["endpoints"] == ["batch", "chat.completions"]
    assert narrowed["gateway"]["endpoints"] == ["batch"]
    assert [row["api_provider_id"] for row in narrowed["gateway"]["providers"]] == ["b"]


async def test_order_is_date_then_name_then_id_and_undated_last() -> None:
    day = "2025-01-02T00:00:00"
    models = [
        build_model("acme/undated", name="A"),
        build_model("acme/released", name="Z", release_date="2025-01-03"),
        build_model("acme/y", name="beta", release_date=day),
        build_model("acme/announced", name="alpha", announcement_date=day),
        build_model("acme/x", name="Beta", release_date=day),
        build_model("acme/garbled", name="a", release_date="soon"),
    ]

    async with connect(models) as client:
        answer = json.loads((await client.get("/v1/models")).content)

    assert [model["model_id"] for model in answer["models"]] == [
        "acme/released",
        "acme/announced",
        "acme/x",
        "acme/y",
        "acme/garbled",
        "acme/undated",
    ]
