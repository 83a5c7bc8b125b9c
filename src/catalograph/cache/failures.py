"""What is known of an upstream that fails: for one question, and altogether."""

from collections.abc import Callable

import msgspec

from catalograph.cache.keys import is_of_one_caller
from catalograph.errors import (
    UpstreamAuthError,
    UpstreamContractError,
    UpstreamError,
    UpstreamRateLimitError,
)

_KNOWN_S = 10.0
"""For so long nobody who can have an old answer waits for an upstream that failed."""

_FAILURES_OF_AN_OUTAGE = 3
"""So many in a row, of whatever questions, and the failure is not that of one question."""


_MOST = 4_096
"""Questions of which it is known that they failed. Each token that anybody makes up can
fail, thousands a second; the oldest are forgotten, and asked again."""


class _Failure(msgspec.Struct, frozen=True):
    at_s: float
    error: UpstreamError | None

    def holds(self, now_s: float, for_s: float) -> bool:
        # A clock set back must not make a failure last.
        return 0 <= now_s - self.at_s < for_s


class Failures:
    """The last failure by key, and how many there were since something last went well.

    Args:
        clock: Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_key: dict[str, _Failure] = {}
        self._swept_at_s = 0.0
        self._in_a_row = 0
        self._last: _Failure | None = None

    def note(self, key: str, error: Exception) -> None:
        """A fetch failed."""
        now_s = self._clock()
        # One caller's limit says nothing of the others'.
        is_shared = not (
            isinstance(error, UpstreamRateLimitError) and is_of_one_caller(key)
        )
        if is_shared and _is_outage(error):
            self._in_a_row += 1
            self._last = _Failure(now_s, _bare(error))
        # Out with those that hold no longer, though not at every failure of many.
        if not 0 <= now_s - self._swept_at_s < _KNOWN_S:
            self._swept_at_s = now_s
            self._by_key = {
                other: failure
                for other, failure in self._by_key.items()
                if failure.holds(now_s, _KNOWN_S)
            }
        self._by_key[key] = _Failure(now_s, _bare(error))
        if len(self._by_key) > _MOST:
            del self._by_key[next(iter(self._by_key))]

    def forget(self, key: str, *, asked: bool) -> None:
        """There is an answer; with `asked` the upstream gave it, and works again."""
        self._by_key.pop(key, None)
        if asked:
            self._in_a_row = 0
            self._last = None

    def is_recent(self, key: str, within_s: float) -> bool:
        """Whether this very question failed within the last seconds."""
        failure = self._by_key.get(key)
        return failure is not None and failure.holds(self._clock(), within_s)

    def find_outage(self, key: str) -> UpstreamError | None:
        """What asking would very likely fail with; None when it might go well.

        Never a refused token or a broken contract: an old answer is no remedy for these.
        """
        now_s = self._clock()
        failure = self._by_key.get(key)
        if self._in_a_row >= _FAILURES_OF_AN_OUTAGE and (
            failure is None or not failure.holds(now_s, _KNOWN_S)
        ):
            failure = self._last
        if failure is None or not failure.holds(now_s, _KNOWN_S):
            return None
        error = failure.error
        if error is None or not may_serve_old(error):
            return None
        return error


def _bare(error: Exception) -> UpstreamError | None:
    """The same error without its frames, which hold on to a whole request and its answer.

    They would be 30 KB for each, and long work for the garbage collector.
    """
    if not isinstance(error, UpstreamError):
        return None
    kind = type(error)
    bare = kind.__new__(kind, *error.args)
    bare.__dict__.update(error.__dict__)
    return bare


def may_serve_old(error: Exception) -> bool:
    """Whether an old answer may stand in; a token that was revoked is no outage."""
    return isinstance(error, UpstreamError) and not isinstance(error, UpstreamAuthError)


def _is_outage(error: Exception) -> bool:
    """Whether other questions would very likely fail with it, too."""
    return may_serve_old(error) and not isinstance(error, UpstreamContractError)
