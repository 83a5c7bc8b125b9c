"""On whose behalf an operation runs, read from the headers of its request."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from catalograph.errors import UnauthenticatedError
from catalograph.graphql.run.request import Caller
from catalograph.observability.request_context import RequestContext
from catalograph.web.parameters import Parameters
from catalograph.web.replies import Refusal

_NOBODY: Final = "nobody"
_TOKEN: Final = re.compile(rb"[!-~]{1,4096}")


class Callers:
    """Knows whether callers bring a token of their own, and what they may ask for.

    Args:
        partition_key: Secret of up to 64 bytes; None: all operations run with the
            gateway's own token. Otherwise each caller's bearer token is passed on, and
            what it may see is kept apart under its hash with this key.
        trace_enabled: Whether `X-Catalograph-Trace: 1` is obeyed.
    """

    def __init__(self, partition_key: bytes | None, *, trace_enabled: bool) -> None:
        self._partition_key = partition_key
        self._trace_enabled = trace_enabled

    @property
    def bring_tokens(self) -> bool:
        """Whether `Authorization` makes a difference."""
        return self._partition_key is not None

    def identify(
        self,
        headers: Mapping[bytes, bytes],
        parameters: Parameters,
        context: RequestContext,
    ) -> Caller:
        """Read who asks; somebody without a token may still ask what needs none.

        Raises:
            Refusal: There is a bearer token that cannot be one.
        """
        token = self._read_token(headers.get(b"authorization"))
        return Caller(
            request_id=context.request_id,
            token=None if token is None else token.decode("ascii"),
            partition=self._find_partition(token),
            trace_wanted=self._trace_enabled
            and headers.get(b"x-catalograph-trace") == b"1",
            cost_wanted=headers.get(b"x-catalograph-cost") == b"1"
            or parameters.extensions.get("cost") is True,
            note_cost=context.note_cost,
        )

    def _read_token(self, authorization: bytes | None) -> bytes | None:
        if self._partition_key is None or not authorization:
            return None
        scheme, _, token = authorization.strip().partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer":
            return None
        if not _TOKEN.fullmatch(token):
            error = UnauthenticatedError(
                "Authorization must be `Bearer` and one token of plain characters"
            )
            raise Refusal(401, error, {"WWW-Authenticate": "Bearer"})
        return token

    def _find_partition(self, token: bytes | None) -> str:
        if self._partition_key is None:
            return ""
        if token is None:
            # Not that of the gateway's own token: a cache may be shared with gateways
            # that have one.
            return _NOBODY
        # Keyed, so that nobody who sees a partition's name can try tokens against it.
        digest = hashlib.blake2b(token, key=self._partition_key, digest_size=16)
        return digest.hexdigest()
