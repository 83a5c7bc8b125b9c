"""Reading the whole catalogue, page by page, and whether to believe what was read."""

import asyncio

import msgspec

from catalograph.catalogue.query import FULL, MAX_LIMIT, ModelsPage, ModelsQuery
from catalograph.catalogue.records import Model
from catalograph.errors import UpstreamResponseError
from catalograph.observability.logs import get_logger
from catalograph.upstream.client import UpstreamClient

MAX_READINGS = 3
"""How often a catalogue that changes while it is being read is read again."""

MAX_PAGES_AT_ONCE = 4
"""Simultaneous page requests of one reading: quick, but polite."""

FIRST_PAGE = ModelsQuery(limit=MAX_LIMIT, offset=0, sections=FULL)
"""Page one of the whole catalogue: where a reading of the index begins."""

log = get_logger()


class Access:
    """On whose behalf the upstream is asked, and what that has cost so far.

    Attributes:
        token: The caller's own token; None for the gateway's.
        partition: What is kept is kept apart for each partition.
        requests: Upstream requests made for this access.
    """

    __slots__ = ("partition", "requests", "token")

    def __init__(self, *, token: str | None = None, partition: str = "") -> None:
        self.token = token
        self.partition = partition
        self.requests = 0


class Crawl(msgspec.Struct, frozen=True, array_like=True):
    """The whole catalogue as it was read.

    Attributes:
        models: In upstream order, both sections.
        as_of_s: Unix time in seconds of the first page's request.
        version: Name of the version of the upstream; None for an empty catalogue that
            bears no mark of any.
    """

    models: tuple[Model, ...]
    as_of_s: float
    version: str | None = None


class CatalogueCrawler:
    """Reads the whole catalogue from the upstream.

    Args:
        client: Asks for the pages.
    """

    def __init__(self, client: UpstreamClient) -> None:
        self._client = client

    async def read(
        self,
        access: Access,
        first_page: ModelsPage | None,
        version: str | None = None,
    ) -> Crawl:
        """Read all pages until they fit together.

        Args:
            access: On whose behalf.
            first_page: Page one, if it has just been read.
            version: Name of the version that answered last; None before the first answer.

        Raises:
            UpstreamError: A page failed, or the catalogue would not hold still.
        """
        for _ in range(MAX_READINGS):
            reading = await self._read_once(access, first_page, version)
            if reading is not None:
                return reading
            log.warning("the catalogue changed while it was being read")
            first_page = None
        raise UpstreamResponseError(detail="the catalogue would not hold still")

    async def _read_once(
        self, access: Access, first_page: ModelsPage | None, version: str | None
    ) -> Crawl | None:
        """Read all pages; None when they do not fit together."""
        gate = asyncio.Semaphore(MAX_PAGES_AT_ONCE)

        async def fetch(offset: int, version: str | None) -> ModelsPage:
            async with gate:
                access.requests += 1
                return await self._client.fetch_page(
                    ModelsQuery(limit=MAX_LIMIT, offset=offset, sections=FULL),
                    token=access.token,
                    version=version,
                )

        first = first_page or await fetch(0, version)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(fetch(offset, first.version))
                    for offset in range(MAX_LIMIT, first.total, MAX_LIMIT)
                ]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        pages = [first, *(task.result() for task in tasks)]
        models = tuple(model for page in pages for model in page.models)
        ids = {model.model_id for model in models}
        totals = {page.total for page in pages}
        read = len(models) + sum(page.lost for page in pages)
        if len(totals) > 1 or len(ids) != len(models) or read != first.total:
            return None
        if any(page.models and not page.sections.covers(FULL) for page in pages):
            raise UpstreamResponseError(detail="a section asked for is missing")
        return Crawl(models, first.as_of_s, first.version)


class ShrinkGuard:
    """Readings that lost a third of the models: not believed until a later one agrees.

    Args:
        fresh_s: How much later, in seconds.
    """

    def __init__(self, fresh_s: float) -> None:
        self._fresh_s = fresh_s
        self._doubted: dict[str, Crawl] = {}

    def check(self, reading: Crawl, known: int, access: Access) -> None:
        """Believe a reading, or not yet.

        Args:
            reading: The newest.
            known: Models of the one before it; 0 when there is none.
            access: On whose behalf it was read.

        Raises:
            UpstreamResponseError: A third is lost, and no earlier reading agrees.
        """
        if not known or 3 * len(reading.models) > 2 * known:
            self._doubted.pop(access.partition, None)
            return
        doubted = self._doubted.get(access.partition)
        if doubted is None or not _agree(doubted, reading):
            self._doubted[access.partition] = reading
        elif reading.as_of_s - doubted.as_of_s >= self._fresh_s:
            del self._doubted[access.partition]
            return
        raise UpstreamResponseError(
            detail=f"the catalogue shrank from {known} models to "
            f"{len(reading.models)}; waiting for a second reading that agrees"
        )


def _agree(one: Crawl, other: Crawl) -> bool:
    """Whether two readings tell the same story, give or take a third."""
    ids = {model.model_id for model in one.models}
    common = sum(model.model_id in ids for model in other.models)
    return 3 * common >= 2 * max(len(one.models), len(other.models))
