"""The type Catalogue: age and sizes of the catalogue."""

from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream


async def test_it_describes_the_index_of_the_operation(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one", status="Retired")
    upstream.add_model("acme/two")

    data = await gateway.ask("{ catalogue { totalModels asOf isStale version } }")

    version = data["catalogue"].pop("version")
    assert data["catalogue"] == {
        "totalModels": 2,
        "asOf": "2025-12-22T00:00:00Z",
        "isStale": False,
    }
    assert len(version) == 16
    assert clock.show() == "2025-12-22T00:00:00Z"
    assert upstream.calls == upstream.reading_calls(1)


async def test_replicas_agree_on_the_version(upstream: StubUpstream) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")])
    versions = set()
    for seconds in (0, 500):
        clock = TurnedClock()
        clock.pass_s(seconds)
        gateway = GraphGateway(upstream, clock)
        data = await gateway.ask("{ catalogue { version } }")
        versions.add(data["catalogue"]["version"])
        await gateway.aclose()

    assert len(versions) == 1
