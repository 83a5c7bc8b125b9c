"""Offerings: one for each provider row, a node of its own."""

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream

ROWS: list[tuple[str, str, str | None]] = [
    ("b-host", "chat", "slug-1"),
    ("a-host", "chat", "slug-1"),
    ("a-host", "batch", None),
    ("a-host", "chat", "slug-2"),
]


@pytest.mark.shapes("sectioned", reason="2026-08 merges the rows of one provider")
async def test_arguments_pick_among_them(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=ROWS)
    document = """query ($p: [String!], $e: [String!]) { models { nodes {
      offerings(providers: $p, endpoints: $e) { provider { providerId }
        endpoint { endpointId } providerModelSlug } } } }"""

    async def pick(**variables: object) -> list[tuple[str, str, str]]:
        data = await gateway.ask(document, variables)
        return [
            (
                o["provider"]["providerId"],
                o["endpoint"]["endpointId"],
                o["providerModelSlug"],
            )
            for o in data["models"]["nodes"][0]["offerings"]
        ]

    everything = [
        ("a-host", "batch", None),
        ("a-host", "chat", "slug-1"),
        ("a-host", "chat", "slug-2"),
        ("b-host", "chat", "slug-1"),
    ]
    assert await pick() == await pick(p=None, e=[]) == everything
    assert await pick(p=["b-host"]) == everything[3:]
    assert await pick(e=["chat"]) == everything[1:]
    assert await pick(p=["a-host"], e=["batch", "no"]) == everything[:1]
    assert await pick(p=["no"]) == []


@pytest.mark.shapes("sectioned", reason="2026-08 merges the rows of one provider")
async def test_twins_have_ids_of_their_own_and_are_found_again(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    twin = {"api_provider_id": "a", "endpoint": "x", "provider_model_slug": "s"}
    upstream.add_model(
        "acme/one",
        rows=[
            {**twin, "effective_from": "2025-01-01T00:00:00"},
            {**twin, "effective_from": "2025-02-01T00:00:00"},
            ("a", "x"),
        ],
    )
    listed = await gateway.ask(
        "{ models { nodes { offerings { id effectiveFrom providerModelSlug } } } }"
    )
    offerings = listed["models"]["nodes"][0]["offerings"]
    ids = [offering["id"] for offering in offerings]

    data = await gateway.ask(
        """query ($ids: [ID!]!) { nodes(ids: $ids) {
             ... on Offering { id effectiveFrom providerModelSlug } } }""",
        {"ids": ids},
    )

    assert len(set(ids)) == 3
    assert data["nodes"] == offerings


async def test_it_leads_back_to_its_model_and_on(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")], input_types=["image"])
    upstream.add_model("acme/two", rows=[("a", "y")])
    document = """{ models(limit: 1) { nodes { offerings {
      isRoutable inputModalities outputModalities
      model { modelId inputModalities offerings { model { name } } }
      provider { endpoints { endpointId } models { totalCount } }
      endpoint { providers { providerId } models { nodes { name } } } } } } }"""

    data = await gateway.ask(document)

    assert data["models"]["nodes"][0]["offerings"] == [
        {
            "isRoutable": True,
            "inputModalities": ["image"],
            "outputModalities": ["text"],
            "model": {
                "modelId": "acme/one",
                "inputModalities": ["image"],
                "offerings": [{"model": {"name": "One"}}],
            },
            "provider": {
                "endpoints": [{"endpointId": "x"}, {"endpointId": "y"}],
                "models": {"totalCount": 2},
            },
            "endpoint": {
                "providers": [{"providerId": "a"}],
                "models": {"nodes": [{"name": "One"}]},
            },
        }
    ]


@pytest.mark.shapes("flat", reason="about this shape")
async def test_a_flat_upstream_has_none_but_lists_providers_and_endpoints(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=[("b", "x"), ("a", "y"), ("a", "x")])

    data = await gateway.ask(
        """{ models { nodes { isRoutable offerings { id } providers { providerId name }
             endpoints { endpointId } } }
             provider(providerId: "a") { endpoints { endpointId } models { totalCount } } }"""
    )

    assert data == {
        "models": {
            "nodes": [
                {
                    "isRoutable": True,
                    "offerings": [],
                    "providers": [
                        {"providerId": "a", "name": None},
                        {"providerId": "b", "name": None},
                    ],
                    "endpoints": [{"endpointId": "x"}, {"endpointId": "y"}],
                }
            ]
        },
        "provider": {
            "endpoints": [{"endpointId": "x"}, {"endpointId": "y"}],
            "models": {"totalCount": 1},
        },
    }


@pytest.mark.shapes("documented", reason="about this shape")
async def test_a_documented_upstream_may_list_rows_that_are_not_active(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x"), ("b", "y")])

    def switch_off(body: dict[str, list[dict[str, list[dict[str, object]]]]]) -> object:
        for row in body["models"]:
            row["providers"][1]["is_active_gateway"] = False
        return body

    upstream.distort = switch_off

    data = await gateway.ask(
        "{ models { nodes { isRoutable offerings { isRoutable provider { providerId } } } } }"
    )

    assert data["models"]["nodes"] == [
        {
            "isRoutable": True,
            "offerings": [
                {"isRoutable": True, "provider": {"providerId": "a"}},
                {"isRoutable": False, "provider": {"providerId": "b"}},
            ],
        }
    ]
