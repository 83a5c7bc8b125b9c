"""Traces of a request, for operators and for clients."""

import asyncio
import contextlib
import http.server
import json
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from catalograph.app import create_app
from catalograph.observability import tracing
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.transport import build_in_process_transport
from support.graph_gateway import TurnedClock
from support.redis_server import BINARY, RedisServer
from support.stub_upstream import Status, StubUpstream
from support.web_client import ask, build_client, running

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
LIST = "query List { models(limit: 2) { totalCount } }"
CALL = "/models?include_data=false&include_gateway=false&limit=2&offset=0"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


@contextlib.asynccontextmanager
async def open_gateway(
    upstream: StubUpstream, clock: TurnedClock, **settings: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a whole gateway that runs."""
    client = UpstreamClient(
        base_url="http://upstream.test/v1",
        token=upstream.token,
        transport=build_in_process_transport(upstream.app),
        clock=clock,
        monotonic=clock,
        sleep=clock.sleep,
    )
    environ = {f"CATALOGRAPH_{name}": value for name, value in settings.items()}
    settings_read = Settings.from_environ(
        {"CATALOGRAPH_TRACE_ENABLED": "on", "CATALOGRAPH_INDEX_KEPT": "off"} | environ
    )
    app = create_app(settings_read, client=client, clock=clock)
    async with running(app), build_client(app) as http_client:
        yield http_client


async def trace(client: httpx.AsyncClient, document: str = LIST) -> dict[str, object]:
    """Ask, and give the trace without what differs each time."""
    response = await ask(client, document, headers={"x-catalograph-trace": "1"})
    shown: dict[str, object] = response.json()["extensions"]["trace"]
    requests = shown["requests"]
    assert isinstance(requests, list)
    for request in requests:
        assert 0 <= request.pop("milliseconds") < 10_000
    return shown


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


@pytest.mark.shapes("sectioned", reason="shows the requests of this version")
async def test_an_operation_shows_its_requests_and_where_answers_came_from(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("lab/one")
    async with open_gateway(upstream, clock) as client:
        asked = await trace(client)
        clock.pass_s(5)
        kept = await trace(client)

    request = {"method": "GET", "path": CALL, "status": 200, "outcome": "ok"}
    answer = {"what": f"GET {CALL}", "from": "upstream", "ageSeconds": 0}
    assert asked == {
        "requests": [request],
        "answers": [answer],
        "freshForSeconds": 60,
    }
    assert kept == {
        "requests": [],
        "answers": [answer | {"from": "memory", "ageSeconds": 5}],
        "freshForSeconds": 55,
    }


@pytest.mark.shapes("sectioned", reason="shows the requests of this version")
async def test_the_index_is_shown_with_each_page_of_its_reading(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    for number in range(251):
        upstream.add_model(f"lab/model-{number}")
    async with open_gateway(upstream, clock) as client:
        shown = await trace(client, '{ model(modelId: "lab/model-7") { name } }')

    assert [request["path"] for request in shown["requests"]] == [  # type: ignore[attr-defined]
        "/models?limit=250&offset=0",
        "/models?limit=250&offset=250",
    ]
    assert shown["answers"] == [{"what": "index", "from": "upstream", "ageSeconds": 0}]


@pytest.mark.shapes("sectioned", reason="shows the requests of this version")
async def test_every_attempt_is_shown(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("lab/one")
    upstream.fail(Status(503, "secret words"))
    async with open_gateway(upstream, clock) as client:
        shown = await trace(client)

    assert shown["requests"] == [
        {
            "method": "GET",
            "path": CALL,
            "status": 503,
            "outcome": "UPSTREAM_UNAVAILABLE",
        },
        {"method": "GET", "path": CALL, "status": 200, "outcome": "ok"},
    ]


@pytest.mark.shapes("sectioned", reason="shows the requests of this version")
async def test_a_trace_shows_data_from_redis(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    upstream.add_model("lab/one")
    with RedisServer() as redis:
        async with open_gateway(upstream, clock, CACHE_URL=redis.url) as client:
            await trace(client)
        await asyncio.sleep(0.05)
        async with open_gateway(upstream, clock, CACHE_URL=redis.url) as client:
            shown = await trace(client)

    assert shown["requests"] == []
    assert shown["answers"] == [
        {"what": f"GET {CALL}", "from": "redis", "ageSeconds": 0}
    ]


async def test_no_trace_unless_it_is_enabled(
    upstream: StubUpstream, clock: TurnedClock
) -> None:
    async with open_gateway(upstream, clock, TRACE_ENABLED="off") as client:
        response = await ask(client, LIST, headers={"x-catalograph-trace": "1"})

    assert "extensions" not in response.json()


@pytest.mark.shapes("sectioned", reason="shows the requests of this version")
async def test_a_request_is_a_tree_of_spans(
    upstream: StubUpstream, clock: TurnedClock, spans: InMemorySpanExporter
) -> None:
    upstream.add_model("lab/one")
    async with open_gateway(upstream, clock) as client:
        await ask(client, LIST, headers={"traceparent": PARENT})

    found = by_name(spans)
    assert set(found) == {
        "POST",
        "graphql.parse",
        "graphql.validate",
        "graphql.execute",
        "GET /models",
    }
    root = found["POST"]
    assert root.attributes == {
        "http.request.method": "POST",
        "url.path": "/graphql",
        "http.response.status_code": 200,
        "graphql.operation.name": "List",
        "graphql.operation.type": "query",
        "catalograph.cost": root.attributes["catalograph.cost"],  # type: ignore[index]
    }
    assert root.parent is not None
    assert f"{root.parent.trace_id:032x}" == TRACE_ID
    for name in ("graphql.parse", "graphql.validate", "graphql.execute"):
        assert found[name].parent == root.context
    assert found["GET /models"].parent == found["graphql.execute"].context
    assert dict(found["GET /models"].attributes or {}) == {
        "url.query": CALL.partition("?")[2],
        "http.response.status_code": 200,
    }


async def test_the_upstream_is_told_of_the_trace_and_of_nothing_else(
    upstream: StubUpstream, clock: TurnedClock, spans: InMemorySpanExporter
) -> None:
    upstream.add_model("lab/one")
    seen: list[dict[bytes, bytes]] = []
    app = upstream.app

    async def watch(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        seen.append(dict(scope["headers"]))
        await app(scope, receive, send)

    upstream.app = watch  # type: ignore[method-assign]
    sent = {"traceparent": PARENT, "baggage": "a=b", "x-evil": "1", "cookie": "a=b"}
    async with open_gateway(upstream, clock) as client:
        await ask(client, LIST, headers=sent)

    (headers,) = seen
    span = by_name(spans)["GET /models"].context
    assert span is not None
    assert headers[b"traceparent"] == f"00-{TRACE_ID}-{span.span_id:016x}-01".encode()
    assert not {b"baggage", b"x-evil", b"cookie", b"x-request-id"} & set(headers)


async def test_cache_hits_have_a_span_too(
    upstream: StubUpstream, clock: TurnedClock, spans: InMemorySpanExporter
) -> None:
    async with open_gateway(upstream, clock) as client:
        for _ in range(3):
            await ask(client, "{ __typename }")

    names = [span.name for span in spans.get_finished_spans()]
    assert names.count("POST") == 3
    assert names.count("graphql.execute") == 1


async def test_a_long_document_is_read_in_a_thread_within_the_same_trace(
    upstream: StubUpstream, clock: TurnedClock, spans: InMemorySpanExporter
) -> None:
    async with open_gateway(upstream, clock) as client:
        await ask(client, "#" * 5_000 + "\n{ __typename }")

    found = by_name(spans)
    assert found["graphql.parse"].parent == found["POST"].context


async def test_failures_mark_spans_without_the_words_of_the_upstream(
    upstream: StubUpstream, clock: TurnedClock, spans: InMemorySpanExporter
) -> None:
    upstream.fail(Status(403, "secret words"), times=None)
    async with open_gateway(upstream, clock) as client:
        await ask(client, LIST)

    span = by_name(spans)["GET /models"]
    assert not span.status.is_ok
    assert span.attributes is not None
    assert span.attributes["error.code"] == "UPSTREAM_UNAVAILABLE"
    assert "secret" not in span.to_json()


def test_nothing_is_imported_without_an_endpoint() -> None:
    assert not tracing.start({})
    assert not tracing.start({"OTEL_EXPORTER_OTLP_ENDPOINT": " "})
    assert not tracing.start(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "OTEL_SDK_DISABLED": "true",
        }
    )
    assert not tracing.is_on()


def test_without_the_packages_nothing_is_traced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    assert not tracing.start({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})


async def test_spans_reach_a_collector(
    upstream: StubUpstream, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(
                (self.path, self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(
            "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}"
        )
        client = UpstreamClient(
            base_url="http://upstream.test/v1",
            token=upstream.token,
            transport=build_in_process_transport(upstream.app),
            clock=clock,
        )
        app = create_app(Settings(index_kept=False), client=client, clock=clock)
        async with running(app), build_client(app) as http_client:
            await ask(http_client, LIST)
        server.shutdown()

    assert not tracing.is_on()
    assert {path for path, _ in got} == {"/v1/traces"}
    sent = b"".join(body for _, body in got)
    assert b"graphql.execute" in sent
    assert b"catalograph" in sent
    assert upstream.token.encode() not in sent


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A collector that accepts connections, but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        yield listener


@pytest.mark.parametrize(
    ("environ", "is_on"),
    [
        ({}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": " OTLP , console"}, True),
        ({"OTEL_TRACES_EXPORTER": ""}, True),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "None"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp,none"}, False),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, False),
        ({"OTEL_TRACES_EXPORTER": "zipkin,otlp"}, True),
        ({"OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, False),
        ({"OTEL_SDK_DISABLED": "1"}, True),
        ({"OTEL_SDK_DISABLED": "false"}, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, True),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "nonsense"}, False),
    ],
)
def test_the_environment_decides_as_the_specification_has_it(
    environ: dict[str, str],
    *,
    is_on: bool,
    collector: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del collector
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    started = tracing.start(os.environ)

    tracing.stop()
    assert started is is_on


def test_an_exporter_that_is_named_needs_no_endpoint() -> None:
    assert tracing.start({"OTEL_TRACES_EXPORTER": "console"})
    tracing.stop()
    assert not tracing.start({})


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "catalograph"),
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "a=b,service.name=theirs"}, "theirs"),
        (
            {
                "OTEL_SERVICE_NAME": "mine",
                "OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs",
            },
            "mine",
        ),
    ],
)
def test_the_service_has_the_name_that_it_is_given(
    environ: dict[str, str],
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    tracing.start(os.environ)
    with tracing.span("x"):
        pass

    tracing.stop()

    written = json.loads(capsys.readouterr().out)
    assert written["resource"]["attributes"]["service.name"] == name


def test_without_the_propagator_no_trace_is_continued(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    del spans
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_PROPAGATORS", "none")
    tracing.use(None)
    tracing.start(os.environ)
    sent: dict[str, str] = {}

    with tracing.request_span("GET", "/", {"traceparent": PARENT}):
        tracing.pass_on(sent)

    tracing.stop()
    assert sent == {}


def test_a_collector_that_does_not_answer_takes_no_spans_from_the_console(
    collector: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del collector
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp,console")
    tracing.start(os.environ)
    with tracing.span("last one"):
        pass

    tracing.stop()

    assert "last one" in capsys.readouterr().out


def test_a_collector_that_does_not_answer_does_not_delay_the_exit(
    collector: socket.socket,
) -> None:
    del collector
    tracing.start(os.environ)
    with tracing.span("x"):
        pass

    began = time.perf_counter()
    tracing.stop()

    assert time.perf_counter() - began < 3
