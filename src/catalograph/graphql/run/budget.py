"""The byte budget of a response: charged while it is rendered, to bound its size."""

from collections.abc import Iterator
from typing import Final

from catalograph.concurrency.time_slice import TimeSlice
from catalograph.errors import ResponseTooLargeError

MAX_RESPONSE_BYTES: Final = 16 * 1024 * 1024

BYTES_PER_FIELD: Final = 24
"""Charged for a field that the executor completes, beside key and text: colon, comma and
value, and its place in a dictionary. So memory stays within a small multiple of the bound."""

BYTES_PER_ERROR: Final = 1_024
"""Charged for an error beside its path: what it takes in memory until it is written."""


class ResponseBudget:
    """Bytes that the response to one operation may still take.

    Args:
        max_bytes: Bound on the whole response, uncompressed.

    Attributes:
        spent_bytes: Charged so far.
        is_exceeded: Whether the operation must be aborted.
    """

    __slots__ = ("_max_bytes", "is_exceeded", "spent_bytes")

    def __init__(self, max_bytes: int = MAX_RESPONSE_BYTES) -> None:
        self._max_bytes = max_bytes
        self.spent_bytes = 0
        self.is_exceeded = False

    def spend(self, count: int) -> None:
        """Charge bytes before they are stored.

        Raises:
            ResponseTooLargeError: The budget is exceeded; the operation must end.
        """
        self.spent_bytes += count
        if self.spent_bytes > self._max_bytes:
            self.is_exceeded = True
            raise ResponseTooLargeError(self.spent_bytes, self._max_bytes)

    async def gather(self, pieces: Iterator[bytes], time_slice: TimeSlice) -> bytes:
        """Join rendered pieces, with a pause after one whenever the time slice is spent.

        Raises:
            ResponseTooLargeError: As `spend`.
        """
        gathered: list[bytes] = []
        for piece in pieces:
            self.spend(len(piece))
            gathered.append(piece)
            if time_slice.is_spent:
                await time_slice.yield_now()
        return b"".join(gathered)
