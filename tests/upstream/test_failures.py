"""Every failure becomes one of our errors, and clients see none of its text."""

import inspect
import json
from pathlib import Path

import httpx
import pytest

from catalograph.errors import (
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from upstream.fake_time import OURS, FakeUpstream

RECORDED = Path(__file__).parents[3] / "shared" / "upstream" / "recorded"

CODES = {
    "error-401-bad-format": "UPSTREAM_UNAUTHENTICATED",
    "error-401-db-error": "UPSTREAM_UNAVAILABLE",
    "error-401-no-header": "UPSTREAM_UNAUTHENTICATED",
    "error-401-revoked": "UPSTREAM_UNAUTHENTICATED",
    "error-401-wrong-secret": "UPSTREAM_UNAUTHENTICATED",
    "error-404": "UPSTREAM_UNAVAILABLE",
    "error-500-fetch-failed": "UPSTREAM_UNAVAILABLE",
    "error-500-metadata": "UPSTREAM_UNAVAILABLE",
    "error-500-text": "UPSTREAM_UNAVAILABLE",
    "error-500-timeout": "UPSTREAM_UNAVAILABLE",
    "error-501-providers": "UPSTREAM_UNAVAILABLE",
}


async def fail(*answers: httpx.Response | Exception) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await FakeUpstream(*answers).fetch()
    return caught.value


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings lie beside")
@pytest.mark.parametrize("name", CODES)
async def test_a_recorded_failure_has_its_code_and_keeps_its_words(name: str) -> None:
    recorded = json.loads((RECORDED / f"{name}.json").read_bytes())

    error = await fail(
        httpx.Response(
            recorded["status"],
            headers=recorded["headers"],
            content=recorded["body_text"].encode(),
        )
    )

    assert error.code == CODES[name]
    assert error.detail is not None
    assert error.detail.startswith(f"HTTP {recorded['status']}")
    for word in ("unauthorised", "failed", "Failed", "statement", "Error", "404"):
        assert word not in str(error)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings lie beside")
def test_every_recorded_failure_is_tested() -> None:
    assert {path.stem for path in RECORDED.glob("error-*.json")} == set(CODES)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(401), "UPSTREAM_UNAUTHENTICATED"),
        (httpx.Response(401, json={"reason": {"a": 1}}), "UPSTREAM_UNAUTHENTICATED"),
        (httpx.Response(401, json=["db_error"]), "UPSTREAM_UNAUTHENTICATED"),
        (httpx.Response(401, content=b"\xff{"), "UPSTREAM_UNAUTHENTICATED"),
        (httpx.Response(401, content=b"[" * 9999), "UPSTREAM_UNAUTHENTICATED"),
        (httpx.Response(401, json={"reason": "db_error"}), "UPSTREAM_UNAVAILABLE"),
        (
            httpx.Response(401, json={"reason": "server_misconfig_missing_pepper"}),
            "UPSTREAM_UNAVAILABLE",
        ),
        (httpx.Response(403, json={"reason": "db_error"}), "UPSTREAM_UNAUTHENTICATED"),
        (httpx.Response(403, html="<h1>Just a moment</h1>"), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(403, content=b"error code: 1020"), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(401, html="<h1>Sign in</h1>"), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(400, json={"error": {"type": "x"}}), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(418), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(429), "UPSTREAM_RATE_LIMITED"),
        (httpx.Response(500, json={"error": "failed"}), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(502, html="<h1>Bad gateway</h1>"), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(503), "UPSTREAM_UNAVAILABLE"),
        (httpx.Response(599), "UPSTREAM_UNAVAILABLE"),
    ],
)
async def test_the_status_decides_not_the_body(
    answer: httpx.Response, code: str
) -> None:
    error = await fail(answer)

    assert error.code == code
    if isinstance(error, UpstreamUnavailableError):
        assert error.status == answer.status_code


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_named_in_the_log(status: int) -> None:
    upstream = FakeUpstream(
        httpx.Response(status, headers={"location": "https://evil.test/v1/models"})
    )

    with pytest.raises(UpstreamUnavailableError) as caught:
        await upstream.fetch()

    assert [request.url.host for request in upstream.requests] == ["upstream.test"]
    assert caught.value.detail == (
        f"HTTP {status} to 'https://evil.test/v1/models', no type: ''"
    )


async def test_neither_user_nor_query_of_a_redirect_is_shown() -> None:
    location = "https://user:s3cret@new.test/v2/models?api_key=s3cret#s3cret"

    error = await fail(httpx.Response(301, headers={"location": location}))

    assert isinstance(error, UpstreamUnavailableError)
    assert error.moved_to == "https://new.test/v2"
    assert error.detail == (
        "HTTP 301 to 'https://[user]@new.test/v2/models?…', no type: ''"
    )


async def test_a_short_token_is_hidden_without_cutting_words() -> None:
    upstream = FakeUpstream(
        httpx.Response(500, headers={"content-type": "text/plain"}, text="ex: no ex"),
        token="ex",  # noqa: S106 - no real one
    )

    with pytest.raises(UpstreamError) as caught:
        await upstream.fetch()

    assert caught.value.detail == "HTTP 500, text/plain: '[token]: no [token]'"


async def test_the_detail_is_short_and_never_holds_the_token() -> None:
    error = await fail(httpx.Response(500, text=f"no {OURS}! " + "x" * 5000))

    assert error.detail is not None
    assert OURS not in error.detail
    assert "no [token]! xxx" in error.detail
    assert len(error.detail) < 400


TIMEOUT, UNAVAILABLE, INVALID = (
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    UpstreamResponseError,
)
MAPPED: dict[type[Exception], type[UpstreamError]] = {
    httpx.HTTPError: UNAVAILABLE,
    httpx.RequestError: UNAVAILABLE,
    httpx.TransportError: UNAVAILABLE,
    httpx.TimeoutException: TIMEOUT,
    httpx.ConnectTimeout: TIMEOUT,
    httpx.ReadTimeout: TIMEOUT,
    httpx.WriteTimeout: TIMEOUT,
    httpx.PoolTimeout: TIMEOUT,
    httpx.NetworkError: UNAVAILABLE,
    httpx.ConnectError: UNAVAILABLE,
    httpx.ReadError: UNAVAILABLE,
    httpx.WriteError: UNAVAILABLE,
    httpx.CloseError: UNAVAILABLE,
    httpx.ProtocolError: UNAVAILABLE,
    httpx.LocalProtocolError: UNAVAILABLE,
    httpx.RemoteProtocolError: UNAVAILABLE,
    httpx.ProxyError: UNAVAILABLE,
    httpx.UnsupportedProtocol: UNAVAILABLE,
    httpx.DecodingError: INVALID,
    httpx.TooManyRedirects: UNAVAILABLE,
    httpx.HTTPStatusError: UNAVAILABLE,
    httpx.InvalidURL: UNAVAILABLE,
    httpx.CookieConflict: UNAVAILABLE,
    httpx.StreamError: UNAVAILABLE,
    httpx.StreamConsumed: UNAVAILABLE,
    httpx.StreamClosed: UNAVAILABLE,
    httpx.ResponseNotRead: UNAVAILABLE,
    httpx.RequestNotRead: UNAVAILABLE,
    OSError: UNAVAILABLE,
    TimeoutError: TIMEOUT,
}


def build_exception(kind: type[Exception]) -> Exception:
    if issubclass(kind, httpx.HTTPStatusError):
        request = httpx.Request("GET", "https://upstream.test")
        return kind("boom", request=request, response=httpx.Response(500))
    try:
        return kind("boom")
    except TypeError:  # two of them know what they have to say
        return kind()


@pytest.mark.parametrize("kind", MAPPED, ids=lambda kind: kind.__name__)
async def test_an_exception_from_below_becomes_ours_and_stays_as_its_cause(
    kind: type[Exception],
) -> None:
    error = await fail(build_exception(kind))

    assert type(error) is MAPPED[kind]
    assert type(error.__cause__) is kind
    assert "boom" not in str(error)


def test_every_exception_of_httpx_is_mapped() -> None:
    public = {
        value
        for value in vars(httpx).values()
        if inspect.isclass(value) and issubclass(value, Exception)
    }

    assert public <= set(MAPPED)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0.5 ", 0.5),
        ("Mon, 22 Dec 2025 00:02:00 GMT", 120.0),
        ("Sun, 21 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("inf", None),
        ("9" * 400, None),
        ("Mon, 22 Dec 99999 00:02:00 GMT", None),
    ],
)
async def test_a_429_has_retry_after(
    retry_after: str | None, seconds: float | None
) -> None:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    answers = [httpx.Response(429, headers=headers)]

    error = await fail(*answers)

    assert isinstance(error, UpstreamRateLimitError)
    assert error.retry_after_s == seconds


@pytest.mark.parametrize(
    ("location", "moved_to"),
    [
        ("https://new.test/v2/models?limit=50&offset=0", "https://new.test/v2"),
        ("/v2/models", "https://upstream.test/v2"),
        ("https://user:secret@new.test/v1/models/", "https://new.test/v1"),
        ("https://login.test/?to=x", "https://login.test"),
        ("http://x:port/v1", None),
    ],
)
async def test_a_redirect_tells_the_base_it_leads_to(
    location: str, moved_to: str | None
) -> None:
    error = await fail(httpx.Response(301, headers={"location": location}))

    assert isinstance(error, UpstreamUnavailableError)
    assert error.moved_to == moved_to


@pytest.mark.parametrize(
    "header", ["999999999", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT"]
)
async def test_retry_after_is_an_hour_at_most(header: str) -> None:
    error = await fail(httpx.Response(429, headers={"retry-after": header}))

    assert str(error) == "the catalogue limits our requests; try again in 3600 s"
    assert error.extensions == {"code": "UPSTREAM_RATE_LIMITED", "retryAfter": 3600.0}
