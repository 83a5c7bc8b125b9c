"""What one operation asked of whom, noted for a client that wants to see it.

A context variable carries the journal: the tasks that an operation starts inherit it, and
nobody between the client of the upstream and the engine has to pass it on. Work that is
shared belongs to the operation that began it.
"""

import contextvars
import time
from typing import Final, Literal

import msgspec

Origin = Literal["memory", "redis", "upstream"]
"""`upstream`: asked for just now, by this operation or by another that it waited for."""

_MOST: Final = 200
"""Entries of each kind; the bound on upstream requests is far below for most catalogues."""


class UpstreamCall(msgspec.Struct, frozen=True, rename="camel"):
    """One request to the upstream, each attempt on its own.

    Attributes:
        method: Always GET today.
        path: With its query string; no host, and no header.
        status: HTTP status; None when no answer began.
        outcome: `ok`, an error code, or `abandoned`.
        milliseconds: From sending to the last byte of the body.
    """

    method: str
    path: str
    status: int | None
    outcome: str
    milliseconds: float


class PartAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Where one page, or the index, came from.

    Attributes:
        what: The request that it answers, or `index`.
        origin: See `Origin`.
        age_seconds: Since the upstream was asked.
    """

    what: str
    origin: Origin = msgspec.field(name="from")
    age_seconds: float


class OperationTrace:
    """The notes of one operation; never more than a few hundred lines."""

    __slots__ = ("_answers", "_calls", "_left_out", "_origins")

    def __init__(self) -> None:
        self._calls: list[UpstreamCall] = []
        self._answers: dict[str, PartAnswer] = {}
        # With the values themselves: another object must not get the identity of one.
        self._origins: dict[int, tuple[object, Origin]] = {}
        self._left_out = 0

    def note_call(self, call: UpstreamCall) -> None:
        """Note a request to the upstream."""
        if len(self._calls) < _MOST:
            self._calls.append(call)
        else:
            self._left_out += 1

    def note_origin(self, value: object, origin: Origin) -> None:
        """Note where a page or an index was got from, whether it is used or not."""
        self._origins[id(value)] = value, origin

    def note_answer(self, what: str, value: object, *, age_s: float) -> None:
        """Note that something went into the answer; the same question counts once.

        Args:
            what: The question.
            value: The page or index that answers it; from memory unless noted otherwise.
            age_s: Since the upstream was asked.
        """
        if len(self._answers) < _MOST:
            _, origin = self._origins.get(id(value), (None, "memory"))
            age_s = round(max(0.0, age_s), 3)
            self._answers.setdefault(what, PartAnswer(what, origin, age_s))

    def show(self, *, fresh_for_s: float) -> dict[str, object]:
        """Write it down for `extensions.trace`.

        Args:
            fresh_for_s: Seconds for which the same answer without a trace may be cached
                by others; 0 when it is stale or failed.
        """
        shown: dict[str, object] = {
            "requests": list(self._calls),
            "answers": list(self._answers.values()),
            "freshForSeconds": int(fresh_for_s),
        }
        if self._left_out:
            shown["requestsLeftOut"] = self._left_out
        return shown


_CURRENT: Final[contextvars.ContextVar[OperationTrace | None]] = contextvars.ContextVar(
    "catalograph_journal", default=None
)


def current() -> OperationTrace | None:
    """The trace of the operation that is running; None when none was asked for."""
    return _CURRENT.get()


def begin() -> OperationTrace:
    """Start one for the operation of this task, and of those that it starts."""
    journal = OperationTrace()
    _CURRENT.set(journal)
    return journal


def end() -> None:
    """Stop noting."""
    _CURRENT.set(None)


def milliseconds_since(started_s: float) -> float:
    """Time since a reading of `time.perf_counter()`."""
    return round((time.perf_counter() - started_s) * 1000, 3)
