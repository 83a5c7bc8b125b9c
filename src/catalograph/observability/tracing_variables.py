"""The environment variables of OpenTelemetry: which spans are wanted, and what is invalid.

OpenTelemetry's SDK reads the variables itself. For an invalid one it logs a traceback, quotes
a header that may be secret, refuses all of them without a name, or fails at every export. So
they are checked here first, and the SDK gets only valid ones.

As the specification asks, an invalid variable is reported and then treated as unset. The
exceptions are addresses and certificates: without them spans could go to the wrong place, so
no spans are sent.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import importlib.util
import math
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

Exporter: TypeAlias = Literal["otlp", "console"]

_EXPORTERS: Final[tuple[Exporter, ...]] = ("otlp", "console")
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
_DISABLED: Final = "OTEL_SDK_DISABLED"
_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_OTLP_TRACES: Final = "OTEL_EXPORTER_OTLP_TRACES_"
_SAMPLER: Final = "OTEL_TRACES_SAMPLER"
_SAMPLER_ARG: Final = "OTEL_TRACES_SAMPLER_ARG"
_RATIO_SAMPLERS: Final = ("traceidratio", "parentbased_traceidratio")
_SAMPLERS: Final = (
    "always_on",
    "always_off",
    "parentbased_always_on",
    "parentbased_always_off",
    *_RATIO_SAMPLERS,
)
_PROPAGATORS: Final = "OTEL_PROPAGATORS"
_KNOWN_PROPAGATORS: Final = ("tracecontext", "baggage", "none")
_QUEUE: Final = "OTEL_BSP_MAX_QUEUE_SIZE"
_BATCH: Final = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
_DEFAULT_BATCH: Final = 512
_DEFAULT_QUEUE: Final = 2_048
_MOST: Final = 1_000_000_000

_BATCHING: Final = ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", _QUEUE)
"""Whole numbers from 1. The size of a batch is one, too, and is bounded by the queue."""
_LIMITS: Final = (
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
)
"""Whole numbers from 0."""

_WHOLE: Final = re.compile(r"[0-9]{1,10}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}")
_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]+")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\xa0-\xff]*")
_ENCODED_VALUE: Final = re.compile(r'[^\x00-\x1f"\\;\x7f-\U0010ffff]*')
"""What the SDK accepts of a header before it decodes `%..`."""
_NO_TRACES: Final = "no traces are sent"


class TracingVariables(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment asks for.

    Attributes:
        exporters: Where spans go; empty when none are made.
        propagates: Whether the trace of a caller is continued and passed on.
        problems: One sentence for each invalid variable. It begins with the name, and
            quotes nothing that may be secret.
        changes: Variables that the SDK must see with another value; None: not at all.
    """

    exporters: tuple[Exporter, ...] = ()
    propagates: bool = True
    problems: tuple[str, ...] = ()
    changes: Mapping[str, str | None] = {}


def read_tracing_variables(environ: Mapping[str, str]) -> TracingVariables:
    """Read the variables of an environment. Nothing of OpenTelemetry is imported."""
    return _Reading(environ).finish()


class _Reading:
    """Collects problems and changes while the variables are read.

    Args:
        environ: The environment.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []
        self._changes: dict[str, str | None] = {}
        self._can_send = True

    def finish(self) -> TracingVariables:
        exporters = self._choose_exporters()
        if exporters:
            self._read_sdk()
        if "otlp" in exporters:
            self._read_otlp()
        if exporters and not _is_installed():
            self._problems.clear()
            self._report(
                self._find_cause(),
                "asks for traces, but catalograph[opentelemetry] is not installed; "
                f"{_NO_TRACES}",
            )
            exporters = ()
        if not self._can_send:
            exporters = tuple(name for name in exporters if name != "otlp")
        propagators = self._list(_PROPAGATORS)
        return TracingVariables(
            exporters=exporters,
            propagates=not propagators or "tracecontext" in propagators,
            problems=tuple(self._problems),
            changes=self._changes,
        )

    def _choose_exporters(self) -> tuple[Exporter, ...]:
        disabled = self._text(_DISABLED).lower()
        if disabled == "true":
            return ()
        wanted = self._list(_EXPORTER)
        if not wanted:
            has_endpoint = self._text(f"{_OTLP}ENDPOINT") or self._text(
                f"{_OTLP_TRACES}ENDPOINT"
            )
            wanted = ["otlp"] if has_endpoint else []
        if not wanted or "none" in wanted:
            return ()
        if disabled not in ("", "false"):
            self._report(_DISABLED, "must be true or false; taken as false")
        unknown = [name for name in wanted if name not in _EXPORTERS]
        if unknown:
            self._report(
                _EXPORTER,
                f"names exporters that are not known here: {', '.join(unknown)[:80]}; "
                f"known are {', '.join(_EXPORTERS)} and none",
            )
        return tuple(name for name in _EXPORTERS if name in wanted)

    def _find_cause(self) -> str:
        names = (_EXPORTER, f"{_OTLP_TRACES}ENDPOINT", f"{_OTLP}ENDPOINT")
        return next(name for name in names if self._text(name))

    def _read_sdk(self) -> None:
        """Read the variables that hold for every exporter."""
        self._read_sampler()
        for name in _BATCHING:
            self._read_whole(name, 1)
        self._read_batch()
        for name in _LIMITS:
            self._read_whole(name, 0)
        self._read_pairs("OTEL_RESOURCE_ATTRIBUTES", _is_attribute)
        unknown = [
            one for one in self._list(_PROPAGATORS) if one not in _KNOWN_PROPAGATORS
        ]
        if unknown:
            self._report(
                _PROPAGATORS,
                f"names propagators that are not known here: {', '.join(unknown)[:80]}; "
                "only tracecontext has an effect",
            )
        # The SDK looks its names up, and fails while it is imported if one is missing.
        self._changes[_PROPAGATORS] = None
        self._read_word("OTEL_PYTHON_CONTEXT", ("contextvars_context",), "unset")

    def _read_otlp(self) -> None:
        """Read the variables of the exporter; those for traces take precedence."""
        is_tls = self._read_endpoint()
        name = self._choose("PROTOCOL")
        if self._text(name).lower() not in ("", "http/protobuf"):
            self._report(
                name,
                "names a protocol that is not known here; spans are sent by "
                "http/protobuf, mostly to port 4318",
            )
        self._read_pairs(self._choose("HEADERS"), _is_header)
        name = self._choose("TIMEOUT")
        text = self._text(name)
        timeout_s = float(text) if _NUMBER.fullmatch(text) else 0.0
        if text and not 0 < timeout_s <= _MOST:
            self._ignore(name, "must be a number of seconds above 0; 10 is used")
        name = self._choose("COMPRESSION")
        self._read_word(name, ("none", "gzip", "deflate"), "none")
        if is_tls:
            self._read_certificates()
        provider = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_{}CREDENTIAL_PROVIDER"
        for name in (provider.format(""), provider.format("TRACES_")):
            if self._text(name):
                self._stop(name, "cannot be used here")

    def _read_endpoint(self) -> bool:
        """Check the address of the collector; return whether it is reached by TLS."""
        name = self._choose("ENDPOINT")
        text = self._environ.get(name, "")
        if not text.strip():
            self._drop(name)
            return False
        is_base = not name.startswith(_OTLP_TRACES)
        example = f"such as http://collector:4318{'' if is_base else '/v1/traces'}"
        parts = _split_address(text)
        if parts is None:
            self._stop(name, f"must be an http:// or https:// address, {example}")
            return False
        if is_base and (parts.query or parts.fragment):
            self._stop(name, f"must be the base alone, without ? or #, {example}")
            return False
        return parts.scheme == "https"

    def _read_sampler(self) -> None:
        used = "parentbased_always_on"
        self._read_word(_SAMPLER, _SAMPLERS, used)
        sampler, text = self._text(_SAMPLER).lower(), self._text(_SAMPLER_ARG)
        if text and sampler not in _RATIO_SAMPLERS:
            if sampler in ("", *_SAMPLERS):
                self._report(
                    _SAMPLER_ARG,
                    f"has no effect without {_SAMPLER}={' or '.join(_RATIO_SAMPLERS)}",
                )
            return
        rate = float(text) if _NUMBER.fullmatch(text) else math.inf
        if text and rate > 1:
            self._ignore(_SAMPLER_ARG, "must be a number from 0 to 1; 1 is used", text)
        if sampler in _RATIO_SAMPLERS and (not text or rate > 1):
            # The SDK warns of a missing one, which the specification takes for 1.
            self._changes[_SAMPLER_ARG] = "1.0"

    def _read_batch(self) -> None:
        """A batch must fit into the queue, or the SDK refuses to send anything."""
        queue = self._find_whole(_QUEUE, 1) or _DEFAULT_QUEUE
        self._read_whole(_BATCH, 1)
        batch = self._find_whole(_BATCH, 1)
        if batch is not None and batch > queue:
            self._report(_BATCH, f"must be at most {_QUEUE}; {queue} is used")
        self._changes[_BATCH] = str(min(batch or _DEFAULT_BATCH, queue))

    def _read_certificates(self) -> None:
        name = self._choose("CERTIFICATE")
        if not self._text(name):
            # The SDK's HTTP client reads these.
            general = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
            name = next((one for one in general if self._text(one)), name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        path = self._text(name)
        if path and not Path(path).is_dir():
            self._try_file(name, lambda: context.load_verify_locations(path))
        certificate = self._choose("CLIENT_CERTIFICATE")
        key = self._choose("CLIENT_KEY")
        if self._text(certificate):
            self._try_file(
                certificate,
                lambda: context.load_cert_chain(
                    self._text(certificate),
                    self._text(key) or None,
                    # Otherwise an encrypted key would be asked for on the terminal.
                    password="",
                ),
            )
        elif self._text(key):
            self._report(key, f"has no effect without {_OTLP}CLIENT_CERTIFICATE")

    def _try_file(self, name: str, load: Callable[[], None]) -> None:
        path = self._text(name)
        try:
            load()
        except ssl.SSLError:
            what = "and a key without a password " if "CLIENT" in name else ""
            self._stop(name, f"must name a file of certificates in PEM {what}({path})")
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            self._stop(name, f"cannot be read: {reason} ({path})")

    def _read_word(self, name: str, words: tuple[str, ...], used: str) -> None:
        if (text := self._text(name)) and text.lower() not in words:
            self._ignore(
                name, f"must be one of {', '.join(words)}; {used} is used", text
            )
        elif text:
            # The SDK accepts no white space around it.
            self._changes[name] = text.lower()
        else:
            self._drop(name)

    def _read_whole(self, name: str, least: int) -> None:
        if self._find_whole(name, least) is None:
            text = self._text(name)
            if text:
                what = f"must be a whole number from {least}; the default is used"
                self._ignore(name, what, text)
            # The SDK takes an empty one for an invalid one.
            self._drop(name)

    def _find_whole(self, name: str, least: int) -> int | None:
        text = self._text(name)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= _MOST:
            return None
        return int(text)

    def _read_pairs(self, name: str, is_valid: Callable[[str], bool]) -> None:
        """Keep the valid ones of `name=value,…`; what is invalid may be a secret."""
        text = self._environ.get(name, "")
        pairs = [pair for part in text.split(",") if (pair := part.strip())]
        valid = [pair for pair in pairs if is_valid(pair)]
        if len(valid) < len(pairs):
            self._report(
                name,
                "must be name=value pairs, joined by commas, with special characters of a "
                f"value percent-encoded; {len(pairs) - len(valid)} of {len(pairs)} are "
                "ignored",
            )
            self._changes[name] = ",".join(valid)

    def _choose(self, ending: str) -> str:
        """Choose the variable for traces if it is set, otherwise the general one."""
        special = f"{_OTLP_TRACES}{ending}"
        return special if self._text(special) else f"{_OTLP}{ending}"

    def _text(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def _list(self, name: str) -> list[str]:
        return list(_split(self._text(name).lower()))

    def _drop(self, name: str) -> None:
        if name in self._environ:
            self._changes[name] = None

    def _report(self, name: str, what: str) -> None:
        self._problems.append(f"{name} {what}")

    def _ignore(self, name: str, what: str, got: str = "") -> None:
        self._report(name, f"{what}, got {got[:80]!r}" if got else what)
        self._changes[name] = None

    def _stop(self, name: str, what: str) -> None:
        self._report(name, f"{what}; {_NO_TRACES}")
        self._can_send = False


def _split(text: str) -> Iterator[str]:
    return (part for one in text.split(",") if (part := one.strip()))


def _split_address(text: str) -> SplitResult | None:
    """Split the address of a collector; None if it is invalid."""
    if not _VISIBLE_ASCII.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return None
    return parts if is_valid and parts.hostname else None


def _is_attribute(pair: str) -> bool:
    name, equals, _ = pair.partition("=")
    return bool(name.strip() and equals)


def _is_header(pair: str) -> bool:
    name, equals, value = pair.partition("=")
    return bool(
        equals
        and _HEADER_NAME.fullmatch(name.strip())
        and _HEADER_NAME.fullmatch(unquote(name.strip()))
        and _ENCODED_VALUE.fullmatch(value)
        # A character that no header can carry would make every export fail.
        and _HEADER_VALUE.fullmatch(unquote(value))
    )


def _is_installed() -> bool:
    """Whether the packages of the extra `opentelemetry` are there, without importing them."""
    try:
        return all(
            importlib.util.find_spec(name) is not None
            for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
        )
    except ImportError:
        return False
