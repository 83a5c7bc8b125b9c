"""The audits of npm `graphql-http`, with its own ids.

Each case says what the audit sends and which statuses it takes; levels are those of the
package, but all of them must hold here.
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from catalograph.web import WebOptions, build_web_app
from support.tiny_engine import TinyEngine

NEW = "application/graphql-response+json"
OLD = "application/json"
TYPE = "query Type($name: String!) { __type(name: $name) { name } }"
COERCE = "query CoerceFailure($id: ID!){ __typename }"
UNKNOWN = "{ f8f31403dfe404bccbb0e835f2629c6a7 }"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build_web_app(TinyEngine(), None, WebOptions()))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway"
    ) as client:
        del client.headers["accept"]
        yield client


async def post(
    client: httpx.AsyncClient,
    body: object,
    accept: str | None = None,
    content_type: str | None = "application/json",
) -> httpx.Response:
    headers = {}
    if accept is not None:
        headers["accept"] = accept
    if content_type is not None:
        headers["content-type"] = content_type
    content = body if isinstance(body, str) else json.dumps(body)
    return await client.post("/graphql", content=content, headers=headers)


@pytest.mark.parametrize(
    ("audit", "accept", "content_type"),
    [
        ("22EB", NEW, NEW),
        ("4655", OLD, OLD),
        ("47DE", "*/*", OLD),
        ("80D8", None, OLD),
        ("82A3", None, OLD),
    ],
)
async def test_media_types(
    client: httpx.AsyncClient, audit: str, accept: str | None, content_type: str
) -> None:
    response = await post(client, {"query": "{ __typename }"}, accept)

    assert response.status_code == 200, audit
    assert response.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert response.content.decode("utf-8") == '{"data":{"__typename":"Query"}}'


@pytest.mark.parametrize("content_type", [OLD, f"{OLD}; charset=utf-8"])
async def test_bf61_78d5_03d4_request_is_utf8(
    client: httpx.AsyncClient, content_type: str
) -> None:
    body = json.dumps(
        {"query": '{ __type(name: "Run🏃Swim🏊") { name } }'}, ensure_ascii=False
    )

    response = await post(client, body, content_type=content_type)

    assert response.status_code == 200
    assert response.json() == {"data": {"__type": None}}


async def test_5a70_get(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ __typename }"})

    assert response.status_code == 200
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_9c48_no_mutation_by_get(client: httpx.AsyncClient) -> None:
    response = await client.get(
        "/graphql", params={"query": "mutation { __typename }"}, headers={"accept": NEW}
    )

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_9abe_content_type_is_required(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ __typename }"}, content_type=None)

    assert response.status_code == 415


@pytest.mark.parametrize(
    ("audit", "body", "accept"),
    [
        ("A5BF", "", None),
        ("423L", {"notquery": "{ __typename }"}, NEW),
        ("LKJ0", {"query": {"obj": "ect"}}, None),
        ("LKJ1", {"query": 0}, None),
        ("LKJ2", {"query": False}, None),
        ("LKJ3", {"query": ["array"]}, None),
        ("6C00", {"query": "{ __typename }", "operationName": {"obj": "ect"}}, None),
        ("6C01", {"query": "{ __typename }", "operationName": 0}, None),
        ("6C02", {"query": "{ __typename }", "operationName": False}, None),
        ("6C03", {"query": "{ __typename }", "operationName": ["array"]}, None),
        ("4760", {"query": "{ __typename }", "variables": "string"}, None),
        ("4761", {"query": "{ __typename }", "variables": 0}, None),
        ("4762", {"query": "{ __typename }", "variables": False}, None),
        ("4763", {"query": "{ __typename }", "variables": ["array"]}, None),
        ("58B0", {"query": "{ __typename }", "extensions": "string"}, None),
        ("58B1", {"query": "{ __typename }", "extensions": 0}, None),
        ("58B2", {"query": "{ __typename }", "extensions": False}, None),
        ("58B3", {"query": "{ __typename }", "extensions": ["array"]}, None),
        ("B6DC BCF8", '{ "not a JSON', OLD),
        ("B7N8", '{ "not a JSON', NEW),
        ("8764 3E3A", {"qeury": "{ __typename }"}, None),
        ("865D 556A D586", {"query": "{"}, NEW),
        ("51FE 74FF 5E5B", {"query": UNKNOWN}, NEW),
        ("86EE", {"query": COERCE, "variables": {"id": None}}, NEW),
    ],
)
async def test_400(
    client: httpx.AsyncClient, audit: str, body: object, accept: str | None
) -> None:
    response = await post(client, body, accept)

    assert response.status_code == 400, audit
    assert response.json().keys() == {"errors"}


@pytest.mark.parametrize("accept", [OLD, NEW])
@pytest.mark.parametrize(
    ("audit", "more", "data"),
    [
        ("34A2 13EE", {}, {"__typename": "Query"}),
        (
            "8161 B8B3",
            {"operationName": "Query", "query": "query Query { __typename }"},
            {"__typename": "Query"},
        ),
        ("94B0 0220", {"variables": None}, {"__typename": "Query"}),
        ("94B1 0221", {"operationName": None}, {"__typename": "Query"}),
        ("94B2 0222", {"extensions": None}, {"__typename": "Query"}),
        (
            "2EA1 28B9",
            {"query": TYPE, "variables": {"name": "sometype"}},
            {"__type": None},
        ),
        ("428F 1B7A", {"extensions": {"some": "value"}}, {"__typename": "Query"}),
    ],
)
async def test_200(
    client: httpx.AsyncClient,
    accept: str,
    audit: str,
    more: Mapping[str, Any],
    data: Mapping[str, Any],
) -> None:
    response = await post(client, {"query": "{ __typename }", **more}, accept)

    assert response.status_code == 200, audit
    assert response.json() == {"data": data}


@pytest.mark.parametrize(("audit", "accept"), [("D6D5", NEW), ("6A70", OLD)])
async def test_get_with_variables(
    client: httpx.AsyncClient, audit: str, accept: str
) -> None:
    response = await client.get(
        "/graphql",
        params={"query": TYPE, "variables": '{"name":"sometype"}'},
        headers={"accept": accept},
    )

    assert response.status_code == 200, audit
    assert response.json() == {"data": {"__type": None}}


@pytest.mark.parametrize(
    ("audit", "body"),
    [
        ("572B", {"query": "{"}),
        ("FDE2", {"query": UNKNOWN}),
        ("7B9B", {"query": COERCE, "variables": {"id": None}}),
    ],
)
async def test_well_formed_requests_get_200_as_plain_json(
    client: httpx.AsyncClient, audit: str, body: Mapping[str, Any]
) -> None:
    response = await post(client, body, OLD)

    assert response.status_code == 200, audit
    assert response.json().keys() == {"errors"}
