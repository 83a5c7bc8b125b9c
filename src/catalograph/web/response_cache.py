"""Answers as bytes: how one is sent with its caching headers, and those that are kept."""

import collections
import time
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Final

import xxhash

from catalograph.concurrency.bounded_lru import AdmitOnSecondRequest
from catalograph.graphql.run.request import Answer
from catalograph.observability.access_log import write_tail
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.compression import compress
from catalograph.web.negotiation import Coding, Media
from catalograph.web.replies import SECURITY_HEADERS, RawHeaders, write_head

VARY: Final = b"Accept, Accept-Encoding, Authorization"

_MIN_COMPRESSED_BYTES: Final = 1024
_WARNED_KEEP_S: Final = 1.0
_OVERHEAD_BYTES: Final = 1024
_MOST_ALIASES: Final = 16
_LARGEST_SHARE: Final = 8

_TAG_SUFFIX: Final = {
    (media, coding): f"{'j' if media is Media.JSON else 'g'}{coding.value[:1]}".encode()
    for media in Media
    for coding in Coding
}


class RenderedResponse:
    """The answer to one operation, ready for every media type and coding.

    Attributes:
        body: Uncompressed.
        fresh_until_s: Clock reading up to which others may keep it.
        until_s: Clock reading up to which it may be served again.
        name: Operation name; empty when it has none.
        cost: As the engine estimated it.
        key: Under which a store keeps it; None when none does.
        aliases: Further keys under which the store finds it, with their bytes.
        own_bytes: Memory that all keys take together.
        charged_bytes: Memory that it takes with all that hangs on it, as last measured.
    """

    __slots__ = (
        "_bodies",
        "_heads",
        "_is_success",
        "_scope",
        "_tag",
        "aliases",
        "body",
        "charged_bytes",
        "cost",
        "fresh_until_s",
        "key",
        "name",
        "own_bytes",
        "until_s",
    )

    def __init__(self, answer: Answer, *, is_private: bool, now_s: float) -> None:
        self.body = answer.body
        self.name = answer.name or ""
        self.cost = answer.cost
        # Without a figure from the engine there may still be a second: warnings.
        keep_s = answer.fresh_for_s or min(answer.keep_for_s, _WARNED_KEEP_S)
        self.until_s = now_s + keep_s
        self.key: Hashable = None
        self.aliases: collections.deque[tuple[Hashable, int]] = collections.deque()
        self.own_bytes = 0
        self.charged_bytes = 0
        self._is_success = answer.ran and not answer.codes
        self.fresh_until_s = now_s + answer.fresh_for_s
        self._scope = b"private" if is_private else b"public"
        self._tag = b""
        self._bodies = {Coding.IDENTITY: answer.body}
        self._heads: dict[tuple[Media, Coding], tuple[int, RawHeaders]] = {}

    def encode(self, coding: Coding) -> tuple[Coding, bytes]:
        """Compress once for each coding; small bodies, and those that gain nothing, stay."""
        if coding is Coding.IDENTITY or len(self.body) < _MIN_COMPRESSED_BYTES:
            return Coding.IDENTITY, self.body
        found = self._bodies.get(coding)
        if found is None:
            found = compress(self.body, coding)
            self._bodies[coding] = found
        if len(found) >= len(self.body):
            return Coding.IDENTITY, self.body
        return coding, found

    def etag(self, media: Media, coding: Coding) -> bytes:
        """A strong validator: it differs between representations, as RFC 9110 wants."""
        if not self._tag:
            # Nobody gains by two answers with one tag, so that no cryptography is needed;
            # SHA-256 took a tenth of the time of an answer that is not kept.
            self._tag = xxhash.xxh3_128_hexdigest(self.body).encode()
        return b'"%b-%b"' % (self._tag, _TAG_SUFFIX[media, coding])

    def headers(self, media: Media, coding: Coding, now_s: float) -> RawHeaders:
        """Everything that does not depend on the request; do not change the list.

        `max-age` is what remains of the freshness and `Age` therefore 0: a cache adds
        both up.
        """
        left_s = int(self.fresh_until_s - now_s)
        found = self._heads.get((media, coding))
        if found is not None and found[0] == left_s:
            return found[1]
        coding, body = self.encode(coding)
        headers = [
            (b"content-type", media.value),
            (b"content-length", b"%d" % len(body)),
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
            headers.append((b"etag", self.etag(media, coding)))
        self._heads[media, coding] = (left_s, headers)
        return headers

    def matches(self, if_none_match: bytes, media: Media, coding: Coding) -> bool:
        """Whether the client already holds this representation (weak comparison)."""
        if not self._is_success:
            return False
        tag = self.etag(media, self.encode(coding)[0])
        held = {part.strip().removeprefix(b"W/") for part in if_none_match.split(b",")}
        return tag in held or b"*" in held

    def measure_bytes(self) -> int:
        """Memory that the bodies take, with a flat overhead."""
        bodies = sum(len(body) for body in set(self._bodies.values()))
        return bodies + _OVERHEAD_BYTES


class Shortcut:
    """How one raw request is answered: a reply in one media type and coding.

    Args:
        reply: What is sent.
        media: As negotiated.
        coding: As negotiated.
        noted: More for the access log, the same for all equal requests.
        key_id: Whose API key such a request holds; empty without keys.

    Attributes:
        reply: What is sent.
        body: Its bytes in the coding.
        log_tail: The constant part of the line in the access log.
    """

    __slots__ = (
        "_coding",
        "_head",
        "_headers",
        "_left_s",
        "_media",
        "body",
        "key_id",
        "log_tail",
        "reply",
    )

    def __init__(
        self,
        reply: RenderedResponse,
        media: Media,
        coding: Coding,
        noted: Mapping[str, object] = MappingProxyType({}),
        key_id: str = "",
    ) -> None:
        self.key_id = key_id
        self.reply = reply
        self.body = reply.encode(coding)[1]
        self.log_tail = write_tail(
            {
                "method": "POST",
                "path": "/graphql",
                "status": 200,
                "operation": reply.name,
                "cost": reply.cost,
                "cache": "hit",
                "upstream_requests": 0,
                "bytes": len(self.body),
                **noted,
            }
        )
        self._media = media
        self._coding = coding
        self._left_s = -1
        self._headers: RawHeaders = []
        self._head = b""

    def headers(self, now_s: float) -> RawHeaders:
        """The headers; do not change the list."""
        self._refresh(now_s)
        return self._headers

    def head(self, now_s: float) -> bytes:
        """The headers as lines."""
        self._refresh(now_s)
        return self._head

    def _refresh(self, now_s: float) -> None:
        """Make both anew when `max-age` changes."""
        left_s = int(self.reply.fresh_until_s - now_s)
        if left_s == self._left_s:
            return
        self._left_s = left_s
        self._headers = [
            *self.reply.headers(self._media, self._coding, now_s),
            *SECURITY_HEADERS,
        ]
        self._head = write_head(self._headers)


class ResponseCache:
    """Answers that may be served again, bounded in bytes, least recently used out first.

    Once there is no room, a new answer is let in when its question comes a second time.

    An answer is found by what was asked (`key`), and by the raw requests that asked it
    (`aliases`), so that a repeated request costs one look-up.

    Args:
        max_bytes: Bound over bodies, keys and a flat overhead for each answer.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, *, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._clock = clock
        self._replies: collections.OrderedDict[Hashable, RenderedResponse] = (
            collections.OrderedDict()
        )
        self._by_alias: dict[Hashable, Shortcut] = {}
        self._once_seen = AdmitOnSecondRequest()

    def __len__(self) -> int:
        return len(self._replies)

    def find(self, key: Hashable) -> RenderedResponse | None:
        """The answer to a question; None when there is none that may be served."""
        reply = self._replies.get(key)
        if reply is None:
            return None
        if reply.until_s <= self._clock():
            self._drop(reply)
            return None
        self._replies.move_to_end(key)
        return reply

    def find_alias(self, alias: Hashable, now_s: float) -> Shortcut | None:
        """The answer to a raw request; None when it must be looked at."""
        found = self._by_alias.get(alias)
        if found is None:
            return None
        reply = found.reply
        if reply.until_s <= now_s:
            self._drop(reply)
            return None
        self._replies.move_to_end(reply.key)
        return found

    def keep(self, key: Hashable, key_bytes: int, reply: RenderedResponse) -> None:
        """Keep an answer as long as it may be served, if it may at all."""
        now_s = self._clock()
        if reply.until_s <= now_s:
            return
        if (len(reply.body) + key_bytes) * _LARGEST_SHARE > self._max_bytes:
            return
        old = self._replies.get(key)
        if old is not None:
            self._drop(old)
        elif not (self._has_room(reply, now_s) or self._once_seen.admits(key)):
            return
        reply.key = key
        reply.own_bytes = key_bytes
        self._replies[key] = reply
        self._charge(reply)

    def add_alias(self, alias: Hashable, alias_bytes: int, shortcut: Shortcut) -> None:
        """Let a raw request find a kept answer; of very many such requests the oldest go."""
        reply = shortcut.reply
        if reply.key is None or alias in self._by_alias:
            return
        if len(reply.aliases) >= _MOST_ALIASES:
            oldest, oldest_bytes = reply.aliases.popleft()
            del self._by_alias[oldest]
            reply.own_bytes -= oldest_bytes
        reply.aliases.append((alias, alias_bytes))
        self._by_alias[alias] = shortcut
        reply.own_bytes += alias_bytes
        self._charge(reply)

    def clear(self) -> None:
        """Forget everything."""
        self._replies.clear()
        self._by_alias.clear()
        self.bytes = 0

    def _has_room(self, reply: RenderedResponse, now_s: float) -> bool:
        """Whether nothing that can still be served would have to go."""
        most = self._max_bytes - len(reply.body) - _OVERHEAD_BYTES
        while self.bytes > most:
            oldest = next(iter(self._replies.values()))
            if oldest.until_s > now_s:
                return False
            self._drop(oldest)
        return True

    def _charge(self, reply: RenderedResponse) -> None:
        """Bring the books up to date; a reply grows when it is compressed."""
        weight_bytes = reply.own_bytes + reply.measure_bytes()
        self.bytes += weight_bytes - reply.charged_bytes
        reply.charged_bytes = weight_bytes
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._replies.values())))
        REQUESTS.kept_bytes = self.bytes

    def _drop(self, reply: RenderedResponse) -> None:
        del self._replies[reply.key]
        for alias, _ in reply.aliases:
            del self._by_alias[alias]
        self.bytes -= reply.charged_bytes
        reply.key = None
        reply.charged_bytes = reply.own_bytes = 0
        reply.aliases.clear()
        REQUESTS.kept_bytes = self.bytes
