"""Page requests of one turn of the event loop, and of concurrent operations, are merged."""

import asyncio

from support.graph_gateway import (
    GraphGateway,
    TurnedClock,
)
from support.stub_upstream import SIZE, StubUpstream


def fill(upstream: StubUpstream, count: int) -> None:
    for number in range(count):
        upstream.add_model(f"acme/m{number:04}", rows=[("host", "chat")])


async def test_the_same_list_twice_costs_one(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 3)

    data = await gateway.ask(
        "{ a: models { nodes { name } } b: models(limit: 50) { nodes { name } } }"
    )

    assert data["a"] == data["b"]
    assert upstream.calls == [upstream.bare_call(limit=50, offset=0)]


async def test_different_sections_are_asked_as_their_union(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 1)

    data = await gateway.ask(
        "{ a: models { nodes { inputModalities } } b: models { nodes { isRoutable } } }"
    )

    assert data == {
        "a": {"nodes": [{"inputModalities": ["text"]}]},
        "b": {"nodes": [{"isRoutable": True}]},
    }
    assert upstream.calls == [upstream.page_call(limit=50, offset=0)]


async def test_neighbouring_windows_are_one(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 30)
    document = """{
      a: models(limit: 10) { nodes { modelId } offset limit pageInfo { hasNextPage } }
      b: models(limit: 10, offset: 10) { nodes { modelId } offset limit totalCount }
    }"""

    data = await gateway.ask(document)
    again = await gateway.ask(document)

    assert [node["modelId"] for node in data["a"]["nodes"]] == [
        f"acme/m{number:04}" for number in range(10)
    ]
    assert [node["modelId"] for node in data["b"]["nodes"]] == [
        f"acme/m{number:04}" for number in range(10, 20)
    ]
    assert (data["a"]["offset"], data["a"]["limit"]) == (0, 10)
    assert (data["b"]["offset"], data["b"]["limit"]) == (10, 10)
    assert data["a"]["pageInfo"] == {"hasNextPage": True}
    assert data["b"]["totalCount"] == 30
    assert again == data
    assert upstream.calls == [upstream.bare_call(limit=20, offset=0)]


async def test_neighbouring_windows_of_a_filtered_list_are_one(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 30)
    upstream.add_model("other/one", rows=[("other", "chat")])
    await gateway.ask(SIZE)
    upstream.calls.clear()
    document = """query ($f: ModelFilter = {organisations: ["acme"]}) {
      a: models(limit: 10, filter: $f) { nodes { modelId } }
      b: models(limit: 10, offset: 10, filter: $f) { nodes { modelId } } }"""

    data = await gateway.ask(document)
    again = await gateway.ask(document)

    assert [node["modelId"] for one in data.values() for node in one["nodes"]] == [
        f"acme/m{number:04}" for number in range(20)
    ]
    assert again == data
    assert upstream.calls == [
        upstream.bare_call(limit=20, offset=0, organisation="acme")
    ]


async def test_windows_merge_up_to_250(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 600)

    await gateway.ask(
        """{ a: models(limit: 200) { totalCount } b: models(limit: 50, offset: 200) { totalCount }
             c: models(limit: 50, offset: 250) { totalCount } }"""
    )

    # The size of the catalogue is unknown, so the first page of the whole list is fetched.
    assert upstream.calls == [
        upstream.page_call(limit=250, offset=0),
        upstream.bare_call(limit=50, offset=250),
    ]


async def test_different_filters_are_asked_side_by_side_within_the_bound(
    recorded_gateway: GraphGateway, recorded: StubUpstream
) -> None:
    await recorded_gateway.ask("{ models(limit: 1) { totalCount } }")

    await recorded_gateway.ask(
        """{ a: models(filter: {organisations: ["openai"]}) { totalCount }
             b: models(filter: {organisations: ["google"]}) { totalCount }
             c: models(filter: {organisations: ["meta"]}) { totalCount } }"""
    )

    assert recorded.calls[0] == recorded.bare_call(limit=1, offset=0)
    assert sorted(recorded.calls[1:]) == [
        recorded.bare_call(limit=50, offset=0, organisation=name)
        for name in ("google", "meta", "openai")
    ]


async def test_a_hundred_equal_operations_at_once_cost_one(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream, 7)
    document = "{ models(limit: 5) { nodes { name } } }"

    answers = await asyncio.gather(*(gateway.ask(document) for _ in range(100)))

    assert all(answer == answers[0] for answer in answers)
    assert upstream.calls == [upstream.bare_call(limit=5, offset=0)]


async def test_a_repeated_operation_costs_none(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream, 7)
    document = "{ models(limit: 5) { nodes { name } pageInfo { endCursor } } }"

    first = await gateway.ask(document)
    clock.pass_s(59)
    second = await gateway.ask(document)

    assert second == first
    assert upstream.calls == [upstream.bare_call(limit=5, offset=0)]


async def test_a_hundred_operations_share_one_reading_of_the_index(
    recorded_gateway: GraphGateway, recorded: StubUpstream
) -> None:
    documents = [
        '{ model(modelId: "openai/gpt-5") { name } }',
        "{ providers { totalCount } }",
        '{ models(search: "gpt") { totalCount } }',
        "{ catalogue { version } }",
    ]
    recorded.gate = asyncio.Event()
    asking = asyncio.gather(
        *(recorded_gateway.ask(documents[number % 4]) for number in range(100))
    )
    await recorded.wait_for_calls(1)
    recorded.gate.set()

    await asking

    assert sorted(recorded.calls) == sorted(recorded.reading_calls(3))


async def test_an_operation_sees_one_state_although_the_catalogue_changes(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """If a field needs the index, the index answers the other fields, too."""
    fill(upstream, 3)

    data = await gateway.ask(
        """{ models(limit: 2) { nodes { modelId } totalCount }
             catalogue { totalModels }
             model(modelId: "acme/m0000") { organisation { models { totalCount } } } }"""
    )

    assert data == {
        "models": {
            "nodes": [{"modelId": "acme/m0000"}, {"modelId": "acme/m0001"}],
            "totalCount": 3,
        },
        "catalogue": {"totalModels": 3},
        "model": {"organisation": {"models": {"totalCount": 3}}},
    }
    assert upstream.calls == upstream.reading_calls(1)
