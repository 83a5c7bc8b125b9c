"""Access control: API keys, callers' tokens, trusted proxies, and the rate limit."""

import functools
import hashlib
import hmac
import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph.errors import RateLimitedError, UnauthenticatedError
from catalograph.graphql.run.request import Caller
from catalograph.observability import metrics
from catalograph.observability.request_context import RequestContext, request_context_of
from catalograph.web.rate_limit import COST_OF_A_TOKEN, RateGuard, Verdict
from catalograph.web.replies import Refusal, send_refusal
from catalograph.web.request import Parameters, headers_of

_HASHED: Final = re.compile(r"[0-9a-fA-F]{64}")
_SHOWN_DIGITS: Final = 8


class KeyRing:
    """The valid API keys, stored as hashes.

    Args:
        keys: Plain, or as the 64 hexadecimal digits of their SHA-256.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        digests = [
            bytes.fromhex(key)
            if _HASHED.fullmatch(key)
            else hashlib.sha256(key.encode()).digest()
            for key in keys
        ]
        self._known = [(digest, digest.hex()[:_SHOWN_DIGITS]) for digest in digests]

    def __bool__(self) -> bool:
        return bool(self._known)

    def find(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Find the public name of the key that was sent; None if it is not a valid key.

        Takes the same time for every key, valid or not.
        """
        digest = hashlib.sha256(headers.get(b"x-api-key", b"")).digest()
        found = None
        for known, name in self._known:
            if hmac.compare_digest(known, digest):
                found = name
        return found


_ANONYMOUS: Final = "nobody"
"""Partition of callers without a token of their own."""
_TOKEN: Final = re.compile(rb"[!-~]{1,4096}")


class Callers:
    """Identifies callers by their token, and reads the headers that ask for trace or cost.

    Args:
        partition_key: Secret of up to 64 bytes; None: all operations run with the
            gateway's own token. Otherwise each caller's bearer token is passed on, and its
            data are cached in a partition named by the keyed hash of the token.
        trace_enabled: Whether `X-Catalograph-Trace: 1` is obeyed.
    """

    def __init__(self, partition_key: bytes | None, *, trace_enabled: bool) -> None:
        self._partition_key = partition_key
        self._trace_enabled = trace_enabled

    @property
    def bring_tokens(self) -> bool:
        """Whether responses depend on `Authorization`."""
        return self._partition_key is not None

    def identify(
        self,
        headers: Mapping[bytes, bytes],
        parameters: Parameters,
        context: RequestContext,
    ) -> Caller:
        """Identify the caller; without a token, it may still run operations that need none.

        Raises:
            Refusal: The bearer token is malformed.
        """
        token = self._read_token(headers.get(b"authorization"))
        return Caller(
            request_id=context.request_id,
            token=None if token is None else token.decode("ascii"),
            partition=self._find_partition(token),
            trace_wanted=self._trace_enabled
            and headers.get(b"x-catalograph-trace") == b"1",
            cost_wanted=headers.get(b"x-catalograph-cost") == b"1"
            or parameters.extensions.get("cost") is True,
            record_cost=context.record_cost,
        )

    def _read_token(self, authorization: bytes | None) -> bytes | None:
        if self._partition_key is None or not authorization:
            return None
        scheme, _, token = authorization.strip().partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer":
            return None
        if not _TOKEN.fullmatch(token):
            error = UnauthenticatedError(
                "Authorization must be `Bearer` and one token of plain characters"
            )
            raise Refusal(401, error, {"WWW-Authenticate": "Bearer"})
        return token

    def _find_partition(self, token: bytes | None) -> str:
        if self._partition_key is None:
            return ""
        if token is None:
            # Not the empty partition, which is that of the gateway's own token: other gateways
            # with such a token may share the cache.
            return _ANONYMOUS
        # A keyed hash: the name of a partition does not allow testing tokens against it.
        digest = hashlib.blake2b(token, key=self._partition_key, digest_size=16)
        return digest.hexdigest()


_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_HOPS: Final = 32
_WITH_PORT: Final = re.compile(
    r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}"
)


class Proxies:
    """The proxies whose forwarded headers are trusted.

    Args:
        networks: Addresses or networks, such as `10.0.0.0/8`.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(text) for text in networks]
        # Cached: parsing an address takes a large part of the time of a cache hit.
        self.trusts = functools.lru_cache(maxsize=4_096)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def find_address(self, peer: str, forwarded_for: bytes) -> str:
        """Find the address of the client: the last one that is not a trusted proxy.

        Args:
            peer: The other end of the connection.
            forwarded_for: `X-Forwarded-For`; only believed when `peer` is one of the proxies.
        """
        if not self._networks or not self.trusts(peer):
            return peer
        hops = forwarded_for.decode("latin-1").split(",")
        # From the right: each proxy appends the address of its caller. Entries left of our
        # first proxy were sent by the client and may be forged.
        for hop in reversed(hops[-_MOST_HOPS:]):
            if not hop.strip():
                continue  # an empty element, which some proxies add
            address = parse_hop(hop)
            if address is None:
                return peer
            peer = str(address)
            if not self.trusts(peer):
                return peer
        return peer

    def find_scheme(self, peer: str, headers: Mapping[bytes, bytes]) -> str | None:
        """Find the scheme that the client used; None when no trusted proxy says."""
        if not self._networks or not self.trusts(peer):
            return None
        # The first is that of the client; proxies behind it may add theirs.
        first = headers.get(b"x-forwarded-proto", b"").partition(b",")[0]
        scheme = first.strip().lower()
        return scheme.decode("ascii") if scheme in {b"http", b"https"} else None

    def _trusts(self, peer: str) -> bool:
        """Whether an address is one of the proxies."""
        address = _parse(peer)
        return address is not None and any(
            address in network for network in self._networks
        )


def parse_hop(text: str) -> _Address | None:
    """Parse one element of `X-Forwarded-For`, as proxies write it.

    Args:
        text: An address, which may stand in brackets or quotes and have a port behind it:
            `192.0.2.1:4711`, `[2001:db8::1]:4711`.

    Returns:
        None for anything else, such as `unknown`; also for link-local addresses with a
        zone, which is any text, and means nothing here.
    """
    text = text.strip().strip('"')
    match = _WITH_PORT.fullmatch(text)
    address = _parse(match[1] or match[2] if match else text)
    return None if getattr(address, "scope_id", None) is not None else address


@functools.lru_cache(maxsize=4_096)
def plain_address(text: str) -> str:
    """Convert an IPv4-mapped IPv6 address to IPv4; others are normalised.

    Through a socket of both families an IPv4 peer looks like `::ffff:192.0.2.1`.
    """
    address = _parse(text)
    return text if address is None else str(address)


def _parse(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


class AccessControlMiddleware:
    """Requires an API key, where keys are set, and applies the rate limit.

    The rate limit comes first, so that guessing keys is limited, too. One middleware does
    both, because each one costs every request time.

    Args:
        app: The next ASGI application.
        keys: The keys that callers may have.
        guard: The rate limit; None: there is no limit.
        clock: The guard's.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyRing,
        guard: RateGuard | None,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._keys = keys or None
        self._guard = guard
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one token first, the rest when the cost is known; OPTIONS is free."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        context = request_context_of(scope)
        key_id: str | None = ""
        if self._keys is not None:
            key_id = self._keys.find(headers_of(scope))
        if self._guard is not None:
            caller = context.address, key_id or ""
            verdict = None
            lines = self._guard.take_at_once(*caller, self._clock())
            if lines is None:
                verdict, lines = await self._guard.take(*caller)
            context.head = lines
            if verdict is not None and not verdict.is_allowed:
                metrics.REFUSED.labels("rate_limit").inc()
                await send_refusal(scope, send, _say_when(verdict))
                return
        if key_id is None:
            metrics.REFUSED.labels("api_key").inc()
            error = UnauthenticatedError("X-API-Key must hold a key that is known here")
            refusal = Refusal(401, error, {"WWW-Authenticate": "ApiKey"})
            await send_refusal(scope, send, refusal)
            return
        context.key_id = key_id
        await self._app(scope, receive, send)
        # A cache hit costs one token.
        if (
            self._guard is not None
            and context.cost > COST_OF_A_TOKEN
            and context.cache not in {"hit", "joined"}
        ):
            await self._guard.charge(context.address, key_id, context.cost)


def _say_when(verdict: Verdict) -> Refusal:
    retry_s = math.ceil(verdict.retry_after_s)
    error = RateLimitedError(float(retry_s))
    return Refusal(429, error, {"Retry-After": str(retry_s)})
