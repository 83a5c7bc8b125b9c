"""The embedded upstream of August 2026 refuses, serves and lays out as the real one does."""

import datetime
import json
import re
from typing import Any, Final

import httpx
import msgspec
import pytest

from catalograph.demo.service import build_demo_app
from catalograph.demo.v2026_08.catalogue import read_catalogue
from catalograph.demo.v2026_08.keys import TOKEN
from catalograph.demo.v2026_08.rows import (
    Catalogue,
    Price,
    PriceList,
    ProviderRow,
    StoredModel,
    TimeWindow,
)
from catalograph.demo.v2026_08.service import Upstream

NOW: Final = datetime.datetime(2026, 8, 22, 12, tzinfo=datetime.UTC)
LONG: Final = "private, max-age=1800, stale-while-revalidate=1800"
SHORT: Final = "private, max-age=300, stale-while-revalidate=600"


def connect(
    *models: StoredModel,
    now: datetime.datetime = NOW,
    key: str = TOKEN,
) -> httpx.AsyncClient:
    """Open the embedded catalogue, or one of these models."""
    app = build_demo_app(
        Catalogue(models=models) if models else None,
        clock=lambda: now,
        version="2026-08",
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://demo/v1",
        headers={"Authorization": f"Bearer {key}"},
    )


def row(
    provider_id: str = "host", endpoint: str = "text.generate", **more: Any
) -> ProviderRow:
    return ProviderRow(provider_id=provider_id, endpoint=endpoint, **more)


def model(model_id: str, *rows: ProviderRow, **more: Any) -> StoredModel:
    fields = {"id": model_id, "name": model_id, "rows": rows} | more
    return StoredModel(**fields)


async def fetch(client: httpx.AsyncClient, path: str) -> Any:
    return (await client.get(path)).json()


async def fetch_models(client: httpx.AsyncClient, query: str = "") -> list[Any]:
    models: list[Any] = (await fetch(client, f"/models?{query}"))["models"]
    return models


# Who may ask


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "missing_or_invalid_authorization_header"),
        ("Basic abc", "missing_or_invalid_authorization_header"),
        (f"bearer {TOKEN}", "missing_or_invalid_authorization_header"),
        ("Bearer bad", "invalid_key_format"),
        ("Bearer aistats_v1_k_kidkid_secret", "invalid_key_format"),
        ("Bearer phaseo_v1_sk_short_secret", "invalid_key_format"),
        ("Bearer phaseo_v1_sk_kid-kid_secret", "invalid_key_format"),
        (f"Bearer phaseo_v1_sk_{'k' * 65}_secret", "invalid_key_format"),
        ("Bearer phaseo_v1_sk_kidkid_", "invalid_key_format"),
        ("Bearer phaseo_v1_mk_kidkid_secret", "management_key_not_valid_for_gateway"),
        ("Bearer phaseo_v1_sk_revoked_secret", "key_not_found_or_revoked"),
        ("Bearer phaseo_v1_sk_unknown_secret", "key_not_found_or_revoked"),
        ("Bearer phaseo_v1_sk_expired_secret", "key_expired"),
        ("Bearer phaseo_v1_sk_kidkid_wrong", "invalid_secret"),
        ("Bearer phaseo_v1_sk_dberror_secret", "db_error"),
        ("Bearer phaseo_v1_sk_nopepper_secret", "server_misconfig_missing_pepper"),
    ],
)
async def test_a_refusal_gives_its_reason(
    authorization: str | None, reason: str
) -> None:
    async with connect() as client:
        client.headers.pop("Authorization")
        headers = {"Authorization": authorization} if authorization else {}
        answer = await client.get("/models", headers=headers)

    request_id = answer.json()["request_id"]
    assert answer.status_code == 401
    assert re.fullmatch("G-[0-9A-HJKMNP-TV-Z]{26}", request_id)
    assert answer.text == (
        f'{{"error":"unauthorised","reason":"{reason}","request_id":"{request_id}",'
        '"status_code":401,"error_type":"user","error_origin":"user",'
        f'"generation_id":"{request_id}"}}'
    )
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "application/json",
        "no-store",
    )


@pytest.mark.parametrize(("day", "status"), [("2026-12-31", 200), ("2027-01-01", 401)])
async def test_keys_with_the_old_prefix_are_accepted_until_2027(
    day: str, status: int
) -> None:
    now = datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00")

    async with connect(now=now, key="aistats_v1_sk_kidkid_a_b") as client:
        answer = await client.get("/models?limit=1")

    assert answer.status_code == status
    assert answer.json().get("reason") == (
        "legacy_key_prefix_retired" if status == 401 else None
    )


# What is refused or not there


@pytest.mark.parametrize(
    ("query", "message", "more"),
    [
        ("offset=5001", "offset must be <= 5000", {"max_offset": 5000}),
        ("offset=1e21&format=xml", "offset must be <= 5000", {"max_offset": 5000}),
        (
            "offset=5001&privacy=",
            "privacy_scope query is no longer supported. Use /models.",
            {},
        ),
    ],
)
async def test_some_parameters_are_refused_before_the_key_is_looked_at(
    query: str, message: str, more: dict[str, object]
) -> None:
    async with connect(key="bad") as client:
        answer = await client.get(f"/models?{query}")

    body = {"ok": False, "error": "invalid_request", "message": message, **more}
    assert (answer.status_code, answer.text) == (400, json.dumps(body, indent=2))
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (
            "format=xml&availability=none",
            {"message": "format must be one of: json, rss, atom", "provided": "xml"},
        ),
        (
            "feed=XML",
            {"message": "format must be one of: json, rss, atom", "provided": "XML"},
        ),
        ("availability=none", {"message": "availability must be one of: active, all"}),
        (
            "availability=all,active",
            {"message": "availability must be one of: active, all"},
        ),
    ],
)
async def test_an_unknown_format_or_availability_is_refused(
    query: str, body: dict[str, str]
) -> None:
    async with connect() as client:
        answer = await client.get(f"/models?{query}")

    assert answer.status_code == 400
    assert answer.json() == {"ok": False, "error": "invalid_request"} | body


@pytest.mark.parametrize(
    "query",
    [
        "",
        "availability=",
        "availability=%20Active%20",
        "availability=active&availability=none",
        "format=&feed=xml",
        "format=%20JSON%20",
        "provider=&endpoints=,&params=%20&status=%09",
        (
            "include_endpoints=batch&exclude_endpoints=batch&include_data=false"
            "&organization=openai&organisation_id=openai&endpoint=batch&provider%5B%5D=x"
            "&Provider=openai&sort=name&search=x&q=x&cursor=x&include_retired=false"
        ),
    ],
)
async def test_what_is_empty_or_unknown_restricts_nothing(query: str) -> None:
    async with connect() as client:
        whole = await fetch(client, "/models?limit=5")
        answer = await fetch(client, f"/models?limit=5&{query}")

    assert answer == whole
    assert answer["total"] > 100


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/openai/gpt-4o"),
        ("GET", "/v1/models/openai%2Fgpt-4o/endpoints"),
        ("GET", "/v1/gateway/models"),
        ("GET", "/v1/data/models"),
        ("GET", "/v1/organizations"),
        ("GET", "/models"),
    ],
)
async def test_other_methods_and_paths_are_not_found_before_the_key_is_looked_at(
    method: str, path: str
) -> None:
    async with connect(key="bad") as client:
        answer = await client.request(method, f"http://demo{path}")

    assert (answer.status_code, answer.text) == (404, "404 Not Found")
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize(
    ("kid", "path", "message"),
    [
        ("nomodels", "/models", "Failed to load model metadata: store failed"),
        ("noskus", "/models", "Failed to load pricing SKUs: store failed"),
        ("noconnection", "/models", "[redacted]"),
        (
            "nomodels",
            "/models/openai/o1/endpoints",
            "Failed to load model metadata: store failed",
        ),
        ("noproviders", "/providers", "Failed to count providers"),
    ],
)
async def test_a_failing_store_is_a_500(kid: str, path: str, message: str) -> None:
    async with connect(key=f"phaseo_v1_sk_{kid}_x") as client:
        answer = await client.get(path)

    body = {"ok": False, "error": "failed", "message": message}
    assert (answer.status_code, answer.text) == (500, json.dumps(body, indent=2))
    assert answer.headers["cache-control"] == "no-store"


async def test_an_exception_during_authentication_is_plain_text() -> None:
    async with connect(key="phaseo_v1_sk_throwing_x") as client:
        answer = await client.get("/models")

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"


# Transport


@pytest.mark.parametrize(
    ("path", "caching", "vary"),
    [
        ("/models", LONG, None),
        ("/models?format=rss", LONG, None),
        ("/models/openai/o1/endpoints", LONG, None),
        ("/endpoints", LONG, None),
        ("/providers", SHORT, "Authorization"),
        ("/organisations", SHORT, "Authorization"),
        ("/pricing/models", SHORT, "Authorization"),
        ("/health", None, None),
    ],
)
async def test_each_route_says_how_long_it_may_be_cached(
    path: str, caching: str | None, vary: str | None
) -> None:
    async with connect() as client:
        answer = await client.get(path)

    assert answer.status_code == 200
    assert answer.headers.get("cache-control") == caching
    assert answer.headers.get("vary") == vary
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"etag", "last-modified", "age"}.isdisjoint(answer.headers)


async def test_providers_carry_marks_of_a_cache_that_never_hits() -> None:
    async with connect() as client:
        headers = (await client.get("/providers")).headers

    assert headers["x-phaseo-cache"] == "MISS"
    assert headers["x-phaseo-cache-created-at"] == "1787400000000"


async def test_head_has_the_headers_of_get_and_options_need_no_key() -> None:
    async with connect() as client:
        got = await client.get("/models")
        head = await client.head("/models")
        client.headers.pop("Authorization")
        options = await client.options("/models")
        health = await client.get("/health")

    assert (head.status_code, head.headers, head.content) == (200, got.headers, b"")
    assert options.status_code == 204
    assert options.headers["access-control-max-age"] == "86400"
    assert health.text == '{"status":"ok"}'


async def test_the_envelope_is_indented_and_in_order() -> None:
    async with connect() as client:
        answer = await client.get("/models?provider=no-such&limit=300&offset=2.7")

    assert answer.text == (
        '{\n  "ok": true,\n  "availability_mode": "active",\n  "limit": 250,\n'
        '  "offset": 2,\n  "total": 0,\n  "models": []\n}'
    )


async def test_all_of_an_answer_is_indented_by_two_spaces() -> None:
    async with connect() as client:
        texts = [
            (await client.get(path)).text
            for path in (
                "/models",
                "/providers",
                "/organisations",
                "/endpoints",
                "/pricing/models",
                "/models/openai/o1/endpoints",
            )
        ]

    for text in texts:
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False)


# What time and switches do


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({}, "active", "active"),
        ({"is_on": False}, "inactive", "inactive"),
        ({"provider_status": "not_ready"}, "inactive", "provider_not_ready"),
        ({"provider_status": "alpha"}, "coming_soon", "preview_only"),
        ({"provider_routing": "disabled"}, "inactive", "provider_disabled"),
        ({"model_routing": "disabled"}, "inactive", "model_disabled"),
        ({"capability_status": "disabled"}, "inactive", "capability_disabled"),
        ({"capability_status": "coming_soon"}, "coming_soon", "coming_soon"),
        (
            {"model_routing": "disabled", "capability_status": "coming_soon"},
            "coming_soon",
            "model_disabled",
        ),
        ({"effective_from": "2026-08-22T12:00:01+00:00"}, "coming_soon", "scheduled"),
        ({"effective_from": "2026-08-22T12:00:00+00:00"}, "active", "active"),
        ({"effective_to": "2026-08-22T12:00:01+00:00"}, "active", "active"),
        ({"effective_to": "2026-08-22T12:00:00+00:00"}, "inactive", "retired"),
    ],
)
async def test_an_offer_tells_whether_it_can_be_routed_and_why_not(
    fields: dict[str, Any], status: str, reason: str
) -> None:
    async with connect(model("acme/one", row(**fields))) as client:
        active = await fetch_models(client)
        [record] = await fetch_models(client, "availability=all")

    [offer] = record["offers"]
    assert (offer["status"], offer["status_reason"]) == (status, reason)
    assert offer["routable"] is fields.get("is_on", True)
    assert record["availability"]["status"] == status
    assert bool(active) == (status == "active")


async def test_a_model_without_rows_is_never_listed() -> None:
    async with connect(model("acme/none"), model("acme/one", row())) as client:
        ids = [each["id"] for each in await fetch_models(client, "availability=all")]

    assert ids == ["acme/one"]


async def test_answers_change_as_time_passes_without_a_release() -> None:
    moments = iter([NOW - datetime.timedelta(seconds=1), NOW])
    models = [
        model("acme/begins", row(effective_from=NOW.isoformat())),
        model("acme/ends", row(effective_to=NOW.isoformat())),
        model("acme/retires", row(), retires_at=NOW.isoformat()),
    ]
    upstream = Upstream(Catalogue(models=tuple(models)), clock=lambda: next(moments))

    seen = []
    for _ in range(2):
        reply = upstream.reply("GET", "/v1/models", "", f"Bearer {TOKEN}")
        seen.append(
            [
                (each["id"], each["lifecycle"]["status"])
                for each in json.loads(reply.body)["models"]
            ]
        )

    assert seen == [
        [("acme/ends", "active"), ("acme/retires", "active")],
        [("acme/begins", "active"), ("acme/retires", "retired")],
    ]


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({}, "active", None),
        ({"status": "draft"}, "active", None),
        ({"status": "retired"}, "retired", "Model is retired."),
        (
            {"status": "active", "retires_at": "2026-01-02T00:00:00+00:00"},
            "retired",
            "Model retired on 2026-01-02T00:00:00+00:00.",
        ),
        ({"status": "deprecated"}, "deprecated", "Model is deprecated."),
        (
            {"deprecated_at": "2026-01-02T00:00:00+00:00"},
            "deprecated",
            "Model is deprecated since 2026-01-02T00:00:00+00:00.",
        ),
        (
            {"status": "deprecated", "retires_at": "2027-01-02T00:00:00+00:00"},
            "deprecated",
            (
                "Model is deprecated and scheduled for retirement on "
                "2027-01-02T00:00:00+00:00."
            ),
        ),
        ({"retires_at": "2027-01-02T00:00:00+00:00"}, "active", None),
    ],
)
async def test_the_lifecycle_follows_from_dates_then_from_the_stored_word(
    fields: dict[str, str], status: str, message: str | None
) -> None:
    async with connect(
        model("acme/one", row(), **fields),
        model("acme/two", row(), predecessor_ids=("acme/one",)),
    ) as client:
        [old, _] = await fetch_models(client)
        [alone] = await fetch_models(client, "id=acme/one")

    use = f'{message} Use "acme/two" instead.' if message else None
    assert (old["lifecycle"]["status"], old["lifecycle"]["message"]) == (status, use)
    assert old["lifecycle"]["replacement_id"] == "acme/two"
    assert alone == old


# What filters do to a record


BOTH: Final = model(
    "acme/both",
    row("a", "text.generate", parameters={"tools": {"supported": True}}),
    row("b", "batch", parameters={"window": {"supported": True, "aliases": ["span"]}}),
)


@pytest.mark.parametrize(
    ("query", "providers"),
    [
        ("", ["a", "b"]),
        ("provider=A", ["a"]),
        ("endpoints=BATCH", ["b"]),
        ("endpoints=batches", ["b"]),
        ("params=tools", ["a"]),
        ("params=span", ["b"]),
        ("supported_parameters=span&params=none", ["b"]),
        ("params=TOOLS", None),
        ("endpoints=batch&params=tools", None),
        ("provider=a,b&endpoints=batch", ["b"]),
        ("endpoints=chat.completions", None),
    ],
)
async def test_filters_on_rows_look_at_the_same_row_and_narrow_the_record(
    query: str, providers: list[str] | None
) -> None:
    async with connect(BOTH) as client:
        models = await fetch_models(client, query)

    if providers is None:
        assert models == []
        return
    [record] = models
    assert [offer["provider"]["id"] for offer in record["offers"]] == providers
    assert record["availability"]["provider_count"] == len(providers)
    endpoints = {"a": "text.generate", "b": "batch"}
    assert record["capabilities"]["endpoints"] == sorted(
        endpoints[provider] for provider in providers
    )


async def test_variants_and_successors_are_those_of_the_filtered_list() -> None:
    free = model("acme/one:free", row("b"), base_model_id="acme/one", variant="free")
    async with connect(
        model("acme/one", row("a")),
        free,
        model("acme/two", row("a"), predecessor_ids=("acme/one:free",)),
    ) as client:
        whole = {each["id"]: each for each in await fetch_models(client)}
        [_, narrowed] = await fetch_models(client, "provider=b")
        [by_id] = await fetch_models(client, "id=acme/one:free")

    assert list(whole["acme/one"]["variants"]) == ["standard", "free"]
    assert whole["acme/one:free"]["lifecycle"]["replacement_id"] == "acme/two"
    assert narrowed["variants"] == {
        "free": {"model_id": "acme/one:free", "name": "acme/one:free"}
    }
    assert narrowed["lifecycle"]["replacement_id"] is None
    assert by_id == whole["acme/one:free"]


async def test_of_several_successors_the_first_of_the_list_counts() -> None:
    new, newer = (
        model(
            f"acme/{name}",
            row(name),
            predecessor_ids=("acme/old",),
            released_at=f"{year}-01-01T00:00:00+00:00",
        )
        for name, year in (("new", 2025), ("newer", 2026))
    )
    async with connect(
        model("acme/old", row("new"), row("newer")), new, newer
    ) as client:
        records = [
            {each["id"]: each for each in await fetch_models(client, query)}["acme/old"]
            for query in ("", "provider=new")
        ]

    assert [record["lifecycle"]["replacement_id"] for record in records] == [
        "acme/newer",
        "acme/new",
    ]


async def test_rows_of_one_provider_are_combined_with_the_best_status() -> None:
    rows = (
        row(
            endpoint="batch",
            model="first",
            capability_status="disabled",
            input=("text",),
            parameters={"size": {"supported": True, "values": ["b", "a"]}},
        ),
        row(
            model="second",
            input=("image",),
            parameters={"size": {"supported": True, "values": ["c"]}, "n": {}},
        ),
    )
    async with connect(model("acme/one", *rows)) as client:
        [record] = await fetch_models(client, "availability=all")

    [offer] = record["offers"]
    assert (offer["model"], offer["status"]) == ("first", "active")
    assert offer["endpoints"] == ["batch", "text.generate"]
    assert offer["modalities"]["input"] == ["image", "text"]
    assert offer["capabilities"]["parameters"] == ["n", "size"]
    assert offer["capabilities"]["parameter_details"]["size"] == {
        "supported": True,
        "values": ["a", "b", "c"],
    }


# Prices


def prices(provider_id: str, amount: str, **more: Any) -> PriceList:
    price = Price("input_text_tokens", "token", 1_000_000, amount)
    fields = {"endpoint": "text.generate", "prices": (price,)} | more
    return PriceList(provider_id=provider_id, **fields)


def find_price(owner: dict[str, Any]) -> tuple[str, str] | None:
    meter = owner["pricing"]["meters"]["input_text_tokens"]
    return meter and (meter["provider_id"], meter["price_per_unit"])


async def test_a_record_shows_the_lowest_price_ever_stored() -> None:
    """Under the name of the last provider, and not at all where that one is left out."""
    windowed = Price(
        "input_text_tokens",
        "token",
        1_000_000,
        "4",
        time_windows=(TimeWindow("night", "06:00", "UTC", "00:00", 2.5),),
    )
    one = model(
        "acme/one",
        row("a"),
        row("b"),
        price_lists=(
            prices("a", "3"),
            prices("a", "0.9500000000000001", until="2020-01-01T00:00:00+00:00"),
            prices("a", "0.1", endpoint="batch"),
            prices("b", "4", prices=(windowed,)),
        ),
    )
    async with connect(one) as client:
        [record] = await fetch_models(client)
        [narrowed] = await fetch_models(client, "provider=a")
        listed = (await fetch(client, "/pricing/models"))["models"]

    assert [find_price(offer) for offer in record["offers"]] == [
        ("a", "0.9500000000000001"),
        ("b", "2.5"),
    ]
    assert find_price(record) == ("b", "0.9500000000000001")
    assert find_price(narrowed) is None
    assert [
        (entry["provider"], entry["endpoint"], entry["meters"][0]["price_per_unit"])
        for entry in listed
    ] == [
        ("a", "batch", "0.1"),
        ("a", "text.generate", "3"),
        ("b", "text.generate", "4"),
    ]
    assert listed[2]["meters"][0]["time_windows"] == [
        {
            "label": "night",
            "end_time": "06:00",
            "timezone": "UTC",
            "start_time": "00:00",
            "price_per_unit": 2.5,
        }
    ]


# phaseo/free


FREE: Final = tuple(
    model(
        f"acme/{name}:free",
        row(provider_id, parameters={"top_p": {"supported": True}}),
        base_model_id=f"acme/{name}",
        variant="free",
    )
    for name, provider_id in (("x", "a"), ("y", "a"), ("z", "b"))
)


@pytest.mark.parametrize(
    ("query", "offers"),
    [
        ("", ["a", "b"]),
        ("provider=b", ["b"]),
        ("params=top_p", ["a", "b"]),
        ("provider=c", None),
        ("endpoints=text.generate", None),
        ("provider_status=not_ready", None),
    ],
)
async def test_the_free_router_is_first_where_a_member_of_its_pool_is_listed(
    query: str, offers: list[str] | None
) -> None:
    async with connect(*FREE, model("acme/paid", row("c"))) as client:
        answer = await fetch(client, f"/models?{query}")

    routers = [each for each in answer["models"] if each["id"] == "phaseo/free"]
    assert answer["total"] == len(answer["models"])
    if offers is None:
        assert routers == []
    else:
        assert answer["models"][:1] == routers
        assert [offer["provider"]["id"] for offer in routers[0]["offers"]] == offers
        assert routers[0]["capabilities"]["parameters"] == ["0", "top_p"]
        assert routers[0]["capabilities"]["endpoints"] == []


async def test_the_free_router_has_no_endpoints_of_its_own_and_can_be_asked_for() -> (
    None
):
    async with connect() as client:
        by_id = await fetch_models(client, "id=phaseo/free")
        endpoints = await client.get("/models/phaseo/free/endpoints")
        organisations = await fetch(client, "/organisations?limit=250")

    assert [each["id"] for each in by_id] == ["phaseo/free"]
    assert endpoints.status_code == 404
    assert "phaseo" not in {
        each["organisation_id"] for each in organisations["organisations"]
    }


# The other routes


async def test_endpoints_of_one_model_leave_text_out() -> None:
    async with connect() as client:
        by_id = await fetch(client, "/models/openai/gpt-4.1/endpoints")
        by_alias = await fetch(client, "/models/openai/gpt-4-1/endpoints")
        unsupported = await fetch(
            client, "/models/openai/gpt-4.1/endpoints?params=none"
        )
        elsewhere = await client.get("/models/openai/gpt-4.1/endpoints?provider=groq")
        privacy = await client.get("/models/openai/gpt-4.1/endpoints?privacy=1")

    assert [each["id"] for each in by_id["endpoints"]] == ["openai:batch"]
    assert by_id["endpoints"][0]["public_path"] == "/v1/batches"
    assert (by_alias, unsupported["endpoints"]) == (by_id, [])
    assert (elsewhere.status_code, elsewhere.json()) == (
        404,
        {
            "ok": False,
            "error": "not_found",
            "message": "Model openai/gpt-4.1 was not found.",
        },
    )
    assert privacy.status_code == 200


@pytest.mark.parametrize("path", ["%E0%A4%A/x", "a/%zz"])
async def test_a_broken_escape_in_the_path_is_a_400(path: str) -> None:
    upstream = Upstream(read_catalogue(), clock=lambda: NOW)

    reply = upstream.reply("GET", f"/v1/models/{path}/endpoints", "", f"Bearer {TOKEN}")

    assert reply.status == 400


async def test_a_capability_without_a_public_name_breaks_only_endpoints() -> None:
    odd = model("acme/odd", row(endpoint="voice.design"))
    async with connect(odd) as client:
        answers = [
            await client.get(path)
            for path in ("/endpoints", "/models/acme/odd/endpoints", "/models")
        ]

    message = "Unsupported public capability metadata: voice.design"
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert [answer.json().get("message") for answer in answers[:2]] == [message] * 2


async def test_side_tables_are_paged_and_know_no_bound_of_offsets() -> None:
    async with connect() as client:
        [whole, page, beyond] = [
            await fetch(client, f"/providers?{query}")
            for query in ("limit=250", "limit=3&offset=2", "offset=6000")
        ]

    assert page["providers"] == whole["providers"][2:5]
    assert (beyond["providers"], beyond["offset"]) == ([], 6000)
    assert whole["total"] == len(whole["providers"])


async def test_my_models_are_not_implemented() -> None:
    async with connect() as client:
        answer = await client.get("/models/me")

    assert answer.status_code == 501
    assert list(answer.json()) == ["status_code", "error", "description"]


def test_a_catalogue_of_one_version_is_not_served_as_the_other() -> None:
    with pytest.raises(TypeError, match="cannot be served as 2025-12"):
        build_demo_app(Catalogue(models=()), version="2025-12")


def test_models_of_december_are_served_with_their_ids() -> None:
    app = build_demo_app(
        [
            {
                "model_id": "acme/big-1-5",
                "release_date": "2025-01-02T00:00:00",
                "data": {"input_types": ["text"], "output_types": []},
                "gateway": {
                    "providers": [
                        {
                            "api_provider_id": "host",
                            "api_provider_name": "Host",
                            "link": None,
                            "country_code": None,
                            "endpoint": endpoint,
                        }
                        for endpoint in ("chat.completions", "responses", "embeddings")
                    ]
                },
            }
        ],
        clock=lambda: NOW,
        version="2026-08",
    )

    reply = app.reply("GET", "/v1/models", "", f"Bearer {TOKEN}")

    [record] = msgspec.json.decode(reply.body)["models"]
    assert record["id"] == record["name"] == "acme/big-1-5"
    assert record["lifecycle"]["released_at"] == "2025-01-02T00:00:00+00:00"
    assert record["capabilities"]["endpoints"] == ["text.embed", "text.generate"]
