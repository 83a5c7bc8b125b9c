"""A request before anything was made of it: all that its answer can depend on."""

from collections.abc import Hashable
from typing import Final

from starlette.types import Scope

from catalograph.web.request import headers_of

# What can change an answer. Everything else may differ between two equal requests.
_ALWAYS: Final = (
    b"accept",
    b"accept-encoding",
    b"content-type",
    b"x-api-key",
    b"x-catalograph-cost",
)
_CANNOT_REPEAT: Final = frozenset(
    (
        b"content-encoding",
        b"expect",
        b"if-none-match",
        b"x-catalograph-trace",
    )
)
_OVERHEAD_BYTES: Final = 512


class RawRequest:
    """A request with its headers in a mapping; of repeated headers the last one counts.

    Attributes:
        scope: As the server gave it.
        method: Upper case.
        headers: By lower-case name.
        body: Filled in when it was read; empty for GET.
    """

    __slots__ = ("body", "headers", "method", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = headers_of(scope)
        self.body = b""

    @property
    def may_repeat(self) -> bool:
        """Whether an equal request would get the same answer by its bytes alone."""
        return self.method == "POST" and _CANNOT_REPEAT.isdisjoint(self.headers)

    @property
    def alias_bytes(self) -> int:
        """Memory that the alias takes."""
        # Headers may be a hundred times as long as the body; any of them may be in it.
        get = self.headers.get
        headers = sum(len(get(name, b"")) for name in (b"authorization", *_ALWAYS))
        return len(self.body) + headers + _OVERHEAD_BYTES

    def alias(self, *, brings_token: bool) -> Hashable:
        """The bytes of the request, as a key."""
        get = self.headers.get
        token = get(b"authorization") if brings_token else None
        return (self.body, token, *map(get, _ALWAYS))
