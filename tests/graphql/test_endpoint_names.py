"""Names of one call: a known id means itself; other names of its group mean the known ids."""

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import SIZE, StubUpstream

LIST = "query ($filter: ModelFilter) { models(filter: $filter) { nodes { modelId } } }"


@pytest.fixture
def upstream(upstream: StubUpstream) -> StubUpstream:
    upstream.add_model(
        "acme/a", rows=[("p", "text.generate")], release_date="2025-03-01"
    )
    upstream.add_model("acme/b", rows=[("p", "messages")], release_date="2025-02-01")
    upstream.add_model("acme/c", rows=[("p", "text.embed")], release_date="2025-01-01")
    upstream.add_model("acme/d", rows=[("p", "messages")], release_date="2024-01-01")
    return upstream


QUESTIONS = [
    ({"endpoints": ["text.generate"]}, "a"),
    ({"endpoints": ["messages"]}, "bd"),
    ({"endpoints": ["chat.completions"]}, "abd"),
    ({"endpoints": ["responses", "embeddings"]}, "abcd"),
    ({"endpoints": ["text.generate", "embeddings"]}, "ac"),
    ({"endpoints": ["nothing"]}, ""),
    ({"endpoints": ["rerank"]}, ""),
    ({"excludeEndpoints": ["chat.completions"]}, "c"),
    ({"excludeEndpoints": ["messages"]}, "ac"),
    ({"excludeEndpoints": ["embeddings", "messages"]}, "a"),
    ({"providers": ["p"], "endpoints": ["embeddings"]}, "c"),
]


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize(("asked", "found"), QUESTIONS)
async def test_a_name_means_what_the_catalogue_holds(
    gateway: GraphGateway,
    upstream: StubUpstream,
    asked: dict[str, list[str]],
    found: str,
    *,
    is_warm: bool,
) -> None:
    del upstream
    if is_warm:
        await gateway.ask("{ catalogue { totalModels } }")

    data = await gateway.ask(LIST, {"filter": asked})

    ids = [node["modelId"] for node in data["models"]["nodes"]]
    assert ids == [f"acme/{letter}" for letter in found]


async def test_a_name_in_the_catalogue_is_sent_to_rest(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    bare = {"include_data": "false", "include_gateway": "false"}
    await gateway.ask(SIZE)
    upstream.calls.clear()

    await gateway.ask(LIST, {"filter": {"endpoints": ["messages"]}})
    await gateway.ask(LIST, {"filter": {"endpoints": ["embeddings"]}})
    await gateway.ask(LIST, {"filter": {"endpoints": ["responses"]}})

    # A page costs 2026-08 as much as the whole catalogue, so its index answers once it is warm.
    both = upstream.page_call(
        **bare, include_endpoints="messages,text.generate", limit=50, offset=0
    )
    assert upstream.calls == [
        upstream.page_call(**bare, include_endpoints="messages", limit=50, offset=0),
        upstream.page_call(**bare, include_endpoints="embeddings", limit=50, offset=0),
        *upstream.reading_calls(1),
        *([both] if upstream.version == "2025-12" else []),
    ]


async def test_a_look_up_gives_the_one_with_the_most_models(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    del upstream
    document = """{ a: endpoint(endpointId: "chat.completions") { endpointId aliases }
      b: endpoint(endpointId: "text.generate") { endpointId }
      c: endpoint(endpointId: "rerank") { endpointId } }"""

    assert await gateway.ask(document) == {
        "a": {
            "endpointId": "messages",
            "aliases": ["chat.completions", "responses", "text.generate"],
        },
        "b": {"endpointId": "text.generate"},
        "c": None,
    }


async def test_a_name_that_stands_for_another_is_not_unknown(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    del upstream

    data = await gateway.ask(
        '{ models(filter: {endpoints: ["embeddings", "rerank"]}) '
        "{ unknownFilterValues { value } } }"
    )

    assert data == {"models": {"unknownFilterValues": [{"value": "rerank"}]}}


async def test_offerings_are_found_by_other_names(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    del upstream
    document = """query ($of: [String!]) { models { nodes {
      offerings(endpoints: $of) { endpoint { endpointId } } } } }"""

    def found(data: dict[str, dict[str, list[dict[str, list[object]]]]]) -> list[int]:
        return [len(node["offerings"]) for node in data["models"]["nodes"]]

    responses = await gateway.ask(document, {"of": ["responses"]})
    messages = await gateway.ask(document, {"of": ["messages"]})

    assert (found(responses), found(messages)) == ([1, 1, 0, 1], [0, 1, 0, 1])
