"""CORS: which origins are allowed, and what pages and operators see."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from catalograph.origins import LOCAL_ORIGINS
from catalograph.web import Rate
from support.tiny_engine import TinyEngine
from support.web_client import JSON, ask, open_client

ORIGIN = "https://app.example"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-api-key,authorization",
}


async def test_pages_of_named_origins_may_ask() -> None:
    """Also for cache hits; never with credentials."""
    async with open_client(TinyEngine(), cors_origins=(ORIGIN,)) as client:
        preflight = await client.options(
            "/graphql", headers={"origin": ORIGIN, **PREFLIGHT}
        )
        answers = [await ask(client, headers={"origin": ORIGIN}) for _ in range(2)]
        other = await ask(client, headers={"origin": "https://evil.example"})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in other.headers


async def test_other_origins_get_no_leave() -> None:
    async with open_client(TinyEngine(), cors_origins=(ORIGIN,)) as client:
        preflight = await client.options(
            "/graphql", headers={"origin": "https://evil.example", **PREFLIGHT}
        )
    async with open_client(TinyEngine()) as client:
        without = await client.options(
            "/graphql", headers={"origin": ORIGIN, **PREFLIGHT}
        )

    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in without.headers


async def test_any_origin_may_be_allowed() -> None:
    async with open_client(TinyEngine(), cors_origins=("*",)) as client:
        response = await client.post(
            "/graphql", content=b'{"query":"{hello}"}', headers={**JSON, "origin": "x"}
        )

    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    "wanted",
    [
        "content-type,apollographql-client-name,apollographql-client-version",
        "baggage, sentry-trace, content-type",
        "traceparent,tracestate",
        "x-b3-traceid,x-datadog-trace-id,newrelic,x-my-own",
        "if-none-match,x-request-id,x-catalograph-cost",
    ],
)
async def test_an_allowed_page_may_send_any_header(wanted: str) -> None:
    async with open_client(TinyEngine(), cors_origins=(ORIGIN,)) as client:
        preflight = await client.options(
            "/graphql",
            headers={
                "origin": ORIGIN,
                "access-control-request-method": "POST",
                "access-control-request-headers": wanted,
            },
        )

    assert preflight.status_code == 200
    allowed = preflight.headers["access-control-allow-headers"].replace(" ", "")
    assert allowed.split(",") == wanted.replace(" ", "").split(",")
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "asked",
    [
        {"access-control-request-method": "DELETE"},
        {"access-control-request-private-network": "true"},
        {"origin": "null"},
        {"origin": f"{ORIGIN}:8443"},
    ],
)
async def test_other_preflights_are_refused_with_the_reason(
    asked: dict[str, str],
) -> None:
    headers = {"origin": ORIGIN, **PREFLIGHT, **asked}
    async with open_client(TinyEngine(), cors_origins=(ORIGIN,)) as client:
        preflight = await client.options("/graphql", headers=headers)

    assert preflight.status_code == 400
    (error,) = preflight.json()["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_errors_can_be_read_by_allowed_pages() -> None:
    options = {"cors_origins": (ORIGIN,), "rate_limit": Rate(7, 60.0)}
    sent = {"origin": ORIGIN}
    async with open_client(TinyEngine(), **options) as client:
        answers = [
            await ask(client, "{", headers=sent),
            await ask(client, headers={**sent, "accept": "text/plain"}),
            await ask(client, headers={**sent, "content-type": "text/plain"}),
            await client.get("/nope", headers=sent),
            await client.put("/graphql", headers=sent),
            *[await ask(client, headers=sent) for _ in range(4)],
        ]

    statuses = {answer.status_code for answer in answers}
    assert {404, 405, 406, 415, 429} <= statuses
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_pages_of_this_machine_may_be_allowed_on_any_port() -> None:
    origins = [
        "http://localhost:5173",
        "http://127.0.0.1",
        "https://[::1]:8443",
        "http://evil.example",
    ]
    async with open_client(TinyEngine(), cors_origins=LOCAL_ORIGINS) as client:
        allowed = [
            (await ask(client, headers={"origin": origin})).headers.get(
                "access-control-allow-origin"
            )
            for origin in origins
        ]

    assert allowed == [*origins[:3], None]


@pytest.fixture
def logged() -> Iterator[list[object]]:
    with capture_logs() as lines:
        yield lines  # type: ignore[misc]


REFUSED = {
    "event": "pages of another origin may not call",
    "log_level": "warning",
    "origin": "https://evil.example",
    "setting": "CATALOGRAPH_CORS_ORIGINS",
}


@pytest.mark.parametrize("origins", [(), (ORIGIN,)])
async def test_an_origin_that_may_not_call_is_logged_once(
    origins: tuple[str, ...], logged: list[object]
) -> None:
    evil = {"origin": "https://evil.example"}
    async with open_client(TinyEngine(), cors_origins=origins) as client:
        for _ in range(3):
            await client.options("/graphql", headers={**evil, **PREFLIGHT})
            await client.get("/graphql?query={hello}", headers=evil)

    assert logged == [REFUSED]


async def test_pages_of_our_own_and_allowed_ones_are_not_logged(
    logged: list[object],
) -> None:
    async with open_client(TinyEngine(), cors_origins=(ORIGIN,)) as client:
        await ask(client, headers={"origin": ORIGIN})
        await client.get("/graphql?query={hello}", headers={"origin": ORIGIN})
        await ask(client, headers={"origin": "http://gateway"})
        await client.get("/healthz", headers={"origin": "http://gateway"})

    assert logged == []


async def test_only_so_many_origins_are_logged(logged: list[object]) -> None:
    async with open_client(TinyEngine()) as client:
        for number in range(150):
            await client.options(
                "/graphql", headers={"origin": f"https://{number}.example", **PREFLIGHT}
            )

    assert len(logged) == 100
