"""Options of the web layer: plain values, chosen by the composition root."""

from collections.abc import Mapping
from typing import Literal

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """A rate limit for one caller.

    Attributes:
        count: Requests of ordinary cost in one period.
        period_s: Length of the period in seconds.
    """

    count: int
    period_s: float


class WebOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of HTTP that differ between deployments.

    Attributes:
        graphiql_enabled: Whether browsers get the explorer at `/graphql`.
        cors_origins: Origins whose pages may call; `*` stands for all.
        api_keys: Keys one of which `X-API-Key` must carry, plain or as 64 hexadecimal
            digits of their SHA-256; empty: open to all.
        rate_limit: For each API key, or each address; None: no limit.
        max_body_bytes: Maximum size of a request body.
        response_cache: Whether whole responses are cached as bytes.
        response_cache_max_bytes: Memory for cached responses.
        passthrough: Whether callers bring the upstream's token themselves.
        partition_key: Secret key of up to 64 bytes of the hash of callers' tokens; the same for
            all replicas that share a cache.
        trusted_documents: Texts by id; None: no manifest.
        trusted_documents_mode: Whether operations outside the manifest are refused or only logged.
        trusted_proxies: Addresses or networks whose forwarded headers are trusted.
        max_in_flight: Maximum number of requests in flight.
        request_timeout_s: Time-out of a whole request.
        trace_enabled: Whether a client may ask for `extensions.trace`.
    """

    graphiql_enabled: bool = True
    cors_origins: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    rate_limit: Rate | None = None
    max_body_bytes: int = 256 * 1024
    response_cache: bool = True
    response_cache_max_bytes: int = 24 * 1024 * 1024
    passthrough: bool = False
    partition_key: bytes = b""
    trusted_documents: Mapping[str, str] | None = None
    trusted_documents_mode: Literal["log", "require"] = "require"
    trusted_proxies: tuple[str, ...] = ()
    max_in_flight: int = 1_000
    request_timeout_s: float = 12.0
    trace_enabled: bool = False
