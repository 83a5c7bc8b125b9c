"""However large one operation is, other operations make progress meanwhile."""

import asyncio

import pytest

from catalograph.concurrency.eager import begin
from catalograph.graphql.check.documents import Documents
from catalograph.graphql.node import build_id
from catalograph.graphql.run.engine import Engine
from catalograph.graphql.run.request import Caller, Operation
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream

MODELS = 80
CALLER = Caller(request_id="request-1")
LARGE_PAGE = f"{{ models(limit: {MODELS}) {{ nodes {{ name offerings {{ id }} }} }} }}"


@pytest.fixture
async def gateway(upstream: StubUpstream, clock: TurnedClock) -> GraphGateway:
    for number in range(MODELS):
        upstream.add_model(f"acme/m{number}", rows=[("openai", "responses")])
    return GraphGateway(upstream, clock)


async def count_turns(engine: Engine, operation: Operation) -> tuple[int, bytes]:
    """Run an operation; return how often other tasks ran meanwhile, and the answer."""
    turns = 0

    async def beat() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beating = asyncio.create_task(beat())
    answer = await engine.execute(operation, CALLER)
    beating.cancel()
    return turns, answer.body


@pytest.mark.parametrize(
    ("document", "variables", "steps"),
    [
        pytest.param(LARGE_PAGE, {}, MODELS // 20, id="a page"),
        pytest.param(
            "query ($ids: [String!]!) { models(filter: {modelIds: $ids}) "
            "{ unknownFilterValues { value suggestion } } }",
            {"ids": [f"acme/x{number}" for number in range(500)]},
            500 + 500 // 8,
            id="unknown values",
        ),
        pytest.param(
            "query ($i: [ID!]!) { nodes(ids: $i) { ... on Provider "
            "{ a: models(limit: 1) { totalCount } b: models(limit: 999) { limit } } } }",
            {"i": [build_id("Provider", "openai")] * 100},
            100,
            id="nodes with lists of their own, every other one refused",
        ),
        pytest.param(
            "{ __schema { types { name fields { name } } } }", {}, 30, id="the schema"
        ),
    ],
)
async def test_long_work_lets_others_run(
    gateway: GraphGateway, document: str, variables: dict[str, object], steps: int
) -> None:
    source = gateway.gateway.source
    await gateway.ask("{ catalogue { version } models { totalCount } }")
    operation = Operation(document=document, variables=variables)

    hasty, expected = await count_turns(Engine(source, max_slice_s=1_000), operation)
    polite, found = await count_turns(Engine(source, max_slice_s=0), operation)

    assert found == expected
    assert polite >= hasty + steps


async def test_what_is_in_memory_is_answered_without_suspending(
    gateway: GraphGateway,
) -> None:
    """It suspends only if it takes longer than a time slice."""
    source = gateway.gateway.source
    operation = Operation(document=LARGE_PAGE)
    quick, slow = Engine(source, max_slice_s=1_000), Engine(source, max_slice_s=0)
    expected = await quick.execute(operation, CALLER)

    at_once = begin(quick.execute(operation, CALLER))
    later = begin(slow.execute(operation, CALLER))

    assert at_once.is_done
    assert at_once.result.body == expected.body
    assert not later.is_done
    assert (await later).body == expected.body


async def test_an_operation_that_runs_again_takes_no_more_memory(
    gateway: GraphGateway,
) -> None:
    """Its cached results are counted once, however often the executor runs it."""
    schema = Engine(gateway.gateway.source).schema
    documents = Documents(schema, max_bytes=50_000)
    engine = Engine(gateway.gateway.source, documents=documents, max_slice_s=0)
    other, again = Operation(document="{ __typename }"), Operation(document=LARGE_PAGE)
    await engine.execute(other, CALLER)
    kept = documents.find(other.document)

    for _ in range(100):
        await engine.execute(again, CALLER)

    assert documents.find(other.document) is kept is not None


async def test_values_of_filters_are_bounded_over_an_operation(
    gateway: GraphGateway,
) -> None:
    lists = " ".join(
        f"l{n}: models(offset: {n}, filter: {{providers: $a, endpoints: $a}}) {{ limit }}"
        for n in range(6)
    )
    values = [f"x{n}" for n in range(1_000)]

    result = await gateway.query(f"query ($a: [String!]!) {{ {lists} }}", {"a": values})

    assert result.codes == ["OPERATION_TOO_COMPLEX"]
    assert result.errors[0]["path"] == ["l5"]
    assert result.messages == ["filter values must be at most 10000, got 12000"]
