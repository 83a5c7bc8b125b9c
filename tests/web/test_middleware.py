"""Request ids, security headers, the access log and the metrics."""

import io
import json

import pytest
from prometheus_client import generate_latest

from catalograph.observability.access_log import AccessLog, AccessLogMode
from catalograph.observability.metrics import REGISTRY
from catalograph.observability.request_metrics import RequestMetrics
from catalograph.web import WebOptions, build_web_app
from support.tiny_engine import ScriptedEngine, TinyEngine, make_answer
from support.web_client import ask, build_client, open_client, running


@pytest.mark.parametrize(
    "sent", ["mine", "a" * 128, "1-5759e988-bd862e3fe1be46a994272793"]
)
async def test_a_sane_request_id_comes_back(sent: str) -> None:
    async with open_client(TinyEngine()) as client:
        for _ in range(2):
            response = await ask(client, headers={"x-request-id": sent})

            assert response.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", 'a"b', "a\x1b[2J", "a" * 129, "é"])
async def test_any_other_request_id_is_replaced(sent: str) -> None:
    async with open_client(TinyEngine()) as client:
        for _ in range(2):
            response = await ask(
                client, headers={"x-request-id": sent.encode("latin-1")}
            )

            assert response.headers["x-request-id"] != sent


async def test_ids_of_ours_are_never_the_same() -> None:
    async with open_client(TinyEngine()) as client:
        ids = [(await ask(client)).headers["x-request-id"] for _ in range(5)]

    assert len(set(ids)) == 5


@pytest.mark.parametrize("path", ["/graphql?query={hello}", "/healthz", "/nope"])
async def test_answers_are_safe_in_a_browser(path: str) -> None:
    async with open_client(TinyEngine()) as client:
        headers = (await client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == (
        "default-src 'none'; frame-ancestors 'none'"
    )
    assert headers["referrer-policy"] == "no-referrer"


async def test_the_log_says_what_happened_and_no_secret() -> None:
    """One line for each request, health and metrics left out."""
    stream = io.StringIO()
    engine = ScriptedEngine(make_answer(name="Q", cost=7, upstream_requests=2))
    options = WebOptions(api_keys=("sesame",))
    app = build_web_app(engine, None, options, access_log=AccessLog(stream))
    secret = {"x-api-key": "sesame", "authorization": "Bearer hush"}
    async with running(app), build_client(app) as client:
        await ask(client, headers={**secret, "x-request-id": "1"})
        await ask(client, headers={**secret, "x-request-id": "2"})
        await ask(client, headers={"x-request-id": "3"})
        await client.get("/healthz")
        await client.get("/metrics")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in lines:
        assert line.pop("duration_ms") >= 0
        assert line.pop("timestamp").endswith("Z")
    size = len(engine.answer.body) if engine.answer else 0
    common = {
        "event": "request",
        "level": "info",
        "address": "192.0.2.7",
        "method": "POST",
        "path": "/graphql",
    }
    answered = {**common, "status": 200, "operation": "Q", "cost": 7, "bytes": size}
    key = lines[0]["key"]
    assert lines == [
        {
            **answered,
            "request_id": "1",
            "cache": "miss",
            "upstream_requests": 2,
            "key": key,
        },
        {
            **answered,
            "request_id": "2",
            "cache": "hit",
            "upstream_requests": 0,
            "key": key,
        },
        {
            **common,
            "request_id": "3",
            "status": 401,
            "operation": "",
            "cost": 0,
            "cache": "",
            "upstream_requests": 0,
            "bytes": lines[2]["bytes"],
            "codes": ["UNAUTHENTICATED"],
        },
    ]
    assert "hush" not in stream.getvalue()
    assert "sesame" not in stream.getvalue()


async def test_lines_wait_for_others_but_not_for_ever() -> None:
    """A full buffer is written at once, the rest when the log is closed."""
    stream = io.StringIO()
    log = AccessLog(stream)
    for number in range(257):
        log.add_prepared(str(number), "", 0.0, '"a":1}\n')
    written = stream.getvalue().count("\n")
    log.flush()

    assert written == 256
    assert stream.getvalue().count("\n") == 257


async def test_a_broken_log_does_not_break_requests() -> None:
    stream = io.StringIO()
    app = build_web_app(TinyEngine(), None, WebOptions(), access_log=AccessLog(stream))
    async with running(app), build_client(app) as client:
        stream.close()
        response = await ask(client)

    assert response.status_code == 200


def test_metrics_have_a_bounded_number_of_names() -> None:
    counters = RequestMetrics()
    for number in range(1_000):
        counters.count_operation(f"Q{number}", "ok")

    families = {family.name: family for family in counters.collect()}
    samples = families["catalograph_operations"].samples
    assert len(samples) == 201
    assert {"operation": "(other)", "outcome": "ok"} in [s.labels for s in samples]
    assert sum(sample.value for sample in samples) == 1_000


def test_durations_are_counted_in_buckets() -> None:
    counters = RequestMetrics()
    for seconds in (0.0004, 0.003, 20.0):
        counters.count_request(200, seconds, 10)

    families = {family.name: family for family in counters.collect()}
    buckets = {
        sample.labels.get("le", sample.name): sample.value
        for sample in families["catalograph_request_seconds"].samples
    }
    assert buckets["0.0005"] == 1
    assert buckets["0.005"] == 2
    assert buckets["10.0"] == 2
    assert buckets["+Inf"] == 3
    assert buckets["catalograph_request_seconds_count"] == 3
    assert families["catalograph_response_bytes"].samples[0].value == 30


async def test_requests_show_up_in_the_metrics() -> None:
    """Operations by name if they ran, look-ups by hit or miss, requests by status."""
    query = "query Shown { hello }"
    async with open_client(TinyEngine()) as client:
        await ask(client, query)
        await ask(client, query)
        await ask(client, "query Hidden { nope }")
    metrics = generate_latest(REGISTRY).decode()

    assert 'catalograph_operations_total{operation="Shown",outcome="ok"} 2.0' in metrics
    assert "Hidden" not in metrics
    assert 'catalograph_requests_total{status="200"}' in metrics
    assert 'catalograph_response_cache_lookups_total{outcome="hit"}' in metrics


PARSING = ["GRAPHQL_PARSE_FAILED"]


@pytest.mark.parametrize(
    ("mode", "logged"),
    [("on", [[], [], PARSING]), ("errors", [PARSING]), ("off", [])],
)
async def test_the_log_has_the_requests_asked_for(
    mode: AccessLogMode, logged: list[list[str]]
) -> None:
    """A cache hit and its miss, and a question that cannot be parsed."""
    stream = io.StringIO()
    log = AccessLog(stream, mode=mode)
    app = build_web_app(TinyEngine(), None, WebOptions(), access_log=log)
    async with running(app), build_client(app) as client:
        for query in ("{hello}", "{hello}", "{"):
            await ask(client, query)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("codes", []) for line in lines] == logged


async def test_columns_escape_what_would_control_a_terminal() -> None:
    stream = io.StringIO()
    log = AccessLog(stream, has_columns=True)
    app = build_web_app(TinyEngine(), None, WebOptions(), access_log=log)
    async with running(app), build_client(app) as client:
        await ask(client)
        await client.get("/%1b%5b2J%0anext")

    first, second = stream.getvalue().splitlines()
    assert "POST /graphql 200 " in first
    assert "GET /\\u001b[2J\\nnext 404 " in second
