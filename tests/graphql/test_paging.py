"""Pages by offset and by cursor, forwards and backwards, over one list."""

from typing import Any

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream

IDS = [f"acme/m{number}" for number in range(7)]
DOCUMENT = """
query ($limit: Int, $offset: Int, $first: Int, $after: String, $last: Int, $before: String,
       $order: ModelOrder, $search: String) {
  models(limit: $limit, offset: $offset, first: $first, after: $after, last: $last,
         before: $before, orderBy: $order, search: $search) {
    edges { cursor node { modelId } } totalCount limit offset
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
ORDERS: list[dict[str, Any]] = [
    {},
    *(
        {"order": {"field": field, "direction": direction}}
        for field in ("NAME", "MODEL_ID", "RELEASE_DATE")
        for direction in ("ASC", "DESC")
    ),
    {"search": "m"},
    {"search": "acme", "order": {"field": "NAME", "direction": "DESC"}},
]


@pytest.fixture(autouse=True)
def filled(upstream: StubUpstream) -> None:
    for id_ in IDS:
        upstream.add_model(id_)


async def ask(gateway: GraphGateway, **variables: object) -> dict[str, Any]:
    data = await gateway.ask(DOCUMENT, variables)
    page: dict[str, Any] = data["models"]
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["modelId"] for edge in page["edges"]]


async def cursor_of(gateway: GraphGateway, place: int, **variables: object) -> str:
    cursor: str = (await ask(gateway, **variables))["edges"][place]["cursor"]
    return cursor


@pytest.mark.parametrize(
    ("window", "places"),
    [
        ({}, range(7)),
        ({"limit": 3}, range(3)),
        ({"limit": 3, "offset": 5}, range(5, 7)),
        ({"offset": 7}, range(7, 7)),
        ({"first": 2}, range(2)),
        ({"last": 2}, range(5, 7)),
        ({"after": 2}, range(3, 7)),
        ({"first": 2, "after": 2}, range(3, 5)),
        ({"last": 2, "after": 2}, range(5, 7)),
        ({"last": 9, "after": 2}, range(3, 7)),
        ({"before": 5}, range(5)),
        ({"last": 2, "before": 5}, range(3, 5)),
        ({"first": 2, "before": 5}, range(2)),
        ({"first": 9, "after": 1, "before": 4}, range(2, 4)),
        ({"first": 1, "after": 1, "before": 4}, range(2, 3)),
        ({"last": 1, "after": 1, "before": 4}, range(3, 4)),
        ({"after": 4, "before": 1}, range(5, 5)),
        ({"after": 3, "before": 3}, range(4, 4)),
        ({"first": 2, "after": 6}, range(7, 7)),
        ({"last": 2, "before": 0}, range(0)),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
async def test_a_window_is_a_part_of_the_list(
    gateway: GraphGateway,
    window: dict[str, int],
    places: range,
    order: dict[str, object],
) -> None:
    whole = ids(await ask(gateway, **order))
    arguments: dict[str, object] = dict(window)
    for side in ("after", "before"):
        if side in window:
            arguments[side] = await cursor_of(gateway, window[side], **order)

    page = await ask(gateway, **arguments, **order)

    assert sorted(whole) == IDS
    assert ids(page) == [whole[place] for place in places]
    cursors = [edge["cursor"] for edge in page["edges"]]
    assert page["offset"] == places.start
    assert page["totalCount"] == 7
    assert page["limit"] == (
        window.get("limit") or window.get("first") or window.get("last") or 50
    )
    assert page["pageInfo"] == {
        "hasNextPage": places.stop < 7,
        "hasPreviousPage": places.start > 0,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
    }


async def test_a_page_of_rest_and_one_of_the_index_share_their_cursors(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    from_rest = await ask(gateway, limit=3)
    assert len(upstream.calls) == 1

    from_index = await ask(gateway, first=3, after=from_rest["pageInfo"]["endCursor"])

    assert ids(from_index) == IDS[3:6]


async def test_a_filter_comes_before_the_window(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/m3", status="Retired")

    page = await gateway.ask(
        """{ models(first: 2, filter: {statuses: [AVAILABLE]}, search: "m",
               orderBy: {field: MODEL_ID, direction: DESC}) {
               nodes { modelId } totalCount facets { statuses { value count } } } }"""
    )

    assert page["models"] == {
        "nodes": [{"modelId": "acme/m6"}, {"modelId": "acme/m5"}],
        "totalCount": 6,
        "facets": {
            "statuses": [
                {"value": "AVAILABLE", "count": 6},
                {"value": "RETIRED", "count": 1},
            ]
        },
    }
