"""One line of JSON for each request, gathered and written many at a time."""

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import Final, TextIO

import msgspec

from catalograph.observability.log_writer import open_writer
from catalograph.observability.request_context import RequestContext

_FLUSH_LINES: Final = 256
_FLUSH_AFTER_S: Final = 0.5
_LONGEST_PATH: Final = 200
_AT_END_S: Final = 1.0


class AccessLog:
    """Lines on their way to a stream; written when many, when old, and at the end.

    Waking the writer's thread for each line would cost more than a cache hit does.

    Args:
        stream: Where they go; None drops them.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._writer = open_writer(stream)
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._stamp = ""
        # Also runs at the end of the interpreter, if the log was not closed.
        self._finalizer = weakref.finalize(
            self, _hand_over, self._lines, self._writer.write
        )

    @property
    def is_on(self) -> bool:
        """Whether a line is worth making."""
        return self._stream is not None

    def add(self, method: str, path: str, context: RequestContext) -> None:
        """Note an context that has ended; never what `Authorization` held."""
        if self._stream is None:
            return
        took_s = time.perf_counter() - context.started_s
        fields: dict[str, object] = {
            "method": method,
            "path": path[:_LONGEST_PATH],
            "status": context.status,
            "operation": context.operation_name,
            "cost": context.cost,
            "cache": context.cache,
            "upstream_requests": context.upstream_requests,
            "bytes": context.sent_bytes,
        }
        if context.codes:
            fields["codes"] = context.codes
        fields |= context.note()
        tail = write_tail(fields)
        self.add_prepared(context.request_id, context.address, took_s, tail)

    def add_prepared(
        self, request_id: str, address: str, took_s: float, tail: str
    ) -> None:
        """Note an context of which all but four fields were written before.

        Args:
            request_id: Plain characters only: it is not escaped.
            address: As above.
            took_s: Seconds from the request to the last byte of the answer.
            tail: From `write_tail`.
        """
        self._lines.append(
            f'{{"event":"request","level":"info","timestamp":"{self._now()}",'
            f'"request_id":"{request_id}","address":"{address}",'
            f'"duration_ms":{took_s * 1000:.3f},{tail}'
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                _FLUSH_AFTER_S, self.flush
            )
        elif len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Hand over to the writer what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        _hand_over(self._lines, self._writer.write)

    def close(self) -> None:
        """Write what has gathered, and wait a moment until the stream has it."""
        self.flush()
        self._writer.drain(_AT_END_S)

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"


def write_tail(fields: dict[str, object]) -> str:
    """Write the fields of a line that an equal request would have too."""
    return msgspec.json.encode(fields).decode()[1:] + "\n"


def _hand_over(lines: list[str], write: Callable[[str], int]) -> None:
    if lines:
        text = "".join(lines)
        lines.clear()
        write(text)
