"""One line for each request, gathered and written many at a time."""

import asyncio
import time
import weakref
from typing import Final, Literal, TextIO, TypeAlias

import msgspec

from catalograph.observability.log_writer import open_writer
from catalograph.observability.request_context import RequestContext
from catalograph.redaction import redact

_FLUSH_LINES: Final = 256
_FLUSH_AFTER_S: Final = 0.5
_LONGEST_PATH: Final = 200
_AT_END_S: Final = 1.0
_LEAST_FAILURE: Final = 400

AccessLogMode: TypeAlias = Literal["on", "off", "errors"]


class AccessLog:
    """Holds lines back; they are written when there are many, when they are old, and at the end.

    A line of the log itself is written after the requests that ended before it.

    Args:
        stream: Where lines are written; None drops them.
        mode: Which requests get a line: all, none, or those with a status of 400 and
            above or with errors in their answer.
        has_columns: Whether people read the lines; otherwise they are JSON.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        mode: AccessLogMode = "on",
        has_columns: bool = False,
    ) -> None:
        self._mode: AccessLogMode = "off" if stream is None else mode
        self._has_columns = has_columns
        self._writer = open_writer(stream)
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._stamp = ""
        # Also runs at the end of the interpreter, if the log was not closed.
        self._finalizer = weakref.finalize(self, self._writer.release)

    @property
    def is_on(self) -> bool:
        """Whether successful requests get a line."""
        return self._mode == "on"

    def add(self, method: str, path: str, context: RequestContext) -> None:
        """Add the line of a request that has ended; it never holds `Authorization`."""
        if self._mode == "off":
            return
        is_failure = context.status >= _LEAST_FAILURE or bool(context.codes)
        if self._mode == "errors" and not is_failure:
            return
        took_s = time.perf_counter() - context.started_s
        fields: dict[str, object] = {
            "method": method,
            # A path may be an address by mistake, with a user in it.
            "path": (redact(path) if "@" in path else path)[:_LONGEST_PATH],
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
        """Add a line most of whose fields were encoded before: a cache hit has no time for more.

        Args:
            request_id: Plain characters only, as it is not escaped.
            address: Address of the client; plain characters only.
            took_s: Seconds from the request to the last byte of the answer.
            tail: From `write_tail`.
        """
        write = self._write_columns if self._has_columns else self._write_json
        held = self._writer.hold(write(request_id, address, took_s, tail))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                _FLUSH_AFTER_S, self.flush
            )
        elif held >= _FLUSH_LINES:
            self.flush()

    def _write_json(
        self, request_id: str, address: str, took_s: float, tail: str
    ) -> str:
        return (
            f'{{"event":"request","level":"info","timestamp":"{self._now()}",'
            f'"request_id":"{request_id}","address":"{address}",'
            f'"duration_ms":{took_s * 1000:.3f},{tail}'
        )

    def _write_columns(
        self, request_id: str, address: str, took_s: float, tail: str
    ) -> str:
        fields = msgspec.json.decode("{" + tail)
        # Values as JSON: control characters, which a terminal would obey, are escaped.
        shown = {name: msgspec.json.encode(fields[name]).decode() for name in fields}
        method, path = shown.pop("method").strip('"'), shown.pop("path").strip('"')
        head = f"{method} {path} {shown.pop('status')}"
        rest = " ".join(
            f"{name}={value}" for name, value in shown.items() if fields[name]
        )
        return (
            f"{self._now()} [info     ] {head:<30} {took_s * 1000:.1f} ms {rest} "
            f"address={address} request_id={request_id}\n"
        )

    def flush(self) -> None:
        """Write the lines that are held."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._writer.release()

    def close(self) -> None:
        """Write the lines that are held, and wait a moment until the stream has them."""
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
    """Encode the fields that the lines of all equal requests share."""
    return msgspec.json.encode(fields).decode()[1:] + "\n"
