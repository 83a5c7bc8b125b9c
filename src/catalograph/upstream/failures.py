"""Maps failures of an upstream request to our errors, and says whether to retry."""

import email.utils
import re

import httpx
import msgspec

from catalograph.errors import (
    UpstreamAuthError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from catalograph.redaction import redact, redact_address

_RETRIED_STATUSES = frozenset({502, 503, 504})
_SHOWN_BYTES = 300
_LONGEST_LOCATION = 2_000
MAX_RETRY_AFTER_S = 3_600.0
"""Upper bound on `Retry-After`; a longer wait is lowered to this."""

_SECONDS = re.compile(r"\d{1,30}(\.\d{1,9})?", re.ASCII)


class AttemptError(Exception):
    """One attempt failed. Internal: the client raises `error` in its place.

    Attributes:
        error: The error that the caller gets.
        again: Whether a retry may succeed.
        is_fault: Whether it counts as a failure for the circuit breaker; a refused token
            does not.
        wait_s: Seconds to wait, from `Retry-After`; None without that header.
        was_sent: Whether a request was sent at all.
    """

    def __init__(
        self,
        error: UpstreamError,
        *,
        again: bool = False,
        is_fault: bool = True,
        wait_s: float | None = None,
        was_sent: bool = True,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.is_fault = is_fault
        self.wait_s = wait_s
        self.was_sent = was_sent


class _ErrorWire(msgspec.Struct):
    """The only field of an error body that is read; the others differ between versions."""

    reason: object = None


def from_transport(exc: Exception, *, after_s: float) -> AttemptError:
    """Map what the HTTP client raised.

    Args:
        exc: Any exception of httpx, or of the operating system.
        after_s: Seconds since the first attempt began.
    """
    detail = redact(f"{type(exc).__name__}: {exc}")
    if isinstance(exc, TimeoutError | httpx.TimeoutException):
        return AttemptError(UpstreamTimeoutError(after_s, detail=detail), again=True)
    if isinstance(exc, httpx.DecodingError):
        return AttemptError(UpstreamResponseError(detail=detail), again=True)
    # Other errors (unusable addresses or headers) would fail again in the same way.
    again = isinstance(
        exc, httpx.NetworkError | httpx.RemoteProtocolError | httpx.ProxyError | OSError
    )
    return AttemptError(UpstreamUnavailableError(detail=detail), again=again)


def from_status(
    status: int,
    headers: httpx.Headers,
    body: bytes,
    *,
    now_s: float,
    url: str = "",
    location: str = "",
) -> AttemptError:
    """Map any status that is no success.

    Only the status counts, as versions disagree about which field of an error body holds the
    code and which the message. The exception is the `reason` of a 401.

    Args:
        status: HTTP status of the response.
        headers: Its headers.
        body: The beginning of its body.
        now_s: Unix time in seconds, for a `Retry-After` that is a date.
        url: The requested address, to resolve a relative redirect.
        location: The target of a redirect; may be no valid address.
    """
    detail = _describe(status, headers, body, location)
    wait_s = parse_retry_after(headers.get("retry-after"), now_s=now_s)
    if status in {401, 403}:
        unavailable = UpstreamUnavailableError(status=status, detail=detail)
        if _is_of_another(status, headers, body):
            return AttemptError(unavailable, is_fault=False)
        if status == 401 and _is_server_fault(body):  # noqa: PLR2004
            return AttemptError(unavailable)
        return AttemptError(UpstreamAuthError(detail=detail), is_fault=False)
    if status == 429:  # noqa: PLR2004
        return AttemptError(
            UpstreamRateLimitError(wait_s, detail=detail), again=True, wait_s=wait_s
        )
    if 200 <= status < 300:  # noqa: PLR2004
        return AttemptError(UpstreamResponseError(detail=detail))
    return AttemptError(
        UpstreamUnavailableError(
            status=status, moved_to=_find_target(status, location, url), detail=detail
        ),
        again=status in _RETRIED_STATUSES,
        is_fault=status >= 500,  # noqa: PLR2004
        wait_s=wait_s,
    )


def _is_server_fault(body: bytes) -> bool:
    """Whether a 401 means that the upstream's own key look-up failed or is not set up."""
    try:
        reason = msgspec.json.decode(body, type=_ErrorWire).reason
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(reason, str) and (
        reason == "db_error" or reason.startswith("server_misconfig")
    )


def _is_of_another(status: int, headers: httpx.Headers, body: bytes) -> bool:
    """Whether a firewall or bot protection refused, which says nothing about our token.

    The catalogue itself refuses in JSON.
    """
    media_type = headers.get("content-type", "").strip().lower()
    if media_type.startswith("text/"):
        return True
    begins = body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    return status == 403 and begins != b"{" and "json" not in media_type  # noqa: PLR2004


def _find_target(status: int, location: str, url: str) -> str | None:
    """Find the base address that a redirect points to, without secrets; None if none."""
    if not 300 <= status < 400 or not location:  # noqa: PLR2004
        return None
    try:
        target = httpx.URL(url).join(location[:_LONGEST_LOCATION])
        path = target.path.rstrip("/").removesuffix("/models")
        if target.scheme not in ("http", "https") or not target.host:
            return None
        base = target.copy_with(
            path=path or "/", query=None, fragment=None, userinfo=b""
        )
        return redact(str(base)).rstrip("/")
    except (httpx.InvalidURL, ValueError):
        return None


def _describe(status: int, headers: httpx.Headers, body: bytes, location: str) -> str:
    # Redacted before it is cut: the rest of a secret would not be recognised.
    shown = redact(body.decode(errors="replace"))[:_SHOWN_BYTES]
    target = f" to {redact_address(location)[:_SHOWN_BYTES]!r}" if location else ""
    media_type = redact(headers.get("content-type", "no type"))[:80]
    return f"HTTP {status}{target}, {media_type}: {shown!r}"


def parse_retry_after(value: str | None, *, now_s: float) -> float | None:
    """Read `Retry-After`: seconds, or a date. None when absent or invalid; an hour at most."""
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return min(MAX_RETRY_AFTER_S, float(value))
    try:
        when = email.utils.parsedate_to_datetime(value)
        return min(MAX_RETRY_AFTER_S, max(0.0, when.timestamp() - now_s))
    except (ValueError, OverflowError, OSError):
        return None
