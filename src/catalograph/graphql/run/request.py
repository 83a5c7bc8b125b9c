"""Input and output of the engine, free of HTTP and framework types."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as a client sent it, decoded, with values of the right types.

    Attributes:
        document: GraphQL text.
        name: Name of the operation; None selects the only one of the document.
        variables: JSON values, by name.
        extensions: The request's `extensions`; empty if it has none.
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
        request_id: Shown in `errors[].extensions.requestId` and in every log line.
        token: The caller's own upstream token in pass-through mode; None otherwise.
        partition: Name of the cache partition, which separates data of different tokens;
            empty if all callers see the same data.
        trace_wanted: Whether `extensions.trace` is requested and allowed.
        cost_wanted: Whether `extensions.cost` is requested.
        record_cost: Called with the estimated cost before the operation runs, so that the
            cost counts even if the caller disconnects.
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
        ran: Whether it was executed. False for a request error, which has no `data`.
        codes: `extensions.code` of each error, in order; empty means success.
        kind: `query`, `mutation` or `subscription`; None if the document could not be
            parsed or has no such operation.
        name: Name of the operation for logs and metrics, cut if very long; None if it has
            none.
        fresh_for_s: Seconds for which clients and proxies may cache the answer, because all
            of it is fresh; 0 with errors or warnings.
        cache_for_s: Seconds for which this process may cache the bytes: at least
            `fresh_for_s` on success, 1 with warnings, 0 with errors.
        as_of_s: Unix time of the oldest upstream response that was used; None if none was.
        cost: Estimated cost, in the units of `check/cost.py`.
        upstream_requests: Number of upstream requests that this operation made.
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
        """Copy the answer for another request; `requestId` in its errors is replaced."""
        if not self.codes:
            return self
        body = msgspec.json.decode(self.body)
        for error in body["errors"]:
            error["extensions"]["requestId"] = request_id
        return msgspec.structs.replace(self, body=msgspec.json.encode(body))
