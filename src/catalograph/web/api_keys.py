"""Who may ask at all: keys in `X-API-Key`."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph import telemetry
from catalograph.errors import UnauthenticatedError
from catalograph.web.exchange import exchange_of
from catalograph.web.replies import Refusal, send_refusal

_HASHED: Final = re.compile(r"[0-9a-fA-F]{64}")
_SHOWN_DIGITS: Final = 8


class KeyRing:
    """The keys that open, held as hashes.

    Args:
        keys: Plain, or as the 64 hexadecimal digits of their SHA-256.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = [
            bytes.fromhex(key)
            if _HASHED.fullmatch(key)
            else hashlib.sha256(key.encode()).digest()
            for key in keys
        ]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def find(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The public name of the key that was given; None when it is none of ours.

        Takes the same time whichever key it is, and whether it is one.
        """
        digest = hashlib.sha256(headers.get(b"x-api-key", b"")).digest()
        found = None
        for known in self._digests:
            if hmac.compare_digest(known, digest):
                found = known.hex()[:_SHOWN_DIGITS]
        return found


class ApiKeyMiddleware:
    """Lets nobody pass without a key, should there be any."""

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note whose key it is, or answer 401; a preflight has no key to show."""
        if scope["type"] == "http" and scope["method"] != "OPTIONS":
            key_id = self._keys.find(dict(scope["headers"]))
            if key_id is None:
                telemetry.REFUSED.labels("api_key").inc()
                error = UnauthenticatedError(
                    "X-API-Key must hold a key that is known here"
                )
                refusal = Refusal(401, error, {"WWW-Authenticate": "ApiKey"})
                await send_refusal(scope, send, refusal)
                return
            exchange_of(scope).key_id = key_id
        await self._app(scope, receive, send)
