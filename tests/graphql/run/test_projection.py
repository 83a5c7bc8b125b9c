"""Compiled execution gives the same results as graphql-core, field by field."""

import asyncio
import gc
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, NoReturn

import msgspec
import pytest
import structlog
from graphql.execution.executor import Executor

from catalograph.app import Gateway
from catalograph.catalogue import records
from catalograph.catalogue.index import CatalogueIndex
from catalograph.data.access import Access
from catalograph.graphql.check.documents import Documents
from catalograph.graphql.check.limits import Limits
from catalograph.graphql.node import node_id
from catalograph.graphql.run.engine import Engine
from catalograph.graphql.run.executor import CompiledExecutor
from catalograph.graphql.run.request import Answer, Caller, Operation
from catalograph.graphql.schema import build_schema
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.transport import build_in_process_transport
from support.graph_gateway import TurnedClock
from support.nightly import chance, count_cases
from support.random_documents import DocumentWriter, Pools, RandomOperation
from support.stub_upstream import ShapeName, StubUpstream

SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
CALLER = Caller(request_id="request-1", cost_wanted=True)
# Some random documents exceed the limits for clients; they are compared, too.
LIMITS = Limits(
    depth=50, height=10_000, aliases=1_000, root_fields=100, directives=1_000
)
CASES_OF_A_CATALOGUE = 25

WRONG: tuple[Any, ...] = (None, 7, "text", (), (None,), ("a", None), b"bytes", object())
"""Values of wrong types, which `distort` puts into records."""


def fill(upstream: StubUpstream) -> None:
    """Add models with nulls, with equal rows, without rows, and with unknown values."""
    rows = [("openai", "chat.completions"), ("azure", "chat.completions")]
    twins = [("groq", "responses", "slug"), ("groq", "responses", "slug")]
    upstream.add_model(
        "openai/gpt", rows=rows, aliases=["gpt"], input_types=["text", "image"]
    )
    upstream.add_model(
        "openai/gpt-mini", rows=[*rows, *twins], release_date="2025-01-01"
    )
    upstream.add_model("meta/llama", rows=twins, status=None, organisation=None)
    upstream.add_model("meta/quiet", name=None, status="Withdrawn", output_types=[])
    upstream.add_model("mistral/été “8b”", rows=[("azure", "batch")], status="Rumoured")
    upstream.add_model(
        "mistral/old",
        status="Retired",
        release_date="2024-05-05",
        retirement_date="2025-12-18",
        rows=[
            {
                "api_provider_id": "openai",
                "endpoint": "responses",
                "effective_from": "2024-05-05T00:00:00",
                "effective_to": None,
                "is_active_gateway": False,
            }
        ],
    )
    # More than fit in one piece.
    for number in range(12):
        upstream.add_model(f"acme/m{number}", rows=rows[: number % 3])


@asynccontextmanager
async def open_gateway(shape: ShapeName) -> AsyncIterator[Gateway]:
    upstream = StubUpstream(shape=shape)
    fill(upstream)
    clock = TurnedClock()
    client = UpstreamClient(
        base_url="http://upstream.test/v1",
        token=upstream.token,
        transport=build_in_process_transport(upstream.app),
        clock=clock,
        monotonic=clock,
        sleep=clock.sleep,
    )
    gateway = Gateway(Settings.from_environ({}), client=client, clock=clock)
    try:
        yield gateway
    finally:
        await gateway.aclose()


def build_engine(
    gateway: Gateway,
    *,
    executor_class: type[Executor[Any]] = CompiledExecutor,
    max_slice_s: float = 1.0,
) -> Engine:
    return Engine(
        gateway.source,
        documents=Documents(SCHEMA, limits=LIMITS),
        max_cost=10**9,
        executor_class=executor_class,
        max_response_bytes=10**9,
        max_slice_s=max_slice_s,
    )


async def find_index(gateway: Gateway, engine: Engine) -> CatalogueIndex:
    await engine.execute(Operation(document="{ catalogue { version } }"), CALLER)
    entry = gateway.source.find_index(Access())
    assert entry is not None
    return entry.value


async def build_pools(index: CatalogueIndex, engine: Engine) -> Pools:
    """Build pools of values that the catalogue holds, and some that it does not."""
    answer = await engine.execute(
        Operation(
            document="{ models { edges { cursor } } providers { edges { cursor } } }"
        ),
        CALLER,
    )
    data = msgspec.json.decode(answer.body)["data"]
    cursors = [
        edge["cursor"]
        for name in ("models", "providers")
        for edge in data[name]["edges"]
    ]
    models = [model.model_id for model in index.models]
    providers = [one.provider_id for one in index.providers]
    endpoints = [one.endpoint_id for one in index.endpoints]
    organisations = [one.organisation_id for one in index.organisations]
    offerings = [one for model in index.models for one in model.offerings]
    nodes: list[Any] = [
        *index.models,
        *index.providers,
        *index.endpoints,
        *index.organisations,
    ]
    return Pools(
        {
            "modelId": [*models, "gpt", "nobody/nothing"],
            "modelIds": [*models, "gpt"],
            "providerId": [*providers, "nobody"],
            "providers": [*providers, "nobody", "a,b"],
            "endpointId": [*endpoints, "nothing"],
            "endpoints": [*endpoints, "nothing"],
            "excludeEndpoints": endpoints,
            "organisationId": [*organisations, "nobody"],
            "organisations": organisations,
            "inputModalities": ["text", "image"],
            "outputModalities": ["text", "audio"],
            "search": ["gpt", "m", "ete", "nothing at all", ""],
            "after": [*cursors, "nonsense"],
            "before": [*cursors, "nonsense"],
        },
        ids=[*[node_id(one) for one in [*nodes, *offerings]], "nonsense"],
        representations=[
            *[{"__typename": "Model", "modelId": one} for one in models],
            *[{"__typename": "Provider", "providerId": one} for one in providers],
            {"__typename": "Nothing", "id": "x"},
            {"__typename": "Offering"},
        ],
    )


def distort(index: CatalogueIndex, rng: Random) -> None:
    """Put wrong values into some records, which cannot happen in production."""
    offerings = [one for model in index.models for one in model.offerings]
    parts = [
        part for model in index.models for part in (model.data, model.gateway) if part
    ]
    choices: dict[type, tuple[str, ...]] = {
        records.Model: (
            "name",
            "status_label",
            "release_date",
            "organisation",
            "aliases",
        ),
        records.Provider: ("name", "link", "country_code"),
        records.Organisation: ("name", "country_code"),
        records.Offering: (
            "provider_model_slug",
            "is_routable",
            "input_modalities",
            "effective_from",
            "effective_to",
            "provider",
            "endpoint",
        ),
        records.ModelData: ("input_modalities", "output_modalities"),
        records.ModelGateway: ("is_routable", "endpoints", "providers", "offerings"),
    }
    found: list[Any] = [*index.models, *index.providers, *index.organisations]
    found += [*offerings, *parts]
    for _ in range(rng.randint(1, 8)):
        record = rng.choice(found)
        names = choices.get(type(record))
        if names is not None:
            msgspec.structs.force_setattr(record, rng.choice(names), rng.choice(WRONG))


async def run(engine: Engine, asked: RandomOperation) -> Answer:
    operation = Operation(
        document=asked.text, name=asked.name, variables=asked.variables
    )
    return await engine.execute(operation, CALLER)


def describe(answer: Answer) -> tuple[Any, ...]:
    return (
        answer.body.decode(),
        answer.ran,
        answer.codes,
        answer.kind,
        answer.name,
        answer.fresh_for_s,
        answer.cache_for_s,
        # An error that aborts the operation may occur before or after loading the index.
        None if answer.codes else answer.as_of_s,
        answer.cost,
    )


def tells_enough(paced: tuple[Any, ...], plain: tuple[Any, ...]) -> bool:
    """Whether answers differ only in which of several errors within a null they tell.

    Of errors that make one object null, one has to be told (GraphQL section 6.4.4). A
    pause decides which are found before the object is given up.
    """
    found, expected = msgspec.json.decode(paced[0]), msgspec.json.decode(plain[0])
    errors, known = found.pop("errors", []), expected.pop("errors", [])
    if found != expected:
        return False
    for some, others in ((errors, known), (known, errors)):
        for error in some:
            null = find_null(found["data"], error["path"])
            if error not in others and (
                null is None
                or not any(one["path"][: len(null)] == null for one in others)
            ):
                return False
    return True


def find_null(data: Any, path: list[str | int]) -> list[str | int] | None:
    """Give the path of the null that an error's path leads into; None: it is no null."""
    for length, step in enumerate(path):
        if data is None:
            return path[:length]
        data = data[step]
    return None if data is not None else path


@pytest.fixture
def unlogged() -> None:
    """Drop log lines: with wrong values, writing tracebacks takes most of the time."""

    def drop(*_: object) -> NoReturn:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])


@pytest.mark.usefixtures("unlogged")
@pytest.mark.parametrize("shape", ["sectioned", "flat", "documented", "2026-08"])
@pytest.mark.parametrize("values", ["right", "wrong"])
async def test_random_operations_are_answered_alike(
    shape: ShapeName, values: str
) -> None:
    """Data, order of keys, errors, paths and warnings are equal, byte for byte.

    Also when asked again, and when there is a pause before each object.
    """
    cases = count_cases(450) // 8
    good = 0

    for start in range(0, cases, CASES_OF_A_CATALOGUE):
        async with open_gateway(shape) as gateway:
            # Without pauses, which may come anywhere on a busy machine.
            compiled = build_engine(gateway, max_slice_s=math.inf)
            paced = build_engine(gateway, max_slice_s=0)
            plain = build_engine(gateway, executor_class=Executor)
            index = await find_index(gateway, plain)
            pools = await build_pools(index, plain)
            if values == "wrong":
                distort(index, chance(start))
            for seed in range(start, min(cases, start + CASES_OF_A_CATALOGUE)):
                asked = DocumentWriter(SCHEMA, chance(seed), pools).write()
                expected = describe(await run(plain, asked))
                for engine in (compiled, compiled, compiled, paced):
                    found = describe(await run(engine, asked))
                    agrees = found == expected
                    if engine is paced and not agrees:
                        agrees = tells_enough(found, expected)
                    assert agrees, (seed, engine is paced, asked)
                good += expected[2] == ()

    assert good > cases // 10


@pytest.mark.parametrize("turns", range(1, 12))
async def test_resolvers_that_wait_for_their_turn_can_be_cancelled(turns: int) -> None:
    """None is left that was never awaited: the warning of that is an error here."""
    lists = " ".join(f"l{n}: models(limit: {n + 1}) {{ totalCount }}" for n in range(9))
    asked = f"{{ organisations {{ nodes {{ {lists} }} }} }}"
    async with open_gateway("sectioned") as gateway:
        paced = build_engine(gateway, max_slice_s=0)
        await find_index(gateway, paced)

        running = asyncio.create_task(paced.execute(Operation(document=asked), CALLER))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    gc.collect()
