"""Fuzzing of the whole gateway, with and without a real socket: always an answer, never a 500."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from catalograph.app import create_app
from catalograph.graphql.schema import build_schema
from catalograph.settings import Settings
from support.hostile.battle import find_leak
from support.nightly import IS_NIGHTLY, chance, count_cases
from support.random_documents import Breaker, DocumentWriter
from support.web_client import build_client, running, serve, talk

SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it

_PIECES = st.sampled_from(
    [
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "!",
        "$",
        "@",
        "...",
        "|",
        "&",
        "=",
        "query",
        "mutation",
        "subscription",
        "fragment",
        "on",
        "true",
        "null",
        "__typename",
        "__schema",
        "__type",
        "models",
        "model",
        "modelId",
        "nodes",
        "totalCount",
        "filter",
        "providers",
        "_entities",
        "_service",
        "node",
        "id",
        '"a"',
        '"""b"""',
        "1",
        "-1",
        "1.5e9",
        "#",
        "\n",
        "\ufeff",
        "\u2028",
        "é",
        "�",
        "\x00",
        ",",
        "include",
        "if",
        "skip",
        "first",
        "after",
        "limit",
        "offset",
        "search",
    ]
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([2**31, -(2**31), 2**63, 2**64, 10**30, "\0", "\ud800", "﷽"])
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.text(max_size=12), inner, max_size=6)
    ),
    max_leaves=30,
)
_ARGUMENTS = "$limit: Int, $id: ID!, $m: String!, $f: ModelFilter, $r: [_Any!]!, $s: String, $c: String, $ids: [ID!]!"
_DOCUMENT = f"""query Fuzz({_ARGUMENTS}) {{
  models(limit: $limit, filter: $f, search: $s) {{ totalCount nodes {{ id name }}
    unknownFilterValues {{ value suggestion }} facets {{ providers {{ count }} }} }}
  paged: models(first: 2, after: $c) {{ pageInfo {{ endCursor }} }}
  model(modelId: $m) {{ name }} node(id: $id) {{ id }} nodes(ids: $ids) {{ id }}
  _entities(representations: $r) {{ __typename }} }}"""
_FILTER = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.text(max_size=20), max_size=4) | _JSON
        for name in (
            "providers",
            "endpoints",
            "modelIds",
            "inputModalities",
            "statuses",
        )
    }
    | {"releaseDate": st.fixed_dictionaries({"from": st.text(max_size=12) | _JSON})},
)
_REFERENCE = st.fixed_dictionaries(
    {"__typename": st.sampled_from(["Model", "Provider", "Query"]) | _JSON},
    optional={"id": _JSON, "modelId": _JSON, "providerId": _JSON},
)
_VARIABLES = st.fixed_dictionaries(
    {
        "id": st.text(max_size=40) | _JSON,
        "m": st.text(max_size=40) | _JSON,
        "r": st.lists(_REFERENCE, max_size=4) | _JSON,
        "ids": st.lists(st.text(max_size=30), max_size=5) | _JSON,
    },
    optional={"limit": _JSON, "f": _FILTER | _JSON, "s": _JSON, "c": _JSON},
)


class Thrown:
    """A gateway over the embedded catalogue, and a loop for it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = contextlib.AsyncExitStack()
        self.client = self._runner.run(self._open())

    async def _open(self) -> httpx.AsyncClient:
        environ = {"CATALOGRAPH_TRACE_ENABLED": "on", "CATALOGRAPH_LOG_LEVEL": "error"}
        app = create_app(Settings.from_environ(environ), demo=True)
        await self._stack.enter_async_context(running(app))
        return await self._stack.enter_async_context(build_client(app))

    def throw(self, body: bytes, **headers: str) -> httpx.Response:
        """Send a body, and check the answer."""

        async def send() -> httpx.Response:
            async with asyncio.timeout(20):
                return await self.client.post(
                    "/graphql",
                    content=body,
                    headers={"content-type": "application/json", **headers},
                )

        response = self._runner.run(send())
        check(response.status_code, response.content)
        return response

    def close(self) -> None:
        """Stop it."""
        self._runner.run(self._stack.aclose())
        self._runner.close()


def check(status: int, content: bytes) -> None:
    """Check that a response is GraphQL over HTTP, and not an internal error."""
    assert status < 500
    body = json.loads(content)
    assert body.keys() <= {"data", "errors", "extensions"}
    for error in body.get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", error
        assert find_leak(json.dumps(error.get("extensions")).encode()) is None


@pytest.fixture(scope="module")
def thrown() -> Iterator[Thrown]:
    thrown = Thrown()
    yield thrown
    thrown.close()


_SETTINGS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


@settings(max_examples=count_cases(150), **_SETTINGS)
@given(pieces=st.lists(_PIECES | st.text(max_size=6), max_size=60))
@example(pieces=["{", "\ud800", "}"])
def test_documents_of_pieces(thrown: Thrown, pieces: list[str]) -> None:
    thrown.throw(dump({"query": " ".join(pieces)}))


@settings(max_examples=count_cases(200), **_SETTINGS)
@given(variables=_VARIABLES)
def test_variables_of_all_kinds(thrown: Thrown, variables: dict[str, object]) -> None:
    thrown.throw(dump({"query": _DOCUMENT, "variables": variables}))


@settings(max_examples=count_cases(100), **_SETTINGS)
@given(body=st.binary(max_size=400) | _JSON.map(dump))
def test_bodies_of_all_kinds(thrown: Thrown, body: bytes) -> None:
    thrown.throw(body)


@settings(max_examples=count_cases(60), **_SETTINGS)
@given(where=st.integers(0, 10**6), with_=st.binary(max_size=4), cut=st.integers(0, 10))
def test_good_requests_with_a_few_bytes_wrong(
    thrown: Thrown, where: int, with_: bytes, cut: int
) -> None:
    good = dump({"query": "query A($a: Int) { models(limit: $a) { totalCount } }"})
    place = where % len(good)
    thrown.throw(good[:place] + with_ + good[place + cut :])


def test_random_operations_good_and_broken(thrown: Thrown) -> None:
    for seed in range(count_cases(60)):
        luck = chance(seed)
        operation = DocumentWriter(SCHEMA, luck).write()
        for text in (operation.text, Breaker(SCHEMA, luck).change(operation.text)):
            thrown.throw(
                dump(
                    {
                        "query": text,
                        "operationName": operation.name,
                        "variables": operation.variables,
                    }
                )
            )


async def test_random_bytes_on_a_socket() -> None:
    """Requests with changed, moved and missing bytes are answered, too."""
    body = b'{"query":"{__typename}"}'
    good = (
        b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    app = create_app(Settings(), demo=True)

    async with serving(app) as port:
        for seed in range(2_000 if IS_NIGHTLY else 150):
            luck = chance(seed)
            sent = bytearray(good)
            for _ in range(luck.randint(1, 5)):
                place = luck.randrange(len(sent))
                sent[place : place + luck.randint(0, 3)] = luck.randbytes(
                    luck.randint(0, 3)
                )
            async with asyncio.timeout(20):
                answer = await talk_and_hang_up(port, bytes(sent))
            assert not answer.startswith(b"HTTP/1.1 5")
            # The test server sends a `server` header; `serve` does not.
            assert find_leak(answer.replace(b"server: uvicorn", b"")) is None
        assert b'{"data":{"__typename":"Query"}}' in await talk(port, good)


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    async with serve(app) as (_, port):
        yield port


async def talk_and_hang_up(port: int, sent: bytes) -> bytes:
    """Send, and close the sending side, so that the server does not wait for more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError):
        writer.write(sent)
        writer.write_eof()
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0.5):
            answer = await reader.read()
    writer.close()
    return answer
