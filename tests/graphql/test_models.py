"""The root list of models."""

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream

FILTERED = """
query ($filter: ModelFilter) { models(filter: $filter) { totalCount nodes { modelId } } }
"""


async def test_a_plain_list_costs_one_bare_page(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    for number in range(7):
        upstream.add_model(f"acme/m{number}")

    data = await gateway.ask("{ models(limit: 5) { nodes { name } totalCount } }")

    assert data == {
        "models": {"nodes": [{"name": f"M{n}"} for n in range(5)], "totalCount": 7}
    }
    assert upstream.calls == [upstream.bare_call(limit=5, offset=0)]


async def test_an_empty_catalogue_is_an_empty_list(gateway: GraphGateway) -> None:
    data = await gateway.ask(
        """{ models { nodes { name } edges { cursor } totalCount limit offset
             pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
             facets { providers { value } statuses { value count } }
             unknownFilterValues { value } }
             providers { totalCount nodes { id } } catalogue { totalModels } }"""
    )

    assert data == {
        "models": {
            "nodes": [],
            "edges": [],
            "totalCount": 0,
            "limit": 50,
            "offset": 0,
            "pageInfo": {
                "hasNextPage": False,
                "hasPreviousPage": False,
                "startCursor": None,
                "endCursor": None,
            },
            "facets": {"providers": [], "statuses": []},
            "unknownFilterValues": [],
        },
        "providers": {"totalCount": 0, "nodes": []},
        "catalogue": {"totalModels": 0},
    }


@pytest.mark.parametrize("empty", [None, []])
async def test_null_and_empty_lists_are_no_restriction(
    gateway: GraphGateway, upstream: StubUpstream, empty: object
) -> None:
    upstream.add_model("acme/one", status="Retired")
    lists = ("providers", "organisations", "endpoints", "excludeEndpoints")
    modalities = ("inputModalities", "outputModalities")
    own = ("modelIds", "statuses", "allInputModalities", "allOutputModalities")
    flags = ("includeRumoured", "includeDeprecated", "includeRetired", "isRoutable")
    asked = dict.fromkeys((*lists, *modalities, *own), empty) | dict.fromkeys(flags)

    data = await gateway.ask(FILTERED, {"filter": asked | {"releaseDate": None}})

    assert data["models"]["totalCount"] == 1
    assert upstream.calls == [upstream.bare_call(limit=50, offset=0)]


async def test_a_null_filter_is_no_filter(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")

    data = await gateway.ask(FILTERED, {"filter": None})

    assert data["models"]["totalCount"] == 1


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ({"modelIds": ["acme/b", "acme/a", "no/such"]}, ["acme/a", "acme/b"]),
        ({"modelIds": ["other-name"]}, ["acme/a"]),
        ({"statuses": ["RETIRED", "DEPRECATED"]}, ["acme/b", "acme/c"]),
        ({"isRoutable": True}, ["acme/a"]),
        ({"isRoutable": False}, ["acme/b", "acme/c"]),
        ({"releaseDate": {"from": "2025-02-01"}}, ["acme/a"]),
        ({"releaseDate": {"from": "2025-01-01", "to": "2025-01-01"}}, ["acme/b"]),
        ({"releaseDate": {"to": "2024-12-31"}}, []),
        ({"allInputModalities": ["TEXT", "image"]}, ["acme/b"]),
        ({"allOutputModalities": ["text", "nothing"]}, []),
        (
            {"isRoutable": True, "providers": ["host"], "statuses": ["AVAILABLE"]},
            ["acme/a"],
        ),
    ],
)
async def test_filters_that_rest_lacks_are_answered_from_the_index(
    gateway: GraphGateway,
    upstream: StubUpstream,
    asked: dict[str, object],
    listed: list[str],
) -> None:
    upstream.add_model(
        "acme/a",
        rows=[("host", "chat.completions")],
        aliases=["other-name"],
        release_date="2025-02-01T00:00:00",
    )
    upstream.add_model(
        "acme/b",
        status="Retired",
        input_types=["Image", "text"],
        release_date="2025-01-01T00:00:00",
    )
    upstream.add_model("acme/c", status="Deprecated")

    data = await gateway.ask(FILTERED, {"filter": asked})

    assert [node["modelId"] for node in data["models"]["nodes"]] == listed
    assert data["models"]["totalCount"] == len(listed)
    assert upstream.calls == upstream.reading_calls(1)


async def test_a_provider_and_an_endpoint_mean_one_offering(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/both", rows=[("a", "chat"), ("b", "batch")])
    upstream.add_model("acme/one", rows=[("a", "batch")])
    asked = {"providers": ["a"], "endpoints": ["batch"]}

    data = await gateway.ask(FILTERED, {"filter": asked})

    assert data["models"] == {"totalCount": 1, "nodes": [{"modelId": "acme/one"}]}


async def test_an_offset_past_the_end_is_echoed_with_the_true_total(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")
    document = """{
      page: models(limit: 5, offset: 5000) { ...Window }
      listed: models(limit: 5, offset: 5000, orderBy: {field: NAME, direction: ASC}) {
        ...Window
      }
    }
    fragment Window on ModelConnection {
      nodes { name } totalCount limit offset pageInfo { hasNextPage hasPreviousPage }
    }"""

    data = await gateway.ask(document)

    window = {
        "nodes": [],
        "totalCount": 1,
        "limit": 5,
        "offset": 5000,
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
    }
    assert data == {"page": window, "listed": window}


async def test_an_unreadable_row_costs_only_itself(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    for name in "abc":
        upstream.add_model(f"acme/{name}")

    def spoil(body: dict[str, list[dict[str, object]]]) -> object:
        for row in body["models"]:
            for name in ("model_id", "id"):
                if row.get(name) == "acme/b":
                    row[name] = None
        return body

    upstream.distort = spoil

    page = await gateway.ask(
        "{ models(limit: 3) { nodes { modelId } totalCount pageInfo { hasNextPage } } }"
    )
    index = await gateway.ask('{ model(modelId: "acme/c") { name } }')

    assert page["models"] == {
        "nodes": [{"modelId": "acme/a"}, {"modelId": "acme/c"}],
        "totalCount": 3,
        "pageInfo": {"hasNextPage": False},
    }
    assert index == {"model": {"name": "C"}}
