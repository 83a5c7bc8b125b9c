"""The requested sections follow from the selection, however it is written."""

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream

pytestmark = pytest.mark.shapes("sectioned", reason="2026-08 has no sections")

NEITHER, DATA, GATEWAY, BOTH = (
    "GET /models?include_data=false&include_gateway=false&limit=50&offset=0",
    "GET /models?include_gateway=false&limit=50&offset=0",
    "GET /models?include_data=false&limit=50&offset=0",
    "GET /models?limit=50&offset=0",
)

EVERY_BARE_FIELD = """
  id modelId name status statusLabel releaseDate announcementDate deprecationDate
  retirementDate aliases organisation { id organisationId name countryCode } __typename
"""

SELECTIONS = [
    (f"{{ models {{ nodes {{ {EVERY_BARE_FIELD} }} }} }}", NEITHER),
    (
        "{ models { totalCount limit offset pageInfo { endCursor } __typename } }",
        NEITHER,
    ),
    ("{ models { edges { cursor node { name } } } }", NEITHER),
    ("{ models { nodes { inputModalities } } }", DATA),
    ("{ models { nodes { outputModalities } } }", DATA),
    ("{ models { nodes { isRoutable } } }", GATEWAY),
    ("{ models { nodes { endpoints { endpointId } } } }", GATEWAY),
    ("{ models { nodes { providers { name } } } }", GATEWAY),
    ('{ models { nodes { offerings(providers: ["x"]) { id } } } }', GATEWAY),
    ("{ models { nodes { offerings { inputModalities } } } }", GATEWAY),
    ("{ models { nodes { offerings { model { inputModalities } } } } }", BOTH),
    ("{ models { nodes { inputModalities isRoutable } } }", BOTH),
    ("{ models { nodes { name } edges { node { isRoutable } } } }", GATEWAY),
    ("{ models { nodes { takes: inputModalities } } }", DATA),
    ("{ m: models { n: nodes { x: isRoutable } } }", GATEWAY),
    ("{ models { nodes { ... { isRoutable } } } }", GATEWAY),
    ("{ models { nodes { ... on Model { isRoutable } } } }", GATEWAY),
    (
        "{ models { nodes { ... on Node { id ... on Model { inputModalities } } } } }",
        DATA,
    ),
    ("{ models { ... on ModelConnection { nodes { isRoutable } } } }", GATEWAY),
    ("{ ... on Query { models { nodes { isRoutable } } } }", GATEWAY),
    ("{ models { nodes { ...A } } } fragment A on Model { inputModalities }", DATA),
    (
        (
            "{ models { ...A } } fragment A on ModelConnection { edges { node { ...B } } } "
            "fragment B on Model { isRoutable ...C } fragment C on Model { inputModalities }"
        ),
        BOTH,
    ),
    (
        (
            "{ models { nodes { ...A } } models { nodes { isRoutable } } } "
            "fragment A on Model { name }"
        ),
        GATEWAY,
    ),
    ("{ models { nodes { name isRoutable @skip(if: true) } } }", NEITHER),
    ("{ models { nodes { name isRoutable @include(if: false) } } }", NEITHER),
    (
        "{ models { nodes { name isRoutable @include(if: true) @skip(if: true) } } }",
        NEITHER,
    ),
    (
        (
            "{ models { nodes { name ...A @include(if: false) } } } "
            "fragment A on Model { isRoutable }"
        ),
        NEITHER,
    ),
    (
        (
            "{ models { nodes { ...A @include(if: false) ...A name } } } "
            "fragment A on Model { isRoutable }"
        ),
        GATEWAY,
    ),
    ("{ models { nodes { name ... @skip(if: true) { isRoutable } } } }", NEITHER),
]


@pytest.mark.parametrize(("document", "call"), SELECTIONS)
async def test_a_selection_asks_for_its_sections(
    gateway: GraphGateway, upstream: StubUpstream, document: str, call: str
) -> None:
    upstream.add_model("acme/one", rows=[("x", "chat")])

    await gateway.ask(document)

    assert upstream.calls == [call]


DIRECTED = """
query ($data: Boolean!, $gateway: Boolean = false) {
  models { nodes { name inputModalities @include(if: $data) ...Gateway @skip(if: $gateway) } }
}
fragment Gateway on Model { isRoutable offerings { provider { name } } }
"""


@pytest.mark.parametrize(
    ("variables", "call"),
    [
        ({"data": False, "gateway": True}, NEITHER),
        ({"data": True, "gateway": True}, DATA),
        ({"data": False, "gateway": False}, GATEWAY),
        ({"data": False}, GATEWAY),
        ({"data": True}, BOTH),
    ],
)
async def test_directives_on_variables_decide(
    gateway: GraphGateway, upstream: StubUpstream, variables: dict[str, bool], call: str
) -> None:
    upstream.add_model("acme/one")

    await gateway.ask(DIRECTED, variables)

    assert upstream.calls == [call]


async def test_one_document_asks_anew_for_each_set_of_variables(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """Results for one set of variables are not used for another."""
    upstream.add_model("acme/one")

    answers = [
        await gateway.ask(DIRECTED, {"data": data, "gateway": gateway_})
        for data, gateway_ in (
            (False, True),
            (True, True),
            (False, False),
            (True, False),
        )
    ]

    assert upstream.calls == [NEITHER, DATA, GATEWAY, BOTH]
    assert [sorted(answer["models"]["nodes"][0]) for answer in answers] == [
        ["name"],
        ["inputModalities", "name"],
        ["isRoutable", "name", "offerings"],
        ["inputModalities", "isRoutable", "name", "offerings"],
    ]


async def test_a_page_with_more_sections_serves_fewer(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")

    await gateway.ask("{ models { nodes { inputModalities isRoutable } } }")
    await gateway.ask("{ models { nodes { isRoutable } } }")
    await gateway.ask("{ models { nodes { inputModalities } } }")
    await gateway.ask("{ models { nodes { name } } }")

    assert upstream.calls == [BOTH]


async def test_a_page_with_fewer_sections_does_not_serve_more(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")

    await gateway.ask("{ models { nodes { name } } }")
    await gateway.ask("{ models { nodes { isRoutable } } }")
    await gateway.ask("{ models { nodes { inputModalities } } }")

    assert upstream.calls == [NEITHER, GATEWAY, DATA]


async def test_sections_that_were_asked_for_but_not_given_are_an_error(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")

    def drop(body: dict[str, list[dict[str, object]]]) -> object:
        for row in body["models"]:
            row.pop("gateway", None)
        return body

    upstream.distort = drop

    result = await gateway.query("{ models { nodes { isRoutable } } }")

    assert result.data == {"models": None}
    assert result.codes == ["UPSTREAM_INVALID_RESPONSE"]
