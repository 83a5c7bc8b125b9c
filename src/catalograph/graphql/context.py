"""What a resolver may reach: the loaders of its operation, and nothing else."""

from typing import TypeAlias

import strawberry

from catalograph.errors import LimitError
from catalograph.loaders import Loaders


class Context:
    """The context of one operation.

    Attributes:
        loaders: Everything the operation may load.
    """

    __slots__ = ("_max_references", "_references", "loaders")

    def __init__(self, loaders: Loaders, *, max_references: int = 1_000) -> None:
        self.loaders = loaders
        self._max_references = max_references
        self._references = 0

    def count_references(self, count: int) -> None:
        """Count node ids and representations over the whole operation.

        Raises:
            LimitError: There are more of them than one operation may name.
        """
        self._references += count
        if self._references > self._max_references:
            raise LimitError("references", self._references, self._max_references)


Info: TypeAlias = strawberry.Info[Context, None]
