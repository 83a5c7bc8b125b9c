"""Writes log lines to a stream, in a thread of their own.

A pipe without a reader, a full disk or a terminal that is gone must not hold up requests:
the event loop only puts lines into a bounded queue. Lines are dropped and counted when the
queue is full or the stream refuses them.
"""

import atexit
import collections
import contextlib
import os
import select
import threading
from typing import Final, TextIO

from catalograph.observability.metrics import LOG_LINES_LOST

_MAX_QUEUED_BYTES: Final = 4 * 1024 * 1024
_AT_EXIT_S: Final = 1.0
"""Seconds for queued lines when the process ends: a stalled stream must not delay it."""


class LogWriter:
    """A stream that never blocks its caller.

    Streams without a file descriptor (a text buffer) are written at once: they cannot block.

    Args:
        stream: Where the lines are written; None drops all of them, uncounted.
        max_queued_bytes: Memory of waiting lines; further lines are dropped.
    """

    def __init__(
        self, stream: TextIO | None, *, max_queued_bytes: int = _MAX_QUEUED_BYTES
    ) -> None:
        self._stream = stream
        self._descriptor = _find_descriptor(stream)
        self._max_queued_bytes = max_queued_bytes
        self._queue: collections.deque[bytes] = collections.deque()
        self._queued_bytes = 0
        self._held: list[str] = []
        self._lost = 0
        self._is_writing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> int:
        """Queue whole lines, behind those that are held; returns at once.

        Returns:
            The number of characters, as streams do.
        """
        self._queue_up(self._take_held() + text if self._held else text)
        return len(text)

    def hold(self, line: str) -> int:
        """Keep a line until the next `write` or `release`; returns how many are held.

        Waking the thread for each line would cost more than a cache hit does.
        """
        self._held.append(line)
        return len(self._held)

    def release(self) -> None:
        """Queue the lines that are held."""
        if text := self._take_held():
            self._queue_up(text)

    def _take_held(self) -> str:
        # Other threads take at the same time, and lines are added without the lock, at the end.
        with self._changed:
            count = len(self._held)
            text = "".join(self._held[:count])
            del self._held[:count]
        return text

    def _queue_up(self, text: str) -> None:
        if self._descriptor is None:
            self._write_at_once(text)
            return
        data = text.encode(
            getattr(self._stream, "encoding", None) or "utf-8", "replace"
        )
        with self._changed:
            if self._queued_bytes + len(data) > self._max_queued_bytes:
                self._lose(data)
                return
            self._queue.append(data)
            self._queued_bytes += len(data)
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def writes_to(self, stream: TextIO) -> bool:
        """Whether this is the writer of a stream."""
        return self._stream is stream

    def flush(self) -> None:
        """Do nothing; `drain` waits."""

    def drain(self, timeout_s: float) -> bool:
        """Wait until all queued lines are written; False when it took too long."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._queue and not self._is_writing, timeout_s
            )

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=self._run, name="catalograph-log", daemon=True
        )
        self._thread.start()
        atexit.register(self.drain, _AT_EXIT_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._queue))
                data = b"".join(self._queue)
                self._queue.clear()
                self._is_writing = True
                lost, self._lost = self._lost, 0
            self._write_out(data, self._descriptor or 0)
            # The count of queued bytes shrinks only after a write: a stalled stream holds
            # at most twice the bound.
            with self._changed:
                self._queued_bytes -= len(data)
            if lost:
                self._write_out(
                    b'{"event":"log lines were lost","level":"warning","lines":%d}\n'
                    % lost,
                    self._descriptor or 0,
                )

    def _write_out(self, data: bytes, descriptor: int) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                # Another process that shares the open file has made it non-blocking.
                select.select((), (descriptor,), ())
            except (OSError, ValueError):
                with self._changed:
                    self._lose(bytes(view))
                return

    def _write_at_once(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._lose(text.encode())

    def _lose(self, data: bytes) -> None:
        lines = data.count(b"\n")
        self._lost += lines
        LOG_LINES_LOST.inc(lines)


_writers: dict[int, LogWriter] = {}


def open_writer(stream: TextIO | None) -> LogWriter:
    """Open the writer of a stream; all callers share it, so that lines stay in order."""
    if stream is None or _find_descriptor(stream) is None:
        return LogWriter(stream)
    descriptor = stream.fileno()
    found = _writers.get(descriptor)
    if found is None or not found.writes_to(stream):
        found = _writers[descriptor] = LogWriter(stream)
    return found


def _find_descriptor(stream: TextIO | None) -> int | None:
    if stream is None:
        return None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return stream.fileno()
    return None
