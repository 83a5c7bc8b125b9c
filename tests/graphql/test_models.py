"""The root list of models."""

from support.graph_gateway import GraphGateway, bare_call
from support.stub_upstream import StubUpstream


async def test_a_plain_list_costs_one_bare_page(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    for number in range(7):
        upstream.add_model(f"acme/m{number}")

    data = await gateway.ask("{ models(limit: 5) { nodes { name } totalCount } }")

    assert data == {
        "models": {"nodes": [{"name": f"M{n}"} for n in range(5)], "totalCount": 7}
    }
    assert upstream.calls == [bare_call(limit=5, offset=0)]
