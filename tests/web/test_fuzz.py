"""Fuzzing of the application: always a well-formed answer, never a 500."""

import asyncio
import json
from typing import Any

import httpx
from hypothesis import given, settings, strategies as st
from starlette.types import Receive, Scope, Send

from catalograph.web import WebOptions, build_web_app
from support.tiny_engine import TinyEngine
from support.web_client import build_client

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=10), inner, max_size=5)
    ),
    max_leaves=20,
)
_PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(["{ hello }", "{", "query A { hello }"]) | _JSON,
        "operationName": st.sampled_from(["A", ""]) | _JSON,
        "variables": st.dictionaries(st.text(max_size=5), _JSON, max_size=3) | _JSON,
        "extensions": st.fixed_dictionaries(
            {}, optional={"persistedQuery": _JSON, "cost": _JSON}
        ),
        "documentId": st.text(max_size=80) | _JSON,
    },
)
_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "accept",
            "accept-encoding",
            "authorization",
            "content-encoding",
            "content-type",
            "if-none-match",
            "sec-fetch-mode",
            "sec-fetch-site",
            "x-api-key",
            "x-catalograph-trace",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-request-id",
        ]
    ),
    st.binary(max_size=40)
    | st.sampled_from([b"application/json", b"gzip, br;q=0", b"Bearer x", b"*", b"1"]),
    max_size=5,
)
OPTIONS = WebOptions(
    passthrough=True, trace_enabled=True, trusted_proxies=("192.0.2.0/24",)
)


def throw(
    method: str, path: str, query_string: bytes = b"", **request: Any
) -> httpx.Response:
    async def send() -> httpx.Response:
        app = build_web_app(TinyEngine(), None, OPTIONS)

        async def ask_strangely(scope: Scope, receive: Receive, send: Send) -> None:
            # No well-behaved client would send such an address.
            await app({**scope, "query_string": query_string}, receive, send)

        async with build_client(ask_strangely) as client:
            # Twice: the second time, the response cache may answer.
            await client.request(method, path, **request)
            return await client.request(method, path, **request)

    response = asyncio.run(send())
    assert response.status_code < 500
    if response.content:
        assert response.json().keys() <= {"data", "errors"}
    return response


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200), headers=_HEADERS)
def test_random_bytes(body: bytes, headers: dict[str, bytes]) -> None:
    throw("POST", "/graphql", content=body, headers=headers)


@settings(max_examples=200, deadline=None)
@given(parameters=_PARAMETERS, headers=_HEADERS)
def test_random_parameters(parameters: object, headers: dict[str, bytes]) -> None:
    headers = {"content-type": b"application/json", **headers}
    throw("POST", "/graphql", content=json.dumps(parameters), headers=headers)


@settings(max_examples=100, deadline=None)
@given(query_string=st.binary(max_size=100), headers=_HEADERS)
def test_random_addresses(query_string: bytes, headers: dict[str, bytes]) -> None:
    throw("GET", "/graphql", query_string=query_string, headers=headers)
