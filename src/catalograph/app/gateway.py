"""The objects that exist once per process, and operations without a server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

from catalograph.app.start import check_start
from catalograph.cache.entries import Ages
from catalograph.cache.persisted_queries import SharedDocuments
from catalograph.cache.refreshing import RefreshingCache
from catalograph.cache.shared import open_store
from catalograph.catalogue.query import ModelsQuery
from catalograph.data.access import Access
from catalograph.data.index_keeper import IndexKeeper
from catalograph.data.source import CatalogueSource
from catalograph.demo.service import DEMO_TOKENS, build_demo_app, find_demo_version
from catalograph.errors import UpstreamError
from catalograph.graphql.check.documents import Documents
from catalograph.graphql.check.limits import Limits
from catalograph.graphql.run.engine import Engine
from catalograph.graphql.schema import build_schema
from catalograph.observability.logs import configure_logging
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.report import UpstreamReport
from catalograph.upstream.transport import build_in_process_transport
from catalograph.upstream.versions import Versions

DEMO_URL = "http://demo.invalid/v1"
"""Never resolved: in the demo, the upstream is in the same process."""


class Gateway:
    """The objects that exist once per process.

    Attributes:
        engine: Runs operations.
        source: Gives pages and the index.
        documents: Persisted documents, by hash.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        demo: bool = False,
        client: UpstreamClient | None = None,
        clock: Callable[[], float] = time.time,
        building: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        ages = Ages(
            fresh_s=settings.cache_fresh_s,
            stale_s=settings.cache_stale_s,
            expired_s=settings.cache_expired_s,
        )
        self._client = client or _build_client(settings, demo=demo, clock=clock)
        store = open_store(
            settings.cache_url.reveal(),
            max_bytes=settings.cache_max_bytes,
            expired_s=ages.expired_s,
            clock=clock,
        )
        self._cache = RefreshingCache(
            store, ages=ages, clock=clock, patience_s=settings.upstream_timeout_s
        )
        self.documents = SharedDocuments(store.shared, clock=clock)
        # Each caller has an index of its own then, and we have no token to read one with.
        self._has_own_token = settings.upstream_auth == "server"
        self._index_kept = self._has_own_token and settings.index_kept
        self._keeper: IndexKeeper | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_refused = False
        self.source = CatalogueSource(
            self._client,
            self._cache,
            ages=ages,
            fixed_ages=settings.given_ages,
            lists_from=settings.lists_from,
            clock=clock,
            building=building,
        )
        self.engine = Engine(
            self.source,
            documents=Documents(
                build_schema()._schema,  # noqa: SLF001 - Strawberry has no public name for it
                limits=_build_limits(settings),
                introspection_enabled=settings.introspection_enabled,
            ),
            max_cost=settings.max_cost,
            max_references=settings.max_entities,
            max_response_bytes=settings.max_response_bytes,
        )

    async def check_ready(self) -> str | None:
        """Check whether operations can be answered; None if so, otherwise the reason."""
        pending = None if self._keeper is None else self._keeper.pending
        reason = pending or await self.source.check_ready(
            Access(), token_expected=self._has_own_token
        )
        self._is_refused = reason is not None
        return reason

    @property
    def seems_ready(self) -> bool:
        """Whether operations can be answered, as far as is known without a request."""
        if self._keeper is not None and self._keeper.pending is not None:
            return False
        is_failing = self._keeper is not None and self._keeper.is_failing
        return self.source.has_answered or not (self._is_refused or is_failing)

    def start(self) -> None:
        """Start the background work."""
        if self._index_kept:
            self._keeper = IndexKeeper(self.source)
            self._keeping = asyncio.create_task(self._keeper.run())

    def use_token(self, settings: Settings) -> None:
        """Use the token of these settings for later upstream requests."""
        token = settings.upstream_token if self._has_own_token else None
        self._client.use_token(None if token is None else token.reveal())

    async def drain(self) -> None:
        """Wait until all upstream requests have ended, including those in the background."""
        await self.source.drain()
        await self._cache.drain()

    async def aclose(self) -> None:
        """Stop the background work, and close connections."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        self.documents.drop_all()
        await self.source.aclose()
        await self._cache.aclose()
        await self._client.aclose()


@asynccontextmanager
async def open_gateway(
    settings: Settings, *, demo: bool = False
) -> AsyncIterator[Engine]:
    """Run operations without a server, for as long as the context lasts."""
    check_start(settings, demo=demo)
    # Only the response goes to standard output.
    configure_logging(level="error")
    gateway = Gateway(settings, demo=demo)
    try:
        yield gateway.engine
    finally:
        await gateway.aclose()


async def check_upstream(settings: Settings) -> UpstreamReport:
    """Fetch one model and the side tables from the upstream, without the cache.

    Raises:
        UpstreamError: The error that a client would get, with the detail for the operator.
        SettingsError: The client cannot be created with this environment.
    """
    check_start(settings)
    client = _build_client(settings, demo=False)
    try:
        page = await client.fetch_page(ModelsQuery(limit=1))
        tables: dict[str, UpstreamError | None] = {}
        for kind in client.list_tables(page.version):
            try:
                await client.fetch_table(kind, version=page.version or "")
            except UpstreamError as error:
                tables[kind.value] = error
            else:
                tables[kind.value] = None
        return UpstreamReport(
            total=page.total,
            version=page.version,
            release=client.versions.find_release(page.version),
            tables=tables,
            most_models=client.choose_dialect(page.version).most_models,
        )
    finally:
        await client.aclose()


def _build_client(
    settings: Settings, *, demo: bool, clock: Callable[[], float] = time.time
) -> UpstreamClient:
    # With pass-through not even for those who bring none: it would show them what they
    # may not see.
    is_own = settings.upstream_auth == "server"
    if demo:
        version = find_demo_version(settings.upstream_version)
        return UpstreamClient(
            base_url=DEMO_URL,
            token=DEMO_TOKENS[version] if is_own else None,
            versions=Versions(settings.upstream_version),
            transport=build_in_process_transport(build_demo_app(version=version)),
            clock=clock,
        )
    token = settings.upstream_token if is_own else None
    return UpstreamClient(
        base_url=settings.upstream_url,
        token=None if token is None else token.reveal(),
        versions=Versions(settings.upstream_version),
        clock=clock,
        attempt_timeout_s=settings.upstream_timeout_s,
        total_timeout_s=settings.upstream_total_timeout_s,
    )


def _build_limits(settings: Settings) -> Limits:
    return Limits(
        tokens=settings.max_tokens,
        depth=settings.max_depth,
        height=settings.max_height,
        aliases=settings.max_aliases,
        root_fields=settings.max_root_fields,
        directives=settings.max_directives,
        operations=settings.max_operations,
        list_size=settings.max_entities,
    )
