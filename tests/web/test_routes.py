"""Health, metrics, the schema as text, the explorer's place, and everything else."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from catalograph.web import WebOptions, build_web_app
from support.tiny_engine import TinyEngine
from support.web_client import ask, build_client

SDL = 'type Query {\n  "é"\n  a: Int\n}\n'
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Pages:
    """An explorer of one page and one file."""

    def __init__(self) -> None:
        self.routes = [Route("/graphql/assets/a.js", self._file)]

    def page(self, request: Request) -> Response:
        return PlainTextResponse(f"the page for {request.url.path}")

    async def _file(self, _: Request) -> Response:
        return PlainTextResponse("the file")


def build(explorer: Pages | None = None, **options: object) -> ASGIApp:
    web_options = WebOptions(**options)  # type: ignore[arg-type]
    return build_web_app(TinyEngine(), explorer, web_options, sdl=lambda: SDL)


async def test_alive() -> None:
    async with build_client(build()) as client:
        response = await client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("reason", "status", "body"),
    [
        (None, 200, {"status": "ready"}),
        (
            "the index is empty",
            503,
            {"status": "not ready", "reason": "the index is empty"},
        ),
    ],
)
async def test_ready_or_the_reason_why_not(
    reason: str | None, status: int, body: dict[str, str]
) -> None:
    async def probe() -> str | None:
        return reason

    app = build_web_app(TinyEngine(), None, WebOptions(), ready=probe)
    async with build_client(app) as client:
        response = await client.get("/readyz")

    assert (response.status_code, response.json()) == (status, body)


async def test_metrics_in_both_formats() -> None:
    async with build_client(build()) as client:
        plain = await client.get("/metrics")
        open_metrics = await client.get(
            "/metrics",
            headers={"accept": "application/openmetrics-text; version=1.0.0"},
        )

    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert "catalograph_requests_in_flight 0.0" in plain.text.splitlines()
    assert open_metrics.headers["content-type"].startswith(
        "application/openmetrics-text; version=1.0.0;"
    )
    assert open_metrics.text.endswith("# EOF\n")


@pytest.mark.parametrize("kind", ["text/plain", "application/openmetrics-text"])
async def test_metrics_for_who_asks_for_a_version_that_is_none(kind: str) -> None:
    async with build_client(build()) as client:
        plain = await client.get("/metrics")
        answer = await client.get("/metrics", headers={"accept": f"{kind};version=x"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == plain.headers["content-type"]


async def test_schema_as_text() -> None:
    async with build_client(build()) as client:
        response = await client.get("/schema.graphql")
        held = await client.get(
            "/schema.graphql", headers={"if-none-match": response.headers["etag"]}
        )
        head = await client.head("/schema.graphql")

    assert response.text == SDL
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert held.status_code == 304
    assert held.content == b""
    assert head.headers["etag"] == response.headers["etag"]


async def test_schema_needs_a_key_where_questions_do() -> None:
    async with build_client(build(api_keys=("k",))) as client:
        without = await client.get("/schema.graphql")
        with_key = await client.get("/schema.graphql", headers={"x-api-key": "k"})

    assert (without.status_code, with_key.status_code) == (401, 200)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/nope", 404, "there is nothing at this address; GraphQL is at /graphql"),
        ("GET", "/", 404, "there is nothing at this address; GraphQL is at /graphql"),
        ("POST", "/graphql/x", 404, "there is nothing at this address; GraphQL is at /graphql"),
        ("POST", "/healthz", 405, "the method POST is not allowed here"),
    ],
)  # fmt: skip
async def test_everything_else_is_refused_in_one_shape(
    method: str, path: str, status: int, message: str
) -> None:
    async with build_client(build()) as client:
        response = await client.request(method, path)

    assert response.status_code == status
    assert response.json() == {
        "errors": [
            {
                "message": message,
                "extensions": {
                    "code": "BAD_USER_INPUT",
                    "requestId": response.headers["x-request-id"],
                },
            }
        ]
    }


async def test_what_fails_in_a_route_is_masked() -> None:
    async def probe() -> str | None:
        raise RuntimeError("secret")

    app = build_web_app(TinyEngine(), None, WebOptions(), ready=probe)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        response = await client.get("/readyz")

    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["message"] == "something went wrong here"
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


async def test_a_browser_gets_the_page_and_other_clients_do_not() -> None:
    html = {"accept": BROWSER}
    async with build_client(build(Pages())) as client:
        page = await client.get("/graphql", headers=html)
        linked = await client.get("/graphql?query={hello}&variables={}", headers=html)
        question = await client.get("/graphql?query={hello}", headers={"accept": "*/*"})
        data = await client.get("/graphql", headers={"accept": "*/*"})
        file = await client.get("/graphql/assets/a.js")
        posted = await ask(client)

    assert page.text == linked.text == "the page for /graphql"
    assert question.json() == {"data": {"hello": "hello world"}}
    assert data.status_code == 400
    assert file.text == "the file"
    assert posted.status_code == 200


async def test_a_link_from_another_site_opens_the_page_and_runs_nothing() -> None:
    """It is a page like any other; the same request for data is refused."""
    engine = TinyEngine()
    app = build_web_app(engine, Pages(), WebOptions(), sdl=lambda: SDL)
    foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    async with build_client(app) as client:
        page = await client.get(
            "/graphql?query={hello}", headers={"accept": BROWSER, **foreign}
        )
        data = await client.get(
            "/graphql?query={hello}", headers={"accept": "*/*", **foreign}
        )
        stored = await client.get(
            "/graphql?extensions={}", headers={"accept": BROWSER, **foreign}
        )

    assert (page.status_code, page.text) == (200, "the page for /graphql")
    assert (data.status_code, stored.status_code) == (403, 400)
    assert engine.calls == []


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/", "graphql"),
        ("/?query=%7Ba%7D", "graphql?query=%7Ba%7D"),
        ("/docs", "graphql"),
        ("/graphiql?query=%7Ba%7D", "graphql?query=%7Ba%7D"),
        ("/playground", "graphql"),
        ("/graphql/", "../graphql"),
        ("/graphql/?query=%7Ba%7D", "../graphql?query=%7Ba%7D"),
    ],
)
async def test_other_spellings_lead_to_the_page_below_any_prefix(
    path: str, location: str
) -> None:
    """Relative, as a proxy may have cut a prefix off the address."""
    async with build_client(build(Pages())) as client:
        response = await client.get(path)

    assert (response.status_code, response.headers["location"]) == (307, location)


async def test_the_page_needs_no_key() -> None:
    """A browser cannot send one before the page that asks for it is there."""
    async with build_client(build(Pages(), api_keys=("k",))) as client:
        page = await client.get("/graphql", headers={"accept": BROWSER})
        question = await client.get("/graphql?query={hello}")

    assert (page.status_code, question.status_code) == (200, 401)


async def test_no_page_when_it_is_switched_off() -> None:
    async with build_client(build(Pages(), graphiql_enabled=False)) as client:
        page = await client.get("/graphql", headers={"accept": "text/html"})
        file = await client.get("/graphql/assets/a.js")
        usual = await client.get("/graphiql")

    assert (page.status_code, file.status_code, usual.status_code) == (406, 404, 404)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_slash_too_many_leads_back_below_any_prefix(method: str) -> None:
    async with build_client(build(Pages())) as client:
        plain = await client.request(method, "/graphql/")
        query = await client.request(method, "/graphql/?query={a}&x=%C3%A9")

    assert (plain.status_code, plain.headers["location"]) == (307, "../graphql")
    assert query.headers["location"] == "../graphql?query=%7Ba%7D&x=%C3%A9"
    assert (
        str(plain.next_request and plain.next_request.url) == "http://gateway/graphql"
    )


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/readyz", 503), ("/", 307)]
)
async def test_probes_may_ask_by_options_and_head(path: str, status: int) -> None:
    """HAProxy does so by default; the status is that of GET."""

    async def probe() -> str | None:
        return "not yet"

    app = build_web_app(TinyEngine(), Pages(), WebOptions(), ready=probe)
    async with build_client(app) as client:
        statuses = [
            (await client.request(method, path)).status_code
            for method in ("GET", "OPTIONS", "HEAD")
        ]

    assert statuses == [status] * 3


async def test_a_link_from_another_site_is_answered_and_an_image_is_not() -> None:
    opened = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    embedded = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    framed = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    fetched = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
    async with build_client(build()) as client:
        statuses = [
            (
                await client.get(
                    "/graphql?query={hello}",
                    headers={"sec-fetch-site": "cross-site", **how},
                )
            ).status_code
            for how in (opened, fetched, embedded, framed, {})
        ]

    assert statuses == [200, 200, 403, 403, 403]
