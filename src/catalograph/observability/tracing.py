"""OpenTelemetry spans, when an endpoint is set and the packages are installed.

Nothing of OpenTelemetry is imported until `start` finds an endpoint in the environment.
Until then `span` gives one object that does nothing.
"""

import contextlib
import contextvars
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, Literal, TypeVar

from catalograph.observability.logs import get_logger

T = TypeVar("T")

Kind = Literal["internal", "server", "client"]

_ENDPOINTS: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
_SERVICE: Final = "catalograph"
_SERVER_ERROR: Final = 500
_LONGEST_PATH: Final = 200


class _Nothing:
    """A span that is none."""

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
    """OpenTelemetry, as much of it as is used here.

    Args:
        provider: Of the SDK; shut down with this object.
    """

    def __init__(self, provider: Any) -> None:
        api = importlib.import_module("opentelemetry.trace")
        context = importlib.import_module(
            "opentelemetry.trace.propagation.tracecontext"
        )
        self._api = api
        self._provider = provider
        self._tracer = provider.get_tracer(_SERVICE)
        # Baggage is left out: it would carry what a client wrote to the upstream.
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
        found = None if parent is None else self._propagator.extract(parent)
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
    """Send spans from now on, if the environment says where to.

    The variables are OpenTelemetry's own: `OTEL_EXPORTER_OTLP_ENDPOINT`,
    `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` and the rest.

    Returns:
        Whether spans are sent.
    """
    if _spans is not None:
        return True
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or not any(environ.get(name, "").strip() for name in _ENDPOINTS):
        return False
    try:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        otlp = importlib.import_module(
            "opentelemetry.exporter.otlp.proto.http.trace_exporter"
        )
    except ImportError:
        get_logger().warning(
            "traces are not sent: catalograph[opentelemetry] is not installed"
        )
        return False
    named = environ.get("OTEL_SERVICE_NAME", "").strip() or _SERVICE
    provider = sdk.TracerProvider(
        resource=resources.Resource.create({"service.name": named}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    use(provider)
    return True


def use(provider: Any) -> None:
    """Make spans with a provider of OpenTelemetry's SDK; None makes none any more."""
    global _spans  # noqa: PLW0603 - one for the process, as the loggers and figures
    _spans = None if provider is None else _Spans(provider)


def stop() -> None:
    """Send what has gathered, and make no more spans. Blocks until it is sent, or late."""
    if _spans is not None:
        _spans.close()
        use(None)


def is_on() -> bool:
    """Whether spans are made."""
    return _spans is not None


def span(
    name: str, kind: Kind = "internal", **attributes: str | float
) -> contextlib.AbstractContextManager[Any]:
    """Measure what happens in a `with` block, below the span that is open around it."""
    if _spans is None:
        return _NOTHING
    return _spans.open(name, kind, attributes)


@contextlib.contextmanager
def request_span(
    method: str, path: str, headers: Mapping[str, str]
) -> Iterator[Callable[[int], None]]:
    """Measure a whole request, below the caller's own span where it names one.

    Args:
        method: Of HTTP.
        path: Without the query string.
        headers: At least those of W3C Trace Context.

    Yields:
        What is to be told the status of the answer.
    """
    spans = _spans
    if spans is None:
        yield lambda _: None
        return
    attributes = {"http.request.method": method, "url.path": path[:_LONGEST_PATH]}
    # Paths are the callers' choice; names of spans are to be few.
    with spans.open(method, "server", attributes, headers) as opened:
        yield lambda status: spans.end_request(opened, status)


def note(name: str, value: str | float) -> None:
    """Add to the span that is open."""
    if _spans is not None:
        _spans.set_attribute(name, value)


def pass_on(headers: MutableMapping[str, str]) -> None:
    """Write the open span into the headers of a request, as W3C Trace Context has it."""
    if _spans is not None:
        _spans.inject(headers)


def carry(work: Callable[..., T]) -> Callable[..., T]:
    """Let a function that another thread will run find the span that is open here."""
    if _spans is None:
        return work
    context = contextvars.copy_context()

    def run(*args: Any) -> T:
        return context.run(work, *args)

    return run
