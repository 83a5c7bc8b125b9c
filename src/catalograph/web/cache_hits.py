"""How a cache hit is answered: by the bytes of a request that was answered before.

The server's protocol asks before it makes a task. Such a request has passed every check
that does not change with time; only the rate limit is still applied.

A head that the HTTP parser has accepted is not parsed again. Clients send the same head with
every request, except for a few headers (`_PER_REQUEST_NAMES`), such as `X-Request-Id`. Their
lines are cut out before the head is looked up. All other bytes must be equal.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from catalograph.concurrency.bounded_lru import AdmitOnSecondRequest, BoundedLru
from catalograph.observability.access_log import AccessLog
from catalograph.observability.request_context import choose_request_id
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.access_control import Proxies
from catalograph.web.cors import Cors
from catalograph.web.rate_limit import RateGuard
from catalograph.web.request import map_headers
from catalograph.web.response_cache import RequestKey, ResponseCache

Reply: TypeAlias = tuple[bytes, bytes]
"""Header lines and body of a 200."""

# The headers that can change a response. Requests that differ in others are equal.
_VARYING: Final = (
    b"accept",
    b"accept-encoding",
    b"content-type",
    b"x-api-key",
    b"x-catalograph-cost",
)
_NEVER_CACHED: Final = frozenset(
    (b"content-encoding", b"expect", b"if-none-match", b"x-catalograph-trace")
)

# Headers that differ between the requests of one client, or that proxies add. The cached
# response does not depend on them. Length, address and request id are read in each request.
_PER_REQUEST_NAMES: Final = (
    "baggage",
    "cf-connecting-ip",
    "cf-ray",
    "content-length",
    "forwarded",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "true-client-ip",
    "x-amzn-trace-id",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-forwarded-for",
    "x-real-ip",
    "x-request-id",
)
_PER_REQUEST_LINE: Final = re.compile(
    # The value is printable ASCII, and no folded line follows: with or without such a line,
    # the parser reads the rest of the head in the same way.
    rf"\r\n({'|'.join(_PER_REQUEST_NAMES)}): ?([!-~]++(?: ++[!-~]++)*+)(?=\r\n[^ \t])".encode(),
    re.IGNORECASE,
)
"""A line of such a header. It is cut out only if the parser would take its value as it is; any
other difference between heads only costs time, as the head is parsed."""

_PER_REQUEST: Final = frozenset(name.encode() for name in _PER_REQUEST_NAMES)

_BLANK_LINE: Final = b"\r\n\r\n"
_MAX_HEADS_BYTES: Final = 1024 * 1024
_HEAD_OVERHEAD_BYTES: Final = 2048


_HeadKey: TypeAlias = tuple[bytes, ...]
"""A head without the lines that were cut out, then the names in those, in order."""


class _Head(NamedTuple):
    """What the parser has read in a head, apart from the lines that were cut out.

    Attributes:
        varying: The part of the request key that comes from it.
        origin: Value of `Origin`; None without it.
        length: Place of `Content-Length` among the values that were cut out.
        forwarded: Place of `X-Forwarded-For` among them; None without it.
        request_id: Place of `X-Request-Id` among them; None without it.
    """

    varying: tuple[bytes | None, ...]
    origin: bytes | None
    length: int
    forwarded: int | None
    request_id: int | None


def build_request_key(
    headers: Mapping[bytes, bytes], body: bytes, *, brings_token: bool
) -> RequestKey | None:
    """Build the key by which an equal POST request finds the same response.

    Args:
        headers: By lower-case name, as from `map_headers`.
        body: Whole.
        brings_token: Whether responses depend on `Authorization`.

    Returns:
        None if an equal request might get another response.
    """
    if not _NEVER_CACHED.isdisjoint(headers):
        return None
    get = headers.get
    token = get(b"authorization") if brings_token else None
    return body, (token, *map(get, _VARYING))


class CacheHits:
    """Answers requests from the cache, before a task is made of them.

    Args:
        cache: The responses.
        log: Gets a line for each request, as from the middleware.
        guard: Counts requests; None when there is no limit.
        proxies: Proxies whose forwarded headers are trusted.
        brings_token: Whether responses depend on `Authorization`.
        cors: Writes the headers for pages of other origins.
        clock: The same as that of `cache`.
    """

    def __init__(
        self,
        cache: ResponseCache,
        *,
        log: AccessLog,
        guard: RateGuard | None,
        proxies: Proxies,
        brings_token: bool,
        cors: Cors,
        clock: Callable[[], float],
    ) -> None:
        self._cors = cors if cors.is_on else None
        self._cache = cache
        self._log = log
        self._guard = guard
        self._proxies = proxies or None
        self._brings_token = brings_token
        self._clock = clock
        self._heads: BoundedLru[_HeadKey, _Head] = BoundedLru(
            max_weight=_MAX_HEADS_BYTES,
            weigh=lambda key, _: 2 * len(key[0]) + _HEAD_OVERHEAD_BYTES,
            admission=AdmitOnSecondRequest(),
        )

    def answer_bytes(self, data: bytes, peer: str) -> Reply | None:
        """Answer a request by its bytes, if the parser has accepted its head before.

        Args:
            data: Everything that a connection received after the end of a request.
            peer: Address of the other end of the connection.

        Returns:
            None if the data must be parsed: they are not one whole request with a known head, or
            it is a miss.
        """
        started_s = time.perf_counter()
        end = data.find(_BLANK_LINE) + len(_BLANK_LINE)
        # What is left, a name, a value, what is left, and so on.
        parts = _PER_REQUEST_LINE.split(data[:end])
        head = self._heads.get((b"".join(parts[::3]), *parts[1::3]))
        if head is None:
            return None
        varying, origin, length, forwarded, request_id = head
        body, values = data[end:], parts[2::3]
        if values[length] != b"%d" % len(body):
            return None
        return self._answer(
            (body, varying),
            origin=origin,
            forwarded=b"" if forwarded is None else values[forwarded],
            request_id=None if request_id is None else values[request_id],
            peer=peer,
            started_s=started_s,
        )

    def answer(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, peer: str
    ) -> Reply | None:
        """Answer a POST to `/graphql` that the parser has accepted.

        Args:
            headers: Names in lower case.
            body: Whole.
            peer: Address of the other end of the connection.

        Returns:
            None on a miss.
        """
        started_s = time.perf_counter()
        fields = map_headers(headers)
        key = build_request_key(fields, body, brings_token=self._brings_token)
        if key is None:
            return None
        return self._answer(
            key,
            origin=fields.get(b"origin"),
            forwarded=fields.get(b"x-forwarded-for", b""),
            request_id=fields.get(b"x-request-id"),
            peer=peer,
            started_s=started_s,
        )

    def learn(self, data: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Remember the head of a hit, so that `answer_bytes` knows it.

        Args:
            data: The bytes of the request, and of any that follow.
            headers: As the parser read them.
        """
        # The parser skips line ends before a request. Behind one, a header that is cut out could
        # stand before the request line, where the parser would refuse it.
        if not data.startswith(b"POST "):
            return
        end = data.find(_BLANK_LINE) + len(_BLANK_LINE)
        parts = _PER_REQUEST_LINE.split(data[:end])
        names = [name.lower() for name in parts[1::3]]
        # A line that the pattern did not find would be part of the key, and its value that of all
        # requests with that key. Of repeated lines it is not clear which one counts.
        if names != [name for name, _ in headers if name in _PER_REQUEST] or (
            len(set(names)) < len(names)
        ):
            return
        place_of = {name: place for place, name in enumerate(names)}
        length = place_of.get(b"content-length")
        fields = map_headers(headers)
        key = build_request_key(fields, b"", brings_token=self._brings_token)
        if length is None or key is None:
            return
        if parts[2::3][length] != b"%d" % (len(data) - end):
            return
        self._heads.put(
            (b"".join(parts[::3]), *parts[1::3]),
            _Head(
                varying=key[1],
                origin=fields.get(b"origin"),
                length=length,
                forwarded=place_of.get(b"x-forwarded-for"),
                request_id=place_of.get(b"x-request-id"),
            ),
        )

    def _answer(
        self,
        key: RequestKey,
        *,
        origin: bytes | None,
        forwarded: bytes,
        request_id: bytes | None,
        peer: str,
        started_s: float,
    ) -> Reply | None:
        now_s = self._clock()
        found = self._cache.find_request(key, now_s)
        if found is None:
            return None
        address = peer
        if self._proxies is not None and self._proxies.trusts(peer):
            address = self._proxies.find_address(peer, forwarded)
        limits = b""
        if self._guard is not None:
            lines = self._guard.take_at_once(address, found.key_id, now_s)
            if lines is None:
                return None
            limits = lines
        if self._cors is not None:
            limits += self._cors.write_lines(origin)
        chosen_id = choose_request_id(request_id)
        head = b"%bx-request-id: %b\r\n%b" % (
            found.write_head(now_s),
            chosen_id.encode("ascii"),
            limits,
        )
        took_s = time.perf_counter() - started_s
        REQUESTS.count_hit(found.response.name, took_s, len(found.body))
        if self._log.is_on:
            self._log.add_prepared(chosen_id, address, took_s, found.log_tail)
        return head, found.body
