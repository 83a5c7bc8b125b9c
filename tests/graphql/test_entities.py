"""Providers, endpoints and organisations: look-up, lists, and related objects."""

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream

PROVIDERS = "GET /providers?limit=250&offset=0"


@pytest.fixture(autouse=True)
def filled(upstream: StubUpstream) -> None:
    upstream.add_model("lab/a", rows=[("p1", "chat"), ("p2", "batch")])
    upstream.add_model("lab/b", rows=[("p1", "batch")], status="Retired")
    upstream.add_model("other/c", rows=[("p2", "chat")], input_types=["image"])
    upstream.add_model("third/d", rows=[("p3", "other")])


async def test_one_provider(gateway: GraphGateway, upstream: StubUpstream) -> None:
    data = await gateway.ask(
        """{ provider(providerId: "p1") { providerId name link countryCode
             endpoints { endpointId } models { totalCount nodes { modelId } } }
             none: provider(providerId: "P1") { id } }"""
    )

    assert data == {
        "provider": {
            "providerId": "p1",
            "name": "P1",
            "link": "https://p1.example",
            "countryCode": "US",
            "endpoints": [{"endpointId": "batch"}, {"endpointId": "chat"}],
            "models": {
                "totalCount": 2,
                "nodes": [{"modelId": "lab/a"}, {"modelId": "lab/b"}],
            },
        },
        "none": None,
    }
    # `link` and `countryCode` are in a side table of 2026-08.
    tables = [call for call in upstream.calls if "/models" not in call]
    assert upstream.calls == [*upstream.reading_calls(1), *tables]
    assert tables == ([] if upstream.version == "2025-12" else [PROVIDERS])


async def test_one_endpoint(gateway: GraphGateway) -> None:
    data = await gateway.ask(
        """{ endpoint(endpointId: "batch") { endpointId providers { providerId }
             models { nodes { modelId } } } none: endpoint(endpointId: "Batch") { id } }"""
    )

    assert data == {
        "endpoint": {
            "endpointId": "batch",
            "providers": [{"providerId": "p1"}, {"providerId": "p2"}],
            "models": {"nodes": [{"modelId": "lab/a"}, {"modelId": "lab/b"}]},
        },
        "none": None,
    }


async def test_one_organisation(gateway: GraphGateway) -> None:
    data = await gateway.ask(
        """{ organisation(organisationId: "lab") { organisationId name countryCode
             models(filter: {includeRetired: false}) { totalCount nodes { modelId } } }
             none: organisation(organisationId: "no") { id } }"""
    )

    assert data == {
        "organisation": {
            "organisationId": "lab",
            "name": "Lab",
            "countryCode": "US",
            "models": {"totalCount": 1, "nodes": [{"modelId": "lab/a"}]},
        },
        "none": None,
    }


@pytest.mark.parametrize(
    ("parent", "asked", "ids"),
    [
        ('provider(providerId: "p1")', {"endpoints": ["batch"]}, ["lab/b"]),
        ('provider(providerId: "p2")', {"endpoints": ["batch"]}, ["lab/a"]),
        ('provider(providerId: "p1")', {"excludeEndpoints": ["batch"]}, ["lab/a"]),
        ('provider(providerId: "p2")', {"excludeEndpoints": ["batch"]}, ["other/c"]),
        ('endpoint(endpointId: "chat")', {"providers": ["p2"]}, ["other/c"]),
        ('endpoint(endpointId: "chat")', {"excludeEndpoints": ["chat"]}, []),
        ('endpoint(endpointId: "chat")', {"excludeEndpoints": ["batch"]}, ["other/c"]),
        ('organisation(organisationId: "lab")', {"providers": ["p2"]}, ["lab/a"]),
        ('provider(providerId: "p2")', {"inputModalities": ["IMAGE"]}, ["other/c"]),
        ('provider(providerId: "p1")', {"statuses": ["RETIRED"]}, ["lab/b"]),
    ],
)
async def test_a_filter_below_a_parent_narrows_as_it_does_at_the_root(
    gateway: GraphGateway, parent: str, asked: dict[str, object], ids: list[str]
) -> None:
    data = await gateway.ask(
        "query ($f: ModelFilter) { parent: "
        f"{parent} {{ models(filter: $f) {{ totalCount nodes {{ modelId }} }} }} }}",
        {"f": asked},
    )

    assert data["parent"]["models"] == {
        "totalCount": len(ids),
        "nodes": [{"modelId": id_} for id_ in ids],
    }


@pytest.mark.parametrize(
    ("field", "key", "ids"),
    [
        ("providers", "providerId", ["p1", "p2", "p3"]),
        ("organisations", "organisationId", ["lab", "other", "third"]),
        ("endpoints", "endpointId", ["batch", "chat", "other"]),
    ],
)
async def test_all_of_them_are_listed_by_id(
    gateway: GraphGateway, field: str, key: str, ids: list[str]
) -> None:
    data = await gateway.ask(
        f"""{{ {field} {{ nodes {{ {key} }} totalCount limit offset
               pageInfo {{ hasNextPage hasPreviousPage }} }}
               part: {field}(limit: 1, offset: 1) {{ edges {{ node {{ {key} }} }} offset }} }}"""
    )

    assert data == {
        field: {
            "nodes": [{key: id_} for id_ in ids],
            "totalCount": len(ids),
            "limit": 50,
            "offset": 0,
            "pageInfo": {"hasNextPage": False, "hasPreviousPage": False},
        },
        "part": {"edges": [{"node": {key: ids[1]}}], "offset": 1},
    }


@pytest.mark.parametrize("backwards", [False, True])
async def test_they_are_walked_by_cursor(
    gateway: GraphGateway, *, backwards: bool
) -> None:
    size, side, info, edge = (
        ("last", "before", "hasPreviousPage", "startCursor")
        if backwards
        else ("first", "after", "hasNextPage", "endCursor")
    )
    document = f"""query ($c: String) {{ organisations({size}: 1, {side}: $c) {{
      nodes {{ organisationId }} offset totalCount pageInfo {{ {info} {edge} }} }} }}"""
    met, cursor, goes_on = [], None, True

    while goes_on:
        page = (await gateway.ask(document, {"c": cursor}))["organisations"]
        met += [(page["offset"], page["nodes"][0]["organisationId"])]
        cursor, goes_on = page["pageInfo"][edge], page["pageInfo"][info]

    walked = [(0, "lab"), (1, "other"), (2, "third")]
    assert met == (walked[::-1] if backwards else walked)


async def test_relations_nest_in_both_directions(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    data = await gateway.ask(
        """{ organisation(organisationId: "lab") { models(limit: 1) { nodes { providers {
             endpoints { providers { models(limit: 1, offset: 1) { nodes { organisation {
             models { totalCount } } } } } } } } } } }"""
    )

    endpoint = {
        "providers": [
            {"models": {"nodes": [{"organisation": {"models": {"totalCount": 2}}}]}},
            {"models": {"nodes": [{"organisation": {"models": {"totalCount": 1}}}]}},
        ]
    }
    provider = {"endpoints": [endpoint, endpoint]}
    assert data == {
        "organisation": {"models": {"nodes": [{"providers": [provider, provider]}]}}
    }
    assert upstream.calls == upstream.reading_calls(1)
