"""Queries for a list of models: filter, window (limit, offset) and sections."""

import enum
from collections.abc import Iterable

import msgspec

from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.records import Model

MAX_LIMIT = 250
"""Maximum size of a page. The upstream sets it, and silently clamps larger limits."""

DEFAULT_LIMIT = 50


class Sections(msgspec.Struct, frozen=True):
    """Which optional sections of a model are requested, or present."""

    data: bool = False
    gateway: bool = False

    def __or__(self, other: "Sections") -> "Sections":
        """Union."""
        return Sections(self.data or other.data, self.gateway or other.gateway)

    def __and__(self, other: "Sections") -> "Sections":
        """Intersection."""
        return Sections(self.data and other.data, self.gateway and other.gateway)

    def without(self, other: "Sections") -> "Sections":
        """Difference."""
        return Sections(
            self.data and not other.data, self.gateway and not other.gateway
        )

    def overlaps(self, other: "Sections") -> bool:
        """Whether the two have a section in common."""
        return self & other != BARE

    def covers(self, other: "Sections") -> bool:
        """Whether a page with these sections answers a query for `other`."""
        return (self.data or not other.data) and (self.gateway or not other.gateway)


BARE = Sections()
FULL = Sections(data=True, gateway=True)


class OrderField(enum.Enum):
    """Orders of a list of models, in addition to the catalogue's own order."""

    RELEASE_DATE = "release_date"
    NAME = "name"
    MODEL_ID = "model_id"
    INPUT_PRICE = "input_price"
    OUTPUT_PRICE = "output_price"
    MAX_INPUT_TOKENS = "max_input_tokens"
    MAX_OUTPUT_TOKENS = "max_output_tokens"


class ModelsOrder(msgspec.Struct, frozen=True):
    """An order of models: nulls last in both directions, ties by model id ascending."""

    field: OrderField
    descending: bool = False


class ModelsQuery(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A request for one page of models that the upstream can answer.

    Attributes:
        filter: Only fields for which the upstream has parameters.
        limit: Size of the page, 1 to 250.
        offset: Models to skip, from 0, in the upstream's own order.
        sections: Sections to include.
    """

    filter: ModelsFilter = EVERYTHING
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    sections: Sections = BARE

    def covers(self, other: "ModelsQuery") -> bool:
        """Whether a page that answers this query also answers `other`."""
        return (
            self.filter == other.filter
            and self.offset <= other.offset
            and other.offset + other.limit <= self.offset + self.limit
            and self.sections.covers(other.sections)
        )


def merge_queries(queries: Iterable[ModelsQuery]) -> list[ModelsQuery]:
    """Merge queries into few page requests that cover all of them.

    Windows of the same filter that fit into one page are merged, and their sections united.
    A window is never split over two pages, because the list may shift between requests.
    """
    merged: list[ModelsQuery] = []
    for query in sorted(queries, key=lambda one: (one.offset, one.limit)):
        for i, one in enumerate(merged):
            end = max(one.offset + one.limit, query.offset + query.limit)
            if one.filter == query.filter and end - one.offset <= MAX_LIMIT:
                merged[i] = msgspec.structs.replace(
                    one,
                    limit=end - one.offset,
                    sections=one.sections | query.sections,
                )
                break
        else:
            merged.append(query)
    return merged


def count_pages(total: int) -> int:
    """Count the page requests that list `total` models."""
    return -(-total // MAX_LIMIT)


class ModelsPage(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One page of models as the upstream answered it.

    Attributes:
        models: In list order; fewer than `limit` means that the list has ended.
        total: Size of the whole filtered list at that moment, as counted by the upstream,
            which may be off by a few.
        limit: As requested; the upstream has confirmed it.
        offset: As requested; the upstream has confirmed it.
        sections: Sections that every model of the page has; may be more than requested.
        as_of_s: Unix time in seconds at which the request was sent.
        lost: Number of rows that could not be parsed, and are missing from `models`.
        ignored_filters: Filter fields that the answering version cannot have applied,
            because it has no such parameter, or one with another name.
        version: Name of the upstream version that answered; None for an empty page that
            does not show the version.
        max_age_s: Seconds for which the page is fresh, according to the upstream; None if
            the upstream does not say.
        stale_s: Further seconds for which it may be served stale; None if the upstream does
            not say.
    """

    models: tuple[Model, ...]
    total: int
    limit: int
    offset: int
    sections: Sections
    as_of_s: float
    lost: int = 0
    ignored_filters: tuple[str, ...] = ()
    version: str | None = None
    max_age_s: float | None = None
    stale_s: float | None = None
