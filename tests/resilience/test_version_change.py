"""The upstream changes its version while requests go on: clients notice only other data."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from catalograph.app import check_upstream, create_app
from catalograph.server.lifecycle import Drain
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.transport import build_in_process_transport
from support.cache_stand_ins import settle
from support.graph_gateway import TurnedClock
from support.redis_server import RedisServer
from support.stub_upstream import ShapeName, StubUpstream, serve
from support.web_client import ask, build_client, running

MODELS = 270
ROUTE: tuple[ShapeName, ...] = (
    *("sectioned", "2026-08", "flat", "2026-08", "documented", "sectioned"),
    "2026-08",
)
"""The shapes in turn: between the versions, between the forms of one, and back."""

DOCUMENTS = {
    "plain": "{ models(limit: 5) { totalCount nodes { modelId name } } }",
    "far": "{ models(limit: 5, offset: 255) { totalCount nodes { name isRoutable } } }",
    "filtered": """{ models(filter: {organisations: ["lab1"]}, limit: 3) {
        totalCount nodes { name inputModalities } } }""",
    "provider": """{ models(filter: {providers: ["a"]}, limit: 3) {
        totalCount nodes { name } } }""",
    "exclude": '{ models(filter: {excludeEndpoints: ["batch"]}) { totalCount } }',
    "index": """{ models(search: "one", orderBy: {field: NAME, direction: ASC}) {
        totalCount facets { organisations { value count } } } }""",
    "by id": '{ model(modelId: "lab0/m000") { name providers { name } } }',
    "tables": "{ providers { totalCount nodes { providerId link description } } }",
    "two": """{ models(limit: 2) { nodes { name } } providers { totalCount }
        b: models(filter: {organisations: ["lab2"]}) { totalCount } }""",
}

TOTALS = {
    **dict.fromkeys(("plain", "far", "index"), MODELS),
    "filtered": MODELS // 3,
    "provider": MODELS // 2,
    "exclude": MODELS // 5,
    "tables": 2,
}
"""Totals of the answers, which are the same in all editions."""


@pytest.fixture
def upstream() -> StubUpstream:
    stub = StubUpstream()
    stub.takes_any_key = True
    return stub


def fill(upstream: StubUpstream, edition: int) -> None:
    """Fill the catalogue; all names tell the edition."""
    for number in range(MODELS):
        upstream.add_model(
            f"lab{number % 3}/m{number:03}",
            name=f"Edition {edition} one {number}",
            rows=[
                ("a" if number % 2 else "b", "batch" if number % 5 else "audio.speech")
            ],
        )


@contextlib.asynccontextmanager
async def open_replica(
    upstream: StubUpstream, clock: TurnedClock, redis: RedisServer, index_kept: str
) -> AsyncIterator[httpx.AsyncClient]:
    client = UpstreamClient(
        base_url="http://upstream.test/v1",
        token=upstream.token,
        transport=build_in_process_transport(upstream.app),
        clock=clock,
        monotonic=clock,
        sleep=clock.sleep,
    )
    settings = {
        "CATALOGRAPH_CACHE_URL": redis.url,
        "CATALOGRAPH_INDEX_KEPT": index_kept,
        # Otherwise what 2026-08 sends would apply: half an hour.
        "CATALOGRAPH_CACHE_FRESH_S": "60",
        "CATALOGRAPH_CACHE_STALE_S": "600",
    }
    app = create_app(
        Settings.from_environ(settings), client=client, clock=clock, drain=Drain()
    )
    async with running(app), build_client(app) as http:
        yield http


async def ask_all(http: httpx.AsyncClient) -> dict[str, Any]:
    """Ask every question and return its first field; no answer may be wrong or have errors."""
    told = {}
    for name, document in DOCUMENTS.items():
        response = await ask(http, document)
        answer = response.json()
        assert (response.status_code, answer.get("errors")) == (200, None), name
        told[name] = next(iter(answer["data"].values()))
        assert told[name].get("totalCount") == TOTALS.get(name), name
    await settle()
    return told


@pytest.mark.parametrize(
    ("index_kept", "requests_before"), [("on", 0), ("on", 2), ("off", 1)]
)
async def test_no_response_fails_and_the_data_follow(
    upstream: StubUpstream,
    clock: TurnedClock,
    redis_server: RedisServer,
    index_kept: str,
    requests_before: int,
) -> None:
    """The change falls between two requests, also between two pages of one reading."""
    fill(upstream, 0)
    releases = []
    async with (
        serve(upstream) as address,
        open_replica(upstream, clock, redis_server, index_kept) as one,
        open_replica(upstream, clock, redis_server, index_kept) as other,
    ):
        for edition, shape in enumerate(ROUTE):
            plan_change(upstream, shape, edition, len(upstream.calls) + requests_before)

            answers: list[dict[str, Any]] = []
            for _ in range(6):
                answers = [await ask_all(one), await ask_all(other)]
                clock.pass_s(31)

            for told in answers:
                assert told["by id"]["name"] == f"Edition {edition} one 0"
            settings = Settings.from_environ(
                {
                    "CATALOGRAPH_UPSTREAM_URL": address,
                    "CATALOGRAPH_UPSTREAM_TOKEN": upstream.token,
                }
            )
            releases.append((await check_upstream(settings)).release)

    assert releases == [
        "2026-08" if shape == "2026-08" else "2025-12" for shape in ROUTE
    ]


def plan_change(
    upstream: StubUpstream, shape: ShapeName, edition: int, after: int
) -> None:
    """Change the shape and all names once so many requests have arrived."""

    def change(number: int) -> None:
        if number > after and upstream.shape != shape:
            upstream.shape = shape
            fill(upstream, edition)

    upstream.on_request = change
