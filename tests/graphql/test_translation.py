"""The translation of GraphQL to REST, one test for each row of its table."""

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import SIZE, StubUpstream

ROWS: list[tuple[str, dict[str, object]]] = [
    ('filter: {providers: ["b", "a", "b"]}', {"provider": "a,b"}),
    ('filter: {organisations: ["z", "acme"]}', {"organisation": "acme,z"}),
    (
        'filter: {endpoints: ["audio.speech"]}',
        {"include_endpoints": "audio.speech"},
    ),
    ('filter: {excludeEndpoints: ["b", "a"]}', {"exclude_endpoints": "a,b"}),
    ('filter: {inputModalities: ["text"]}', {"input_types": "text"}),
    ('filter: {outputModalities: ["text", "image"]}', {"output_types": "image,text"}),
    ("filter: {includeRumoured: false}", {"include_rumoured": "false"}),
    ("filter: {includeDeprecated: false}", {"include_deprecated": "false"}),
    ("filter: {includeRetired: false}", {"include_retired": "false"}),
    ("filter: {includeRetired: true, includeRumoured: null}", {}),
    ("filter: {}", {}),
    ("limit: 250", {"limit": 250}),
    ("limit: 1, offset: 7", {"limit": 1, "offset": 7}),
    ("offset: 7", {"offset": 7}),
    ("first: 9", {"limit": 9}),
    ("limit: null, offset: null, first: null", {}),
    ('search: ""', {}),
    ('search: "  "', {}),
    ("orderBy: null", {}),
    ('filter: {organisations: ["+a/b&c=d"]}', {"organisation": "+a/b&c=d"}),
]
ONLY_DECEMBER = {
    *("exclude_endpoints", "include_rumoured", "include_deprecated"),
    "include_retired",
}
"""Parameters that 2026-08 lacks; it answers such filters from the index."""


@pytest.mark.parametrize(("arguments", "parameters"), ROWS)
async def test_arguments_become_parameters(
    gateway: GraphGateway,
    upstream: StubUpstream,
    arguments: str,
    parameters: dict[str, object],
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x"), ("a", "audio.speech")])
    upstream.add_model("other/two", status=None, input_types=[], output_types=[])
    upstream.add_model("other/three", rows=[("c", "b")])

    await gateway.ask(SIZE)
    upstream.calls.clear()

    await gateway.ask(f"{{ models({arguments}) {{ nodes {{ name }} }} }}")

    if upstream.version == "2026-08" and parameters.keys() & ONLY_DECEMBER:
        assert upstream.calls == upstream.reading_calls(1)
        return
    assert upstream.calls == [
        upstream.bare_call(**({"limit": 50, "offset": 0} | parameters))
    ]


INDEX_QUESTIONS = [
    'models(search: "one") { totalCount }',
    "models(orderBy: {field: NAME, direction: ASC}) { totalCount }",
    'models(filter: {modelIds: ["acme/one"]}) { totalCount }',
    "models(filter: {statuses: [AVAILABLE]}) { totalCount }",
    "models(filter: {isRoutable: false}) { totalCount }",
    'models(filter: {releaseDate: {from: "2025-01-01"}}) { totalCount }',
    'models(filter: {allInputModalities: ["text"]}) { totalCount }',
    'models(filter: {allOutputModalities: ["text"]}) { totalCount }',
    "models { facets { statuses { value } } }",
    "models { unknownFilterValues { value } }",
    'models(filter: {providers: ["a"]}) { nodes { isRoutable } }',
    'models(filter: {providers: ["a"]}) { edges { node { offerings { id } } } }',
    "models(last: 3) { totalCount }",
    "models { nodes { organisation { models { totalCount } } } }",
    "models { nodes { providers { endpoints { id } } } }",
    "models { nodes { endpoints { providers { id } } } }",
    'model(modelId: "acme/one") { name }',
    'provider(providerId: "a") { name }',
    'organisation(organisationId: "acme") { name }',
    'endpoint(endpointId: "x") { id }',
    "providers { totalCount }",
    "organisations { totalCount }",
    "endpoints { totalCount }",
    "catalogue { version }",
]


@pytest.mark.parametrize("field", INDEX_QUESTIONS)
async def test_what_rest_cannot_give_is_no_page_request(
    gateway: GraphGateway, upstream: StubUpstream, field: str
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")])

    await gateway.ask(f"{{ {field} }}")

    assert upstream.calls == upstream.reading_calls(1)


async def test_a_provider_filter_without_gateway_fields_is_sent_to_rest(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")])
    upstream.add_model("acme/two", rows=[("c", "x")])
    await gateway.ask(SIZE)
    upstream.calls.clear()

    await gateway.ask(
        '{ models(filter: {providers: ["a"]}) { nodes { inputModalities } } }'
    )

    assert upstream.calls == [
        upstream.page_call(include_gateway="false", limit=50, offset=0, provider="a")
    ]


async def test_equal_filters_share_one_cache_entry(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")])
    upstream.add_model("acme/two", rows=[("c", "x")])
    document = (
        "query ($of: [String!]) { models(filter: {providers: $of}) { totalCount } }"
    )
    await gateway.ask(SIZE)
    upstream.calls.clear()

    for values in (["b", "a"], ["a", "b"], ["a", "b", "a"]):
        await gateway.ask(document, {"of": values})

    assert upstream.calls == [upstream.bare_call(limit=50, offset=0, provider="a,b")]


async def test_a_model_looks_the_same_under_a_provider_filter(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """The upstream reduces nested rows to the filtered provider; clients still see all."""
    upstream.add_model("acme/one", rows=[("a", "chat"), ("b", "batch")])
    document = """query ($filter: ModelFilter) { models(filter: $filter) { nodes {
      isRoutable endpoints { endpointId } providers { providerId }
      offerings { provider { providerId } endpoint { endpointId } } } } }"""

    plain = await gateway.ask(document, {"filter": {}})
    filtered = await gateway.ask(document, {"filter": {"providers": ["a"]}})

    assert filtered == plain
    assert len(plain["models"]["nodes"][0]["offerings"]) == 2


async def test_a_filter_too_long_for_an_address_is_answered_from_the_index(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")])
    names = ["a", *(f"provider-{number}" for number in range(500))]

    data = await gateway.ask(
        "query ($of: [String!]) { models(filter: {providers: $of}) { totalCount } }",
        {"of": names},
    )

    assert data == {"models": {"totalCount": 1}}
    assert upstream.calls == upstream.reading_calls(1)


async def test_lists_are_sent_to_rest_although_the_index_is_warm_if_pages_are_cheap(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")
    await gateway.ask("{ catalogue { version } }")

    await gateway.ask("{ models { totalCount } }")

    # A page costs 2026-08 as much as the whole catalogue.
    pages = (
        [upstream.bare_call(limit=50, offset=0)]
        if upstream.version == "2025-12"
        else []
    )
    assert upstream.calls == [*upstream.reading_calls(1), *pages]
