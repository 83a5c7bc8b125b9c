"""OpenTelemetry spans, when the environment asks for them and the packages are installed.

Nothing of OpenTelemetry is imported until `start` finds that spans are wanted. Until then
`span` returns an object that does nothing.

The variables are OpenTelemetry's own. Spans are wanted when an endpoint is set, or when
`OTEL_TRACES_EXPORTER` names an exporter; `none` there and `OTEL_SDK_DISABLED` take precedence.
"""

import contextlib
import contextvars
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, TypeVar

from catalograph.observability.logs import get_logger
from catalograph.observability.tracing_variables import (
    Exporter,
    read_tracing_variables,
)

T = TypeVar("T")

Kind = Literal["internal", "server", "client"]

_STOP_S: Final = 1.5
"""Seconds for unsent spans at the end: an unreachable collector must not delay the exit."""
_SERVICE: Final = "catalograph"
_SERVER_ERROR: Final = 500
_LONGEST_PATH: Final = 200


class _Nothing:
    """A span that does nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


_NOTHING: Final = _Nothing()


class _Spans:
    """The part of OpenTelemetry that is used here.

    Args:
        provider: Of the SDK; shut down with this object.
        propagates: Whether the trace of a caller is continued, and passed on.
    """

    def __init__(self, provider: Any, *, propagates: bool = True) -> None:
        api = importlib.import_module("opentelemetry.trace")
        context = importlib.import_module(
            "opentelemetry.trace.propagation.tracecontext"
        )
        self._api = api
        self._provider = provider
        self._propagates = propagates
        self._tracer = provider.get_tracer(_SERVICE)
        # No baggage: it would pass text of the client on to the upstream.
        self._propagator = context.TraceContextTextMapPropagator()
        self._kinds = {
            "internal": api.SpanKind.INTERNAL,
            "server": api.SpanKind.SERVER,
            "client": api.SpanKind.CLIENT,
        }

    @contextlib.contextmanager
    def open(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, str | int | float | bool],
        parent: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        found = None
        if parent is not None and self._propagates:
            found = self._propagator.extract(parent)
        with self._tracer.start_as_current_span(
            name,
            context=found,
            kind=self._kinds[kind],
            attributes=attributes,
            # A message may quote the upstream; the class of an error is enough.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(self._api.StatusCode.ERROR)
                raise

    def inject(self, headers: MutableMapping[str, str]) -> None:
        if self._propagates:
            self._propagator.inject(headers)

    def set_attribute(self, name: str, value: str | float) -> None:
        self._api.get_current_span().set_attribute(name, value)

    def end_request(self, span: Any, status: int) -> None:
        span.set_attribute("http.response.status_code", status)
        if status >= _SERVER_ERROR:
            span.set_status(self._api.StatusCode.ERROR)

    def close(self) -> None:
        self._provider.shutdown()


_spans: _Spans | None = None


def start(environ: Mapping[str, str]) -> bool:
    """Start sending spans, if the environment asks for it. Never fails.

    Args:
        environ: The same as `os.environ`, which the SDK reads for itself.

    Returns:
        Whether spans are sent. Why not, and what is invalid, `read_tracing_variables` says.
    """
    if _spans is not None:
        return True
    wanted = read_tracing_variables(environ)
    if not wanted.exporters:
        return False
    try:
        with _change_environment(wanted.changes):
            use(
                _build_provider(environ, wanted.exporters),
                propagates=wanted.propagates,
            )
    except Exception as exc:  # noqa: BLE001 - the SDK may raise anything
        # A mistake in an OpenTelemetry variable must not prevent us from serving.
        get_logger().warning(
            "traces are not sent: OpenTelemetry does not accept its variables",
            problem=f"{type(exc).__name__}: {exc}",
            variables=sorted(name for name in environ if name.startswith("OTEL_")),
        )
        return False
    return True


@contextlib.contextmanager
def _change_environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change variables for as long as the SDK reads them."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set_variables(changes)
        yield
    finally:
        _set_variables(before)


def _set_variables(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _build_provider(environ: Mapping[str, str], exporters: Sequence[Exporter]) -> Any:
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    resources = importlib.import_module("opentelemetry.sdk.resources")
    # Both variables may name the service; the SDK reads them, and has another default.
    attributes = environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    is_named = environ.get("OTEL_SERVICE_NAME", "").strip() or any(
        pair.partition("=")[0].strip() == "service.name" for pair in attributes
    )
    resource = resources.Resource.create(
        None if is_named else {"service.name": _SERVICE}
    )
    provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
    # The SDK closes them in this order: one that waits for a collector must come last, or the
    # spans of the others would be lost with its own.
    for name in sorted(exporters, key=lambda name: name == "otlp"):
        exporter = (
            _build_otlp_exporter()
            if name == "otlp"
            else export.ConsoleSpanExporter(out=sys.stdout)
        )
        provider.add_span_processor(export.BatchSpanProcessor(exporter))
    return provider


def _build_otlp_exporter() -> Any:
    otlp = importlib.import_module(
        "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    )
    return otlp.OTLPSpanExporter()


def use(provider: Any, *, propagates: bool = True) -> None:
    """Make spans with a provider of OpenTelemetry's SDK; None stops making spans."""
    global _spans  # noqa: PLW0603 - one for the process, as the loggers and metrics
    _spans = None if provider is None else _Spans(provider, propagates=propagates)


def stop() -> None:
    """Send the buffered spans, and make no more. Blocks for 1.5 s at most."""
    spans = _spans
    if spans is None:
        return
    use(None)
    # The SDK's own timeout does not hold: a started export goes on for ten seconds. The
    # thread is a daemon, so that the interpreter's exit does not wait for it either.
    closing = threading.Thread(target=spans.close, daemon=True)
    closing.start()
    closing.join(_STOP_S)
    if closing.is_alive():
        get_logger().warning("the last spans are lost: the collector does not answer")


def is_on() -> bool:
    """Whether spans are made."""
    return _spans is not None


def span(
    name: str, kind: Kind = "internal", **attributes: str | float
) -> contextlib.AbstractContextManager[Any]:
    """Open a span for a `with` block, as a child of the current span."""
    if _spans is None:
        return _NOTHING
    return _spans.open(name, kind, attributes)


@contextlib.contextmanager
def request_span(
    method: str, path: str, headers: Mapping[str, str]
) -> Iterator[Callable[[int], None]]:
    """Open a span for a whole request, as a child of the caller's span if it names one.

    Args:
        method: HTTP method.
        path: Path without the query string.
        headers: Headers; those of W3C Trace Context are read.

    Yields:
        A function to call with the status of the response.
    """
    spans = _spans
    if spans is None:
        yield lambda _: None
        return
    attributes = {"http.request.method": method, "url.path": path[:_LONGEST_PATH]}
    # Callers choose the paths; the number of span names must stay small.
    with spans.open(method, "server", attributes, headers) as opened:
        yield lambda status: spans.end_request(opened, status)


def note(name: str, value: str | float) -> None:
    """Set an attribute of the current span."""
    if _spans is not None:
        _spans.set_attribute(name, value)


def pass_on(headers: MutableMapping[str, str]) -> None:
    """Write the current span into the headers of a request, as W3C Trace Context."""
    if _spans is not None:
        _spans.inject(headers)


def carry(work: Callable[..., T]) -> Callable[..., T]:
    """Wrap a function for another thread, so that it finds the current span."""
    if _spans is None:
        return work
    context = contextvars.copy_context()

    def run(*args: Any) -> T:
        return context.run(work, *args)

    return run
