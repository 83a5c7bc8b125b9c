"""One model, by id or alias, with its fields and lists."""

import asyncio
import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from support.catalogues import DATASETS, RECORDED, read_recorded
from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import StubUpstream
from support.whole_models import WHOLE_MODEL, expect_model

ONE = "query ($id: String!) { model(modelId: $id) { modelId name } }"


async def test_an_alias_and_the_id_share_one_reading(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", aliases=["one-alias", "acme/1"])

    data = await gateway.ask(
        """{ a: model(modelId: "one-alias") { modelId } b: model(modelId: "acme/1") { modelId }
             c: model(modelId: "acme/one") { modelId aliases } }"""
    )

    assert data == {
        "a": {"modelId": "acme/one"},
        "b": {"modelId": "acme/one"},
        "c": {"modelId": "acme/one", "aliases": ["one-alias", "acme/1"]},
    }
    assert upstream.calls == upstream.reading_calls(1)


@pytest.mark.parametrize(
    "id_", ["", "no/such", "acme/on", " acme/one", "acme/one,x", "💥"]
)
async def test_an_unknown_model_is_null(
    gateway: GraphGateway, upstream: StubUpstream, id_: str
) -> None:
    upstream.add_model("acme/one")

    assert await gateway.ask(ONE, {"id": id_}) == {"model": None}


async def test_an_id_goes_before_an_alias(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    """The alias of one model is the id of another."""
    upstream.add_model("acme/a", aliases=["acme/b"])
    upstream.add_model("acme/b", aliases=["acme/a"])

    data = await gateway.ask(ONE, {"id": "acme/b"})

    assert data == {"model": {"modelId": "acme/b", "name": "B"}}


@pytest.mark.parametrize("shape", ["sectioned", "flat", "documented"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_model_is_the_same_whichever_way_it_was_reached(
    shape: str, dataset: str
) -> None:
    if not RECORDED.is_dir():
        pytest.skip("the recorded answers are not here")

    asyncio.run(compare_ways(shape, dataset))


async def compare_ways(shape: str, dataset: str) -> None:
    suffix = DATASETS[dataset]
    stored = read_recorded(f"catalogue-sectioned{suffix}")["models"]
    kind = "flat" if shape == "flat" else "sectioned"
    rows = read_recorded(f"catalogue-{kind}{suffix}")["models"]
    expected = {row["model_id"]: expect_model(row, shape) for row in rows}
    upstream = StubUpstream(stored, shape=shape)  # type: ignore[arg-type] # one of its names
    gateway = GraphGateway(upstream, TurnedClock())
    list_ = "models(limit: 250) { nodes { ...Whole } }"
    ways = [
        *(
            f"models(limit: 250, offset: {offset}) {{ nodes {{ ...Whole }} }}"
            for offset in (0, 250, 500)
        ),
        "models(limit: 250, filter: {isRoutable: true}) { nodes { ...Whole } }",
        'models(limit: 250, filter: {providers: ["openai"]}) { nodes { ...Whole } }',
        'models(limit: 250, search: "gpt") { edges { node { ...Whole } } }',
        f'provider(providerId: "openai") {{ {list_} }}',
        f'endpoint(endpointId: "batch") {{ {list_} }}',
        f'organisation(organisationId: "openai") {{ {list_} }}',
        f'model(modelId: "openai/gpt-5-2025-08-07") {{ organisation {{ {list_} }} }}',
    ]

    met = [
        list(find_whole(await gateway.ask(f"{{ {way} }}{WHOLE_MODEL}"))) for way in ways
    ]

    listed = [node["modelId"] for page in met[:3] for node in page]
    assert listed == [row["model_id"] for row in rows]
    assert [len(way) > 0 for way in met].count(False) <= (
        0 if dataset != "natural" else 3
    )
    assert all(node == expected[node["modelId"]] for way in met for node in way)
    await gateway.aclose()


def find_whole(data: Any) -> Iterator[dict[str, Any]]:
    """Find every model that `Whole` selected, at whatever depth."""
    if isinstance(data, dict):
        if "statusLabel" in data:
            yield data
            return
        data = list(data.values())
    if isinstance(data, list):
        for one in data:
            yield from find_whole(one)


@pytest.mark.shapes("sectioned", reason="names and labels that 2026-08 does not give")
async def test_odd_values_are_null_or_other(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model(
        "acme/odd",
        name=None,
        status="Withdrawn",
        organisation=None,
        release_date="soon",
        announcement_date="2025-12-30",
        retirement_date="2025-12-30T00:00:00+00:00",
        rows=[
            {
                "api_provider_id": "a",
                "api_provider_name": None,
                "link": None,
                "country_code": None,
                "endpoint": "x",
                "effective_from": "2025-01-02T03:04:05+02:00",
                "effective_to": "2026-01-01T00:00:00",
            }
        ],
    )

    data = await gateway.ask(
        """{ models { nodes { name status statusLabel releaseDate announcementDate
             retirementDate organisation { id } offerings { providerModelSlug
             effectiveFrom effectiveTo provider { name link countryCode } } } } }"""
    )

    assert data["models"]["nodes"] == [
        {
            "name": None,
            "status": "OTHER",
            "statusLabel": "Withdrawn",
            "releaseDate": None,
            "announcementDate": "2025-12-30",
            "retirementDate": "2025-12-30",
            "organisation": None,
            "offerings": [
                {
                    "providerModelSlug": None,
                    "effectiveFrom": "2025-01-02T01:04:05Z",
                    "effectiveTo": "2026-01-01T00:00:00Z",
                    "provider": {"name": None, "link": None, "countryCode": None},
                }
            ],
        }
    ]


@pytest.mark.shapes("sectioned", reason="names and labels that 2026-08 does not give")
async def test_a_status_is_read_without_case_and_null_stays_null(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/a", status="RETIRED")
    upstream.add_model("acme/b", status=None)

    data = await gateway.ask("{ models { nodes { status statusLabel } } }")

    assert data["models"]["nodes"] == [
        {"status": "RETIRED", "statusLabel": "RETIRED"},
        {"status": None, "statusLabel": None},
    ]


async def test_a_model_of_an_unknown_organisation_has_none(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/orphan", organisation=None)
    upstream.add_model("acme/child")

    data = await gateway.ask(
        """{ organisation(organisationId: "acme") { models { nodes { modelId } } }
             models(filter: {organisations: ["acme"]}) { nodes { modelId } facets {
               organisations { value count } } } }"""
    )

    child = [{"modelId": "acme/child"}]
    assert data["organisation"]["models"]["nodes"] == child
    assert data["models"] == {
        "nodes": child,
        "facets": {
            "organisations": [
                {"value": "acme", "count": 1},
                {"value": None, "count": 1},
            ]
        },
    }


async def test_offerings_come_and_go_with_their_dates(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    later = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    upstream.add_model(
        "acme/one",
        rows=[
            {
                "api_provider_id": "a",
                "endpoint": "x",
                "effective_from": "2025-12-31T00:00:00",
            }
        ],
    )
    document = "{ models { nodes { isRoutable offerings { isRoutable } } } }"
    before = await gateway.ask(document)
    upstream.clock = lambda: later
    clock.pass_s(86_401)

    after = await gateway.ask(document)

    # 2025-12 lists no row out of its dates, 2026-08 lists it as one that is not active.
    offerings = [] if upstream.version == "2025-12" else [{"isRoutable": False}]
    assert before["models"]["nodes"] == [{"isRoutable": False, "offerings": offerings}]
    assert after["models"]["nodes"] == [
        {"isRoutable": True, "offerings": [{"isRoutable": True}]}
    ]
