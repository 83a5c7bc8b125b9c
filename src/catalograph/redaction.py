"""Removes secrets from texts of others before they are logged or printed.

An address may hold a user, a password or a token; the error message of a server may repeat
what was sent to it.
"""

import re
from typing import Final

_KEY: Final = re.compile(
    r"(?:bearer\s+|(?:aistats|phaseo)_v\d)[^\s\"'<>,;]*", re.ASCII | re.IGNORECASE
)
# Greedy up to the last @ before the path: a password may hold an @ itself.
_USER: Final = re.compile(r"(?<=//)[^/\s\"'<>]*@")
_PARAMETER: Final = re.compile(
    r"([?&;#][\w.%-]*(?:auth|credential|jwt|key|pass|pwd|secret|session|sig|token)[\w.%-]*=)"
    r"[^&;#\s\"'<>]+",
    re.ASCII | re.IGNORECASE,
)
_WHOLE_WORD_CHARACTERS: Final = 8


def redact(text: str) -> str:
    """Replace what looks like a key, a user in an address, or a secret in its query."""
    text = _KEY.sub("[token]", text)
    text = _USER.sub("[user]@", text)
    return _PARAMETER.sub(r"\1[secret]", text)


def redact_address(address: str) -> str:
    """Redact an address, and cut off its query and fragment."""
    text = redact(address)
    place = re.split(r"[?#]", text, maxsplit=1)[0]
    return place if len(place) == len(text) else f"{place}?…"


def hide(text: str, secret: str, mask: str = "[token]") -> str:
    """Replace a known secret.

    A short one is only replaced where it stands alone: it is probably a part of ordinary
    words, which would be hard to read without it.
    """
    if not secret:
        return text
    pattern = re.escape(secret)
    if len(secret) < _WHOLE_WORD_CHARACTERS:
        pattern = rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"
    return re.sub(pattern, lambda _: mask, text)
