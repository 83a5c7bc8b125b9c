"""Parsing of requests (headers, body, parameters), and their time-out."""

import asyncio
import codecs
import urllib.parse
from collections.abc import Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec
from starlette.types import Message, Receive, Scope

from catalograph.concurrency.eager import begin
from catalograph.errors import BusyError, RequestTimeoutError, UserInputError
from catalograph.observability import metrics
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.replies import Refusal

_HEADERS: Final = "catalograph.headers"
_RETRY_AFTER_S: Final = 1.0
_BODIES_ARRIVING: Final = 256


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Map a request's headers by their lower-case names, once for each request."""
    found: dict[bytes, bytes] | None = scope.get(_HEADERS)
    if found is None:
        found = scope[_HEADERS] = map_headers(scope["headers"])
    return found


def map_headers(lines: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Map header lines by name; repeated lines are one list, in order (RFC 9110, 5.3).

    A repeated header that is not a list, such as `X-API-Key`, becomes an invalid value, as it is
    not clear which line is meant.

    Args:
        lines: Names in lower case.
    """
    found = dict(lines)
    if len(found) == len(lines):
        return found
    found.clear()
    for name, value in lines:
        before = found.get(name)
        found[name] = value if before is None else b"%b, %b" % (before, value)
    return found


T = TypeVar("T")

_PATIENCE_S: Final = 0.05
"""Seconds before a task watches for a disconnect. Most responses take less time."""


class ClientGoneError(Exception):
    """The client closed the connection before it had an answer."""


async def run_for_client(
    work: Coroutine[Any, Any, T], receive: Receive, timeout_s: float, *, left_s: float
) -> T:
    """Run `work` until it is done, the time-out is over, or the client has disconnected.

    Args:
        work: Cancelled in the last two cases.
        receive: `receive` of the request, after its body was read.
        timeout_s: Time-out of the whole request, for the message.
        left_s: Seconds that are left of it.

    Raises:
        RequestTimeoutError: The time-out is over.
        ClientGoneError: The client has disconnected.
    """
    begun = begin(work)
    if begun.is_done:
        return begun.result
    loop = asyncio.get_running_loop()
    watch = _Watch(receive)
    timers = (
        loop.call_later(min(_PATIENCE_S, left_s), watch.listen),
        loop.call_later(left_s, watch.cut, "late"),
    )
    try:
        return await begun
    except asyncio.CancelledError:
        if watch.reason == "" or watch.task.uncancel() > 0:
            raise  # cancelled from outside, such as by the shutdown of the server
        if watch.reason == "late":
            raise RequestTimeoutError(timeout_s) from None
        raise ClientGoneError from None
    finally:
        for timer in timers:
            timer.cancel()
        watch.close()


class _Watch:
    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        if task is None:  # pragma: no cover
            raise RuntimeError("only a task can be watched")
        self.task = task
        self.reason = ""
        self._receive = receive
        self._listener: asyncio.Task[None] | None = None

    def cut(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            self.task.cancel()

    def listen(self) -> None:
        self._listener = asyncio.get_running_loop().create_task(self._wait())

    def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.cut("gone")


class InFlight:
    """Bounds the number of requests in flight; a context manager around each of them.

    Enter it after the body has arrived. Otherwise slow senders would use up the limit.

    Args:
        most: Maximum number of requests.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    def __enter__(self) -> None:
        """Count a request.

        Raises:
            Refusal: Too many requests are in flight.
        """
        if self._count >= self._most:
            raise busy()
        self._count += 1
        REQUESTS.in_flight += 1

    def __exit__(
        self,
        _: type[BaseException] | None,
        __: BaseException | None,
        ___: TracebackType | None,
    ) -> None:
        self._count -= 1
        REQUESTS.in_flight -= 1


def busy() -> Refusal:
    """Build a refusal because of too much load: status 503."""
    metrics.SHED.inc()
    headers = {"Retry-After": f"{_RETRY_AFTER_S:.0f}"}
    return Refusal(503, BusyError(_RETRY_AFTER_S), headers)


class BodyReader:
    """Reads request bodies, each and all together within bounds.

    Args:
        max_bytes: Maximum size of one body.
        max_arriving_bytes: Maximum size of all incomplete bodies together: slow clients must not
            fill the memory. None: 256 times `max_bytes`.
    """

    def __init__(self, max_bytes: int, max_arriving_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._most_arriving = max_arriving_bytes or _BODIES_ARRIVING * max_bytes
        self._arriving_bytes = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """Read a whole body.

        Raises:
            Refusal: It is too large or compressed, or all incomplete bodies are too large.
            ClientGoneError: The client closed the connection.
        """
        coding = headers.get(b"content-encoding", b"identity").strip().lower()
        if coding not in {b"identity", b""}:
            error = UserInputError("the body must not be compressed")
            raise Refusal(415, error, {"Accept-Encoding": "identity"})
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:12]) > self._max_bytes:
            raise _too_large(self._max_bytes)
        message = await receive()
        body: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body", False):
            if len(body) > self._max_bytes:
                raise _too_large(self._max_bytes)
            return body
        parts: list[bytes] = []
        try:
            return await self._read_on(message, receive, parts)
        finally:
            self._arriving_bytes -= sum(map(len, parts))

    async def _read_on(
        self, message: Message, receive: Receive, parts: list[bytes]
    ) -> bytes:
        size = 0
        while message["type"] == "http.request":
            part: bytes = message.get("body", b"")
            parts.append(part)
            self._arriving_bytes += len(part)
            size += len(part)
            if size > self._max_bytes:
                raise _too_large(self._max_bytes)
            if not message.get("more_body", False):
                return b"".join(parts)
            if self._arriving_bytes > self._most_arriving:
                raise busy()
            message = await receive()
        raise ClientGoneError


def _too_large(max_bytes: int) -> Refusal:
    metrics.REFUSED.labels("body_bytes").inc()
    error = UserInputError(f"the body must be at most {max_bytes} bytes")
    # The rest of the body is still arriving and will not be read.
    return Refusal(413, error, {"Connection": "close"})


MAX_DEPTH: Final = 32
"""Levels of lists and objects in a parameter; filters have three."""

MAX_VALUES: Final = 20_000
"""Keys and values in a parameter; 1,000 entity references have 4,000."""

_KNOWN: Final = frozenset(
    ("query", "documentId", "operationName", "variables", "extensions")
)

_WORDS: Final = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a GraphQL request, checked for their types.

    Attributes:
        query: GraphQL text; None when the client names a persisted document.
        document_id: `documentId` of the specification's appendix on persisted documents.
        name: `operationName`; None when absent, null or empty.
        variables: By name.
        extensions: Extensions of the request.
    """

    query: str | None = None
    document_id: str | None = None
    name: str | None = None
    variables: Mapping[str, Any] = msgspec.field(default_factory=dict)
    extensions: Mapping[str, Any] = msgspec.field(default_factory=dict)


def refuse(message: str) -> Refusal:
    """Build a refusal of a malformed request: status 400."""
    return Refusal(400, UserInputError(message))


def parse_body(body: bytes) -> Parameters:
    """Read the body of a POST request.

    Raises:
        Refusal: Not one JSON object with parameters of the right types.
    """
    if not body.strip():
        raise refuse("the body is empty; it must be a JSON object with `query`")
    # Editors of some systems write a byte order mark, which a reader may ignore (RFC 8259, 8.1).
    value = _decode(body.removeprefix(codecs.BOM_UTF8), "the body")
    if isinstance(value, list):
        raise refuse("batches are not supported; send one operation in a request")
    if not isinstance(value, dict):
        raise refuse(f"the body must be a JSON object, got {_WORDS[type(value)]}")
    if not value.keys() <= _KNOWN:
        unknown = {name: one for name, one in value.items() if name not in _KNOWN}
        _check_bounds(unknown, "the body")
    return _check(value)


def parse_query_string(query_string: bytes) -> Parameters:
    """Read the query string of a GET request.

    Raises:
        Refusal: As `parse_body`; also for a repeated parameter.
    """
    found: dict[str, Any] = {}
    for name, value in _split(query_string):
        if name in found:
            raise refuse(f"`{name}` must be given once")
        if name in {"variables", "extensions"}:
            found[name] = _decode(value.encode(), f"`{name}`") if value else None
        elif name in {"query", "operationName", "documentId"}:
            found[name] = value
    return _check(found)


def names_stored_document(query_string: bytes) -> bool:
    """Whether a query string names a document by id or hash, without its text."""
    names = {part.partition(b"=")[0] for part in query_string.split(b"&")}
    return b"query" not in names and not names.isdisjoint(
        (b"documentId", b"extensions")
    )


def _split(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return urllib.parse.parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=32,
        )
    except UnicodeDecodeError:
        raise refuse("the address must be percent-encoded UTF-8") from None
    except ValueError:
        raise refuse("the address has more than 32 parameters") from None


def _decode(text: bytes, what: str) -> object:
    try:
        return msgspec.json.decode(text)
    except UnicodeDecodeError:
        raise refuse(f"{what} must be UTF-8") from None
    except msgspec.ValidationError:
        raise refuse(f"{what} holds a number that is out of range") from None
    except msgspec.DecodeError as exc:
        raise refuse(f"{what} must be JSON: {_say(exc)}") from None
    except RecursionError:
        raise refuse(f"{what} is nested more than {MAX_DEPTH} levels deep") from None


def _say(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ").lower()


def _check(found: Mapping[str, Any]) -> Parameters:
    query = _string(found, "query")
    name = _string(found, "operationName")
    document_id = _string(found, "documentId")
    variables = _object(found, "variables")
    extensions = _object(found, "extensions")
    if query is None and document_id is None and "persistedQuery" not in extensions:
        raise refuse("`query` is missing; it must be a string of GraphQL")
    return Parameters(
        query=query or None if document_id or extensions else query,
        document_id=document_id,
        name=name or None,
        variables=variables,
        extensions=extensions,
    )


def _string(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    if value is None or isinstance(value, str):
        return value
    raise refuse(f"`{name}` must be a string, got {_WORDS[type(value)]}")


def _object(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(f"`{name}` must be an object, got {_WORDS[type(value)]}")
    if value:
        _check_bounds(value, f"`{name}`")
    return value


def _check_bounds(value: dict[str, Any], what: str) -> None:
    """Check depth and number of values, level by level, so that the check itself is bounded."""
    level: list[Any] = [value]
    seen = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                seen += len(item)
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif type(item) is int and item.bit_length() > 64:  # noqa: PLR2004
                raise refuse(f"{what} holds a number that is out of range")
        seen += len(below)
        if seen > MAX_VALUES:
            raise refuse(f"{what} holds more than {MAX_VALUES:,} values")
        if not below:
            return
        level = below
    raise refuse(f"{what} is nested more than {MAX_DEPTH} levels deep")
