"""The findings of `catalograph check`, with fake upstream and cache."""

import itertools
import socket
from collections.abc import Iterator

import pytest

from catalograph.commands.checks import Finding, ping_redis, run_checks
from catalograph.errors import (
    SettingsError,
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from catalograph.settings import Settings
from catalograph.upstream.report import UpstreamReport

GOOD = {
    "CATALOGRAPH_UPSTREAM_TOKEN": "aistats_v1_k_kid_secret",
    "CATALOGRAPH_UPSTREAM_URL": "http://u.example/v1",
}
IN_MEMORY = Finding(subject="cache", passed=True, result="in memory, up to 128 MiB")


class Neighbours:
    """The upstream and the shared cache; each answers, or raises what it was given."""

    def __init__(self, total: int = 613) -> None:
        self.report = UpstreamReport(
            total=total, version="2025-12 sectioned", release="2025-12"
        )
        self.upstream_error: UpstreamError | None = None
        self.cache_error: OSError | None = None
        self.pinged: list[str] = []

    async def ask_upstream(self, _settings: Settings) -> UpstreamReport:
        if self.upstream_error:
            raise self.upstream_error
        return self.report

    async def ping_cache(self, url: str) -> None:
        self.pinged.append(url)
        if self.cache_error:
            raise self.cache_error


def ticks() -> Iterator[float]:
    """A clock that advances by 25 ms at each call."""
    return (n * 0.025 for n in itertools.count())


async def find(
    environ: dict[str, str], neighbours: Neighbours | None = None
) -> dict[str, Finding]:
    neighbours = neighbours or Neighbours()
    findings = await run_checks(
        environ,
        ask_upstream=neighbours.ask_upstream,
        ping_cache=neighbours.ping_cache,
        clock=ticks().__next__,
    )
    return {finding.subject: finding for finding in findings}


async def test_all_is_well() -> None:
    assert list((await find(GOOD)).values()) == [
        Finding(
            subject="settings",
            passed=True,
            result="2 set, the others by default",
        ),
        Finding(
            subject="upstream",
            passed=True,
            result="613 models at http://u.example/v1 (release 2025-12), in 25 ms",
        ),
        Finding(subject="token", passed=True, result="accepted (aistats_v1_k_…)"),
        IN_MEMORY,
    ]


async def test_wrong_settings_end_the_checks() -> None:
    with pytest.raises(SettingsError) as caught:
        await find({"CATALOGRAPH_PORT": "x", "CATALOGRAPH_HSOT": "y"})

    assert caught.value.problems == [
        "CATALOGRAPH_HSOT is no setting of catalograph; did you mean CATALOGRAPH_HOST?",
        "CATALOGRAPH_PORT must be a whole number from 0 to 65,535, got 'x'",
    ]


async def test_a_missing_token_is_only_wrong_when_the_upstream_wants_one() -> None:
    neighbours = Neighbours()

    welcome = await find({}, neighbours)
    neighbours.upstream_error = UpstreamAuthError()
    refused = await find({}, neighbours)

    assert welcome["token"] == Finding(
        subject="token", passed=True, result="none set, and none wanted"
    )
    assert refused["upstream"].passed is True
    assert refused["token"] == Finding(
        subject="token",
        passed=False,
        result="none set, but the upstream wants one",
        hint="set CATALOGRAPH_UPSTREAM_TOKEN to a key of the catalogue; "
        "without one: serve --demo",
    )


async def test_a_refused_token_is_reported_with_the_upstreams_reason() -> None:
    neighbours = Neighbours()
    neighbours.upstream_error = UpstreamAuthError(detail="invalid_key_format")

    findings = await find({"CATALOGRAPH_UPSTREAM_TOKEN": "sk-123"}, neighbours)

    assert findings["token"] == Finding(
        subject="token",
        passed=False,
        result="refused (invalid_key_format)",
        hint="CATALOGRAPH_UPSTREAM_TOKEN does not look like a key of the catalogue "
        "(phaseo_v1_sk_…, aistats_v1_sk_… or aistats_v1_k_…); check that it is complete and not revoked",
    )


async def test_passed_through_tokens_are_not_checked() -> None:
    neighbours = Neighbours()
    neighbours.upstream_error = UpstreamAuthError()

    findings = await find({"CATALOGRAPH_UPSTREAM_AUTH": "passthrough"}, neighbours)

    assert findings["upstream"].passed is True
    assert findings["token"] == Finding(
        subject="token", passed=None, result="every caller brings one"
    )


@pytest.mark.parametrize(
    ("error", "result", "hint"),
    [
        (
            UpstreamUnavailableError(detail="name not known"),
            "the catalogue is not available just now (name not known)",
            (
                "check CATALOGRAPH_UPSTREAM_URL, and that this machine may call it "
                "(name, port, proxy)"
            ),
        ),
        (
            UpstreamUnavailableError(status=404),
            "the catalogue is not available just now",
            (
                "nothing there: CATALOGRAPH_UPSTREAM_URL is the base before /models, "
                "mostly …/v1"
            ),
        ),
        (
            UpstreamUnavailableError(status=500),
            "the catalogue is not available just now",
            "the catalogue itself is failing; try again later",
        ),
        (
            UpstreamTimeoutError(8),
            "the catalogue did not answer within 8 s",
            "check the network, or raise CATALOGRAPH_UPSTREAM_TIMEOUT_S",
        ),
        (
            UpstreamRateLimitError(5),
            "the catalogue limits our requests; try again in 5 s",
            "wait, or ask for a higher limit",
        ),
        (
            UpstreamResponseError(),
            "the catalogue answered with something that is not a page of models",
            "something else answers there; check CATALOGRAPH_UPSTREAM_URL",
        ),
        (
            UpstreamContractError(),
            "the catalogue did not apply the filter it was asked for",
            "something else answers there; check CATALOGRAPH_UPSTREAM_URL",
        ),
    ],
)
async def test_a_failing_upstream_has_its_own_hint(
    error: UpstreamError, result: str, hint: str
) -> None:
    neighbours = Neighbours()
    neighbours.upstream_error = error

    findings = await find(GOOD, neighbours)

    assert findings["upstream"] == Finding(
        subject="upstream",
        passed=False,
        result=f"http://u.example/v1: {result}",
        hint=hint,
    )
    assert findings["token"] == Finding(
        subject="token", passed=None, result="not tried: the upstream gave no answer"
    )


@pytest.mark.parametrize(
    ("detail", "hint"),
    [
        (
            (
                "ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                "self-signed certificate (_ssl.c:1006)"
            ),
            (
                "its certificate is not trusted here; SSL_CERT_FILE names the authorities to "
                "trust"
            ),
        ),
        (
            (
                "ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                "Hostname mismatch, certificate is not valid for 'u.example'. (_ssl.c:1006)"
            ),
            "its certificate is for another name; check CATALOGRAPH_UPSTREAM_URL",
        ),
        (
            (
                "ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                "certificate has expired (_ssl.c:1006)"
            ),
            "its certificate has expired",
        ),
        (
            "ConnectError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
            "no TLS there; should CATALOGRAPH_UPSTREAM_URL begin with http://?",
        ),
        (
            "ConnectError: All connection attempts failed",
            (
                "check CATALOGRAPH_UPSTREAM_URL, and that this machine may call it (name, port, "
                "proxy)"
            ),
        ),
    ],
)
async def test_each_failure_of_a_connection_has_its_own_hint(
    detail: str, hint: str
) -> None:
    neighbours = Neighbours()
    neighbours.upstream_error = UpstreamUnavailableError(detail=detail)

    assert (await find(GOOD, neighbours))["upstream"].hint == hint


async def test_an_empty_catalogue_is_suspicious() -> None:
    findings = await find(GOOD, Neighbours(total=0))

    assert findings["upstream"] == Finding(
        subject="upstream",
        passed=False,
        result="0 models at http://u.example/v1 (release 2025-12), in 25 ms",
        hint="an empty catalogue: is CATALOGRAPH_UPSTREAM_URL the right one?",
    )


async def test_an_invalid_variable_of_opentelemetry_is_a_hint() -> None:
    findings = await find(GOOD | {"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense"})

    assert findings["settings"].hint == (
        "OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// address, such as "
        "http://collector:4318; no traces are sent"
    )


async def test_warnings_about_settings_are_hints() -> None:
    odd = GOOD | {"CATALOGRAPH_UPSTREAM_URL": "http://u.example/v1/models"}

    assert (await find(odd))["settings"].hint.startswith(
        "CATALOGRAPH_UPSTREAM_URL ends in /models"
    )


async def test_workers_without_a_shared_cache_are_told_so() -> None:
    findings = await find(GOOD | {"CATALOGRAPH_WORKERS": "2"})

    assert findings["cache"].passed is True
    assert findings["cache"].hint == (
        "each of 2 workers keeps its own; CATALOGRAPH_CACHE_URL=redis://… shares one"
    )


async def test_a_shared_cache_is_asked_and_its_password_hidden() -> None:
    neighbours = Neighbours()
    url = "redis://:hunter2@cache.example:6379/0"

    findings = await find(GOOD | {"CATALOGRAPH_CACHE_URL": url}, neighbours)

    assert neighbours.pinged == [url]
    assert findings["cache"] == Finding(
        subject="cache",
        passed=True,
        result="redis://:••••••@cache.example:6379/0 answers, in 25 ms",
    )


async def test_a_shared_cache_that_is_down_fails() -> None:
    neighbours = Neighbours()
    neighbours.cache_error = ConnectionRefusedError("refused")

    findings = await find(
        GOOD | {"CATALOGRAPH_CACHE_URL": "redis://cache.example"}, neighbours
    )

    assert findings["cache"] == Finding(
        subject="cache",
        passed=False,
        result="redis://cache.example: refused",
        hint="check CATALOGRAPH_CACHE_URL; the gateway runs without it, but each "
        "process then keeps its own",
    )


async def test_a_redis_that_is_not_there_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(OSError, match="connecting"):
        await ping_redis(f"redis://127.0.0.1:{port}")


async def test_a_release_shows_its_tables_and_what_does_not_fit() -> None:
    neighbours = Neighbours()
    neighbours.report = UpstreamReport(
        total=6_000,
        version="2026-08",
        release="2026-08",
        tables={
            "providers": None,
            "endpoints": UpstreamUnavailableError(status=500, detail="HTTP 500"),
            "prices": UpstreamAuthError(),
        },
        most_models=5_250,
    )

    findings = await find(GOOD, neighbours)

    assert findings["upstream"] == Finding(
        subject="upstream",
        passed=True,
        result="6,000 models at http://u.example/v1 (release 2026-08), in 25 ms",
        hint="it lists at most 5,250 of them; the others cannot be read\n"
        "CATALOGRAPH_UPSTREAM_TOKEN has the form of release 2025-12; check that "
        "CATALOGRAPH_UPSTREAM_URL is meant",
    )
    assert findings["tables"] == Finding(
        subject="tables",
        passed=True,
        result="models, providers",
        hint="endpoints: HTTP 500; its fields stay empty\n"
        "prices: the catalogue refused the token; check that it is complete and not "
        "revoked; its fields stay empty",
    )


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        (
            UpstreamUnavailableError(status=308, moved_to="https://new.example/v1"),
            (
                "that address has moved to https://new.example/v1; set "
                "CATALOGRAPH_UPSTREAM_URL"
            ),
        ),
        (
            UpstreamUnavailableError(status=403),
            (
                "that refusal is not the catalogue's: something in between blocks this "
                "machine (a firewall, a bot protection, a proxy)"
            ),
        ),
        (
            UpstreamUnavailableError(status=407),
            "the proxy wants a user; put one into the variable that names the proxy",
        ),
        (
            UpstreamUnavailableError(status=301),
            "something else answers there; check CATALOGRAPH_UPSTREAM_URL",
        ),
        (
            UpstreamUnavailableError(status=405),
            "something else answers there; check CATALOGRAPH_UPSTREAM_URL",
        ),
    ],
)
async def test_what_stands_in_between_is_named(
    failure: UpstreamError, hint: str
) -> None:
    neighbours = Neighbours()
    neighbours.upstream_error = failure

    assert (await find(GOOD, neighbours))["upstream"].hint == hint


async def test_an_answer_of_another_release_than_the_pinned_one() -> None:
    neighbours = Neighbours()
    neighbours.upstream_error = UpstreamResponseError(detail="models: none")

    findings = await find(
        GOOD | {"CATALOGRAPH_UPSTREAM_VERSION": "2025-12"}, neighbours
    )

    assert findings["upstream"].hint == (
        "check CATALOGRAPH_UPSTREAM_URL, and whether CATALOGRAPH_UPSTREAM_VERSION should "
        "be auto; it is 2025-12"
    )
