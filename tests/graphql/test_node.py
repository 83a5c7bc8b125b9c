"""Global ids: opaque, unique, and usable to find the object again."""

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream

EVERY_ID = """{
  models { nodes { id offerings { id } } } providers { nodes { id } }
  organisations { nodes { id } } endpoints { nodes { id } }
}"""


async def list_ids(gateway: GraphGateway) -> list[str]:
    data = await gateway.ask(EVERY_ID)
    ids = [
        node["id"]
        for field in ("models", "providers", "organisations", "endpoints")
        for node in data[field]["nodes"]
    ]
    return ids + [
        offering["id"]
        for node in data["models"]["nodes"]
        for offering in node["offerings"]
    ]


def fill(upstream: StubUpstream) -> None:
    """Fill the catalogue with objects of the same name, as far as possible."""
    upstream.add_model("same/same", rows=[("same", "same", "same")])


async def test_ids_are_unique_over_all_types_and_found_again(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)
    ids = await list_ids(gateway)

    data = await gateway.ask(
        """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Model { modelId }
             ... on Provider { providerId } ... on Endpoint { endpointId }
             ... on Organisation { organisationId } ... on Offering { model { modelId } } } }""",
        {"ids": ids},
    )

    assert len(set(ids)) == 5
    assert data["nodes"] == [
        {"__typename": "Model", "id": ids[0], "modelId": "same/same"},
        {"__typename": "Provider", "id": ids[1], "providerId": "same"},
        {"__typename": "Organisation", "id": ids[2], "organisationId": "same"},
        {"__typename": "Endpoint", "id": ids[3], "endpointId": "same"},
        {"__typename": "Offering", "id": ids[4], "model": {"modelId": "same/same"}},
    ]


async def test_order_repeats_and_gaps_are_kept(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/a")
    upstream.add_model("acme/b")
    listed = await gateway.ask("{ models { nodes { id } } }")
    a, b = (node["id"] for node in listed["models"]["nodes"])
    upstream.add_model("acme/gone")
    gone = (await gateway.ask("{ models(limit: 3) { nodes { id } } }"))["models"][
        "nodes"
    ][2]["id"]
    upstream.remove_model("acme/gone")

    result = await gateway.query(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Model { name } } }",
        {"ids": [b, a, "bad", b, gone]},
    )

    assert result.data["nodes"] == [
        {"name": "B"},
        {"name": "A"},
        None,
        {"name": "B"},
        None,
    ]
    assert [(error["path"], error["message"]) for error in result.errors] == [
        (["nodes", 2], "ids[2] must be an id that this graph has given out")
    ]


async def test_a_thousand_ids_are_accepted_and_one_more_is_not(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/a")
    id_ = (await gateway.ask("{ models { nodes { id } } }"))["models"]["nodes"][0]["id"]
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    fits = await gateway.query(document, {"ids": [id_] * 1_000})
    upstream.calls.clear()
    exceeds = await gateway.query(document, {"ids": [id_] * 1_001})

    assert fits.errors == []
    assert len(fits.data["nodes"]) == 1_000
    assert exceeds.codes == ["OPERATION_TOO_COMPLEX"]
    assert "1000" in exceeds.messages[0]
    assert "1001" in exceeds.messages[0]
    assert upstream.calls == []


async def test_ids_stay_the_same(gateway: GraphGateway, upstream: StubUpstream) -> None:
    """They go into clients' caches and bookmarks, so a release must not change them."""
    fill(upstream)

    assert await list_ids(gateway) == [
        "TW9kZWw6c2FtZS9zYW1l",
        "UHJvdmlkZXI6c2FtZQ",
        "T3JnYW5pc2F0aW9uOnNhbWU",
        "RW5kcG9pbnQ6c2FtZQ",
        "T2ZmZXJpbmc6WyJzYW1lL3NhbWUiLCJzYW1lIiwic2FtZSIsInNhbWUiLDBd",
    ]


async def test_no_ids_are_no_nodes(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    assert await gateway.ask("{ nodes(ids: []) { id } }") == {"nodes": []}
    assert upstream.calls in ([], upstream.reading_calls(1))
