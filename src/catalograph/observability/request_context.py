"""The context of a request: what is known about it, from the first middleware to the log."""

import itertools
import os
import re
import time
from typing import Final

from starlette.types import Scope

STARTED: Final = "catalograph.started_s"
"""Key of a scope: `time.perf_counter()` of the arrival of a request that has waited."""

_KEY: Final = "catalograph.context"
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_PREFIX: Final = os.urandom(5).hex()
_NUMBERS: Final = itertools.count(1)


class RequestContext:
    """Facts about one request and its response; filled in while it is processed.

    Attributes:
        request_id: The client's own when it sent a valid one, otherwise ours.
        started_s: `time.perf_counter()` when the request came in.
        address: Of the client, as trusted proxies say; empty when not known.
        key_id: Short public name of the API key that was given; empty without one.
        operation_name: Empty for an unnamed operation, and outside GraphQL.
        cost: Estimated cost of the operation.
        cache: `hit` or `miss` of the response cache; `joined` when the request was coalesced
            with an equal one; empty where the response cache could not be used.
        upstream_requests: How many the operation made.
        codes: `extensions.code` of each error in the answer.
        trusted: Whether the document is in the manifest of trusted documents; None without
            a manifest.
        status: HTTP status; 0 until the answer starts.
        head: Header lines to be sent with every response.
        cors: CORS header lines to be sent with every response.
        sent_bytes: Size of the response body.
    """

    __slots__ = (
        "address",
        "cache",
        "codes",
        "cors",
        "cost",
        "head",
        "key_id",
        "operation_name",
        "request_id",
        "sent_bytes",
        "started_s",
        "status",
        "trusted",
        "upstream_requests",
    )

    def __init__(self, request_id: str, started_s: float | None = None) -> None:
        self.request_id = request_id
        self.started_s = time.perf_counter() if started_s is None else started_s
        self.address = ""
        self.key_id = ""
        self.operation_name = ""
        self.cost = 0
        self.cache = ""
        self.upstream_requests = 0
        self.codes: tuple[str, ...] = ()
        self.trusted: bool | None = None
        self.head = b""
        self.cors = b""
        self.status = 0
        self.sent_bytes = 0

    def record_cost(self, cost: int) -> None:
        """Note the cost of an operation that is about to run, also if the client leaves."""
        self.cost = cost

    def note(self) -> dict[str, object]:
        """Build the fields of the access log about caller and document, where known."""
        noted: dict[str, object] = {}
        if self.key_id:
            noted["key"] = self.key_id
        if self.trusted is not None:
            noted["trusted"] = self.trusted
        return noted


def choose_request_id(sent: bytes | None) -> str:
    """Take the client's id when it is short and plain, otherwise make one.

    An id ends up in logs and headers, so anything but a plain word is dropped.
    """
    if sent is not None:
        text = sent.decode("latin-1")
        if _SANE_ID.fullmatch(text):
            return text
    # The id must be unique, not unguessable; a UUID would cost ten times as much.
    return f"{_PREFIX}-{next(_NUMBERS):x}"


def begin_request_context(scope: Scope, request_id: str) -> RequestContext:
    """Start a context and store it in the scope of the request."""
    context = RequestContext(request_id, scope.get(STARTED))
    client = scope.get("client")
    if client:
        context.address = client[0]
    scope[_KEY] = context
    return context


def request_context_of(scope: Scope) -> RequestContext:
    """Give the context of a request; a new one where no middleware has started one."""
    found = scope.get(_KEY)
    if isinstance(found, RequestContext):
        return found
    return begin_request_context(scope, choose_request_id(None))
