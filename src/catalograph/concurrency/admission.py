"""What is worth a place among things that are kept, once there is no room for all."""

from collections.abc import Hashable


class AdmitOnSecondRequest:
    """Remembers what was seen once, so that only what comes again is let in.

    When a store is full, something new would push something out that may be asked for
    again; of the very many things that are asked for only once, each would. Only hashes
    are remembered: at worst something is let in at first sight.

    Args:
        most: How many are remembered at least; twice as many at most.
    """

    def __init__(self, most: int = 4_096) -> None:
        self._most = most
        self._late: set[int] = set()
        self._earlier: set[int] = set()

    def admits(self, key: Hashable) -> bool:
        """Whether this was seen before, not long ago; from now on it was."""
        seen = hash(key)
        if seen in self._late or seen in self._earlier:
            return True
        if len(self._late) >= self._most:
            self._late, self._earlier = set(), self._late
        self._late.add(seen)
        return False
