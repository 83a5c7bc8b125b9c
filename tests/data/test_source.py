"""The source by itself: the state that it keeps about an upstream, for each partition."""

from collections.abc import AsyncIterator

import pytest

from catalograph.cache.entries import Ages
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.query import ModelsQuery
from catalograph.data.access import Access
from catalograph.data.source import CatalogueSource
from catalograph.errors import UpstreamContractError
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.transport import build_in_process_transport
from support.graph_gateway import TurnedClock
from support.stub_upstream import Status, StubUpstream

OF_A = ModelsFilter(providers=("a",))


@pytest.fixture
async def source(
    upstream: StubUpstream, clock: TurnedClock
) -> AsyncIterator[CatalogueSource]:
    client = UpstreamClient(
        base_url="http://upstream.test/v1",
        token=upstream.token,
        transport=build_in_process_transport(upstream.app),
        clock=clock,
        sleep=clock.sleep,
    )
    cache = RefreshingCache(
        open_store("memory://", max_bytes=10_000_000), ages=Ages(), clock=clock
    )
    yield CatalogueSource(client, cache, ages=Ages(), clock=clock)
    await cache.aclose()
    await client.aclose()


@pytest.mark.shapes(
    "sectioned",
    reason="a filtered list of 2026-08 is preceded by a page that shows the size",
)
async def test_the_size_of_the_catalogue_is_the_last_whole_one_seen(
    source: CatalogueSource, upstream: StubUpstream, clock: TurnedClock
) -> None:
    access, sizes = Access(), []
    for number in range(10):
        upstream.add_model(f"acme/{number}", rows=[("a", "x")])
    sizes.append(source.find_total(access))
    await source.fetch_page(ModelsQuery(filter=OF_A), access)
    sizes.append(source.find_total(access))
    upstream.add_model("acme/more")
    await source.fetch_page(ModelsQuery(), access)
    sizes.append(source.find_total(access))
    for number in range(5):
        upstream.remove_model(f"acme/{number}")
    clock.pass_s(700)
    await source.fetch_page(ModelsQuery(filter=OF_A), access)
    sizes.append(source.find_total(access))
    await source.fetch_page(ModelsQuery(), access)
    sizes.append(source.find_total(access))

    assert sizes == [0, 10, 11, 11, 6]
    assert source.find_total(Access(partition="other")) == 0


@pytest.mark.shapes(
    "documented", reason="a page of it without sections breaks the contract"
)
async def test_a_broken_contract_is_remembered_for_its_partition_and_for_a_while(
    source: CatalogueSource, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    upstream.ignored = {"provider"}
    access = Access(partition="one")

    with pytest.raises(UpstreamContractError):
        await source.fetch_page(ModelsQuery(filter=OF_A), access)
    count = len(upstream.calls)
    with pytest.raises(UpstreamContractError):
        await source.fetch_page(ModelsQuery(filter=OF_A, limit=7), access)

    assert len(upstream.calls) == count
    assert source.distrusts(OF_A, access)
    assert not source.distrusts(EVERYTHING, access)
    assert not source.distrusts(OF_A, Access(partition="two"))
    clock.pass_s(600)
    assert not source.distrusts(OF_A, access)


async def test_a_gateway_that_can_answer_is_ready(
    source: CatalogueSource, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.fail(Status(500))

    assert await source.check_ready(Access()) == (
        "the catalogue is not available just now"
    )
    clock.pass_s(5)
    assert await source.check_ready(Access()) is None
    await source.fetch_index(Access())
    clock.pass_s(50_000)
    upstream.fail(Status(500), times=None)
    assert await source.check_ready(Access()) is None
