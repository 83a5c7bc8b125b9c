"""Sets of catalogue positions as integers: bit `i` stands for the model at position `i`.

A filter is then a handful of ANDs and ORs, and a count is one call, at any size.
"""

from array import array
from collections.abc import Collection, Sequence
from itertools import compress, count

_FLAG_BY_DIGIT = bytes.maketrans(b"01", b"\x00\x01")
_DIGIT_BY_FLAG = bytes.maketrans(b"\x00\x01", b"01")

_DENSE = 16
"""From one position in so many on, a byte for each model is quicker than a bit."""


def build_mask(positions: Collection[int], size: int) -> int:
    """Gather positions, each below `size`, in any order and with repeats."""
    if len(positions) * _DENSE > size:
        flags = bytearray(size)
        for position in positions:
            flags[position] = 1
        return int(flags[::-1].translate(_DIGIT_BY_FLAG) or b"0", 2)
    packed = bytearray(size // 8 + 1)
    for position in positions:
        packed[position >> 3] |= 1 << (position & 7)
    return int.from_bytes(packed, "little")


def build_flags(mask: int, size: int) -> bytes:
    """Spread a mask out: byte `i` of `size` is 1 where position `i` is in the set."""
    # The way over the binary digits is the only one that stays in C from end to end.
    digits = format(mask, "b").encode("ascii")
    return digits.translate(_FLAG_BY_DIGIT)[::-1].ljust(size, b"\x00")


def find_positions(mask: int) -> Sequence[int]:
    """List the positions of a set, ascending, four bytes each."""
    return array("I", compress(count(), build_flags(mask, 0)))
