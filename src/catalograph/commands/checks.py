"""The checks of `catalograph check`: settings, upstream, token, tables, cache; with hints."""

import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from catalograph.cache.keys import PREFIX as CACHE_PREFIX
from catalograph.cache.url import hide_secrets
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from catalograph.observability.tracing_variables import read_tracing_variables
from catalograph.setting_values import find_key_form, find_key_release
from catalograph.settings import PREFIX, Settings
from catalograph.upstream.environment import find_ineffective_variables
from catalograph.upstream.report import UpstreamReport

AskUpstream: TypeAlias = Callable[[Settings], Awaitable[UpstreamReport]]
"""Fetches one model and the side tables from the upstream; raises UpstreamError."""

PingCache: TypeAlias = Callable[[str], Awaitable[None]]
"""Tests the shared cache at an address; raises OSError."""

_TOKEN = f"{PREFIX}UPSTREAM_TOKEN"
_URL = f"{PREFIX}UPSTREAM_URL"
_SOMETHING_ELSE = f"something else answers there; check {_URL}"
_BLOCKED = (
    "that refusal is not the catalogue's: something in between blocks this machine (a "
    "firewall, a bot protection, a proxy)"
)
_HINTS_BY_STATUS = {
    401: _BLOCKED,
    403: _BLOCKED,
    404: f"nothing there: {_URL} is the base before /models, mostly …/v1",
    405: _SOMETHING_ELSE,
    407: "the proxy wants a user; put one into the variable that names the proxy",
}

_HINTS_BY_DETAIL = {
    "mismatch": f"its certificate is for another name; check {_URL}",
    "certificate has expired": "its certificate has expired",
    "CERTIFICATE_VERIFY_FAILED": (
        "its certificate is not trusted here; SSL_CERT_FILE names the authorities to trust"
    ),
    "WRONG_VERSION_NUMBER": f"no TLS there; should {_URL} begin with http://?",
}
"""By a part of the error without a response; the first one counts."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    Attributes:
        subject: What was checked.
        passed: None when it could not be checked, or does not apply.
        result: What was found.
        hint: What to do, one line for each problem; empty when there is nothing to do.
    """

    subject: str
    passed: bool | None
    result: str
    hint: str = ""


async def run_checks(
    environ: Mapping[str, str],
    *,
    ask_upstream: AskUpstream,
    ping_cache: PingCache,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Finding]:
    """Check everything that the gateway needs.

    Args:
        environ: The environment to read the settings from.
        ask_upstream: Called once, with the settings' address and token.
        ping_cache: Not called for a cache in memory.
        clock: Monotonic time in seconds.

    Returns:
        Findings in this order: settings, upstream, token, tables if there are any, cache.

    Raises:
        SettingsError: The settings are wrong, so that nothing else can be checked.
    """
    settings = Settings.from_environ(environ)
    findings = [_describe_settings(settings, environ)]
    findings += await _check_upstream(settings, ask_upstream, clock)
    findings.append(await _check_cache(settings, ping_cache, clock))
    return findings


def _describe_settings(settings: Settings, environ: Mapping[str, str]) -> Finding:
    count = sum(
        row.origin in {"environment", "file"} for row in settings.describe(environ)
    )
    # Whether a missing or unusual token is a problem depends on the upstream's response.
    warnings = [line for line in settings.warnings if not line.startswith(_TOKEN)]
    warnings += find_ineffective_variables(environ, settings.upstream_url)
    warnings += read_tracing_variables(environ).problems
    result = f"{count} set, the others by default"
    return Finding(
        subject="settings", passed=True, result=result, hint="\n".join(warnings)
    )


async def _check_upstream(
    settings: Settings, ask_upstream: AskUpstream, clock: Callable[[], float]
) -> list[Finding]:
    started = clock()
    failure: UpstreamError | None = None
    report: UpstreamReport | None = None
    try:
        report = await ask_upstream(settings)
    except UpstreamError as exc:
        failure = exc
    after_ms = round((clock() - started) * 1000)
    if report is None:
        upstream = _judge_failure(settings, failure, after_ms)
        return [upstream, _judge_token(settings, failure)]
    return [
        _judge_upstream(settings, report, after_ms),
        _judge_token(settings, None),
        *_judge_tables(report),
    ]


def _judge_upstream(
    settings: Settings, report: UpstreamReport, after_ms: int
) -> Finding:
    where = settings.upstream_url
    hints = []
    if not report.total:
        hints.append(f"an empty catalogue: is {_URL} the right one?")
    if report.most_models is not None and report.total > report.most_models:
        hints.append(
            f"it lists at most {report.most_models:,} of them; the others cannot be read"
        )
    expected = _find_key_release(settings)
    if expected and report.release and expected != report.release:
        hints.append(
            f"{_TOKEN} has the form of release {expected}; check that {_URL} is meant"
        )
    release = f" (release {report.release})" if report.release else ""
    return Finding(
        subject="upstream",
        passed=bool(report.total),
        result=f"{report.total:,} models at {where}{release}, in {after_ms} ms",
        hint="\n".join(hints),
    )


def _judge_failure(
    settings: Settings, failure: UpstreamError | None, after_ms: int
) -> Finding:
    where = settings.upstream_url
    if isinstance(failure, UpstreamAuthError):
        return Finding(
            subject="upstream", passed=True, result=f"reached {where}, in {after_ms} ms"
        )
    result = f"{where}: {failure}"
    if failure is not None and failure.detail:
        result += f" ({failure.detail})"
    return Finding(
        subject="upstream",
        passed=False,
        result=result,
        hint="" if failure is None else _hint_at(failure, settings),
    )


def _judge_tables(report: UpstreamReport) -> list[Finding]:
    """List the side tables that this key may read, with a hint for each one that fails."""
    if not report.tables:
        return []
    readable = [name for name, error in report.tables.items() if error is None]
    hints = [
        f"{name}: {error.detail or error}; its fields stay empty"
        for name, error in report.tables.items()
        if error is not None
    ]
    return [
        Finding(
            subject="tables",
            passed=True,
            result=f"models, {', '.join(readable)}" if readable else "models only",
            hint="\n".join(hints),
        )
    ]


def _find_key_release(settings: Settings) -> str | None:
    token = settings.upstream_token
    return None if token is None else find_key_release(token.reveal())


def _hint_at(failure: UpstreamError, settings: Settings) -> str:
    match failure:
        case UpstreamUnavailableError():
            return _hint_at_status(failure)
        case UpstreamTimeoutError():
            return f"check the network, or raise {PREFIX}UPSTREAM_TIMEOUT_S"
        case UpstreamRateLimitError():
            return "wait, or ask for a higher limit"
        case UpstreamResponseError() if settings.upstream_version != "auto":
            return (
                f"check {_URL}, and whether {PREFIX}UPSTREAM_VERSION should be auto; it is "
                f"{settings.upstream_version}"
            )
        case _:
            return _SOMETHING_ELSE


def _hint_at_status(failure: UpstreamUnavailableError) -> str:
    if failure.moved_to is not None:
        return f"that address has moved to {failure.moved_to}; set {_URL}"
    if failure.status is None:
        detail = failure.detail or ""
        return next(
            (hint for part, hint in _HINTS_BY_DETAIL.items() if part in detail),
            f"check {_URL}, and that this machine may call it (name, port, proxy)",
        )
    if 300 <= failure.status < 400:  # noqa: PLR2004
        return _SOMETHING_ELSE
    return _HINTS_BY_STATUS.get(
        failure.status, "the catalogue itself is failing; try again later"
    )


def _judge_token(settings: Settings, failure: UpstreamError | None) -> Finding:
    if settings.upstream_auth == "passthrough":
        return Finding(subject="token", passed=None, result="every caller brings one")
    is_set = settings.upstream_token is not None
    if failure is None:
        form = _name_key_form(settings)
        result = f"accepted{form}" if is_set else "none set, and none wanted"
        return Finding(subject="token", passed=True, result=result)
    if not isinstance(failure, UpstreamAuthError):
        return Finding(
            subject="token",
            passed=None,
            result=("" if is_set else "none set; ")
            + "not tried: the upstream gave no answer",
        )
    if not is_set:
        hint = f"set {_TOKEN} to a key of the catalogue; without one: serve --demo"
        return Finding(
            subject="token",
            passed=False,
            result="none set, but the upstream wants one",
            hint=hint,
        )
    result = f"refused ({failure.detail})" if failure.detail else "refused"
    odd = [line for line in settings.warnings if line.startswith(_TOKEN)]
    hint = "; ".join([*odd, "check that it is complete and not revoked"])
    return Finding(subject="token", passed=False, result=result, hint=hint)


def _name_key_form(settings: Settings) -> str:
    token = settings.upstream_token
    form = None if token is None else find_key_form(token.reveal())
    return "" if form is None else f" ({form}…)"


async def _check_cache(
    settings: Settings, ping_cache: PingCache, clock: Callable[[], float]
) -> Finding:
    where = str(settings.cache_url)
    if where == "memory://":
        mib = settings.cache_max_bytes / 1024**2
        hint = ""
        if settings.workers > 1:
            hint = (
                f"each of {settings.workers} workers keeps its own; "
                f"{PREFIX}CACHE_URL=redis://… shares one"
            )
        return Finding(
            subject="cache",
            passed=True,
            result=f"in memory, up to {mib:,.0f} MiB",
            hint=hint,
        )
    started = clock()
    try:
        await ping_cache(settings.cache_url.reveal())
    except OSError as exc:
        hint = (
            f"check {PREFIX}CACHE_URL; the gateway runs without it, but each process "
            "then keeps its own"
        )
        return Finding(
            subject="cache", passed=False, result=f"{where}: {exc}", hint=hint
        )
    after_ms = round((clock() - started) * 1000)
    return Finding(
        subject="cache", passed=True, result=f"{where} answers, in {after_ms} ms"
    )


class WrongServerError(OSError):
    """The server is a Redis Cluster or a Sentinel, which the gateway cannot use."""


_CHECK_SCRIPT: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
"""


async def ping_redis(url: str) -> None:
    """Test the commands that the gateway needs: write a key, read it, run a script.

    Raises:
        OSError: A command is refused, or takes over a second; says which.
        WrongServerError: The server is a node of a Redis Cluster, or a Sentinel.
    """
    # Imported here because it is slow, and only needed with a shared cache.
    from redis import RedisError, ResponseError  # noqa: PLC0415
    from redis.asyncio import Redis  # noqa: PLC0415
    from redis.exceptions import NoPermissionError  # noqa: PLC0415

    from catalograph.cache.redis import find_hint  # noqa: PLC0415

    client = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    key, value = f"{CACHE_PREFIX}:check", secrets.token_hex(8)
    doing = "cannot be reached"
    try:
        with contextlib.suppress(NoPermissionError):  # The gateway does not need it.
            await client.ping()
        with contextlib.suppress(ResponseError):  # INFO may be forbidden to this user.
            _check_mode((await client.info("server")).get("redis_mode", "standalone"))
        doing = "refuses to write"
        await client.set(key, value, ex=10)
        doing = "refuses to read"
        found = await client.get(key)
        doing = "refuses scripts"
        await client.eval(_CHECK_SCRIPT, 1, key, value)
    except WrongServerError:
        raise
    except (RedisError, OSError) as exc:
        hint = find_hint(exc, url)
        reason = hide_secrets(str(exc), url) + (f" ({hint})" if hint else "")
        raise OSError(f"{doing}: {reason}") from exc
    finally:
        await client.aclose()
    if found != value.encode():
        raise OSError("does not give back what was written")


def _check_mode(mode: str) -> None:
    if mode != "standalone":
        kind = "a Sentinel" if mode == "sentinel" else "a node of a Redis Cluster"
        raise WrongServerError(
            f"this is {kind}, which is not supported; name one Redis or Valkey, or the "
            "address that leads to the present primary"
        )
