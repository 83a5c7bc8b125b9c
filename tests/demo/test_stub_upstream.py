"""The stub that all gateway tests use works as documented."""

import asyncio

import httpx
import pytest

from catalograph.demo.v2026_08.rows import (
    Catalogue,
    Provider,
    ProviderRow,
    StoredModel,
)
from support.stub_upstream import (
    TOKEN,
    Cut,
    Hang,
    Html,
    NotJson,
    Reset,
    ShapeName,
    Status,
    StubUpstream,
    serve,
)

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def connect(stub: StubUpstream) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=stub.app),
        base_url="http://stub/v1",
        headers=HEADERS,
    )


async def test_calls_are_readable_and_sorted() -> None:
    stub = StubUpstream()

    async with connect(stub) as client:
        await client.get("/models?offset=0&limit=5&provider=a%2Cb")

    assert stub.calls == ["GET /models?limit=5&offset=0&provider=a,b"]
    assert stub.tokens == [f"Bearer {TOKEN}"]


async def test_a_model_of_two_words_has_sensible_fields() -> None:
    stub = StubUpstream()
    stub.add_model("acme/one", rows=[("host", "chat.completions", "slug-1")])

    async with connect(stub) as client:
        answer = (await client.get("/models")).json()

    assert answer["models"] == [
        {
            "model_id": "acme/one",
            "name": "One",
            "release_date": None,
            "announcement_date": None,
            "deprecation_date": None,
            "retirement_date": None,
            "status": "Available",
            "organisation": {
                "organisation_id": "acme",
                "name": "Acme",
                "country_code": "US",
            },
            "aliases": [],
            "data": {"input_types": ["text"], "output_types": ["text"]},
            "gateway": {
                "active": True,
                "endpoints": ["chat.completions"],
                "providers": [
                    {
                        "api_provider_id": "host",
                        "api_provider_name": "Host",
                        "link": "https://host.example",
                        "country_code": "US",
                        "endpoint": "chat.completions",
                        "provider_model_slug": "slug-1",
                        "is_active_gateway": True,
                        "input_modalities": ["text"],
                        "output_modalities": ["text"],
                        "effective_from": None,
                        "effective_to": None,
                    }
                ],
            },
        }
    ]


async def test_the_documented_shape_is_flat() -> None:
    stub = StubUpstream(shape="documented")
    stub.add_model(
        "acme/one",
        release_date="2025-01-02T00:00:00",
        rows=[
            {
                "api_provider_id": "host",
                "endpoint": "batch",
                "effective_from": "2025-01-02T00:00:00",
            }
        ],
    )

    async with connect(stub) as client:
        [model] = (await client.get("/models")).json()["models"]

    [row] = model.pop("providers")
    assert model == {
        "model_id": "acme/one",
        "name": "One",
        "release_date": "2025-01-02",
        "announcement_date": None,
        "status": "Available",
        "organisation": "acme",
        "aliases": [],
        "endpoints": ["batch"],
        "input_types": ["text"],
        "output_types": ["text"],
    }
    assert row["effective_from"] == "2025-01-02T00:00:00Z"


async def test_faults_meet_one_request_each_and_pass() -> None:
    stub = StubUpstream()
    stub.fail(Status(503, {"error": "down"}), Html(), NotJson())

    async with connect(stub) as client:
        answers = [await client.get("/models") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [503, 200, 200, 200]
    assert answers[0].json() == {"error": "down"}
    assert [answer.headers["content-type"] for answer in answers[1:]] == [
        "text/html; charset=utf-8",
        "application/json",
        "application/json",
    ]
    assert answers[3].json()["ok"] is True


async def test_a_lasting_fault_stays_until_recovery() -> None:
    stub = StubUpstream()
    stub.fail(Status(500), times=None)

    async with connect(stub) as client:
        before = [(await client.get("/models")).status_code for _ in range(3)]
        stub.recover()
        after = (await client.get("/models")).status_code

    assert (before, after) == ([500, 500, 500], 200)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Cut(), httpx.RemoteProtocolError), (Reset(), httpx.ReadError)],
)
async def test_broken_connections_look_alike_in_process_and_on_a_socket(
    fault: Cut | Reset, error: type[httpx.HTTPError]
) -> None:
    stub = StubUpstream()
    stub.fail(fault, times=2)

    async with connect(stub) as client:
        with pytest.raises(error):
            await client.get("/models")
    async with serve(stub) as base_url, httpx.AsyncClient(headers=HEADERS) as client:
        with pytest.raises(error):
            await client.get(f"{base_url}/models")
        assert (await client.get(f"{base_url}/models")).status_code == 200


async def test_a_hanging_request_ends_when_it_is_released() -> None:
    stub = StubUpstream()
    stub.fail(Hang())

    async with serve(stub) as base_url, httpx.AsyncClient(headers=HEADERS) as client:
        request = asyncio.create_task(client.get(f"{base_url}/models"))
        await stub.wait_for_calls(1)
        stub.release()

        assert (await request).status_code == 200


async def test_a_hanging_request_runs_into_the_clients_timeout() -> None:
    stub = StubUpstream()
    stub.fail(Hang())

    async with serve(stub) as base_url, httpx.AsyncClient(headers=HEADERS) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{base_url}/models", timeout=0.05)


async def test_responses_wait_for_the_gate_event() -> None:
    stub = StubUpstream()
    stub.gate = asyncio.Event()

    async with connect(stub) as client:
        requests = [asyncio.create_task(client.get("/models")) for _ in range(2)]
        await stub.wait_for_calls(2)
        assert not any(request.done() for request in requests)
        stub.gate.set()

        assert [(await request).status_code for request in requests] == [200, 200]


async def test_an_ignored_parameter_restricts_nothing() -> None:
    stub = StubUpstream()
    stub.add_model("acme/one")
    stub.add_model("umbrella/two")
    stub.ignored = {"organisation"}

    async with connect(stub) as client:
        answer = (await client.get("/models?organisation=acme&limit=1")).json()

    assert (answer["total"], len(answer["models"])) == (2, 1)


async def test_the_catalogue_can_change_between_pages() -> None:
    stub = StubUpstream()
    stub.add_model("acme/one")
    stub.on_request = lambda number: stub.add_model("acme/two") if number == 2 else None

    async with connect(stub) as client:
        totals = [(await client.get("/models")).json()["total"] for _ in range(3)]

    assert totals == [1, 2, 2]


async def test_an_answer_can_be_distorted() -> None:
    stub = StubUpstream()
    stub.distort = lambda body: body | {"limit": 7}

    async with connect(stub) as client:
        assert (await client.get("/models")).json()["limit"] == 7


async def test_the_version_of_august_2026_shows_the_same_models() -> None:
    stub = StubUpstream(shape="2026-08")
    stub.add_model(
        "acme/big-1-5",
        status="Retired",
        aliases=["acme/big"],
        params={"host": ["tools"]},
        rows=[
            ("host", "chat.completions", "slug-1"),
            ("host", "responses", "slug-1"),
            {
                "api_provider_id": "off",
                "endpoint": "embeddings",
                "is_active_gateway": False,
            },
        ],
    )

    async with connect(stub) as client:
        client.headers["Authorization"] = f"Bearer {stub.token}"
        [model] = (await client.get("/models?availability=all")).json()["models"]
        providers = (await client.get("/providers")).json()["providers"]

    assert model["id"] == "acme/big-1-5"
    assert model["organization"] == {"id": "acme", "name": "Acme", "color": None}
    assert model["lifecycle"]["status"] == "retired"
    assert [
        (offer["provider"]["id"], offer["status"], offer["endpoints"], offer["model"])
        for offer in model["offers"]
    ] == [
        ("host", "active", ["text.generate"], "slug-1"),
        ("off", "inactive", ["text.embed"], None),
    ]
    assert model["capabilities"]["parameters"] == ["tools"]
    assert providers[0] == {
        "api_provider_id": "host",
        "api_provider_name": "Host",
        "description": None,
        "link": "https://host.example",
        "country_code": "US",
    }
    assert stub.calls == ["GET /models?availability=all", "GET /providers"]


async def test_what_only_august_2026_knows_is_stored_beside() -> None:
    stub = StubUpstream(shape="2026-08")
    stub.add_model("acme/one", rows=[("host", "batch")])
    stub.store(
        Catalogue(
            models=(
                StoredModel(
                    id="acme/two",
                    name="Two",
                    description="The second one.",
                    predecessor_ids=("acme/one",),
                    rows=(ProviderRow(provider_id="host", endpoint="text.generate"),),
                ),
            ),
            providers=(Provider("host", "Host", "Hosts models."),),
        )
    )

    async with connect(stub) as client:
        client.headers["Authorization"] = f"Bearer {stub.token}"
        models = (await client.get("/models")).json()["models"]
        providers = (await client.get("/providers")).json()["providers"]

    assert [(each["id"], each["description"]) for each in models] == [
        ("acme/one", "One"),
        ("acme/two", "The second one."),
    ]
    assert models[0]["lifecycle"]["replacement_id"] == "acme/two"
    assert [each["description"] for each in providers] == ["Hosts models."]


async def test_the_version_can_change_while_it_serves() -> None:
    stub = StubUpstream()
    stub.add_model("acme/one", rows=[("host", "batch")])

    seen = []
    async with connect(stub) as client:
        shapes: tuple[ShapeName, ...] = ("sectioned", "2026-08", "flat")
        for shape in shapes:
            stub.shape = shape
            client.headers["Authorization"] = f"Bearer {stub.token}"
            [model] = (await client.get("/models")).json()["models"]
            seen.append(sorted(set(model) & {"gateway", "offers", "providers"}))

    assert seen == [["gateway"], ["offers"], ["providers"]]


async def test_a_fault_can_wait_for_the_requests_of_one_path() -> None:
    stub = StubUpstream(shape="2026-08")
    stub.fail(Status(500), Status(502), path="/providers")
    stub.fail(Status(503), path="/endpoints", times=None)

    async with connect(stub) as client:
        client.headers["Authorization"] = f"Bearer {stub.token}"
        seen = [
            (await client.get(path)).status_code
            for path in (
                "/models",
                "/providers",
                "/endpoints",
                "/providers",
                "/providers",
                "/endpoints",
            )
        ]
        stub.recover()
        recovered = (await client.get("/endpoints")).status_code

    assert seen == [200, 500, 503, 502, 200, 503]
    assert recovered == 200


async def test_any_json_answer_can_be_distorted() -> None:
    stub = StubUpstream(shape="2026-08")
    stub.distort = lambda answer: answer | {"total": 7}

    async with connect(stub) as client:
        client.headers["Authorization"] = f"Bearer {stub.token}"
        totals = [
            (await client.get(path)).json()["total"]
            for path in ("/models", "/providers", "/organisations")
        ]
        feed = await client.get("/models?format=rss")

    assert totals == [7, 7, 7]
    assert feed.text.startswith("<?xml")
