"""Input and output of the engine: no HTTP and no framework types."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as a client sent it, already decoded and of the right types.

    Attributes:
        document: GraphQL text.
        name: Which operation of the document; None when it holds one.
        variables: By name, JSON values.
        extensions: The client's own; empty when it sent none.
    """

    document: str
    name: str | None = None
    variables: Mapping[str, Any] = msgspec.field(default_factory=dict)
    extensions: Mapping[str, Any] = msgspec.field(default_factory=dict)


def _ignore(_cost: int) -> None:
    """Do nothing."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The caller of an operation.

    Attributes:
        request_id: In `errors[].extensions.requestId` and on every line of the log.
        token: The caller's own upstream token, in pass-through mode; None otherwise.
        partition: Keeps what one token may see apart from what another may see; empty
            when all callers see the same.
        trace_wanted: Whether `extensions.trace` was asked for, and may be.
        cost_wanted: Whether `extensions.cost` was asked for.
        record_cost: Is told what the operation will cost before it runs; it may never be
            answered.
    """

    request_id: str = ""
    token: str | None = None
    partition: str = ""
    trace_wanted: bool = False
    cost_wanted: bool = False
    record_cost: Callable[[int], None] = _ignore


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A GraphQL response, ready to be sent.

    Attributes:
        body: The JSON document, UTF-8.
        ran: False for a request error: nothing was executed and there is no `data`.
        codes: `extensions.code` of each error, in order; empty means success.
        kind: `query`, `mutation`, `subscription`; None when the document did not parse
            or names no such operation.
        name: Name of the operation that ran, or the beginning of a very long one, for
            logs and metrics; None when it has none.
        fresh_for_s: Seconds for which clients and proxies may cache the answer, as all of
            it is fresh; 0 with errors or warnings.
        cache_for_s: Seconds for which this process may cache the bytes; at least
            `fresh_for_s` on success, 1 with warnings, 0 with errors.
        as_of_s: Unix time of the oldest upstream answer that went in; None when none did.
        cost: Estimated cost, as the limits count it.
        upstream_requests: How many this operation made.
    """

    body: bytes
    ran: bool = True
    codes: tuple[str, ...] = ()
    kind: str | None = None
    name: str | None = None
    fresh_for_s: float = 0.0
    cache_for_s: float = 0.0
    as_of_s: float | None = None
    cost: int = 0
    upstream_requests: int = 0

    def readdress(self, request_id: str) -> "Answer":
        """Give the same answer to another request: its errors name the one they belong to."""
        if not self.codes:
            return self
        body = msgspec.json.decode(self.body)
        for error in body["errors"]:
            error["extensions"]["requestId"] = request_id
        return msgspec.structs.replace(self, body=msgspec.json.encode(body))
