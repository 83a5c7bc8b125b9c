"""If the upstream ignores a part of a filter, clients never get a wrong list."""

from collections.abc import Iterable
from typing import Any

import pytest

from support.cache_stand_ins import count
from support.graph_gateway import (
    GraphGateway,
    TurnedClock,
)
from support.stub_upstream import SIZE, Status, StubUpstream

COUNTER = "catalograph_upstream_contract_breaks_total"

FILTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "providers": ("provider", {"providers": ["a"]}),
    "organisations": ("organisation", {"organisations": ["lab"]}),
    "endpoints": ("include_endpoints", {"endpoints": ["chat"]}),
    "exclude_endpoints": ("exclude_endpoints", {"excludeEndpoints": ["chat"]}),
    "input_modalities": ("input_types", {"inputModalities": ["image"]}),
    "output_modalities": ("output_types", {"outputModalities": ["audio"]}),
    "include_rumoured": ("include_rumoured", {"includeRumoured": False}),
    "include_deprecated": ("include_deprecated", {"includeDeprecated": False}),
    "include_retired": ("include_retired", {"includeRetired": False}),
}
RIGHT = {
    "providers": ["lab/a-chat"],
    "organisations": ["lab/a-chat", "lab/none"],
    "endpoints": ["lab/a-chat"],
    "exclude_endpoints": ["lab/none", "other/b-batch", "other/old"],
    "input_modalities": ["other/b-batch"],
    "output_modalities": ["other/b-batch"],
    "include_rumoured": ["lab/a-chat", "other/b-batch", "other/old"],
    "include_deprecated": ["lab/a-chat", "lab/none", "other/old"],
    "include_retired": ["lab/a-chat", "lab/none", "other/b-batch"],
}
SELECTIONS = {
    "bare": "nodes { modelId }",
    "data": "nodes { modelId inputModalities }",
    "gateway": "nodes { modelId endpoints { endpointId } }",
    "both": "nodes { modelId inputModalities isRoutable }",
}


def fill(upstream: StubUpstream) -> None:
    upstream.add_model("lab/a-chat", rows=[("a", "chat")])
    upstream.add_model("lab/none", status="Rumoured")
    upstream.add_model(
        "other/b-batch",
        status="Deprecated",
        rows=[("b", "batch")],
        input_types=["image"],
        output_types=["audio"],
    )
    upstream.add_model("other/old", status="Retired", rows=[("b", "batch")])


def list_right(dimension: str, upstream: StubUpstream) -> list[str]:
    """List the right answer; rumoured models of 2026-08 look like the others."""
    if dimension == "include_rumoured" and upstream.version == "2026-08":
        return ["lab/a-chat", "lab/none", "other/b-batch", "other/old"]
    return RIGHT[dimension]


def document(selection: str, arguments: str = "") -> str:
    return (
        f"query ($f: ModelFilter) {{ models(filter: $f{arguments}) "
        f"{{ totalCount {SELECTIONS[selection]} }} }}"
    )


def read(data: dict[str, Any]) -> tuple[int, list[str]]:
    models = data["models"]
    return models["totalCount"], sorted(node["modelId"] for node in models["nodes"])


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("dimension", FILTERS)
@pytest.mark.parametrize("knows", ["the index", "the size"])
async def test_an_ignored_parameter_is_noticed(
    gateway: GraphGateway,
    upstream: StubUpstream,
    dimension: str,
    selection: str,
    knows: str,
) -> None:
    """This holds for all requested sections, once there is an index to compare with."""
    fill(upstream)
    parameter, asked = FILTERS[dimension]
    right = list_right(dimension, upstream)
    upstream.ignored = {parameter}
    before = (
        "{ catalogue { version } }"
        if knows == "the index"
        else "{ models { totalCount } }"
    )
    await gateway.ask(before)

    data = await gateway.ask(document(selection), {"f": asked})

    assert read(data) == (len(right), right)


@pytest.mark.parametrize("dimension", FILTERS)
@pytest.mark.shapes("flat", "documented", reason="2026-08 has no flat pages")
async def test_a_cold_gateway_notices_by_what_flat_pages_carry(
    gateway: GraphGateway, upstream: StubUpstream, dimension: str
) -> None:
    fill(upstream)
    parameter, asked = FILTERS[dimension]
    right = list_right(dimension, upstream)
    upstream.ignored = {parameter}

    data = await gateway.ask(document("bare"), {"f": asked})

    assert read(data) == (len(right), right)


@pytest.mark.parametrize("dimension", FILTERS)
async def test_a_cold_gateway_notices_by_the_sections_asked_for(
    gateway: GraphGateway, upstream: StubUpstream, dimension: str
) -> None:
    fill(upstream)
    parameter, asked = FILTERS[dimension]
    right = list_right(dimension, upstream)
    upstream.ignored = {parameter}

    data = await gateway.ask(document("both"), {"f": asked})

    assert read(data) == (len(right), right)


@pytest.mark.parametrize("selection", ["bare", "both"])
@pytest.mark.parametrize("dimension", FILTERS)
@pytest.mark.parametrize("arguments", ["limit: 1", "limit: 5, offset: 90"])
@pytest.mark.shapes("sectioned", "flat", "documented", "2026-08")
async def test_a_total_that_is_too_large_is_noticed(
    gateway: GraphGateway,
    upstream: StubUpstream,
    dimension: str,
    selection: str,
    arguments: str,
) -> None:
    """No model of the page contradicts the filter, or the page is empty."""
    fill(upstream)
    parameter, asked = FILTERS[dimension]
    right = list_right(dimension, upstream)
    upstream.ignored = {parameter}
    await gateway.ask("{ models(limit: 1) { totalCount } }")

    data = await gateway.ask(document(selection, f", {arguments}"), {"f": asked})

    assert read(data)[0] == len(right)


@pytest.mark.shapes("flat", reason="about this shape")
async def test_the_later_flat_upstream_is_known_by_its_shape(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """It is recognised with empty caches, by a page that does not contradict the filter."""
    fill(upstream)

    data = await gateway.ask(
        "{ models(filter: {includeRetired: false}, limit: 1) { totalCount } }"
    )
    behind = await gateway.ask(
        '{ models(filter: {providers: ["a"], organisations: ["lab"]}, offset: 50) { totalCount } }'
    )

    assert data == {"models": {"totalCount": 3}}
    assert behind == {"models": {"totalCount": 1}}


async def test_an_upstream_that_ignores_everything(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)
    upstream.ignored = {parameter for parameter, _ in FILTERS.values()} | {
        "include_data",
        "include_gateway",
    }

    for dimension, (_, asked) in FILTERS.items():
        right = list_right(dimension, upstream)
        data = await gateway.ask(document("bare"), {"f": asked})
        assert read(data) == (len(right), right)


async def test_of_two_filters_one_ignored_is_noticed(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)
    upstream.ignored = {"provider"}
    await gateway.ask("{ catalogue { version } }")
    asked = {"providers": ["a"], "organisations": ["lab"], "includeRetired": False}

    data = await gateway.ask(document("bare"), {"f": asked})

    assert read(data) == (1, ["lab/a-chat"])


@pytest.mark.shapes(
    "documented", reason="a page of it without sections breaks the contract"
)
async def test_a_break_is_counted_and_then_the_upstream_is_spared(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream)
    upstream.ignored = {"provider"}
    before = count(COUNTER)

    for organisation in ("lab", "other"):
        asked = {"providers": ["a"], "organisations": [organisation]}
        await gateway.ask(document("bare"), {"f": asked})

    assert count(COUNTER) == before + 1
    assert upstream.calls == [
        upstream.bare_call(limit=50, offset=0, organisation="lab", provider="a"),
        *upstream.reading_calls(1),
    ]
    clock.pass_s(601)
    upstream.ignored = set()
    upstream.calls.clear()
    await gateway.ask(document("bare"), {"f": {"providers": ["a"]}})
    assert upstream.calls[0] == upstream.bare_call(limit=50, offset=0, provider="a")


@pytest.mark.shapes(
    "documented", reason="a page of it without sections breaks the contract"
)
async def test_other_lists_are_still_asked_of_the_upstream(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)
    upstream.ignored = {"provider"}
    await gateway.ask(document("bare"), {"f": {"providers": ["a"]}})
    upstream.calls.clear()

    await gateway.ask(document("bare"), {"f": {"organisations": ["lab"]}})

    assert upstream.calls == [
        upstream.bare_call(limit=50, offset=0, organisation="lab")
    ]


@pytest.mark.shapes(
    "documented", reason="a page of it without sections breaks the contract"
)
async def test_it_is_an_error_only_where_the_index_cannot_be_read(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)
    upstream.ignored = {"provider"}

    def die(number: int) -> None:
        if number == 1:
            upstream.fail(Status(500), times=None)

    upstream.on_request = die

    result = await gateway.query(document("bare"), {"f": {"providers": ["a"]}})
    again = await gateway.query(document("bare"), {"f": {"providers": ["a"]}})

    assert result.data == again.data == {"models": None}
    assert result.codes == again.codes == ["UPSTREAM_CONTRACT"]
    assert result.messages == [
        "the catalogue did not apply the filter it was asked for"
    ]


@pytest.mark.shapes("sectioned", reason="a warm index answers lists of 2026-08")
async def test_an_index_older_than_a_change_causes_no_contract_error(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    fill(upstream)
    await gateway.ask("{ catalogue { version } }")
    upstream.add_model("lab/none", rows=[("a", "chat")])
    clock.pass_s(30)
    before = count(COUNTER)

    data = await gateway.ask(document("bare"), {"f": {"providers": ["a"]}})

    assert read(data) == (2, ["lab/a-chat", "lab/none"])
    assert count(COUNTER) == before


def every_filter() -> Iterable[dict[str, Any]]:
    yield from (asked for _, asked in FILTERS.values())
    yield {"providers": ["a", "b"], "endpoints": ["chat"]}
    yield {"providers": ["b"], "excludeEndpoints": ["batch"]}
    yield {"inputModalities": ["TEXT"], "includeRetired": False}
    yield {"providers": ["no-such"]}


@pytest.mark.shapes("sectioned", "documented", "2026-08")
@pytest.mark.parametrize("selection", SELECTIONS)
async def test_an_upstream_that_filters_correctly_is_never_distrusted(
    gateway: GraphGateway, upstream: StubUpstream, selection: str
) -> None:
    fill(upstream)
    before = count(COUNTER)

    for known in ("{ models { totalCount } }", "{ catalogue { version } }"):
        await gateway.ask(known)
        for asked in every_filter():
            await gateway.ask(document(selection), {"f": asked})
            await gateway.ask(document(selection, ", offset: 2"), {"f": asked})

    assert count(COUNTER) == before


async def test_a_longer_filtered_list_behind_a_shorter_one_is_not_suspicious(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """Only a list as long as the whole catalogue is suspicious."""
    fill(upstream)
    await gateway.ask(SIZE)
    upstream.calls.clear()
    short = '{ models(filter: { providers: ["a"] }) { totalCount } }'
    longer = '{ models(filter: { providers: ["b"] }) { totalCount } }'

    totals = [
        (await gateway.ask(one))["models"]["totalCount"] for one in (short, longer)
    ]

    assert totals == [1, 2]
    assert upstream.calls == [
        upstream.bare_call(provider=provider, limit=50, offset=0)
        for provider in ("a", "b")
    ]
