"""Whatever fails, the client sees no internal details."""

import io
import json
import re

import httpx
import pytest
import structlog
from starlette.types import ASGIApp

from catalograph.app import create_app
from catalograph.catalogue.index import CatalogueIndex
from catalograph.observability.logs import configure_logging
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.transport import build_in_process_transport
from support.graph_gateway import TurnedClock
from support.hostile.battle import find_leak
from support.stub_upstream import (
    Cut,
    Fault,
    Html,
    NotJson,
    Raw,
    Reset,
    Status,
    StubUpstream,
    WrongShape,
)
from support.web_client import ask, build_client

SECRET = "s3cret-words-of-the-upstream"  # noqa: S105 - opens nothing
KEY = "open-sesame"

EVERYTHING = """query Everything($id: String!, $r: [_Any!]!) {
  models(limit: 2, filter: {providers: ["a"]}) { totalCount nodes { name offerings { id } }
    facets { providers { count } } }
  model(modelId: $id) { name }
  providers { totalCount }
  catalogue { version }
  _entities(representations: $r) { __typename }
}"""
LIST = "query List { models(limit: 2) { totalCount nodes { modelId } } }"
VARIABLES = {"id": "lab/one", "r": [{"__typename": "Model", "modelId": "lab/one"}]}

# An upstream that repeats the token, either the gateway's or the caller's.
ECHO = "the-token-that-was-sent"

SAYS_TOO_MUCH = {
    "error": f"{SECRET}: token {ECHO} of /srv/app/models.py",
    "message": f"Traceback (most recent call last): {SECRET}",
    "request_id": SECRET,
}
FAULTS: dict[str, Fault] = {
    **{
        f"status {status}": Status(status, SAYS_TOO_MUCH, {"x-powered-by": SECRET})
        for status in (400, 401, 403, 404, 418, 429, 500, 502, 503, 504)
    },
    "a database": Status(401, {"error": "db_error", "message": SECRET}),
    "a redirect": Status(302, SECRET, {"location": f"http://evil.test/{SECRET}"}),
    "a cookie": Status(500, SECRET, {"set-cookie": f"a={SECRET}"}),
    "a page": Html(),
    "half an answer": NotJson(),
    "another shape": WrongShape(),
    "a cut": Cut(),
    "a reset": Reset(),
    "a text": Raw(json.dumps(SECRET).encode()),
    "rubbish": Raw(b"\xff\xfe" + SECRET.encode()),
    "a wrong type": Raw(
        b'{"ok": true, "limit": "x", "offset": [], "total": {}, "models": "' + SECRET.encode() + b'"}'
    ),
    "deep lists": Raw(b"[" * 200_000),
    "an endless number": Raw(b'{"ok": true, "total": ' + b"9" * 50_000 + b"}"),
}  # fmt: skip


class Rig:
    """A whole gateway over HTTP, with its log."""

    def __init__(self, upstream: StubUpstream, clock: TurnedClock, auth: str) -> None:
        self.log = io.StringIO()
        self.own = upstream.token
        self.callers = upstream.build_token("caller0123456789")
        self.token = self.own if auth == "server" else self.callers
        configure_logging(stream=self.log, level="debug")
        environ = {
            "CATALOGRAPH_UPSTREAM_AUTH": auth,
            "CATALOGRAPH_API_KEYS": KEY,
            "CATALOGRAPH_TRACE_ENABLED": "on",
            "CATALOGRAPH_RATE_LIMIT": "1000/min",
        }
        client = UpstreamClient(
            base_url="http://upstream.test/v1",
            token=self.own if auth == "server" else None,
            transport=build_in_process_transport(upstream.app),
            clock=clock,
            monotonic=clock,
            sleep=clock.sleep,
        )
        self.app: ASGIApp = create_app(
            Settings.from_environ(environ), client=client, clock=clock
        )

    async def ask(self, document: str, **variables: object) -> httpx.Response:
        async with build_client(self.app) as client:
            return await ask(
                client,
                document,
                variables=variables,
                headers={
                    "x-api-key": KEY,
                    "authorization": f"Bearer {self.callers}",
                    "x-catalograph-trace": "1",
                    "accept": "application/json",
                },
            )

    def assert_nothing_leaks(self, response: httpx.Response) -> None:
        said = response.content + repr(response.headers.raw).encode()
        for secret in (
            SECRET,
            self.own,
            self.callers,
            KEY,
            "upstream.test",
            "evil.test",
        ):
            assert secret.encode() not in said
        assert find_leak(response.content) is None
        logged = self.log.getvalue()
        for secret in (self.own, self.callers, KEY, "Bearer "):
            assert secret not in logged


@pytest.fixture(params=["server", "passthrough"])
def rig(
    request: pytest.FixtureRequest, upstream: StubUpstream, clock: TurnedClock
) -> Rig:
    for name in ("one", "two", "three"):
        upstream.add_model(f"lab/{name}", rows=[("a", "chat")])
    return Rig(upstream, clock, request.param)


@pytest.mark.parametrize("name", FAULTS)
async def test_failures_of_the_upstream(
    rig: Rig, upstream: StubUpstream, name: str
) -> None:
    fault = FAULTS[name]
    if isinstance(fault, Status) and isinstance(fault.body, dict):
        text = json.dumps(fault.body).replace(ECHO, rig.token)
        fault = Status(fault.status, text, fault.headers)
    upstream.fail(fault, times=None)

    for document, variables in ((LIST, {}), (EVERYTHING, VARIABLES)):
        response = await rig.ask(document, **variables)
        body = response.json()
        assert response.status_code == 200
        assert body["errors"]
        assert {error["extensions"]["code"][:9] for error in body["errors"]} == {
            "UPSTREAM_"
        }
        assert all(error["extensions"]["requestId"] for error in body["errors"])
        rig.assert_nothing_leaks(response)
    assert all(" http" not in call for call in upstream.calls)


async def test_rows_that_cannot_be_read(rig: Rig, upstream: StubUpstream) -> None:
    def spoil(page: dict[str, object]) -> object:
        models = page["models"]
        assert isinstance(models, list)
        models[0] = {"model_id": [SECRET], "name": {SECRET: 1}}
        models[1]["release_date"] = SECRET
        return page

    upstream.distort = spoil

    response = await rig.ask(LIST)

    rig.assert_nothing_leaks(response)


async def test_an_unexpected_error(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, key: str) -> object:
        nothing: dict[str, str] = {}
        return nothing[f"{SECRET} of {type(self)} {key}"]

    for name in ("find_model_by_id", "find_model", "find_provider"):
        if hasattr(CatalogueIndex, name):
            monkeypatch.setattr(CatalogueIndex, name, fail)

    response = await rig.ask(EVERYTHING, **VARIABLES)

    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert "INTERNAL_SERVER_ERROR" in codes
    rig.assert_nothing_leaks(response)
    assert SECRET in rig.log.getvalue()


async def test_an_unexpected_error_outside_of_the_graph(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise AttributeError(f"'NoneType' object has no attribute '{SECRET}'")

    monkeypatch.setattr("catalograph.graphql.run.engine.Loaders", fail)

    response = await rig.ask(LIST)

    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    rig.assert_nothing_leaks(response)


@pytest.mark.parametrize(
    "path",
    [
        "/graphql?query={__typename}",
        "/graphql",
        "/healthz",
        "/readyz",
        "/metrics",
        "/schema.graphql",
        "/nothing",
        "/",
        "/%2e%2e/etc/passwd",
    ],
)
@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE"]
)
async def test_every_answer_has_security_headers_and_an_id(
    rig: Rig, path: str, method: str
) -> None:
    async with build_client(rig.app) as client:
        response = await client.request(
            method, path, headers={"x-request-id": "mine-1", "x-api-key": KEY}
        )

    assert response.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-request-id"] == "mine-1"
    assert not {"server", "x-powered-by", "set-cookie"} & set(response.headers)
    assert response.status_code < 500
    rig.assert_nothing_leaks(response)


async def test_a_redirect_is_not_followed(rig: Rig, upstream: StubUpstream) -> None:
    upstream.fail(Status(307, "", {"location": "http://evil.test/models"}), times=None)

    response = await rig.ask(LIST)

    assert response.json()["errors"][0]["extensions"]["code"].startswith("UPSTREAM_")
    assert all(re.match(r"GET /models\?", call) for call in upstream.calls)


async def test_the_log_is_lines_of_json_with_the_request_id(
    rig: Rig, upstream: StubUpstream
) -> None:
    upstream.fail(Status(500, SAYS_TOO_MUCH), times=None)

    response = await rig.ask(LIST)

    lines = [json.loads(line) for line in rig.log.getvalue().splitlines()]
    request_id = response.headers["x-request-id"]
    about = [line["event"] for line in lines if line.get("request_id") == request_id]
    assert "an upstream failure reached a client" in about
    assert structlog.contextvars.get_contextvars() == {}
