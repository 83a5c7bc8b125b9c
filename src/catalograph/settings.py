"""Settings, read once from a mapping of environment variables."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    Self,
    TypeAlias,
    get_type_hints,
)

import msgspec

from catalograph import setting_values as values
from catalograph.cache.url import find_ignored_options
from catalograph.errors import SettingsError
from catalograph.redaction import redact
from catalograph.setting_values import Network, RateLimit, Reader, Secret
from catalograph.upstream.versions import AUTO

PREFIX: Final = "CATALOGRAPH_"

_SERVICE_LINK: Final = re.compile(
    rf"{PREFIX}(?:\w+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?"
    r"|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR|START|END))?)",
    re.ASCII,
)
"""Variables that an orchestrator sets for a service whose name begins like ours: Kubernetes
for each Service of the namespace, Docker for `--link`. They are not settings.

Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""
_LINK_PORT: Final = re.compile(r"(?:tcp|udp|sctp)://\S+", re.IGNORECASE)
_LINK_NAME: Final = re.compile(r"/[\w.-]+/[\w.-]+")

_MOST_LIMIT: Final = 1_000_000
_YEAR_S: Final = 31_536_000
_HOUR_S: Final = 3_600

# The cost of our own largest page and of every common client's introspection is
# below this; see docs/settings.md.
_MAX_COST: Final = 30_000

_AGES: Final = ("cache_fresh_s", "cache_stale_s", "cache_expired_s")
_DEADLINES: Final = (
    "upstream_timeout_s",
    "upstream_total_timeout_s",
    "request_timeout_s",
)


Origin: TypeAlias = Literal["environment", "file", "default", "adjusted"]

_FILE: Final = "_FILE"
_MAX_FILE_BYTES: Final = 1024 * 1024


class _Doc(msgspec.Struct, frozen=True):
    """The purpose of a setting, and the reader of its text."""

    description: str
    read: Reader


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it may be shown to people.

    Attributes:
        name: The whole variable name, prefix included.
        description: What it is for, in a sentence or two.
        value: Secrets masked; empty when unset.
        default: As `value`, when nothing is set.
        origin: `environment`; `file`, the one that the variable `…_FILE` names;
            `default`; or `adjusted`: a default that was changed to fit a related
            setting, such as the other ages.
    """

    name: str
    description: str
    value: str
    default: str
    origin: Origin


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that two deployments may want to be different.

    A field is the lower-case name of its variable without `CATALOGRAPH_`; each carries
    its own description. Secrets are hidden in `repr`.
    """

    upstream_url: Annotated[
        str,
        _Doc(
            "Base address of the REST API, without /models. Where it is not set, a token of "
            "the form `aistats_v1_k_…` is used at `https://api.ai-stats.phaseo.app/v1`.",
            values.parse_upstream_url,
        ),
    ] = values.choose_upstream_url(None)
    upstream_version: Annotated[
        str,
        _Doc(
            "Release of the REST API at that address; `auto` accepts every known one.",
            values.one_of(AUTO, *values.RELEASES),
        ),
    ] = AUTO
    upstream_token: Annotated[
        Secret | None,
        _Doc("Bearer token for the REST API; a secret.", values.parse_token),
    ] = None
    upstream_auth: Annotated[
        Literal["server", "passthrough"],
        _Doc(
            "Whose token goes upstream: `server`, our own; `passthrough`, the caller's.",
            values.one_of("server", "passthrough"),
        ),
    ] = "server"
    upstream_timeout_s: Annotated[
        float,
        _Doc(
            "Seconds that one attempt at the upstream may take.",
            values.seconds(_HOUR_S, zero_allowed=False),
        ),
    ] = 3.0
    upstream_total_timeout_s: Annotated[
        float,
        _Doc(
            "Seconds that all attempts at one upstream request may take together.",
            values.seconds(_HOUR_S, zero_allowed=False),
        ),
    ] = 8.0
    partition_key: Annotated[
        Secret | None,
        _Doc(
            "With `passthrough`: secret key of the hash that separates callers in a shared "
            "cache, the same for all replicas. Empty: each process generates its own.",
            values.parse_partition_key,
        ),
    ] = None
    lists_from: Annotated[
        Literal["auto", "upstream", "index"],
        _Doc(
            "What answers lists that the REST API supports: `upstream`; `index`, once it is "
            "warm; `auto`, the index if the upstream reads its whole catalogue per request.",
            values.one_of("auto", "upstream", "index"),
        ),
    ] = "auto"
    index_kept: Annotated[
        bool,
        _Doc(
            "Whether the catalogue is read at start and read again before it is stale, "
            "with or without requests; not with `UPSTREAM_AUTH=passthrough`.",
            values.parse_switch,
        ),
    ] = True

    cache_url: Annotated[
        Secret,
        _Doc(
            "Where upstream data are cached: `memory://`, or `redis://`, `rediss://`, `unix://` "
            "to share them between replicas. A password in it is a secret.",
            values.parse_cache_url,
        ),
    ] = values.parse_cache_url("memory://")
    cache_fresh_s: Annotated[
        float,
        _Doc(
            "Age in seconds up to which cached data are served as they are.",
            values.seconds(_YEAR_S, zero_allowed=True),
        ),
    ] = 60.0
    cache_stale_s: Annotated[
        float,
        _Doc(
            "Age up to which they are served at once and refreshed in the background.",
            values.seconds(_YEAR_S, zero_allowed=True),
        ),
    ] = 600.0
    cache_expired_s: Annotated[
        float,
        _Doc(
            "Age up to which they are served when the upstream fails.",
            values.seconds(_YEAR_S, zero_allowed=True),
        ),
    ] = 86_400.0
    cache_max_bytes: Annotated[
        int,
        _Doc(
            "Bytes of memory that each process may use to cache upstream data.",
            values.whole(0, 2**40),
        ),
    ] = 128 * 1024 * 1024
    response_cache: Annotated[
        bool,
        _Doc(
            "Whether whole responses are cached as bytes, beside the pages they came from.",
            values.parse_switch,
        ),
    ] = True

    host: Annotated[str, _Doc("Address to listen on.", values.parse_host)] = "127.0.0.1"
    port: Annotated[
        int, _Doc("Port to listen on; 0 takes a free one.", values.whole(0, 65_535))
    ] = 8000
    workers: Annotated[
        int, _Doc("Processes that share the port.", values.whole(1, 256))
    ] = 1
    request_timeout_s: Annotated[
        float,
        _Doc(
            "Seconds that a whole request may take.",
            values.seconds(_HOUR_S, zero_allowed=False),
        ),
    ] = 12.0
    drain_s: Annotated[
        float,
        _Doc(
            "Seconds after SIGTERM in which `/readyz` answers 503 and requests are still "
            "taken; longer than the load balancer takes to notice.",
            values.seconds(_HOUR_S, zero_allowed=True),
        ),
    ] = 3.0
    max_in_flight: Annotated[
        int,
        _Doc(
            "Requests that one process works on at once; more are refused with 503.",
            values.whole(1, _MOST_LIMIT),
        ),
    ] = 1_000
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _Doc(
            "Lowest level that is logged.",
            values.one_of("debug", "info", "warning", "error"),
        ),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "console"],
        _Doc(
            "Format of log lines: `json`; `console`, columns for people; `auto`: columns "
            "on a terminal, otherwise JSON.",
            values.one_of("auto", "json", "console"),
        ),
    ] = "auto"
    access_log: Annotated[
        Literal["on", "off", "errors"],
        _Doc(
            "Which requests get a line in the log: `on`, all but probes; `errors`, those "
            "refused, failed, or answered with errors; `off`, none.",
            values.one_of("on", "off", "errors"),
        ),
    ] = "on"

    graphiql_enabled: Annotated[
        bool,
        _Doc("Whether browsers get the explorer at /graphql.", values.parse_switch),
    ] = True
    introspection_enabled: Annotated[
        bool,
        _Doc(
            "Whether clients may ask for the schema, as text or as data; off also "
            "hides suggested names.",
            values.parse_switch,
        ),
    ] = True
    trace_enabled: Annotated[
        bool,
        _Doc(
            "Whether `X-Catalograph-Trace: 1` adds the REST requests to an answer; "
            "always with `--demo`.",
            values.parse_switch,
        ),
    ] = False
    cors_origins: Annotated[
        tuple[str, ...],
        _Doc(
            "Origins whose pages may call from a browser, joined by commas, such as "
            "`https://app.example`, `https://*.app.example`, `http://localhost:*`; "
            "`*`: any.",
            values.parse_origins,
        ),
    ] = ()
    api_keys: Annotated[
        tuple[Secret, ...],
        _Doc(
            "Keys, joined by commas, one of which `X-API-Key` must carry; plain, or "
            "their SHA-256 in hexadecimal. Secrets. Unset: open to all.",
            values.parse_keys,
        ),
    ] = ()
    rate_limit: Annotated[
        RateLimit | None,
        _Doc(
            "Requests that one key or address may make, such as `600/min`; or `off`.",
            values.parse_rate,
        ),
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        _Doc(
            "Addresses or networks, joined by commas, whose forwarded headers are trusted.",
            values.parse_networks,
        ),
    ] = ()
    trusted_documents: Annotated[
        str | None,
        _Doc(
            "Path of a manifest of known operations, in Apollo's or Relay's format.",
            values.parse_path,
        ),
    ] = None
    trusted_documents_mode: Annotated[
        Literal["require", "log"],
        _Doc(
            "What happens to operations outside the manifest: `require` refuses, `log` lets "
            "pass.",
            values.one_of("require", "log"),
        ),
    ] = "require"

    max_body_bytes: Annotated[
        int,
        _Doc(
            "Maximum size of a request body in bytes.",
            values.whole(1, 64 * 1024 * 1024),
        ),
    ] = 256 * 1024
    max_tokens: Annotated[
        int,
        _Doc("Maximum number of tokens in a document.", values.whole(1, _MOST_LIMIT)),
    ] = 4_000
    max_depth: Annotated[
        int,
        _Doc("Maximum depth of nested fields.", values.whole(1, _MOST_LIMIT)),
    ] = 15
    max_height: Annotated[
        int,
        _Doc(
            "Maximum number of fields of an operation, fragments expanded.",
            values.whole(1, _MOST_LIMIT),
        ),
    ] = 400
    max_aliases: Annotated[
        int,
        _Doc(
            "Maximum number of aliases of an operation.", values.whole(0, _MOST_LIMIT)
        ),
    ] = 30
    max_root_fields: Annotated[
        int,
        _Doc(
            "Maximum number of root fields of an operation.",
            values.whole(1, _MOST_LIMIT),
        ),
    ] = 20
    max_directives: Annotated[
        int,
        _Doc(
            "Maximum number of directives of an operation.",
            values.whole(0, _MOST_LIMIT),
        ),
    ] = 50
    max_operations: Annotated[
        int,
        _Doc(
            "Maximum number of operations in a document.", values.whole(1, _MOST_LIMIT)
        ),
    ] = 10
    max_cost: Annotated[
        int,
        _Doc("Maximum estimated cost of an operation.", values.whole(1, 1_000_000_000)),
    ] = _MAX_COST
    max_entities: Annotated[
        int,
        _Doc(
            "Maximum number of references passed to `_entities` or `nodes`.",
            values.whole(1, _MOST_LIMIT),
        ),
    ] = 1_000
    max_response_bytes: Annotated[
        int,
        _Doc(
            "Maximum size of a response in bytes, uncompressed.",
            values.whole(1_024, 2**30),
        ),
    ] = 16_777_216

    given_ages: frozenset[str] = frozenset()
    """Names of the age fields that the environment sets. The others may follow the upstream's
    `Cache-Control`."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the `CATALOGRAPH_…` variables. Others are ignored; empty ones count as unset.

        Each setting may come from a file instead, which the variable with the suffix
        `_FILE` names. A file that is missing or empty is an error and never the default: a
        gateway whose keys cannot be read must not be open to all.

        The three ages must ascend, and so must the three deadlines. Those that are not set
        are adjusted to those that are: `CACHE_EXPIRED_S=30` alone lowers the other two ages
        to 30.

        Raises:
            SettingsError: Names every problem of the whole environment at once.
        """
        problems: list[str] = []
        known = {_variable(field): doc for field, doc in _docs()}
        given = _gather(_drop_service_links(environ), known, problems)
        chosen: dict[str, Any] = {}
        for name, doc in known.items():
            if text := given.get(name):
                try:
                    chosen[_field(name)] = doc.read(text)
                except ValueError as exc:
                    problems.append(_word_problem(name, str(exc), text))
        if "upstream_url" not in chosen:
            chosen["upstream_url"] = values.choose_upstream_url(
                chosen.get("upstream_token")
            )
        given_ages = frozenset(chosen) & frozenset(_AGES)
        for group in (_AGES, _DEADLINES):
            chosen |= _fit(group, chosen, problems)
        if "trusted_documents_mode" in chosen and not given.get(
            f"{PREFIX}TRUSTED_DOCUMENTS"
        ):
            problems.append(
                f"{PREFIX}TRUSTED_DOCUMENTS_MODE needs {PREFIX}TRUSTED_DOCUMENTS, "
                "the path of a manifest"
            )
        if problems:
            raise SettingsError(problems)
        return cls(**chosen, given_ages=given_ages)

    @property
    def warnings(self) -> list[str]:
        """Warnings about probable mistakes; one sentence each, without secrets."""
        return list(_find_warnings(self))

    def take(self, others: Self, fields: Collection[str]) -> Self:
        """Return a copy of these settings with `fields` taken from `others`."""
        return msgspec.structs.replace(
            self, **{field: getattr(others, field) for field in fields}
        )

    def list_differences(self, others: Self) -> list[str]:
        """List the names of settings that differ, without prefix, in order of declaration."""
        return [
            field.upper()
            for field, _ in _docs()
            if getattr(self, field) != getattr(others, field)
        ]

    def describe(self, environ: Mapping[str, str]) -> list[Shown]:
        """Show every setting, in the order of the documentation.

        Args:
            environ: The variables that these settings were read from.
        """
        default = type(self)()
        environ = _drop_service_links(environ)
        rows = []
        for field, doc in _docs():
            name = _variable(field)
            value = values.show(getattr(self, field))
            usual = values.show(getattr(default, field))
            origin: Origin = "default"
            if environ.get(name, "").strip():
                origin = "environment"
            elif environ.get(name + _FILE, "").strip():
                origin = "file"
            elif value != usual:
                origin = "adjusted"
            rows.append(
                Shown(
                    name=name,
                    description=doc.description,
                    value=value,
                    default=usual,
                    origin=origin,
                )
            )
        return rows


def _docs() -> Iterator[tuple[str, _Doc]]:
    for field, hint in get_type_hints(Settings, include_extras=True).items():
        if field != "given_ages":
            yield field, hint.__metadata__[0]


def _drop_service_links(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out the service links of an orchestrator; see `_SERVICE_LINK`."""
    return {
        name: text
        for name, text in environ.items()
        if not (name.startswith(PREFIX) and _is_service_link(name, text.strip()))
    }


def _is_service_link(name: str, text: str) -> bool:
    if _SERVICE_LINK.fullmatch(name):
        return True
    if name.endswith("_PORT"):
        return _LINK_PORT.fullmatch(text) is not None
    is_docker = name.endswith("_NAME") and _LINK_NAME.fullmatch(text)
    return bool(is_docker) or name.startswith(f"{PREFIX}ENV_")


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def _field(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()


def _gather(
    environ: Mapping[str, str], known: Mapping[str, object], problems: list[str]
) -> dict[str, str]:
    """Take each setting's text from its variable or its file; note what is wrong.

    Returns:
        Text by variable name, without white space around it; empty ones are left out.
    """
    given = {
        name: text
        for name, raw in environ.items()
        if name.startswith(PREFIX) and (text := raw.strip())
    }
    names = known.keys() | {name + _FILE for name in known}
    problems += [
        _word_unknown(name, known)
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in names
    ]
    texts: dict[str, str] = {}
    for name in known:
        path = given.get(name + _FILE)
        if path is None:
            if name in given:
                texts[name] = given[name]
        elif name in given:
            problems.append(
                f"{name} and {name}{_FILE} are both set; leave one of them out"
            )
        else:
            try:
                texts[name] = _read_value(Path(path))
            except ValueError as exc:
                problems.append(f"{name}{_FILE} names {path}: {exc}")
    return texts


def _read_value(path: Path) -> str:
    """Read the one value that a file holds.

    Raises:
        ValueError: It cannot be read, is empty, is too large or is not UTF-8; says which.
    """
    wanted = "it must be UTF-8 text of at most 1 MiB"
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        # Some editors write a byte order mark, which is no part of the value.
        text = content.decode("utf-8-sig").strip()
    except OSError as exc:
        raise ValueError((exc.strerror or str(exc)).lower()) from None
    except UnicodeDecodeError:
        raise ValueError(wanted) from None
    if len(content) > _MAX_FILE_BYTES:
        raise ValueError(wanted)
    if not text:
        raise ValueError("it is empty")
    return text


def _word_unknown(name: str, known: Mapping[str, object]) -> str:
    # Compare without prefix and suffix: they would make any two names look similar.
    suffix = _FILE if name.endswith(_FILE) else ""
    fields = [_field(variable) for variable in known]
    near = difflib.get_close_matches(_field(name.removesuffix(suffix)), fields, n=1)
    hint = f"; did you mean {_variable(near[0])}{suffix}?" if near else ""
    return f"{name} is no setting of catalograph{hint}"


def _word_problem(name: str, what: str, text: str) -> str:
    # An address may hold a password even where none is expected.
    hidden = name.endswith(("_TOKEN", "_KEY", "_KEYS", "_URL"))
    return f"{name} {what}" if hidden else f"{name} {what}, got {redact(text)[:80]!r}"


def _fit(
    group: tuple[str, ...], chosen: Mapping[str, object], problems: list[str]
) -> dict[str, float]:
    """Choose a value for every member of an ascending group.

    Members that are set keep their value; the others are clamped between these. A problem is
    added when the set ones do not ascend.
    """
    default = Settings()
    mine = {
        field: value for field in group if isinstance(value := chosen.get(field), float)
    }
    if list(mine.values()) != sorted(mine.values()):
        wanted = " ≤ ".join(_variable(field) for field in mine)
        got = ", ".join(values.show(value) for value in mine.values())
        problems.append(f"{wanted} must hold, got {got}")
    return values.clamp_between(
        mine, {field: getattr(default, field) for field in group}
    )


def _find_warnings(settings: Settings) -> Iterator[str]:
    passthrough = settings.upstream_auth == "passthrough"
    if passthrough and settings.upstream_token is not None:
        yield (
            f"{PREFIX}UPSTREAM_TOKEN is not used: with {PREFIX}UPSTREAM_AUTH=passthrough "
            "every caller brings a token"
        )
    if not passthrough and settings.upstream_token is None:
        yield (
            f"{PREFIX}UPSTREAM_TOKEN is not set: an upstream that wants a token will "
            "refuse every request"
        )
    token = settings.upstream_token
    release = None if token is None else values.find_key_release(token.reveal())
    if token and release is None:
        yield (
            f"{PREFIX}UPSTREAM_TOKEN does not look like a key of the catalogue "
            "(phaseo_v1_sk_…, aistats_v1_sk_… or aistats_v1_k_…)"
        )
    if release is not None and settings.upstream_version not in ("auto", release):
        yield (
            f"{PREFIX}UPSTREAM_TOKEN has the form of release {release}, but "
            f"{PREFIX}UPSTREAM_VERSION is {settings.upstream_version}"
        )
    shared = str(settings.cache_url) != "memory://"
    if passthrough and shared and settings.partition_key is None:
        yield (
            f"{PREFIX}PARTITION_KEY is not set: no process can use the cache entries of "
            "another, although the cache is shared"
        )
    for option in find_ignored_options(str(settings.cache_url)):
        yield (
            f"{PREFIX}CACHE_URL has the option {option}, which is ignored: it would "
            "change how the cache answers"
        )
    if settings.upstream_url.endswith("/models"):
        yield (
            f"{PREFIX}UPSTREAM_URL ends in /models; the gateway adds that itself, so the "
            "base is probably one step up"
        )
    if any(
        len(key.reveal()) < values.SHORT_KEY_CHARACTERS for key in settings.api_keys
    ):
        yield (
            f"{PREFIX}API_KEYS holds a key of fewer than {values.SHORT_KEY_CHARACTERS} "
            "characters, which can be guessed"
        )
    if settings.cors_origins == ("*",) and settings.api_keys:
        yield (
            f"{PREFIX}CORS_ORIGINS=* lets any page use a key that its visitor holds; "
            "name the origins"
        )
