"""The trace of one operation: its upstream requests and cache hits, for a client that asks.

A context variable carries the trace: the tasks that an operation starts inherit it, and no
layer between the engine and the upstream client has to pass it on. Coalesced work belongs
to the operation that began it.
"""

import contextvars
import time
from typing import Final, Literal

import msgspec

Origin = Literal["memory", "redis", "upstream"]
"""`upstream`: requested just now, by this operation or by another one that it joined."""

_MOST: Final = 200
"""Entries of each kind; for most catalogues an operation makes far fewer requests."""


class UpstreamCall(msgspec.Struct, frozen=True, rename="camel"):
    """One attempt of a request to the upstream.

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
        what: The request path with its query string, or `index`.
        origin: See `Origin`.
        age_seconds: Seconds since the upstream was asked.
    """

    what: str
    origin: Origin = msgspec.field(name="from")
    age_seconds: float


class OperationTrace:
    """The trace of one operation; bounded to a few hundred entries."""

    __slots__ = ("_answers", "_calls", "_left_out", "_origins")

    def __init__(self) -> None:
        self._calls: list[UpstreamCall] = []
        self._answers: dict[str, PartAnswer] = {}
        # Holds the values themselves, so that no other object can reuse the id of one.
        self._origins: dict[int, tuple[object, Origin]] = {}
        self._left_out = 0

    def record_call(self, call: UpstreamCall) -> None:
        """Add a request to the upstream."""
        if len(self._calls) < _MOST:
            self._calls.append(call)
        else:
            self._left_out += 1

    def record_origin(self, value: object, origin: Origin) -> None:
        """Remember where a page or an index came from, whether it is used or not."""
        self._origins[id(value)] = value, origin

    def record_part(self, what: str, value: object, *, age_s: float) -> None:
        """Add a part of the answer; the same request counts once.

        Args:
            what: The request path with its query string, or `index`.
            value: The page or index itself; from memory, unless `record_origin` was called.
            age_s: Seconds since the upstream was asked.
        """
        if len(self._answers) < _MOST:
            _, origin = self._origins.get(id(value), (None, "memory"))
            age_s = round(max(0.0, age_s), 3)
            self._answers.setdefault(what, PartAnswer(what, origin, age_s))

    def show(self, *, fresh_for_s: float) -> dict[str, object]:
        """Build the value of `extensions.trace`.

        Args:
            fresh_for_s: Seconds for which clients and proxies may cache the same answer
                without a trace; 0 when it is stale or failed.
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
    "catalograph_operation_trace", default=None
)


def current() -> OperationTrace | None:
    """Give the trace of the running operation; None when the client asked for none."""
    return _CURRENT.get()


def begin() -> OperationTrace:
    """Start a trace for the operation of this task, and of the tasks that it starts."""
    trace = OperationTrace()
    _CURRENT.set(trace)
    return trace


def end() -> None:
    """Stop the trace."""
    _CURRENT.set(None)


def milliseconds_since(started_s: float) -> float:
    """Give the time since a value of `time.perf_counter()`."""
    return round((time.perf_counter() - started_s) * 1000, 3)
