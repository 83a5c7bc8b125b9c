"""The keys that callers show in `X-API-Key`."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

_HASHED: Final = re.compile(r"[0-9a-fA-F]{64}")
_SHOWN_DIGITS: Final = 8


class KeyRing:
    """The keys that open, held as hashes.

    Args:
        keys: Plain, or as the 64 hexadecimal digits of their SHA-256.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        digests = [
            bytes.fromhex(key)
            if _HASHED.fullmatch(key)
            else hashlib.sha256(key.encode()).digest()
            for key in keys
        ]
        self._known = [(digest, digest.hex()[:_SHOWN_DIGITS]) for digest in digests]

    def __bool__(self) -> bool:
        return bool(self._known)

    def find(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The public name of the key that was given; None when it is none of ours.

        Takes the same time whichever key it is, and whether it is one.
        """
        digest = hashlib.sha256(headers.get(b"x-api-key", b"")).digest()
        found = None
        for known, name in self._known:
            if hmac.compare_digest(known, digest):
                found = name
        return found
