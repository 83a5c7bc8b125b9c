"""Search, order and facets, on every list of models."""

from typing import Any

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream


def fill(upstream: StubUpstream) -> None:
    upstream.add_model(
        "openai/gpt-4o",
        name="GPT-4o",
        release_date="2024-05-13T00:00:00",
        rows=[("azure", "chat"), ("openai", "batch")],
    )
    upstream.add_model(
        "openai/gpt-4o-mini",
        name="GPT-4o mini",
        aliases=["openai/small-four"],
        release_date="2024-07-18T00:00:00",
        rows=[("openai", "chat")],
        input_types=["text", "Image"],
    )
    upstream.add_model("mistral/ete", name="Été", status="Retired", output_types=[])
    upstream.add_model("mistral/null", name=None, status=None, input_types=[])


async def find(gateway: GraphGateway, arguments: str) -> list[str]:
    data = await gateway.ask(
        f"{{ models({arguments}) {{ nodes {{ modelId }} totalCount }} }}"
    )
    ids = [node["modelId"].split("/")[1] for node in data["models"]["nodes"]]
    assert data["models"]["totalCount"] == len(ids)
    return ids


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("gpt", ["gpt-4o-mini", "gpt-4o"]),
        ("gtp", ["gpt-4o-mini", "gpt-4o"]),
        ("GPT 4o", ["gpt-4o", "gpt-4o-mini"]),
        ("mini gpt", ["gpt-4o-mini"]),
        ("gpt4o", ["gpt-4o", "gpt-4o-mini"]),
        ("openai/gpt-4o-mini", ["gpt-4o-mini"]),
        ("small-four", ["gpt-4o-mini"]),
        ("ETE", ["ete"]),
        ("été", ["ete"]),
        ("mistral", ["null", "ete"]),
        ("nul", ["null"]),
        ("nothing", []),
        ("pt", []),
        ("", ["gpt-4o-mini", "gpt-4o", "ete", "null"]),
        ("  ", ["gpt-4o-mini", "gpt-4o", "ete", "null"]),
    ],
)
async def test_search_finds_words_best_first(
    gateway: GraphGateway, upstream: StubUpstream, search: str, ids: list[str]
) -> None:
    fill(upstream)
    upstream.add_model("mistral/null")

    assert await find(gateway, f'search: "{search}"') == ids


@pytest.mark.shapes(
    "sectioned", reason="2026-08 lists no model without a name or an offering"
)
@pytest.mark.parametrize(
    ("field", "direction", "ids"),
    [
        ("RELEASE_DATE", "ASC", ["gpt-4o", "gpt-4o-mini", "ete", "null"]),
        ("RELEASE_DATE", "DESC", ["gpt-4o-mini", "gpt-4o", "ete", "null"]),
        ("NAME", "ASC", ["ete", "gpt-4o", "gpt-4o-mini", "null"]),
        ("NAME", "DESC", ["gpt-4o-mini", "gpt-4o", "ete", "null"]),
        ("MODEL_ID", "ASC", ["ete", "null", "gpt-4o", "gpt-4o-mini"]),
        ("MODEL_ID", "DESC", ["gpt-4o-mini", "gpt-4o", "null", "ete"]),
    ],
)
async def test_orders_have_nulls_last_and_ties_by_id(
    gateway: GraphGateway,
    upstream: StubUpstream,
    field: str,
    direction: str,
    ids: list[str],
) -> None:
    fill(upstream)

    order = f"orderBy: {{field: {field}, direction: {direction}}}"
    assert await find(gateway, order) == ids
    # An explicit order replaces the ranking of a search.
    found = [id_ for id_ in ids if "gpt" in id_]
    assert await find(gateway, f'{order}, search: "gpt"') == found


FACETS = """
fragment Facets on ModelConnection { facets {
  providers { value label count } organisations { value label count }
  endpoints { value label count } inputModalities { value label count }
  outputModalities { value label count } statuses { value label count } } }
"""


def lines(*counts: tuple[str | None, str | None, int]) -> list[dict[str, Any]]:
    return [{"value": v, "label": label, "count": count} for v, label, count in counts]


@pytest.mark.shapes(
    "sectioned", reason="2026-08 lists no model without a name or an offering"
)
async def test_facets_count_the_whole_list(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask("{ models(limit: 1) { totalCount ...Facets } }" + FACETS)

    assert data["models"]["facets"] == {
        "providers": lines(
            ("openai", "Openai", 2), (None, None, 2), ("azure", "Azure", 1)
        ),
        "organisations": lines(("mistral", "Mistral", 2), ("openai", "Openai", 2)),
        "endpoints": lines(("chat", None, 2), (None, None, 2), ("batch", None, 1)),
        "inputModalities": lines(
            ("text", None, 3), ("Image", None, 1), (None, None, 1)
        ),
        "outputModalities": lines(("text", None, 3), (None, None, 1)),
        "statuses": lines(
            ("AVAILABLE", "Available", 2), ("RETIRED", "Retired", 1), (None, None, 1)
        ),
    }
    assert upstream.calls == upstream.reading_calls(1)


async def test_each_dimension_is_counted_without_its_own_filter(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask(
        """{ models(filter: {providers: ["azure"], excludeEndpoints: ["batch"],
               includeRetired: false, inputModalities: ["image"]}) { totalCount ...Facets } }"""
        + FACETS
    )

    assert data["models"]["totalCount"] == 0
    facets = data["models"]["facets"]
    # openai serves gpt-4o-mini at chat alone, and gpt-4o at batch, which is excluded.
    assert facets["providers"] == lines(("openai", "Openai", 1))
    assert facets["endpoints"] == []
    assert facets["inputModalities"] == lines(("text", None, 1))
    assert facets["statuses"] == []


@pytest.mark.shapes(
    "sectioned", reason="2026-08 lists no model without a name or an offering"
)
async def test_facets_below_a_parent_keep_its_restriction(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask(
        """{ provider(providerId: "openai") { models(search: "gpt") { totalCount ...Facets } }
             endpoint(endpointId: "chat") { models { totalCount ...Facets } }
             organisation(organisationId: "mistral") { models { totalCount ...Facets } } }"""
        + FACETS
    )

    provider = data["provider"]["models"]["facets"]
    assert provider["providers"] == lines(
        ("openai", "Openai", 2), ("azure", "Azure", 1)
    )
    assert provider["endpoints"] == lines(("batch", None, 1), ("chat", None, 1))
    endpoint = data["endpoint"]["models"]["facets"]
    assert endpoint["endpoints"] == lines(("chat", None, 2), ("batch", None, 1))
    assert endpoint["providers"] == lines(
        ("azure", "Azure", 1), ("openai", "Openai", 1)
    )
    organisation = data["organisation"]["models"]["facets"]
    assert organisation["organisations"] == lines(("mistral", "Mistral", 2))
    assert organisation["providers"] == lines((None, None, 2))


async def test_facets_of_a_search_count_what_it_finds(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask('{ models(search: "mini") { ...Facets } }' + FACETS)

    assert data["models"]["facets"]["organisations"] == lines(("openai", "Openai", 1))
