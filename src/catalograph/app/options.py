"""Turns settings into the options of the web layer and its rate limiters."""

from collections.abc import Callable

from catalograph import __version__
from catalograph.app.start import read_trusted_documents
from catalograph.cache.rate_buckets import SharedBuckets
from catalograph.cache.redis import Redis
from catalograph.origins import LOCAL_ORIGINS
from catalograph.settings import Settings
from catalograph.web.graphiql import ExplorerFacts
from catalograph.web.options import Rate, WebOptions
from catalograph.web.rate_limit import MemoryRateLimiter, SharedRateLimiter


def build_options(settings: Settings, *, demo: bool) -> WebOptions:
    """Build the options of the web layer.

    Raises:
        SettingsError: The trusted documents cannot be read.
    """
    rate, partition_key = settings.rate_limit, settings.partition_key
    return WebOptions(
        graphiql_enabled=settings.graphiql_enabled,
        cors_origins=settings.cors_origins or (LOCAL_ORIGINS if demo else ()),
        api_keys=tuple(key.reveal() for key in settings.api_keys),
        rate_limit=None if rate is None else Rate(rate.count, rate.period_s),
        max_body_bytes=settings.max_body_bytes,
        response_cache=settings.response_cache,
        passthrough=settings.upstream_auth == "passthrough",
        partition_key=b"" if partition_key is None else partition_key.reveal().encode(),
        trusted_documents=read_trusted_documents(settings),
        trusted_documents_mode=settings.trusted_documents_mode,
        trusted_proxies=tuple(str(one) for one in settings.trusted_proxies),
        max_in_flight=settings.max_in_flight,
        request_timeout_s=settings.request_timeout_s,
        # There is nothing to hide about the embedded catalogue.
        trace_enabled=settings.trace_enabled or demo,
    )


def build_facts(
    settings: Settings, options: WebOptions, *, demo: bool
) -> ExplorerFacts:
    """Build what the explorer tells about this gateway."""
    return ExplorerFacts(
        catalogue="demo" if demo else "live",
        version=__version__,
        introspection=settings.introspection_enabled,
        api_keys=bool(options.api_keys),
        passthrough=options.passthrough,
        trace=options.trace_enabled,
    )


def build_shared_limiter(settings: Settings) -> tuple[SharedRateLimiter, Redis] | None:
    """Build the rate limiter in Redis, if replicas share a cache; otherwise None."""
    url, rate = settings.cache_url.reveal(), settings.rate_limit
    if rate is None or url.startswith("memory:"):
        return None
    # Separate connections and breakers, so that cache and rate limit do not affect each other.
    redis = Redis(url)
    buckets = SharedBuckets(redis, count=rate.count, period_s=rate.period_s)
    return SharedRateLimiter(buckets, Rate(rate.count, rate.period_s)), redis


def build_memory_limiter(
    settings: Settings, clock: Callable[[], float]
) -> MemoryRateLimiter | None:
    """Build the limiter of this process. A reload keeps it, so that buckets are not refilled."""
    rate = settings.rate_limit
    if rate is None:
        return None
    return MemoryRateLimiter(Rate(rate.count, rate.period_s), clock=clock)
