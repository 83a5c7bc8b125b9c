"""The variables of OpenTelemetry: what is invalid is named once, and the SDK never sees it."""

import os
import sys
from pathlib import Path

import pytest

from catalograph.observability import tracing
from catalograph.observability.tracing_variables import read_tracing_variables

HTTP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
TLS = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:1"}
NO_ADDRESS = (
    "must be an http:// or https:// address, such as http://collector:4318; "
    "no traces are sent"
)
PAIRS = (
    "must be name=value pairs, joined by commas, with special characters of a value "
    "percent-encoded; 1 of {} are ignored"
)
SAMPLERS = (
    "must be one of always_on, always_off, parentbased_always_on, parentbased_always_off, "
    "traceidratio, parentbased_traceidratio; parentbased_always_on is used"
)


@pytest.mark.parametrize(
    "endpoint",
    [
        "nonsense",
        "collector:4318",
        "http://",
        "http://c:0",
        "http://c:x",
        "ftp://c",
        "http://a b",
        " http://c",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_named_and_nothing_is_sent(endpoint: str) -> None:
    found = read_tracing_variables({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})

    assert found.problems == (f"OTEL_EXPORTER_OTLP_ENDPOINT {NO_ADDRESS}",)
    assert found.exporters == ()


def test_the_address_for_traces_takes_precedence() -> None:
    name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

    assert read_tracing_variables({**HTTP, name: "c:1"}).problems == (
        (
            f"{name} must be an http:// or https:// address, such as "
            "http://collector:4318/v1/traces; no traces are sent"
        ),
    )
    good = {"OTEL_EXPORTER_OTLP_ENDPOINT": "c:1", name: "http://c/v1/traces?a=b"}
    assert read_tracing_variables(good).problems == ()


def test_a_base_with_a_query_is_refused_as_a_path_is_added_to_it() -> None:
    found = read_tracing_variables({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c?key=s"})

    assert found.problems == (
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT must be the base alone, without ? or #, such as "
            "http://collector:4318; no traces are sent"
        ),
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("OTEL_SDK_DISABLED", "1", "must be true or false; taken as false"),
        (
            "OTEL_TRACES_EXPORTER",
            "zipkin,otlp",
            (
                "names exporters that are not known here: zipkin; known are otlp, console and "
                "none"
            ),
        ),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "grpc",
            (
                "names a protocol that is not known here; spans are sent by http/protobuf, "
                "mostly to port 4318"
            ),
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer secret", PAIRS.format(1)),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b,x=secret%0A", PAIRS.format(2)),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=secret", PAIRS.format(1)),
        ("OTEL_EXPORTER_OTLP_HEADERS", 'a="secret"', PAIRS.format(1)),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret模", PAIRS.format(1)),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%E6%A8%A1", PAIRS.format(1)),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c", PAIRS.format(2)),
        (
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "10s",
            "must be a number of seconds above 0; 10 is used",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "0",
            "must be a number of seconds above 0; 10 is used",
        ),
        (
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "brotli",
            "must be one of none, gzip, deflate; none is used, got 'brotli'",
        ),
        ("OTEL_TRACES_SAMPLER", "xray", f"{SAMPLERS}, got 'xray'"),
        (
            "OTEL_TRACES_SAMPLER_ARG",
            "0.1",
            (
                "has no effect without OTEL_TRACES_SAMPLER=traceidratio or "
                "parentbased_traceidratio"
            ),
        ),
        (
            "OTEL_BSP_SCHEDULE_DELAY",
            "0",
            "must be a whole number from 1; the default is used, got '0'",
        ),
        (
            "OTEL_BSP_EXPORT_TIMEOUT",
            "1.5",
            "must be a whole number from 1; the default is used, got '1.5'",
        ),
        (
            "OTEL_BSP_MAX_QUEUE_SIZE",
            "-1",
            "must be a whole number from 1; the default is used, got '-1'",
        ),
        (
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
            "4096",
            "must be at most OTEL_BSP_MAX_QUEUE_SIZE; 2048 is used",
        ),
        (
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            "many",
            "must be a whole number from 0; the default is used, got 'many'",
        ),
        (
            "OTEL_PROPAGATORS",
            "b3,tracecontext",
            (
                "names propagators that are not known here: b3; only tracecontext has an "
                "effect"
            ),
        ),
    ],
)
def test_an_invalid_variable_is_named_and_its_default_is_used(
    name: str,
    value: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for variable, text in {**HTTP, name: value}.items():
        monkeypatch.setenv(variable, text)
    before = dict(os.environ)

    found = read_tracing_variables(os.environ)
    started = tracing.start(os.environ)
    tracing.stop()

    assert found.problems == (f"{name} {problem}",)
    assert "secret" not in " ".join(found.problems)
    assert started
    # Not a word of the SDK's, which could quote the value.
    assert caplog.messages == []
    assert dict(os.environ) == before


@pytest.mark.parametrize("value", ["2", "x", "-1", "nan"])
def test_a_ratio_that_is_none_is_named(value: str) -> None:
    environ = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": value}

    assert read_tracing_variables(HTTP | environ).problems == (
        f"OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; 1 is used, got {value!r}",
    )


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_TRACES_SAMPLER": "traceidratio"},
        {"OTEL_TRACES_SAMPLER": " TraceIdRatio ", "OTEL_TRACES_SAMPLER_ARG": " .5 "},
        {"OTEL_BSP_MAX_QUEUE_SIZE": "100"},
        {"OTEL_BSP_SCHEDULE_DELAY": "", "OTEL_SPAN_EVENT_COUNT_LIMIT": " "},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "", "OTEL_EXPORTER_OTLP_COMPRESSION": " GZIP "},
        {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b=, x = y"},
        {"OTEL_PROPAGATORS": "tracecontext,baggage"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "HTTP/protobuf"},
        {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/not/read/without/tls"},
    ],
)
def test_valid_variables_are_accepted_without_a_word(
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for variable, text in (HTTP | environ).items():
        monkeypatch.setenv(variable, text)

    problems = read_tracing_variables(os.environ).problems
    started = tracing.start(os.environ)
    tracing.stop()

    assert (problems, started, caplog.messages) == ((), True, [])


@pytest.mark.parametrize(
    "name",
    [
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
    ],
)
def test_a_certificate_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    missing, other = tmp_path / "missing.pem", tmp_path / "other.pem"
    other.write_text("no certificate", "utf-8")
    kind = " and a key without a password" if "CLIENT" in name else ""

    found = read_tracing_variables({**TLS, name: str(missing)})
    assert found.exporters == ()
    assert found.problems == (
        f"{name} cannot be read: no such file or directory ({missing}); no traces are sent",
    )
    found = read_tracing_variables({**TLS, name: str(other)})
    assert found.exporters == ()
    assert found.problems == (
        (
            f"{name} must name a file of certificates in PEM{kind} ({other}); no traces are "
            "sent"
        ),
    )


def test_a_key_without_its_certificate_is_named() -> None:
    name = "OTEL_EXPORTER_OTLP_CLIENT_KEY"

    assert read_tracing_variables({**TLS, name: "/key.pem"}).problems == (
        f"{name} has no effect without OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    )


def test_a_console_still_gets_spans_when_the_collector_has_no_address() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "x",
        "OTEL_TRACES_EXPORTER": "otlp,console",
    }

    assert read_tracing_variables(environ).exporters == ("console",)


@pytest.mark.parametrize("off", ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"])
def test_nothing_is_checked_where_no_traces_are_wanted(off: str) -> None:
    name, _, value = off.partition("=")
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_BSP_SCHEDULE_DELAY": "x"}

    assert read_tracing_variables(environ | {name: value}).problems == ()
    assert read_tracing_variables({"OTEL_BSP_SCHEDULE_DELAY": "x"}).problems == ()


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        (HTTP, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER"),
    ],
)
def test_missing_packages_are_named(
    environ: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)

    found = read_tracing_variables(environ)

    assert found.exporters == ()
    assert found.problems == (
        (
            f"{name} asks for traces, but catalograph[opentelemetry] is not installed; no "
            "traces are sent"
        ),
    )
