"""Failures of an attempt, mapped to our errors, with their consequences for retries."""

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

_RETRIED_STATUSES = frozenset({502, 503, 504})
_SHOWN_BYTES = 300
_LONGEST_LOCATION = 2_000
MAX_RETRY_AFTER_S = 3_600.0
"""Longest wait that is passed on; what an upstream asks beyond that is no wait but nonsense."""

_KEY = re.compile(
    r"(?:bearer\s+|(?:aistats|phaseo)_v\d)[^\s\"'<>,;]*", re.ASCII | re.IGNORECASE
)
_SECONDS = re.compile(r"\d{1,30}(\.\d{1,9})?", re.ASCII)


class AttemptError(Exception):
    """One attempt failed. Internal: the client raises `error` in its place.

    Attributes:
        error: What the caller is to see.
        again: Whether the same attempt may go well a moment later.
        is_fault: Whether the upstream is at fault; an answer such as "wrong token" is none.
        wait_s: Seconds the upstream asks us to wait; None when it does not say.
        was_sent: Whether there was a request at all.
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
    """The one part of an error body that is looked at; all else changes with each version."""

    reason: object = None


def from_transport(exc: Exception, *, after_s: float) -> AttemptError:
    """Map what the HTTP client raised.

    Args:
        exc: Any exception of httpx, or of the system below it.
        after_s: Seconds since the first attempt began.
    """
    detail = f"{type(exc).__name__}: {exc}"
    if isinstance(exc, TimeoutError | httpx.TimeoutException):
        return AttemptError(UpstreamTimeoutError(after_s, detail=detail), again=True)
    if isinstance(exc, httpx.DecodingError):
        return AttemptError(UpstreamResponseError(detail=detail), again=True)
    # Not among these: addresses and headers that can never be sent.
    again = isinstance(
        exc, httpx.NetworkError | httpx.RemoteProtocolError | httpx.ProxyError | OSError
    )
    return AttemptError(UpstreamUnavailableError(detail=detail), again=again)


def from_status(
    status: int, headers: httpx.Headers, body: bytes, *, now_s: float, url: str = ""
) -> AttemptError:
    """Map any status but 200.

    By the status, not by the body: in the meaning of the body's fields, prose and code have
    changed places between versions. The reason of a 401 alone is looked at.

    Args:
        status: Of the answer.
        headers: Of the answer.
        body: Its beginning.
        now_s: Unix time in seconds, for a `Retry-After` that is a date.
        url: What was asked, for a redirect that is relative.
    """
    detail = _describe(status, headers, body)
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
            status=status, moved_to=_find_target(status, headers, url), detail=detail
        ),
        again=status in _RETRIED_STATUSES,
        is_fault=status >= 500,  # noqa: PLR2004
        wait_s=wait_s,
    )


def _is_server_fault(body: bytes) -> bool:
    """A failing key look-up, or a key store that is not set up, is answered as 401, too."""
    try:
        reason = msgspec.json.decode(body, type=_ErrorWire).reason
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(reason, str) and (
        reason == "db_error" or reason.startswith("server_misconfig")
    )


def _is_of_another(status: int, headers: httpx.Headers, body: bytes) -> bool:
    """Whether a refusal is that of a firewall or a bot protection, which says nothing of ours.

    The catalogue refuses in JSON, and never by 403 before that has scopes.
    """
    media_type = headers.get("content-type", "").strip().lower()
    if media_type.startswith("text/"):
        return True
    begins = body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    return status == 403 and begins != b"{" and "json" not in media_type  # noqa: PLR2004


def _find_target(status: int, headers: httpx.Headers, url: str) -> str | None:
    """The base address to which a redirect sends us, without query and user."""
    location = headers.get("location")
    if not 300 <= status < 400 or not location:  # noqa: PLR2004
        return None
    try:
        target = httpx.URL(url).join(location[:_LONGEST_LOCATION])
        path = target.path.rstrip("/").removesuffix("/models")
        return str(target.copy_with(path=path or "/", query=None, userinfo=b"")).rstrip(
            "/"
        )
    except (httpx.InvalidURL, ValueError):
        return None


def redact(text: str) -> str:
    """Take out what looks like a key, be it cut off."""
    return _KEY.sub("[token]", text)


def _describe(status: int, headers: httpx.Headers, body: bytes) -> str:
    shown = redact(body[:_SHOWN_BYTES].decode(errors="replace"))
    location = headers.get("location")
    target = "" if location is None else f" to {redact(location[:_SHOWN_BYTES])!r}"
    return f"HTTP {status}{target}, {headers.get('content-type', 'no type')[:80]}: {shown!r}"


def parse_retry_after(value: str | None, *, now_s: float) -> float | None:
    """Read `Retry-After`: seconds, or a date. None when absent or neither; an hour at most."""
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
