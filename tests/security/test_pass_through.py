"""Tokens passed through, over HTTP: no caller sees the data of another."""

import hashlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from catalograph.app import create_app
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.transport import build_in_process_transport
from support.graph_gateway import TurnedClock
from support.redis_server import BINARY, RedisServer
from support.stub_upstream import Status, StubUpstream
from support.web_client import ask, build_client, running

LIST = "{ models { nodes { modelId } totalCount } }"
INDEX = "{ providers { nodes { providerId } } catalogue { totalModels version } }"
BEARER = {"mine": "aistats_v1_k_mine_s", "yours": "aistats_v1_k_yours_s"}


class Sides:
    """An upstream with a different catalogue for each token; it refuses all other tokens."""

    def __init__(self) -> None:
        self.of = {name: StubUpstream() for name in BEARER}
        for name, stub in self.of.items():
            stub.add_model(f"{name}/one", rows=[(f"{name}-host", "chat")])
        self.strangers = StubUpstream()
        self.strangers.fail(Status(401, {"error": "unauthorised"}), times=None)
        self.seen: list[bytes | None] = []

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = dict(scope["headers"]).get(b"authorization")
        self.seen.append(token)
        for name, bearer in BEARER.items():
            if token == f"Bearer {bearer}".encode():
                await self.of[name].app(scope, receive, send)
                return
        await self.strangers.app(scope, receive, send)


@pytest.fixture
def sides() -> Sides:
    return Sides()


async def open_gateway(
    sides: Sides, clock: TurnedClock, **settings: str
) -> AsyncIterator[httpx.AsyncClient]:
    environ = {f"CATALOGRAPH_{name}": value for name, value in settings.items()}
    client = UpstreamClient(
        base_url="http://upstream.test/v1",
        token=None,
        transport=build_in_process_transport(sides.app),
        clock=clock,
        monotonic=clock,
        sleep=clock.sleep,
    )
    app = create_app(
        Settings.from_environ({"CATALOGRAPH_UPSTREAM_AUTH": "passthrough"} | environ),
        client=client,
        clock=clock,
    )
    async with running(app), build_client(app) as http_client:
        yield http_client


@pytest.fixture
async def gateway(sides: Sides, clock: TurnedClock) -> AsyncIterator[httpx.AsyncClient]:
    async for client in open_gateway(sides, clock):
        yield client


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {BEARER[name]}"}


def codes(response: httpx.Response) -> set[str]:
    return {error["extensions"]["code"] for error in response.json().get("errors", [])}


@pytest.mark.parametrize("document", [LIST, INDEX])
async def test_no_caller_gets_data_cached_for_another(
    gateway: httpx.AsyncClient, clock: TurnedClock, document: str
) -> None:
    for age_s in (0, 0, 30, 100, 700, 90_000):
        clock.pass_s(age_s)
        mine = await ask(gateway, document, headers=bearer("mine"))
        yours = await ask(gateway, document, headers=bearer("yours"))
        nobody = await ask(gateway, document)

        assert b"mine" in mine.content or document is INDEX
        assert b"yours" not in mine.content
        assert b"mine" not in yours.content
        assert mine.json()["data"] != yours.json()["data"]
        assert codes(nobody) == {"UPSTREAM_UNAUTHENTICATED"}
        assert "public" not in mine.headers["cache-control"]
        assert "Authorization" in mine.headers["vary"]


@pytest.mark.parametrize(
    "spelling",
    [
        "bearer aistats_v1_k_mine_s",
        "BEARER  aistats_v1_k_mine_s ",
        "Bearer aistats_v1_k_mine_s",
    ],
)
async def test_one_token_however_spelt_is_one_caller(
    gateway: httpx.AsyncClient, sides: Sides, spelling: str
) -> None:
    await ask(gateway, LIST, headers=bearer("mine"))
    asked = len(sides.seen)

    response = await ask(gateway, LIST, headers={"authorization": spelling})

    assert b"mine/one" in response.content
    assert len(sides.seen) == asked


@pytest.mark.parametrize(
    "header",
    [
        {"authorization": "Bearer aistats_v1_k_mine_S"},
        {"authorization": "Bearer aistats_v1_k_mine_s2"},
        {"authorization": "Bearer aistats_v1_k_mine"},
        {"authorization": "Basic aistats_v1_k_mine_s"},
        {"x-api-key": "aistats_v1_k_mine_s"},
        {"cookie": "authorization=Bearer aistats_v1_k_mine_s"},
        {"x-forwarded-authorization": "Bearer aistats_v1_k_mine_s"},
        {"proxy-authorization": "Bearer aistats_v1_k_mine_s"},
    ],
)
async def test_a_similar_token_is_another_caller(
    gateway: httpx.AsyncClient, header: dict[str, str]
) -> None:
    await ask(gateway, LIST, headers=bearer("mine"))
    await ask(gateway, INDEX, headers=bearer("mine"))

    for document in (LIST, INDEX):
        response = await ask(gateway, document, headers=header)

        assert b"mine/one" not in response.content
        assert codes(response) == {"UPSTREAM_UNAUTHENTICATED"}


async def test_a_revoked_token_gets_no_cached_data(
    gateway: httpx.AsyncClient, clock: TurnedClock, sides: Sides
) -> None:
    await ask(gateway, LIST, headers=bearer("mine"))
    sides.of["mine"].fail(Status(401, {"error": "unauthorised"}), times=None)
    clock.pass_s(700)

    refused = await ask(gateway, LIST, headers=bearer("mine"))
    again = await ask(gateway, LIST, headers=bearer("mine"))
    sides.of["mine"].recover()
    clock.pass_s(10)
    restored = await ask(gateway, LIST, headers=bearer("mine"))

    assert codes(refused) == codes(again) == {"UPSTREAM_UNAUTHENTICATED"}
    assert refused.headers["cache-control"] == "no-store"
    assert codes(restored) == set()


async def test_stale_data_are_refreshed_with_the_token_of_the_caller(
    gateway: httpx.AsyncClient, clock: TurnedClock, sides: Sides
) -> None:
    for name in BEARER:
        await ask(gateway, LIST, headers=bearer(name))
    sides.seen.clear()
    clock.pass_s(100)

    await ask(gateway, LIST, headers=bearer("yours"))
    await ask(gateway, "{ __typename }")

    assert set(sides.seen) <= {f"Bearer {BEARER['yours']}".encode()}


async def test_what_needs_no_catalogue_needs_no_token(
    gateway: httpx.AsyncClient, sides: Sides
) -> None:
    for document in (
        "{ _service { sdl } }",
        "{ __schema { queryType { name } } }",
        "{ __typename }",
    ):
        assert codes(await ask(gateway, document)) == set()

    assert sides.seen == []


async def test_a_persisted_document_is_shared_but_its_response_is_not(
    gateway: httpx.AsyncClient,
) -> None:
    digest = hashlib.sha256(LIST.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    await ask(gateway, LIST, extensions=extensions, headers=bearer("mine"))
    address = f"/graphql?extensions={json.dumps(extensions)}"

    mine = await gateway.get(address, headers=bearer("mine"))
    yours = await gateway.get(address, headers=bearer("yours"))
    nobody = await gateway.get(address)

    assert b"mine/one" in mine.content
    assert b"yours/one" in yours.content
    assert codes(nobody) == {"UPSTREAM_UNAUTHENTICATED"}
    assert mine.headers["etag"] != yours.headers["etag"]
    # The ETag of another caller's answer gives access to nothing.
    probed = await gateway.get(
        address, headers={**bearer("yours"), "if-none-match": mine.headers["etag"]}
    )
    assert probed.status_code == 200


async def test_readiness_needs_no_token(gateway: httpx.AsyncClient) -> None:
    response = await gateway.get("/readyz")

    assert response.status_code == 200


async def test_the_gateways_own_token_is_not_used_for_callers(
    sides: Sides, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This also holds if a token is configured, by mistake or from before."""
    built: list[str | None] = []

    class Watched(UpstreamClient):
        def __init__(self, *, base_url: str, token: str | None, **_: object) -> None:
            built.append(token)
            super().__init__(
                base_url=base_url,
                token=token,
                transport=build_in_process_transport(sides.app),
                clock=clock,
            )

    monkeypatch.setattr("catalograph.app.gateway.UpstreamClient", Watched)
    settings = Settings.from_environ(
        {
            "CATALOGRAPH_UPSTREAM_AUTH": "passthrough",
            "CATALOGRAPH_UPSTREAM_TOKEN": BEARER["mine"],
        }
    )
    app = create_app(settings, clock=clock)
    async with running(app), build_client(app) as client:
        response = await ask(client, LIST)

    assert built == [None]
    assert codes(response) == {"UPSTREAM_UNAUTHENTICATED"}
    assert set(sides.seen) == {None}


async def test_callers_without_a_token_see_nothing_of_a_cache_shared_with_others(
    sides: Sides, clock: TurnedClock
) -> None:
    """One gateway has its own token, the other passes tokens through; they share a cache."""
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with RedisServer() as redis:
        own = UpstreamClient(
            base_url="http://upstream.test/v1",
            token=BEARER["mine"],
            transport=build_in_process_transport(sides.app),
            clock=clock,
        )
        app = create_app(
            Settings.from_environ({"CATALOGRAPH_CACHE_URL": redis.url}),
            client=own,
            clock=clock,
        )
        async with running(app), build_client(app) as client:
            for document in (LIST, INDEX):
                assert codes(await ask(client, document)) == set()

        async for client in open_gateway(sides, clock, CACHE_URL=redis.url):
            for document in (LIST, INDEX):
                response = await ask(client, document)
                assert codes(response) == {"UPSTREAM_UNAUTHENTICATED"}


async def test_one_callers_rate_limit_is_no_outage_for_others(
    gateway: httpx.AsyncClient, clock: TurnedClock, sides: Sides
) -> None:
    for name in BEARER:
        await ask(gateway, LIST, headers=bearer(name))
    clock.pass_s(700)
    sides.of["mine"].fail(Status(429, "", {"retry-after": "60"}), times=None)
    for limit in range(1, 6):
        document = f"{{ models(limit: {limit}) {{ totalCount }} }}"
        assert codes(await ask(gateway, document, headers=bearer("mine")))
    sides.of["yours"].add_model("yours/new")

    yours = await ask(gateway, LIST, headers=bearer("yours"))

    assert yours.json()["data"]["models"]["totalCount"] == 2
    assert "extensions" not in yours.json()
