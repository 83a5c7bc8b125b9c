"""Cross-origin resource sharing (CORS): which pages may call the gateway.

Credentials are never allowed, as no cookies are read. So an allowed page has no more rights
than any other client, and may send any header.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Mapping, Sequence
from typing import Final

from catalograph.errors import ForbiddenError
from catalograph.observability import metrics
from catalograph.observability.logs import get_logger
from catalograph.origins import Origins
from catalograph.web.replies import RawHeaders, Refusal

_METHOD_NAMES: Final = ("GET", "HEAD", "POST")
_METHODS: Final = tuple(name.encode() for name in _METHOD_NAMES)
_MAX_AGE: Final = b"600"  # seconds; Firefox takes more, Chrome up to 7,200
_EXPOSED: Final = (
    b"access-control-expose-headers: Age, ETag, RateLimit-Limit, RateLimit-Policy, "
    b"RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id\r\n"
)
_VARY: Final = b"vary: Origin\r\n"
_SETTING: Final = "CATALOGRAPH_CORS_ORIGINS"
_MOST_LOGGED: Final = 100
_LONGEST_LOGGED: Final = 200


class Cors:
    """Writes the headers for pages of other origins, and logs refused origins.

    Args:
        origins: From `parse_origins`; empty: pages of no other origin may call.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = Origins(origins)
        self._is_on = bool(self._origins)
        self._logged: set[bytes] = set()

    @property
    def is_on(self) -> bool:
        """Whether pages of any other origin may call."""
        return self._is_on

    def write_lines(self, origin: bytes | None) -> bytes:
        """Write the header lines of every response, errors included."""
        if not self._is_on:
            return b""
        if self._origins.allow_any:
            return b"access-control-allow-origin: *\r\n" + _EXPOSED
        if origin is None or not self._origins.allow(origin.decode("latin-1")):
            return _VARY
        return b"%baccess-control-allow-origin: %b\r\n%b" % (_VARY, origin, _EXPOSED)

    def answer_preflight(self, headers: Mapping[bytes, bytes]) -> RawHeaders:
        """Answer a preflight request.

        Returns:
            Headers in addition to those of `write_lines`.

        Raises:
            Refusal: Pages of this origin may not call, or not in this way.
        """
        origin = headers[b"origin"].decode("latin-1")
        if not self._origins.allow(origin):
            raise _refuse("pages of this origin may not call")
        if headers[b"access-control-request-method"] not in _METHODS:
            raise _refuse(f"pages may only call with {', '.join(_METHOD_NAMES)}")
        if b"access-control-request-private-network" in headers:
            raise _refuse("pages of public networks may not call a private one")
        answer = [
            (b"access-control-allow-methods", b", ".join(_METHODS)),
            (b"access-control-max-age", _MAX_AGE),
            (b"vary", b"Access-Control-Request-Headers"),
        ]
        wanted = headers.get(b"access-control-request-headers")
        if wanted:
            # Any header: libraries for tracing, error reports and client awareness add their own.
            answer.append((b"access-control-allow-headers", wanted))
        return answer

    def log_refused(self, method: str, headers: Mapping[bytes, bytes]) -> None:
        """Log a refused origin once, with the setting that would allow it.

        Otherwise only the developer of the page would see the refusal, in the browser.
        """
        origin = headers.get(b"origin")
        if (
            origin is None
            or origin in self._logged
            # A POST follows a preflight, or is of the same origin.
            or method == "POST"
            or headers.get(b"sec-fetch-site") == b"same-origin"
            or origin.partition(b"://")[2] == headers.get(b"host")
            or self._origins.allow(origin.decode("latin-1"))
            or len(self._logged) >= _MOST_LOGGED
        ):
            return
        self._logged.add(origin)
        get_logger().warning(
            "pages of another origin may not call",
            origin=origin.decode("latin-1")[:_LONGEST_LOGGED],
            setting=_SETTING,
        )


def _refuse(why: str) -> Refusal:
    metrics.REFUSED.labels("origin").inc()
    return Refusal(400, ForbiddenError(why))


def is_preflight(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is a preflight."""
    return (
        method == "OPTIONS"
        and b"origin" in headers
        and b"access-control-request-method" in headers
    )
