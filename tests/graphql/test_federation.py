"""The graph as a subgraph: `_entities` by every key, `_service`."""

from typing import Any

import pytest

from catalograph.graphql.sdl import print_subgraph_sdl
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream

ENTITIES = """query ($of: [_Any!]!) { _entities(representations: $of) {
  __typename ... on Model { modelId name } ... on Provider { providerId }
  ... on Endpoint { endpointId } ... on Organisation { organisationId }
  ... on Offering { provider { providerId } model { modelId } } } }"""


@pytest.fixture(autouse=True)
def filled(upstream: StubUpstream) -> None:
    upstream.add_model("acme/one", rows=[("p", "chat")], aliases=["alias"])


async def list_ids(gateway: GraphGateway) -> dict[str, str]:
    data = await gateway.ask(
        """{ models { nodes { id offerings { id } } } providers { nodes { id } }
             endpoints { nodes { id } } organisations { nodes { id } } }"""
    )
    model = data["models"]["nodes"][0]
    return {
        "Model": model["id"],
        "Provider": data["providers"]["nodes"][0]["id"],
        "Endpoint": data["endpoints"]["nodes"][0]["id"],
        "Organisation": data["organisations"]["nodes"][0]["id"],
        "Offering": model["offerings"][0]["id"],
    }


EXPECTED = {
    "Model": {"__typename": "Model", "modelId": "acme/one", "name": "One"},
    "Provider": {"__typename": "Provider", "providerId": "p"},
    "Endpoint": {"__typename": "Endpoint", "endpointId": "chat"},
    "Organisation": {"__typename": "Organisation", "organisationId": "acme"},
    "Offering": {
        "__typename": "Offering",
        "provider": {"providerId": "p"},
        "model": {"modelId": "acme/one"},
    },
}
NATURAL = {
    "Model": {"modelId": "acme/one"},
    "Provider": {"providerId": "p"},
    "Endpoint": {"endpointId": "chat"},
    "Organisation": {"organisationId": "acme"},
}


async def test_both_keys_of_each_type(gateway: GraphGateway) -> None:
    ids = await list_ids(gateway)
    by_id = [{"__typename": name, "id": id_} for name, id_ in ids.items()]
    by_key = [{"__typename": name, **key} for name, key in NATURAL.items()]

    data = await gateway.ask(ENTITIES, {"of": by_id + by_key})

    assert data["_entities"] == [EXPECTED[name] for name in [*ids, *NATURAL]]


async def test_order_repeats_and_unknown_ones(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    of = [
        {"__typename": "Model", "modelId": "no/such"},
        {"__typename": "Provider", "providerId": "p"},
        {"__typename": "Model", "modelId": "alias"},
        {"__typename": "Provider", "providerId": "p"},
    ]

    data = await gateway.ask(ENTITIES, {"of": of})

    assert data["_entities"] == [None, EXPECTED["Provider"], None, EXPECTED["Provider"]]
    assert upstream.calls == upstream.reading_calls(1)


BAD: list[tuple[Any, str]] = [
    (
        {},
        ".__typename must be the name of an entity of this graph",
    ),
    (
        {"__typename": "Query"},
        ".__typename must be the name of an entity of this graph",
    ),
    (
        {"__typename": ["Model"]},
        ".__typename must be the name of an entity of this graph",
    ),
    ({"__typename": "Model"}, " must hold id or modelId, as a string"),
    ({"__typename": "Model", "modelId": 7}, " must hold id or modelId, as a string"),
    (
        {"__typename": "Model", "modelId": None, "id": None},
        " must hold id or modelId, as a string",
    ),
    ({"__typename": "Model", "id": {"x": 1}}, " must hold id or modelId, as a string"),
    ({"__typename": "Offering"}, " must hold id, as a string"),
    ({"__typename": "Offering", "modelId": "acme/one"}, " must hold id, as a string"),
    (
        {"__typename": "Model", "id": "x"},
        ".id must be an id that this graph has given out",
    ),
    ({"__typename": "Model", "id": "UHJvdmlkZXI6cA"}, ".id must be the id of a Model"),
    (
        {
            "__typename": "Provider",
            "id": "UHJvdmlkZXI6cA",
            "providerId": "other",
        },
        ".id and representations[1].providerId must name the same",
    ),
    ("Model", " must be an object with __typename and a key"),
    (7, " must be an object with __typename and a key"),
    ([{"__typename": "Model"}], " must be an object with __typename and a key"),
]


@pytest.mark.parametrize(("representation", "message"), BAD)
async def test_a_bad_representation_fails_alone(
    gateway: GraphGateway, representation: object, message: str
) -> None:
    of = [{"__typename": "Provider", "providerId": "p"}, representation]

    result = await gateway.query(ENTITIES, {"of": of})

    assert result.data == {"_entities": [EXPECTED["Provider"], None]}
    assert result.messages == [f"representations[1]{message}"]
    assert result.codes == ["BAD_USER_INPUT"]
    assert result.errors[0]["path"] == ["_entities", 1]


async def test_if_all_references_are_bad_nothing_is_read(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    result = await gateway.query(ENTITIES, {"of": [{"__typename": "Nothing"}] * 2})

    assert result.data == {"_entities": [None, None]}
    assert result.codes == ["BAD_USER_INPUT"] * 2
    assert upstream.calls == []


async def test_representations_in_the_document(gateway: GraphGateway) -> None:
    data = await gateway.ask(
        """{ _entities(representations: [{__typename: "Model", modelId: "acme/one"},
             {__typename: "Model", modelId: "no"}]) { ... on Model { name } } }"""
    )

    assert data == {"_entities": [{"name": "One"}, None]}


async def test_the_most_references_of_an_operation(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    gateway = GraphGateway(upstream, clock, MAX_ENTITIES="3")
    one = {"__typename": "Provider", "providerId": "p"}

    fits = await gateway.query(ENTITIES, {"of": [one] * 3})
    exceeds = await gateway.query(ENTITIES, {"of": [one] * 4})

    assert fits.errors == []
    assert exceeds.codes == ["OPERATION_TOO_COMPLEX"]
    await gateway.aclose()


async def test_entities_lead_on(gateway: GraphGateway) -> None:
    data = await gateway.ask(
        """query ($of: [_Any!]!) { _entities(representations: $of) { ... on Organisation {
             name models(limit: 1) { nodes { offerings { endpoint { endpointId } } } } } } }""",
        {"of": [{"__typename": "Organisation", "organisationId": "acme"}]},
    )

    offerings = [{"endpoint": {"endpointId": "chat"}}]
    assert data["_entities"] == [
        {"name": "Acme", "models": {"nodes": [{"offerings": offerings}]}}
    ]


async def test_the_service_gives_the_committed_subgraph(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    data = await gateway.ask("{ _service { sdl } }")

    sdl = data["_service"]["sdl"]
    assert sdl == print_subgraph_sdl()
    assert "  node(" not in sdl
    assert "  nodes(" not in sdl
    assert (
        'type Model implements Node @key(fields: "id") @key(fields: "modelId")' in sdl
    )
    assert upstream.calls == []
