"""What `catalograph check` looks at: settings, upstream, token, cache; each with a hint."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from catalograph.catalogue.query import ModelsPage
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from catalograph.settings import PREFIX, Settings
from catalograph.upstream.environment import find_ineffective_variables

AskUpstream: TypeAlias = Callable[[Settings], Awaitable[ModelsPage]]
"""Fetches one page of models, or raises an UpstreamError."""

PingCache: TypeAlias = Callable[[str], Awaitable[None]]
"""Says a word to the shared cache at an address, or raises OSError."""

_TOKEN = f"{PREFIX}UPSTREAM_TOKEN"
_URL = f"{PREFIX}UPSTREAM_URL"
_NOT_FOUND = 404


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    Attributes:
        subject: What was looked at.
        passed: None when it could not be tried, or does not apply.
        result: What was found.
        hint: What to do about it; empty when there is nothing to do.
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
    """Look at everything that has to be right before the gateway is of use.

    Args:
        environ: The environment to read the settings from.
        ask_upstream: One request with the settings' own address and token.
        ping_cache: As said; not called when answers are kept in memory.
        clock: Seconds that never run backwards.

    Returns:
        Settings, upstream, token, cache.

    Raises:
        SettingsError: They are wrong; there is nothing to check with then.
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
    # A token that is missing or odd is judged by what the upstream says to it.
    warnings = [line for line in settings.warnings if not line.startswith(_TOKEN)]
    warnings += find_ineffective_variables(environ, settings.upstream_url)
    result = f"{count} set, the others by default"
    return Finding(
        subject="settings", passed=True, result=result, hint="\n".join(warnings)
    )


async def _check_upstream(
    settings: Settings, ask_upstream: AskUpstream, clock: Callable[[], float]
) -> list[Finding]:
    started = clock()
    failure: UpstreamError | None = None
    total = 0
    try:
        total = (await ask_upstream(settings)).total
    except UpstreamError as exc:
        failure = exc
    after_ms = round((clock() - started) * 1000)
    return [
        _judge_upstream(settings, failure, total, after_ms),
        _judge_token(settings, failure),
    ]


def _judge_upstream(
    settings: Settings, failure: UpstreamError | None, total: int, after_ms: int
) -> Finding:
    where = settings.upstream_url
    if failure is None:
        hint = "" if total else f"an empty catalogue: is {_URL} the right one?"
        result = f"{total:,} models at {where}, in {after_ms} ms"
        return Finding(subject="upstream", passed=bool(total), result=result, hint=hint)
    if isinstance(failure, UpstreamAuthError):
        return Finding(
            subject="upstream", passed=True, result=f"reached {where}, in {after_ms} ms"
        )
    result = f"{where}: {failure}"
    if failure.detail:
        result += f" ({failure.detail})"
    return Finding(
        subject="upstream", passed=False, result=result, hint=_hint_at(failure)
    )


def _hint_at(failure: UpstreamError) -> str:
    match failure:
        case UpstreamUnavailableError(status=None):
            return (
                f"check {_URL}, and that this machine may call it (name, port, proxy)"
            )
        case UpstreamUnavailableError(status=status) if status == _NOT_FOUND:
            return f"nothing there: {_URL} is the base before /models, mostly …/v1"
        case UpstreamUnavailableError():
            return "the catalogue itself is failing; try again later"
        case UpstreamTimeoutError():
            return f"check the network, or raise {PREFIX}UPSTREAM_TIMEOUT_S"
        case UpstreamRateLimitError():
            return "wait, or ask for a higher limit"
        case _:
            return f"something else answers there; check {_URL}"


def _judge_token(settings: Settings, failure: UpstreamError | None) -> Finding:
    if settings.upstream_auth == "passthrough":
        return Finding(subject="token", passed=None, result="every caller brings one")
    is_set = settings.upstream_token is not None
    if failure is None:
        result = "accepted" if is_set else "none set, and none wanted"
        return Finding(subject="token", passed=True, result=result)
    if not isinstance(failure, UpstreamAuthError):
        return Finding(
            subject="token",
            passed=None,
            result="not tried: the upstream gave no answer",
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


async def ping_redis(url: str) -> None:
    """Say PING to a Redis or Valkey.

    Raises:
        OSError: No PONG within a second, or the password is not right.
    """
    from redis import RedisError  # noqa: PLC0415 - slow to import, and seldom needed
    from redis.asyncio import Redis  # noqa: PLC0415

    client = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    try:
        await client.ping()
    except RedisError as exc:
        raise OSError(str(exc)) from exc
    finally:
        await client.aclose()
