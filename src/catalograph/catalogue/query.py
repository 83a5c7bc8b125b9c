"""Questions for a list of models: which (filter), how much (window), what of each (sections)."""

import enum
from collections.abc import Iterable

import msgspec

from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.records import Model

MAX_LIMIT = 250
"""Most models a page can hold; set by the upstream, which clamps larger wishes in silence."""

DEFAULT_LIMIT = 50


class Sections(msgspec.Struct, frozen=True):
    """Which optional payload sections of a model are wanted, or present."""

    data: bool = False
    gateway: bool = False

    def __or__(self, other: "Sections") -> "Sections":
        """Both together."""
        return Sections(self.data or other.data, self.gateway or other.gateway)

    def __and__(self, other: "Sections") -> "Sections":
        """What both have."""
        return Sections(self.data and other.data, self.gateway and other.gateway)

    def without(self, other: "Sections") -> "Sections":
        """What only these have."""
        return Sections(
            self.data and not other.data, self.gateway and not other.gateway
        )

    def overlaps(self, other: "Sections") -> bool:
        """Whether they have one in common."""
        return self & other != BARE

    def covers(self, other: "Sections") -> bool:
        """Whether an answer with these sections serves a question for `other`."""
        return (self.data or not other.data) and (self.gateway or not other.gateway)


BARE = Sections()
FULL = Sections(data=True, gateway=True)


class OrderField(enum.Enum):
    """What a list of models can be ordered by, beside the catalogue's own order."""

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


class ModelsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One page of models as the upstream can be asked for it.

    Attributes:
        filter: Only what the upstream has parameters for.
        limit: Models wanted, 1 to 250.
        offset: Models to skip, from 0, in the upstream's own order.
        sections: Payload sections wanted.
    """

    filter: ModelsFilter = EVERYTHING
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    sections: Sections = BARE

    def covers(self, other: "ModelsQuery") -> bool:
        """Whether a page that answers this holds what `other` asks for."""
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
    """How many requests it takes to list so many models."""
    return -(-total // MAX_LIMIT)


class ModelsPage(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One page of models as it was answered.

    Attributes:
        models: In list order; fewer than `limit` means that the list has ended.
        total: Size of the whole filtered list at that moment.
        limit: As asked, and as the upstream echoed.
        offset: As asked, and as the upstream echoed.
        sections: What every model of the page carries; may be more than was asked.
        as_of_s: Unix time in seconds at which the question was put.
        lost: Rows that could not be read at all, and are missing from `models`.
        ignored_filters: Used fields of the filter that the version which answered has not
            been asked for, as it has no parameter for them or one of another name.
        version: Name of the version of the upstream that answered; None for an empty page
            that bears no mark of any.
        max_age_s: Seconds for which it is fresh by the upstream's own word; None when it
            does not say.
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
