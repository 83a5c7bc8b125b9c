"""No operation costs more upstream requests than reading the whole catalogue once."""

import pytest

from support.catalogues import RECORDED, read_recorded
from support.graph_gateway import (
    GraphGateway,
    TurnedClock,
)
from support.stub_upstream import StubUpstream


def build_questions() -> dict[str, tuple[str, dict[str, object]]]:
    """List operations that are easy to write in GraphQL, but need many REST requests."""
    if not RECORDED.is_dir():
        return {}
    ids = [row["model_id"] for row in read_recorded("catalogue-sectioned")["models"]]
    by_alias = " ".join(
        f'm{place}: model(modelId: "{id_}") {{ name isRoutable }}'
        for place, id_ in enumerate(ids[:20])
    )
    lists = " ".join(
        f'l{place}: models(filter: {{organisations: ["{id_.split("/")[0]}"]}}, offset: {place})'
        " { totalCount }"
        for place, id_ in enumerate(ids[:600:30])
    )
    return {
        "250 providers with models": (
            "{ providers(limit: 250) { nodes { name models(limit: 5) { nodes { name } } } } }",
            {},
        ),
        "50 organisations with filtered models and their offerings": (
            """{ organisations(limit: 50) { nodes { name
                 models(filter: {endpoints: ["chat.completions"]}, limit: 5) {
                   nodes { name offerings { provider { name endpoints { endpointId } } } } } } } }""",
            {},
        ),
        "20 models by id": (f"{{ {by_alias} }}", {}),
        "20 lists": (f"{{ {lists} }}", {}),
        "1,000 entities": (
            "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Model { name } } }",
            {
                "of": [
                    {"__typename": "Model", "modelId": ids[place % len(ids)]}
                    for place in range(1_000)
                ]
            },
        ),
        "search with order and facets": (
            """{ models(search: "gpt", orderBy: {field: RELEASE_DATE, direction: DESC}) {
                 totalCount nodes { name } facets { providers { value label count }
                 organisations { value count } statuses { value count } } } }""",
            {},
        ),
    }


QUESTIONS = build_questions()


@pytest.mark.parametrize("name", QUESTIONS)
async def test_cold_and_warm(
    recorded_gateway: GraphGateway, recorded: StubUpstream, name: str
) -> None:
    document, variables = QUESTIONS[name]

    cold = await recorded_gateway.query(document, variables)
    cost = len(recorded.calls)
    warm = await recorded_gateway.query(document, variables)

    assert cold.errors == []
    assert cost == cold.answer.upstream_requests <= 3
    assert warm.data == cold.data
    assert len(recorded.calls) == cost
    assert warm.answer.upstream_requests == 0


async def test_250_nodes(
    recorded_gateway: GraphGateway, recorded: StubUpstream, clock: TurnedClock
) -> None:
    listed = await recorded_gateway.ask("{ models(limit: 250) { nodes { id name } } }")
    ids = [node["id"] for node in listed["models"]["nodes"]]
    cold = GraphGateway(recorded, clock)
    recorded.calls.clear()

    data = await cold.ask(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Model { id name } } }",
        {"ids": ids},
    )

    assert data["nodes"] == listed["models"]["nodes"]
    assert sorted(recorded.calls) == sorted(recorded.reading_calls(3))
    await cold.aclose()


@pytest.mark.parametrize("lists", [2, 3, 4, 20])
async def test_many_filters_on_a_small_catalogue_cost_one(
    gateway: GraphGateway, upstream: StubUpstream, lists: int
) -> None:
    for number in range(250):
        upstream.add_model(f"lab{number % 20}/m{number}", rows=[("host", "chat")])
    fields = " ".join(
        f'l{n}: models(filter: {{organisations: ["lab{n}"]}}) {{ totalCount nodes {{ name }} }}'
        for n in range(lists)
    )

    data = await gateway.ask(f"{{ {fields} }}")

    assert [one["totalCount"] for one in data.values()] == [
        13 if n < 10 else 12 for n in range(lists)
    ]
    assert upstream.calls == [upstream.page_call(limit=250, offset=0)]


async def test_a_catalogue_of_251_models_allows_two(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    for number in range(251):
        upstream.add_model(f"lab{number % 3}/m{number}")

    await gateway.ask(
        """{ a: models(filter: {organisations: ["lab0"]}) { totalCount }
             b: models(filter: {organisations: ["lab1"]}) { totalCount }
             c: models(filter: {organisations: ["lab2"]}) { totalCount } }"""
    )

    assert upstream.calls == upstream.reading_calls(2)


async def test_refreshes_in_the_background_stay_within_the_bound(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    """Each list was cached by its own operation; then one operation needs all stale lists."""
    for number in range(40):
        upstream.add_model(f"lab{number % 8}/m{number}")
    fields = [
        f'l{n}: models(filter: {{organisations: ["lab{n}"]}}) {{ totalCount }}'
        for n in range(8)
    ]
    for field in fields:
        await gateway.ask(f"{{ {field} }}")
    clock.pass_s(120)
    upstream.calls.clear()

    data = await gateway.ask(f"{{ {' '.join(fields)} }}")
    await gateway.aclose()

    assert {one["totalCount"] for one in data.values()} == {5}
    assert len(upstream.calls) <= 1


async def test_a_catalogue_that_shrank_has_the_bound_of_its_new_size(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(700):
        upstream.add_model(f"lab{number % 3}/m{number}")
    await gateway.ask("{ models { totalCount } }")
    for number in range(200, 700):
        upstream.remove_model(f"lab{number % 3}/m{number}")
    clock.pass_s(700)
    await gateway.ask("{ models { totalCount } }")
    upstream.calls.clear()

    await gateway.ask(
        """{ a: models(filter: {organisations: ["lab0"]}) { totalCount }
             b: models(filter: {organisations: ["lab1"]}) { totalCount } }"""
    )

    assert upstream.calls == upstream.reading_calls(1)
