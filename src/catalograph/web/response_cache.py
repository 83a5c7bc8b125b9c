"""The response cache: rendered responses, by question and by request.

One cache has two kinds of keys. The first is the question (document, variables, operation
name, partition), which needs a parsed request. The second is the bytes of a request that was
answered before; see `cache_hits`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import xxhash

from catalograph.concurrency.bounded_lru import AdmitOnSecondRequest, BoundedLru
from catalograph.graphql.run.request import Answer
from catalograph.observability.access_log import write_tail
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.negotiation import Coding, Media, compress, holds_etag
from catalograph.web.replies import SECURITY_HEADERS, RawHeaders, write_head

VARY: Final = b"Accept, Accept-Encoding, Authorization"

_MIN_COMPRESSED_BYTES: Final = 1024
_MAX_COMPRESSED_AT_ONCE_BYTES: Final = 512 * 1024
"""Bytes; larger bodies are compressed in a thread. One of this size takes about 5 ms."""

_WARNED_CACHE_S: Final = 1.0
_OVERHEAD_BYTES: Final = 1024
_REQUEST_OVERHEAD_BYTES: Final = 2048
_LARGEST_SHARE: Final = 8

_TAG_SUFFIX: Final = {
    (media, coding): f"{'j' if media is Media.JSON else 'g'}{coding.value[:1]}".encode()
    for media in Media
    for coding in Coding
}


class Question(NamedTuple):
    """The inputs of a response, apart from the state of the catalogue."""

    text: str
    variables: bytes
    name: str | None
    partition: str
    cost_wanted: bool


RequestKey: TypeAlias = tuple[bytes, tuple[bytes | None, ...]]
"""Body of a request, and the headers on which its response depends."""


class RenderedResponse:
    """The response to one operation, ready for every media type and coding.

    Attributes:
        answer: The answer that it was rendered from.
        body: Uncompressed.
        fresh_until_s: Time up to which clients and proxies may cache it.
        until_s: Time up to which this process may cache it.
        name: Operation name; empty when it has none.
        question: Its key in the cache; None if it is not cached.
    """

    __slots__ = (
        "_bodies",
        "_compressing",
        "_heads",
        "_is_success",
        "_scope",
        "_tag",
        "answer",
        "body",
        "fresh_until_s",
        "name",
        "question",
        "until_s",
    )

    def __init__(self, answer: Answer, *, is_private: bool, now_s: float) -> None:
        self.answer = answer
        self.body = answer.body
        self.name = answer.name or ""
        # A response with warnings is not fresh, but may be cached for a second.
        cache_s = answer.fresh_for_s or min(answer.cache_for_s, _WARNED_CACHE_S)
        self.until_s = now_s + cache_s
        self.fresh_until_s = now_s + answer.fresh_for_s
        self.question: Question | None = None
        self._is_success = answer.ran and not answer.codes
        self._scope = b"private" if is_private else b"public"
        self._tag = b""
        self._bodies = {Coding.IDENTITY: answer.body}
        self._compressing: dict[Coding, asyncio.Future[bytes]] = {}
        self._heads: dict[tuple[Media, Coding], tuple[int, RawHeaders]] = {}

    async def encode(self, coding: Coding) -> tuple[Coding, bytes]:
        """Compress the body, once for each coding, unless it is small or does not get smaller.

        Suspends only while a large body is compressed.

        Returns:
            The coding that was applied, and the bytes.
        """
        if coding is Coding.IDENTITY or len(self.body) < _MIN_COMPRESSED_BYTES:
            return Coding.IDENTITY, self.body
        found = self._bodies.get(coding)
        if found is None:
            if len(self.body) <= _MAX_COMPRESSED_AT_ONCE_BYTES:
                found = compress(self.body, coding)
            else:
                found = await self._compress_aside(coding)
            self._bodies[coding] = found
        if len(found) >= len(self.body):
            return Coding.IDENTITY, self.body
        return coding, found

    async def _compress_aside(self, coding: Coding) -> bytes:
        under_way = self._compressing.get(coding)
        if under_way is None:
            work = asyncio.to_thread(compress, self.body, coding)
            under_way = self._compressing[coding] = asyncio.ensure_future(work)
        return await asyncio.shield(under_way)

    def build_etag(self, media: Media, coding: Coding) -> bytes:
        """Build a strong validator: it differs between representations (RFC 9110)."""
        if not self._tag:
            # A forged collision of tags would gain nothing, so a fast hash is enough: SHA-256
            # took a tenth of the time of a cache miss.
            self._tag = xxhash.xxh3_128_hexdigest(self.body).encode()
        return b'"%b-%b"' % (self._tag, _TAG_SUFFIX[media, coding])

    def build_headers(
        self, media: Media, coding: Coding, size: int, now_s: float
    ) -> RawHeaders:
        """Build all headers that do not depend on the request; do not change the list.

        `max-age` is the remaining freshness, so `Age` is always 0: caches subtract it.

        Args:
            media: As negotiated.
            coding: As applied by `encode`.
            size: Bytes of the body in that coding.
            now_s: Clock reading.
        """
        left_s = int(self.fresh_until_s - now_s)
        found = self._heads.get((media, coding))
        if found is not None and found[0] == left_s:
            return found[1]
        headers = [
            (b"content-type", media.value),
            (b"content-length", b"%d" % size),
            (b"vary", VARY),
        ]
        if coding is not Coding.IDENTITY:
            headers.append((b"content-encoding", coding.value.encode()))
        if self.fresh_until_s > now_s:
            control = b"%b, max-age=%d" % (self._scope, left_s)
            headers += [(b"cache-control", control), (b"age", b"0")]
        else:
            headers.append((b"cache-control", b"no-store"))
        if self._is_success:
            headers.append((b"etag", self.build_etag(media, coding)))
        self._heads[media, coding] = (left_s, headers)
        return headers

    def matches(self, if_none_match: bytes, media: Media, coding: Coding) -> bool:
        """Whether the client already holds this representation (weak comparison)."""
        if not self._is_success:
            return False
        return holds_etag(if_none_match, self.build_etag(media, coding))

    def measure_bytes(self) -> int:
        """Estimate the memory of the bodies and the question, with a constant overhead."""
        bodies = sum(len(body) for body in set(self._bodies.values()))
        question = self.question
        key = 0 if question is None else len(question.text) + len(question.variables)
        return bodies + key + _OVERHEAD_BYTES


class CachedRequest:
    """One request, by its bytes, with its response in one media type and coding.

    Attributes:
        key: The bytes.
        response: The cached response.
        body: In the coding.
        key_id: Public name of the API key in the request; empty without keys.
        log_tail: The constant part of its line in the access log.
    """

    __slots__ = (
        "_coding",
        "_head",
        "_left_s",
        "_media",
        "body",
        "key",
        "key_id",
        "log_tail",
        "response",
    )

    def __init__(
        self,
        key: RequestKey,
        response: RenderedResponse,
        media: Media,
        coding: Coding,
        body: bytes,
        *,
        noted: Mapping[str, object],
        key_id: str = "",
    ) -> None:
        self.key = key
        self.response = response
        self.body = body
        self.key_id = key_id
        self.log_tail = write_tail(
            {
                "method": "POST",
                "path": "/graphql",
                "status": 200,
                "operation": response.name,
                "cost": response.answer.cost,
                "cache": "hit",
                "upstream_requests": 0,
                "bytes": len(body),
                **noted,
            }
        )
        self._media = media
        self._coding = coding
        self._left_s = -1
        self._head = b""

    def write_head(self, now_s: float) -> bytes:
        """Write the header lines; cached until `max-age` changes."""
        response = self.response
        left_s = int(response.fresh_until_s - now_s)
        if left_s != self._left_s:
            self._left_s = left_s
            headers = response.build_headers(
                self._media, self._coding, len(self.body), now_s
            )
            self._head = write_head([*headers, *SECURITY_HEADERS])
        return self._head

    def measure_bytes(self) -> int:
        """Estimate the memory of the key; the body is counted with the response."""
        body, headers = self.key
        size = len(body) + sum(len(value) for value in headers if value is not None)
        return size + _REQUEST_OVERHEAD_BYTES


class ResponseCache:
    """An LRU of responses, bounded in bytes.

    Once it is full, a response is admitted on the second request of its question.

    Args:
        max_bytes: Bound on the memory of bodies and keys, with a constant overhead for each.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, *, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._lru: BoundedLru[
            Question | RequestKey, RenderedResponse | CachedRequest
        ] = BoundedLru(
            max_weight=max_bytes,
            weigh=lambda _, value: value.measure_bytes(),
            share=_LARGEST_SHARE,
            admission=AdmitOnSecondRequest(),
        )

    def __len__(self) -> int:
        return len(self._lru)

    @property
    def bytes(self) -> int:
        """Estimated memory of all entries."""
        return self._lru.weight

    def find(self, question: Question) -> RenderedResponse | None:
        """Find the response to a question; None on a miss."""
        found = self._lru.get(question)
        if not isinstance(found, RenderedResponse):
            return None
        if found.until_s <= self._clock():
            self._lru.pop(question)
            REQUESTS.cached_bytes = self._lru.weight
            return None
        return found

    def find_request(self, key: RequestKey, now_s: float) -> CachedRequest | None:
        """Find the hit for a request by its bytes; None on a miss."""
        found = self._lru.get(key)
        if not isinstance(found, CachedRequest):
            return None
        response = found.response
        question = response.question
        # The response may have been evicted; if not, it becomes the most recently used.
        if (
            response.until_s <= now_s
            or question is None
            or self._lru.get(question) is not response
        ):
            self._lru.pop(key)
            return None
        return found

    def put(self, question: Question, response: RenderedResponse) -> None:
        """Store a response, unless it must not be cached or is too large."""
        if response.until_s > self._clock():
            response.question = question
            if not self._lru.put(question, response):
                response.question = None
            REQUESTS.cached_bytes = self._lru.weight

    def put_request(self, request: CachedRequest) -> None:
        """Add the bytes of a request as a key of a stored response."""
        question = request.response.question
        if question is not None and self._lru.put(request.key, request):
            # Update its weight: it has grown if it was compressed for this request.
            self._lru.put(question, request.response)
            REQUESTS.cached_bytes = self._lru.weight
