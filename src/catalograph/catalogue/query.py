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
        """Whether both have a section in common."""
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
    """Find the fewest page requests that cover all of `queries`.

    Windows of one filter that fit into one page become one; sections are united.
    A window is never answered from two pages: the list may shift between them.
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
    """Count the requests that are needed to list so many models."""
    return -(-total // MAX_LIMIT)


class ModelsPage(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One page of models as the upstream answered it.

    Attributes:
        models: In list order; fewer than `limit` means that the list has ended.
        total: Size of the whole filtered list at that moment, as the upstream counts it: it may
            be off by a few.
        limit: As asked, and as the upstream echoed.
        offset: As asked, and as the upstream echoed.
        sections: Sections of every model of the page; may be more than requested.
        as_of_s: Unix time in seconds at which the upstream was asked.
        lost: Rows that could not be read at all, and are missing from `models`.
        ignored_filters: Used fields of the filter that the answering version did not see,
            because it has no parameter for them or one of another name.
        version: Name of the upstream version that answered; None for an empty page without
            any sign of the version.
        max_age_s: Seconds for which it is fresh according to the upstream; None if the
            upstream does not say.
        stale_s: Further seconds for which it is merely stale; None as above.
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
