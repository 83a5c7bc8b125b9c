"""Memory for data that clients choose is bounded."""

import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from catalograph.app import create_app
from catalograph.cache.entries import Ages, Entry
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from catalograph.errors import UpstreamAuthError
from catalograph.graphql.check.documents import MAX_PREPARED, Document, Documents
from catalograph.graphql.schema import build_schema
from catalograph.settings import Settings
from support.cache_stand_ins import TEXT
from support.web_client import ask, build_client, running

MIB = 2**20


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    environ = {"CATALOGRAPH_RESPONSE_CACHE": "off"}
    app = create_app(Settings.from_environ(environ), demo=True)
    async with running(app), build_client(app) as client:
        yield client


@pytest.fixture
async def keeping() -> AsyncIterator[httpx.AsyncClient]:
    """A gateway with a response cache."""
    app = create_app(Settings(), demo=True)
    async with running(app), build_client(app) as client:
        yield client


class Traced:
    """Measures the memory that has been allocated since the start."""

    def __init__(self) -> None:
        gc.collect()
        self._before = tracemalloc.get_traced_memory()[0]

    def measure_bytes(self) -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - self._before


@pytest.fixture
def traced() -> Iterator[type[Traced]]:
    tracemalloc.start()
    yield Traced
    tracemalloc.stop()


async def test_long_variables_are_not_held(
    client: httpx.AsyncClient, traced: type[Traced]
) -> None:
    document = "query($n: Int) { models(limit: $n) { totalCount } }"
    await ask(client, document, variables={"n": 1})
    added = traced()

    for number in range(50):
        variables = {"n": 1, "unknown": f"{number}" + "x" * 200_000}
        response = await ask(client, document, variables=variables)
        assert response.json()["data"]["models"]["totalCount"] > 0

    assert added.measure_bytes() < MIB


async def test_what_a_document_remembers_counts_as_its_memory() -> None:
    """Many documents, each with many sets of variables, share one bound."""
    documents = Documents(
        build_schema()._schema,  # noqa: SLF001 - Strawberry has no public name for it
        max_bytes=MIB,
    )
    first = await documents.load("{ models { totalCount } }")
    documents.store_prepared(first, None, "as many operations as fit", MIB - 2_000)
    # In a full cache, a document is admitted on its second request.
    await documents.load("{ models { nodes { name } } }")
    second = await documents.load("{ models { nodes { name } } }")

    assert await documents.load("{ models { nodes { name } } }") is second
    assert await documents.load("{ models { totalCount } }") is not first


def test_what_a_document_forgets_does_not_count_any_longer() -> None:
    document = Document("{ models { totalCount } }", None)
    for number in range(MAX_PREPARED):
        document.store_prepared(number, "prepared", 1_000)
    full_bytes = document.weight_bytes

    for number in range(9 * MAX_PREPARED):
        document.store_prepared(-number, "prepared", 1_000)

    assert 0 < document.weight_bytes <= full_bytes


async def test_failed_operations_keep_no_frames_alive(traced: type[Traced]) -> None:
    """A client with invented tokens causes thousands of refusals a second."""
    cache = RefreshingCache(
        open_store("memory://", max_bytes=1_000), ages=Ages(), clock=lambda: 0.0
    )

    async def fail() -> Entry[str | None]:
        answer = bytearray(10_000)
        raise UpstreamAuthError(detail=f"{len(answer)}")

    added = traced()
    for number in range(6_000):
        with pytest.raises(UpstreamAuthError):
            await cache.fetch_through(f"key {number}", fail, codec=TEXT)

    assert added.measure_bytes() < 6 * MIB
    await cache.aclose()


async def test_long_headers_count_as_memory_of_cached_responses(
    keeping: httpx.AsyncClient, traced: type[Traced]
) -> None:
    await ask(keeping, "{ __typename }")
    added = traced()

    for number in range(1_200):
        headers = {"accept": f"application/json, {number}" + "a" * 30_000}
        response = await ask(
            keeping, f"{{ a{number // 16}: __typename }}", headers=headers
        )
        assert response.status_code == 200

    assert added.measure_bytes() < 28 * MIB


async def test_long_operation_names_make_short_labels_and_lines(
    client: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "A" + "a" * 255

    response = await ask(client, f"query {name} {{ __typename }}")
    too_long = await ask(client, f"query {name * 800} {{ __typename }}")
    metrics = (await client.get("/metrics")).text

    assert response.json() == {"data": {"__typename": "Query"}}
    assert too_long.json()["errors"][0]["message"] == (
        "name length must be at most 256, got 204800"
    )
    labels = [line for line in metrics.splitlines() if 'operation="Aaa' in line]
    assert [len(line) < 300 for line in labels] == [True]
    assert name not in capfd.readouterr().err
