"""The byte budget of a response, which is charged during rendering to bound memory."""

from collections.abc import Iterator
from typing import Final

from catalograph.concurrency.time_slice import TimeSlice
from catalograph.errors import ResponseTooLargeError

MAX_RESPONSE_BYTES: Final = 16 * 1024 * 1024

BYTES_PER_FIELD: Final = 24
"""Charged for each field that the executor completes, in addition to its key and text: for
colon, comma, value and dictionary entry. So memory stays within a small multiple of the bound."""

BYTES_PER_ERROR: Final = 1_024
"""Charged for each error, in addition to its path: its memory until it is serialised."""


class ResponseBudget:
    """Counts the bytes of the response to one operation, up to a bound.

    Args:
        max_bytes: Bound on the whole response, uncompressed.

    Attributes:
        spent_bytes: Bytes charged so far.
        is_exceeded: Whether the bound was exceeded; the operation must then be aborted.
    """

    __slots__ = ("_max_bytes", "is_exceeded", "spent_bytes")

    def __init__(self, max_bytes: int = MAX_RESPONSE_BYTES) -> None:
        self._max_bytes = max_bytes
        self.spent_bytes = 0
        self.is_exceeded = False

    def spend(self, count: int) -> None:
        """Charge bytes before they are stored.

        Raises:
            ResponseTooLargeError: The budget is exceeded; the operation must be aborted.
        """
        self.spent_bytes += count
        if self.spent_bytes > self._max_bytes:
            self.is_exceeded = True
            raise ResponseTooLargeError(self.spent_bytes, self._max_bytes)

    async def gather(self, pieces: Iterator[bytes], time_slice: TimeSlice) -> bytes:
        """Join rendered pieces, and yield to the event loop whenever the time slice is spent.

        Raises:
            ResponseTooLargeError: See `spend`.
        """
        gathered: list[bytes] = []
        for piece in pieces:
            self.spend(len(piece))
            gathered.append(piece)
            if time_slice.is_spent:
                await time_slice.yield_now()
        return b"".join(gathered)
