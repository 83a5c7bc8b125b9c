"""A response has a byte budget, however it is rendered."""

from typing import Any

import msgspec
import pytest

from catalograph.graphql.node import build_id
from catalograph.graphql.run.engine import Engine
from catalograph.graphql.run.request import Caller, Operation
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream

MODELS = 80
BYTES = 60_000
CALLER = Caller(request_id="request-1")
LONG = "x" * 256
OPENAI = build_id("Provider", "openai")


@pytest.fixture
async def gateway(upstream: StubUpstream, clock: TurnedClock) -> GraphGateway:
    for number in range(MODELS):
        upstream.add_model(f"acme/m{number}", rows=[("openai", "responses")])
    return GraphGateway(upstream, clock, MAX_RESPONSE_BYTES=str(BYTES))


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        pytest.param(
            f"{{ models(limit: 250) {{ nodes {{ {LONG}: name {LONG[1:]}: name "
            f"{LONG[2:]}: name }} }} }}",
            {},
            id="response keys of a projected page",
        ),
        pytest.param(
            f"query ($i: [ID!]!) {{ nodes(ids: $i) {{ ... on Provider {{ {LONG}: name "
            "models(limit: 1) { totalCount } } } }",
            {"i": [OPENAI] * 300},
            id="response keys of objects that are executed field by field",
        ),
        pytest.param(
            "query ($i: [ID!]!) { nodes(ids: $i) { ... on Provider "
            "{ models(limit: 80) { nodes { id name } } } } }",
            {"i": [OPENAI] * 30},
            id="projected lists below others",
        ),
        pytest.param(
            "query ($i: [ID!]!, $v: [String!]) { nodes(ids: $i) { ... on Provider "
            "{ models(filter: {organisations: $v}) { unknownFilterValues { value } } } } }",
            {"i": [OPENAI] * 300, "v": ["y" * 256]},
            id="values that are repeated",
        ),
        pytest.param(
            f"query ($i: [ID!]!) {{ {LONG}: nodes(ids: $i) {{ id }} }}",
            {"i": ["nonsense"] * 300},
            id="paths of errors",
        ),
        pytest.param(
            "query ($i: [ID!]!) { nodes(ids: $i) { ... on Provider "
            "{ models(limit: 999) { totalCount } } } }",
            {"i": [OPENAI] * 300},
            id="errors",
        ),
    ],
)
@pytest.mark.parametrize("max_slice_s", [0, 1_000])
async def test_a_response_beyond_the_budget_is_refused(
    gateway: GraphGateway, document: str, variables: dict[str, Any], max_slice_s: float
) -> None:
    """The whole response is refused: one error, no data, and no further work."""
    source = gateway.gateway.source
    operation = Operation(document=document, variables=variables)
    await gateway.ask("{ catalogue { version } }")
    unbounded = Engine(source, max_slice_s=max_slice_s)
    bounded = Engine(source, max_slice_s=max_slice_s, max_response_bytes=BYTES)

    whole = await unbounded.execute(operation, CALLER)
    answer = await bounded.execute(operation, CALLER)

    assert len(whole.body) > BYTES or len(whole.codes) > BYTES // 1_024
    assert msgspec.json.decode(answer.body) == {
        "errors": [
            {
                "message": f"the response must be at most {BYTES} bytes; ask for fewer "
                "objects or fields at once, or by shorter aliases",
                "extensions": {
                    "code": "OPERATION_TOO_COMPLEX",
                    "limit": "response bytes",
                    "figure": msgspec.json.decode(answer.body)["errors"][0][
                        "extensions"
                    ]["figure"],
                    "bound": BYTES,
                    "requestId": "request-1",
                },
            }
        ],
        "data": None,
    }
    assert (answer.codes, answer.cache_for_s) == (("OPERATION_TOO_COMPLEX",), 0.0)


async def test_the_budget_follows_the_setting(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/m", name="n" * 250)
    gateway = GraphGateway(upstream, clock, MAX_RESPONSE_BYTES="1024")

    small = await gateway.query("{ models { nodes { name } } }")
    large = await gateway.query(
        "{ models { nodes { a: name b: name c: name d: name } } }"
    )

    assert (small.codes, len(small.answer.body)) == ([], 293)
    assert large.codes == ["OPERATION_TOO_COMPLEX"]


async def test_escaped_characters_count_as_they_are_written(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    """A control character takes six bytes in JSON."""
    upstream.add_model("acme/m", name="\u0001" * 250)
    gateway = GraphGateway(upstream, clock, MAX_RESPONSE_BYTES="2000")

    result = await gateway.query(
        '{ model(modelId: "acme/m") { a: name b: name offerings(providers: ["a"]) { id } } }'
    )

    assert result.codes == ["OPERATION_TOO_COMPLEX"]
