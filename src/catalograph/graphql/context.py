"""The context of resolvers: the loaders of their operation, and nothing else."""

from typing import Any, Final, TypeAlias

import strawberry
from graphql import GraphQLResolveInfo

from catalograph.catalogue.suggestion import Speller
from catalograph.concurrency.time_slice import TimeSlice
from catalograph.data.loaders import Loaders
from catalograph.errors import LimitError
from catalograph.graphql.run.needs import Need, find_needs

_LISTS_OF_VALUES: Final = 10


class Context:
    """The context of one operation.

    Attributes:
        loaders: Everything the operation may load.
        needs: What is known of the document's selections, by selecting fields.
        speller: Finds close spellings, within one bound for all lists.
        time_slice: Break up what takes long.
    """

    __slots__ = (
        "_filter_values",
        "_max_references",
        "_references",
        "loaders",
        "needs",
        "speller",
        "time_slice",
    )

    def __init__(
        self,
        loaders: Loaders,
        *,
        max_references: int = 1_000,
        time_slice: TimeSlice | None = None,
    ) -> None:
        self.loaders = loaders
        self.speller = Speller()
        self.time_slice = time_slice or TimeSlice()
        self.needs: dict[tuple[int, ...], Need] = {}
        self._max_references = max_references
        self._references = 0
        self._filter_values = 0

    def find_needs(self, info: GraphQLResolveInfo[Any]) -> Need:
        """Find the needs of all selections below a field; computed once for a document."""
        key = tuple(id(node) for node in info.field_nodes)
        needs = self.needs.get(key)
        if needs is None:
            needs = self.needs[key] = find_needs(info)
        return needs

    def count_references(self, count: int) -> None:
        """Count node ids and representations over the whole operation.

        Raises:
            LimitError: There are more of them than one operation may name.
        """
        self._references += count
        if self._references > self._max_references:
            raise LimitError("references", self._references, self._max_references)

    def count_filter_values(self, count: int) -> None:
        """Count the values of all filters over the whole operation.

        Raises:
            LimitError: There are more of them than ten of the longest lists hold.
        """
        self._filter_values += count
        bound = _LISTS_OF_VALUES * self._max_references
        if self._filter_values > bound:
            raise LimitError("filter values", self._filter_values, bound)


Info: TypeAlias = strawberry.Info[Context, None]
