"""Malformed GraphQL requests are refused with a message that says why."""

import json

import httpx
import pytest

from catalograph.web import WebOptions, build_web_app
from catalograph.web.request import MAX_DEPTH, MAX_VALUES
from support.tiny_engine import ScriptedEngine, TinyEngine
from support.web_client import JSON, ask, open_client


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty; it must be a JSON object with `query`"),
        (b" \n", "the body is empty; it must be a JSON object with `query`"),
        (b"null", "the body must be a JSON object, got null"),
        (b"7", "the body must be a JSON object, got a number"),
        (b"true", "the body must be a JSON object, got a boolean"),
        (b'"{ hello }"', "the body must be a JSON object, got a string"),
        (b"[]", "batches are not supported; send one operation in a request"),
        (
            b'[{"query":"{ hello }"}]',
            "batches are not supported; send one operation in a request",
        ),
        (b"{}", "`query` is missing; it must be a string of GraphQL"),
        (b'{"query":null}', "`query` is missing; it must be a string of GraphQL"),
        (b'{"query":7}', "`query` must be a string, got a number"),
        (b'{"query":"{a}","operationName":[]}', "`operationName` must be a string, got an array"),
        (b'{"query":"{a}","variables":"{}"}', "`variables` must be an object, got a string"),
        (b'{"query":"{a}","extensions":true}', "`extensions` must be an object, got a boolean"),
        (b'{"documentId":1}', "`documentId` must be a string, got a number"),
        (b'{"query"', "the body must be JSON: input data was truncated"),
        (b'{"query":"{a}"} x', "the body must be JSON: trailing characters (byte 17)"),
        (b"NaN", "the body must be JSON: invalid character (byte 0)"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "the body must be JSON: invalid character (byte 0)"),
        (b'{"query":"\xff"}', "the body must be UTF-8"),
        (b'{"query":"\xed\xa0\x80"}', "the body must be UTF-8"),
        (
            b'{"query":"\\ud800"}',
            "the body must be JSON: input data was truncated",
        ),
        (b'{"query":"\\udc00 "}', "the body must be JSON: invalid utf-16 surrogate pair (byte 16)"),
        (b'{"query":"{a}","variables":{"n":1e999}}', "the body holds a number that is out of range"),
        (
            b'{"query":"{a}","variables":{"n":' + b"9" * 9_000 + b"}}",
            "the body holds a number that is out of range",
        ),
        (
            b'{"query":"{a}","variables":{"n":' + b"9" * 30 + b"}}",
            "`variables` holds a number that is out of range",
        ),
        (
            b'{"query":"{a}","variables":' + b'{"a":' * 40 + b"1" + b"}" * 41,
            f"`variables` is nested more than {MAX_DEPTH} levels deep",
        ),
        (
            b'{"query":"{a}","extensions":' + b"[" * 100_000,
            f"the body is nested more than {MAX_DEPTH} levels deep",
        ),
        (
            json.dumps({"query": "{a}", "variables": {"a": [0] * (MAX_VALUES + 1)}}).encode(),
            f"`variables` holds more than {MAX_VALUES:,} values",
        ),
    ],
)  # fmt: skip
async def test_body_is_refused(body: bytes, message: str) -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        response = await client.post("/graphql", content=body, headers=JSON)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["message"] == message
    assert error["extensions"].keys() == {"code", "requestId"}
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    assert engine.calls == []


@pytest.mark.parametrize(
    ("query_string", "message"),
    [
        ("", "`query` is missing; it must be a string of GraphQL"),
        ("query={a}&query={b}", "`query` must be given once"),
        ("query={a}&variables=[1]", "`variables` must be an object, got an array"),
        ("query={a}&variables={", "`variables` must be JSON: input data was truncated"),
        ("query={a}&extensions=1", "`extensions` must be an object, got a number"),
        ("query=%ff", "the address must be percent-encoded UTF-8"),
        ("a&" * 40 + "query={a}", "the address has more than 32 parameters"),
    ],
)
async def test_address_is_refused(query_string: str, message: str) -> None:
    async with open_client(TinyEngine()) as client:
        response = await client.get(f"/graphql?{query_string}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == message


async def test_empty_operation_name_and_variables_are_none() -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        response = await client.get("/graphql?query={hello}&operationName=&variables=")

    assert response.json() == {"data": {"hello": "hello world"}}
    assert [(call.name, call.variables) for call, _ in engine.calls] == [(None, {})]


async def test_variables_and_extensions_reach_the_engine() -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        response = await ask(
            client,
            "query Q($n: String) { hello(name: $n) } query R { hello }",
            operationName="Q",
            variables={"n": "you"},
            extensions={"mine": 1},
        )

    assert response.json() == {"data": {"hello": "hello you"}}
    ((operation, caller),) = engine.calls
    assert operation.name == "Q"
    assert operation.variables == {"n": "you"}
    assert operation.extensions == {"mine": 1}
    assert caller.request_id == response.headers["x-request-id"]
    assert (caller.token, caller.partition) == (None, "")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain;charset=utf-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=iso-8859-1",
        "application/graphql",
        "",
    ],
)
async def test_what_a_form_can_send_is_refused(content_type: str) -> None:
    """Browsers send a CORS preflight only for JSON, so other media types are refused."""
    engine = TinyEngine()
    async with open_client(engine) as client:
        response = await ask(client, headers={"content-type": content_type})

    assert response.status_code == 415
    assert response.headers["accept"] == "application/json"
    assert response.json()["errors"][0]["message"] == (
        "Content-Type must be application/json, in UTF-8"
    )
    assert engine.calls == []


async def test_compressed_bodies_are_refused() -> None:
    async with open_client(TinyEngine()) as client:
        response = await ask(client, headers={"content-encoding": "gzip"})

    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
async def test_other_methods_are_named(method: str) -> None:
    async with open_client(TinyEngine()) as client:
        response = await client.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_options_says_what_is_allowed() -> None:
    async with open_client(TinyEngine()) as client:
        response = await client.options("/graphql")

    assert response.status_code == 204
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert response.content == b""


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("cross-site", "no-cors", 403),
        ("cross-site", "navigate", 403),
        ("cross-site", None, 403),
        ("cross-site", "cors", 200),
        ("same-site", "no-cors", 200),
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
        (None, None, 200),
    ],
)
async def test_other_sites_cannot_ask_with_links(
    site: str | None, mode: str | None, status: int
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    async with open_client(TinyEngine()) as client:
        response = await client.get(
            "/graphql?query={hello}",
            headers={name: value for name, value in headers.items() if value},
        )

    assert response.status_code == status
    if status == 403:
        assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_bodies_are_bounded_by_count() -> None:
    """A body is refused by its announced length, and when it grows too long."""

    async def in_chunks() -> object:
        for _ in range(20):
            yield b" " * 100

    app = build_web_app(TinyEngine(), None, WebOptions(max_body_bytes=1_000))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        announced = await client.post("/graphql", content=b" " * 1_001, headers=JSON)
        chunked = await client.post("/graphql", content=in_chunks(), headers=JSON)  # type: ignore[arg-type]
        largest = await client.post(
            "/graphql", content=b'{"query":"{hello}"}'.ljust(1_000), headers=JSON
        )

    for response in (announced, chunked):
        assert response.status_code == 413
        assert response.headers["connection"] == "close"
        assert response.json()["errors"][0]["message"] == (
            "the body must be at most 1000 bytes"
        )
    assert largest.status_code == 200


async def test_what_fails_unforeseen_is_masked() -> None:
    engine = ScriptedEngine(error=RuntimeError("secret /etc/passwd"))
    async with open_client(engine) as client:
        response = await ask(client)

    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["message"] == (
        "something went wrong here; the request id finds it in the log"
    )
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret" not in response.text


async def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    async with open_client(TinyEngine()) as client:
        response = await client.post(
            "/graphql",
            content=b'\xef\xbb\xbf{"query":"{ hello }"}',
            headers={"content-type": "application/json"},
        )

    assert response.json() == {"data": {"hello": "hello world"}}
