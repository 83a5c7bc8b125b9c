"""Crawls the whole catalogue page by page, and checks that the result is plausible."""

import asyncio
import collections
import time
from collections.abc import Callable, Sequence

import msgspec

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.query import FULL, MAX_LIMIT, ModelsPage, ModelsQuery
from catalograph.catalogue.records import Model
from catalograph.concurrency.bounded_lru import BoundedLru
from catalograph.data.access import Access
from catalograph.data.partitions import Doubt, Irregularity, Partition, build_doubt
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamError,
    UpstreamRateLimitError,
    UpstreamResponseError,
    UpstreamTimeoutError,
)
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import (
    CRAWL_PAGES,
    CRAWL_PAGES_READ,
    CRAWLS,
    IRREGULAR_MODELS,
)
from catalograph.upstream.client import UpstreamClient

MAX_READINGS = 3
"""Readings of one crawl, if the catalogue changes while it is being read."""

MAX_PAGES_AT_ONCE = 4
"""Concurrent page requests of one crawl: a compromise between speed and upstream load."""

MAX_CRAWL_S = 900.0
"""Seconds; a longer crawl is abandoned, as its first pages are too old."""

MAX_CRAWL_BYTES = 256 * 1024 * 1024
"""Maximum size of the encoded records of one crawl: some 300,000 models of 2025-12. In memory
they and their index take three times as much."""

_MAX_FAILURES_IN_A_ROW = 3
_MAX_FAILURES_OF_A_PAGE = 3
"""Attempts for one page; each already means three attempts by the client."""

_PROGRESS_LOGGED_EVERY_S = 5.0
_MODELS_AT_ONCE = 25
_UNFINISHED_BYTES = 256 * 1024 * 1024
"""Bound on the memory for pages of unfinished crawls, over all partitions."""
_PAGE_BYTES = 64 * 1024
"""Estimated memory of a page besides its records."""

FIRST_PAGE = ModelsQuery(limit=MAX_LIMIT, offset=0, sections=FULL)
"""Page one of the whole catalogue: where a crawl begins."""

log = get_logger()
_ENCODER = msgspec.msgpack.Encoder()


class Crawl(msgspec.Struct, frozen=True, array_like=True):
    """The whole catalogue as one crawl read it.

    Attributes:
        models: In upstream order, with both sections; ids are unique.
        as_of_s: Unix time in seconds of the oldest page's request.
        version: Name of the version of the upstream; None if the catalogue is empty and
            nothing shows the version.
        max_age_s: `max-age` of the first page in seconds; None: not given.
        stale_s: `stale-while-revalidate` of the first page in seconds; None: not given.
    """

    models: tuple[Model, ...]
    as_of_s: float
    version: str | None = None
    max_age_s: float | None = None
    stale_s: float | None = None


class _Reading:
    """State of one pass over all pages, which can be interrupted and resumed.

    Attributes:
        pages: Pages read so far, by offset.
        bytes: Encoded size of their records.
        began_s: Monotonic time at which it began.
        end: Offset after the last model, as far as is known; 1 or more.
        version: Name of the version that answered before this reading; None: unknown.
        readable: How many models the upstream lists at most; None: no bound.
        before: The previous index; None: there is none in memory.
    """

    def __init__(
        self, began_s: float, version: str | None, before: CatalogueIndex | None
    ) -> None:
        self.version = version
        self.before = before
        self.pages: dict[int, ModelsPage] = {}
        self.bytes = 0
        self.began_s = began_s
        self.end = 1
        self.readable: int | None = None
        self._logged_s = began_s

    @property
    def expected(self) -> int:
        """Number of models that can be read, according to the first page."""
        total = self.pages[0].total
        return total if self.readable is None else min(total, self.readable)

    @property
    def known(self) -> int:
        """Number of pages of the whole catalogue, as far as is known."""
        return -(-self.end // MAX_LIMIT)

    def list_missing(self) -> list[int]:
        """List the offsets of pages that were not read, ascending."""
        return [
            offset
            for offset in range(0, self.end, MAX_LIMIT)
            if offset not in self.pages
        ]

    def add(self, page: ModelsPage, size_bytes: int) -> None:
        """Add a page; `size_bytes` is the size of its encoded records.

        Raises:
            UpstreamResponseError: All pages together are too large.
        """
        self.bytes += size_bytes
        self.pages[page.offset] = page
        size = len(page.models) + page.lost
        if page.offset == 0:
            self.end = max(1, self.expected)
        if not size:
            # An empty page: `total` was greater than the list.
            self.end = max(1, min(self.end, page.offset))
        elif page.offset + size > self.end:
            # `total` was too small. A full page may be followed by another, so ask for one
            # more model than is known; a short page is the last.
            self.end = page.offset + size + (size == page.limit)
            if self.readable is not None:
                self.end = min(self.end, self.readable)
        if self.bytes > MAX_CRAWL_BYTES:
            raise UpstreamResponseError(
                detail=f"the catalogue is larger than {MAX_CRAWL_BYTES} bytes"
            )

    def log_progress(self, now_s: float) -> None:
        """Update the gauges, and log the progress every few seconds."""
        count, known = len(self.pages), self.known
        CRAWL_PAGES.set(known)
        CRAWL_PAGES_READ.set(count)
        if now_s - self._logged_s >= _PROGRESS_LOGGED_EVERY_S and count < known:
            self._logged_s = now_s
            log.info("the catalogue is being read", pages=count, of=known)


class CatalogueCrawler:
    """Reads the whole catalogue from the upstream.

    The pages of a failed crawl stay in memory. The next crawl of the same partition only
    fetches the missing ones.

    Args:
        client: Fetches the pages.
        monotonic: Monotonic time in seconds.
    """

    def __init__(
        self,
        client: UpstreamClient,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._monotonic = monotonic
        self._unfinished: BoundedLru[str, _Reading] = BoundedLru(
            max_weight=_UNFINISHED_BYTES,
            weigh=lambda _, reading: (
                reading.bytes + _PAGE_BYTES * max(1, len(reading.pages))
            ),
        )
        self._running: dict[str, _Reading] = {}
        self._too_many = 0

    def find_progress(self, access: Access) -> tuple[int, int] | None:
        """Find the numbers of pages read and of pages known; None if no crawl is running."""
        reading = self._running.get(access.partition)
        if reading is None:
            return None
        return len(reading.pages), reading.known

    async def crawl(
        self,
        access: Access,
        known: Partition,
        *,
        before: CatalogueIndex | None = None,
        first_page: ModelsPage | None = None,
    ) -> tuple[Crawl, Irregularity]:
        """Read all pages, again if they are inconsistent.

        Pages are inconsistent if the catalogue changed between two of them (a torn read), or
        if the upstream itself lists models twice or reports a wrong total. If two readings
        show the same irregularity, the upstream is the cause, and the reading is accepted.

        Args:
            access: Token and partition of the caller.
            known: What is known about the partition.
            before: The previous index. Unchanged models are taken from it, so a refresh
                takes little memory.
            first_page: Page one, if it has just been read.

        Returns:
            The catalogue, and its irregularity, which may be none.

        Raises:
            UpstreamError: A page failed repeatedly, or every reading was inconsistent.
        """
        seen = {known.irregularity}
        began_s = self._monotonic()
        for _ in range(MAX_READINGS):
            reading = await self._resume(access, first_page, known.version, before)
            first_page = None
            await self._read(reading, access)
            found = await asyncio.to_thread(_find_irregularity, reading)
            # A change of the catalogue would hardly cause the same irregularity twice.
            if found is not None and (found.is_none or found in seen):
                if not found.is_none and found != known.irregularity:
                    _report(found)
                CRAWLS.labels("ok").inc()
                crawl = await asyncio.to_thread(_join_pages, reading)
                log.info(
                    "the catalogue was read",
                    models=len(crawl.models),
                    pages=len(reading.pages),
                    seconds=round(self._monotonic() - began_s, 3),
                )
                return crawl, found
            CRAWLS.labels("torn").inc()
            log.warning(
                "the catalogue changed while it was read, or lists models twice; it is "
                "read again",
                repeated=None if found is None else found.repeated[:10],
                missing=None if found is None else found.missing,
            )
            if found is not None:
                seen.add(found)
        CRAWLS.labels("failed").inc()
        raise UpstreamResponseError(
            detail=f"the catalogue changed during each of {MAX_READINGS} readings"
        )

    async def _resume(
        self,
        access: Access,
        first_page: ModelsPage | None,
        version: str | None,
        before: CatalogueIndex | None,
    ) -> _Reading:
        now_s = self._monotonic()
        reading = self._unfinished.pop(access.partition)
        if reading is None or now_s - reading.began_s > MAX_CRAWL_S:
            reading = _Reading(now_s, version, before)
        if first_page is not None and 0 not in reading.pages:
            self._note_bound(reading, first_page)
            await self._add(reading, first_page)
        return reading

    async def _read(self, reading: _Reading, access: Access) -> None:
        """Read the missing pages.

        Raises:
            UpstreamError: A page failed. The pages read so far are stored for the next crawl.
        """
        self._running[access.partition] = reading
        try:
            async with asyncio.timeout(
                max(0.0, reading.began_s + MAX_CRAWL_S - self._monotonic())
            ):
                # Page one first: it shows the version and the number of pages.
                if 0 not in reading.pages:
                    await self._read_page(reading, 0, access)
                while missing := reading.list_missing():
                    await self._read_pages(reading, missing, access)
        except TimeoutError:
            CRAWLS.labels("failed").inc()
            raise UpstreamTimeoutError(MAX_CRAWL_S) from None
        except UpstreamError as error:
            CRAWLS.labels("failed").inc()
            if reading.pages and reading.bytes <= MAX_CRAWL_BYTES:
                self._unfinished.put(access.partition, reading)
                log.warning(
                    "the catalogue could not be read to the end; the next attempt goes on "
                    "from here",
                    pages=len(reading.pages),
                    of=reading.known,
                    code=error.code,
                )
            raise
        finally:
            del self._running[access.partition]

    async def _read_pages(
        self, reading: _Reading, offsets: list[int], access: Access
    ) -> None:
        """Read pages by a few concurrent workers, with a few retries for each page."""
        waiting = collections.deque(offsets)
        failures: collections.Counter[int] = collections.Counter()
        in_a_row = 0

        async def work() -> None:
            nonlocal in_a_row
            while waiting:
                offset = waiting.popleft()
                # Another worker may have found that the list ends earlier.
                if offset >= reading.end:
                    continue
                try:
                    await self._read_page(reading, offset, access)
                except (UpstreamAuthError, UpstreamRateLimitError):
                    # Every other page would fail in the same way.
                    raise
                except UpstreamError:
                    failures[offset] += 1
                    in_a_row += 1
                    if (
                        in_a_row >= _MAX_FAILURES_IN_A_ROW
                        or failures[offset] >= _MAX_FAILURES_OF_A_PAGE
                    ):
                        raise
                    waiting.append(offset)
                else:
                    in_a_row = 0

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(MAX_PAGES_AT_ONCE, len(offsets))):
                    group.create_task(work())
        except ExceptionGroup as errors:
            # The group cancelled the other workers. Callers handle `UpstreamError` only.
            raise errors.exceptions[0] from errors

    async def _read_page(self, reading: _Reading, offset: int, access: Access) -> None:
        access.requests += 1
        first = reading.pages.get(0)
        page = await self._client.fetch_page(
            ModelsQuery(limit=MAX_LIMIT, offset=offset, sections=FULL),
            token=access.token,
            version=reading.version if first is None else first.version,
        )
        if page.models and not page.sections.covers(FULL):
            raise UpstreamResponseError(detail="a section asked for is missing")
        if not offset:
            self._note_bound(reading, page)
        await self._add(reading, page)
        reading.log_progress(self._monotonic())

    def _note_bound(self, reading: _Reading, first: ModelsPage) -> None:
        """Note how many models can be read; warn when the catalogue has more."""
        version = self._client.versions.find(first.version)
        if version is None or version.dialect.max_offset is None:
            return
        reading.readable = version.dialect.max_offset + MAX_LIMIT
        if first.total > reading.readable and first.total != self._too_many:
            self._too_many = first.total
            log.warning(
                "the upstream holds more models than it can be asked for; the index has "
                "those that it lists first",
                total=first.total,
                readable=reading.readable,
            )

    async def _add(self, reading: _Reading, page: ModelsPage) -> None:
        """Add a page in steps of a few models, so that the event loop is not blocked."""
        models: list[Model] = []
        size_bytes = 0
        for start in range(0, len(page.models), _MODELS_AT_ONCE):
            some: Sequence[Model] = page.models[start : start + _MODELS_AT_ONCE]
            if reading.before is not None:
                some = reading.before.keep_unchanged(some)
            size_bytes += sum(len(_ENCODER.encode(model)) for model in some)
            models.extend(some)
            await asyncio.sleep(0)
        reading.add(msgspec.structs.replace(page, models=tuple(models)), size_bytes)


def _find_irregularity(reading: _Reading) -> Irregularity | None:
    """Find repeated and missing models; None if the totals of the pages differ (a torn read)."""
    if len({page.total for page in reading.pages.values() if page.models}) > 1:
        return None
    counts = collections.Counter(
        model.model_id for page in reading.pages.values() for model in page.models
    )
    size = counts.total() + sum(page.lost for page in reading.pages.values())
    repeated = (counts - collections.Counter(counts.keys())).elements()
    return Irregularity(tuple(sorted(repeated)), reading.expected - size)


def _report(found: Irregularity) -> None:
    IRREGULAR_MODELS.labels("repeated").inc(len(found.repeated))
    IRREGULAR_MODELS.labels("missing").inc(abs(found.missing))
    log.warning(
        "the catalogue is irregular in two readings, so it is taken as it is: of models "
        "listed twice the first counts, and the total is corrected",
        repeated=found.repeated[:10],
        missing=found.missing,
    )


def _join_pages(reading: _Reading) -> Crawl:
    pages = [reading.pages[offset] for offset in sorted(reading.pages)]
    models: dict[str, Model] = {}
    for page in pages:
        for model in page.models:
            models.setdefault(model.model_id, model)
    return Crawl(
        tuple(models.values()),
        min(page.as_of_s for page in pages),
        pages[0].version,
        pages[0].max_age_s,
        pages[0].stale_s,
    )


def check_shrunk(
    crawl: Crawl, before: int, doubt: Doubt | None, *, later_s: float
) -> Doubt | None:
    """Decide whether to accept a crawl that lost a third of the models or more.

    Args:
        crawl: The new crawl.
        before: Number of models of the previous crawl; 0 without one.
        doubt: The first of the crawls that were not accepted; None without one.
        later_s: Seconds after `doubt` from which a crawl that agrees with it is accepted.

    Returns:
        None if it is accepted; otherwise the doubt to remember.
    """
    if not before or 3 * len(crawl.models) > 2 * before:
        return None
    mine = build_doubt((model.model_id for model in crawl.models), crawl.as_of_s)
    if doubt is None or not _agree(doubt, mine):
        return mine
    return doubt if mine.as_of_s - doubt.as_of_s < later_s else None


def _agree(one: Doubt, other: Doubt) -> bool:
    """Whether two crawls have two thirds of the longer one in common."""
    return 3 * len(one.ids & other.ids) >= 2 * max(len(one.ids), len(other.ids))
