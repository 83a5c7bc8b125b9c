"""Repairs bodies that are not valid JSON text, without guessing values."""

import codecs
import math
import re
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"

# Charsets that browsers know. Python has other codecs, some of which do not give text at all.
_CHARSET: Final = re.compile(
    r"utf-?(?:8|16|32)(?:-?[lb]e)?|us-ascii|ascii|(?:iso-?)?8859-\d{1,2}|iso-8859-\d{1,2}"
    r"|latin-?1|(?:windows-|cp)125\d|koi8-[ru]|gbk|gb2312|gb18030|big5|shift_jis|euc-(?:jp|kr)",
    re.ASCII | re.IGNORECASE,
)
_PARAMETER: Final = re.compile(
    r";\s*charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.ASCII | re.IGNORECASE
)

# A string, or characters between structural ones: a literal, valid or not.
_TOKENS: Final = re.compile(rb'"(?:[^"\\]+|\\.)*"|[^\s,:\[\]{}"]+', re.DOTALL)
_LITERAL: Final = re.compile(
    rb"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
)
_ESCAPES: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.",
    re.DOTALL,
)

NO_LITERAL: Final = b'{"":0}'
"""Replaces an invalid literal. It fits the type of no field, so only its field is lost."""

_PAIR_LENGTH: Final = 12


def to_utf8(body: bytes, content_type: str | None) -> bytes:
    """Convert a body from its declared charset to UTF-8, without a byte order mark.

    An unknown charset is treated as UTF-8, as JSON must be UTF-8.
    """
    found = _PARAMETER.search(content_type or "")
    charset = found[1].lower() if found else "utf-8"
    if not _is_utf8(charset):
        body = body.decode(charset, errors="replace").lstrip("\ufeff").encode()
    return body.removeprefix(_BOM)


def mend(body: bytes) -> bytes:
    """Replace what JSON decoders reject: lone surrogates, invalid UTF-8, invalid literals.

    Strings keep their length in characters; a literal such as `NaN` becomes `NO_LITERAL`.
    """
    text = body.decode(errors="replace").encode()
    text = _ESCAPES.sub(_mend_escape, text)
    return _TOKENS.sub(_mend_token, text)


def _is_utf8(charset: str) -> bool:
    if not _CHARSET.fullmatch(charset):
        return True
    try:
        return codecs.lookup(charset).name in {"utf-8", "ascii"}
    except LookupError:
        return True


def _mend_escape(found: re.Match[bytes]) -> bytes:
    escape = found[0]
    is_half = escape[1:2] == b"u" and len(escape) < _PAIR_LENGTH
    return b"\\ufffd" if is_half and len(escape) > 2 else escape  # noqa: PLR2004


def _mend_token(found: re.Match[bytes]) -> bytes:
    token = found[0]
    return token if token[:1] == b'"' or _is_usable(token) else NO_LITERAL


def _is_usable(literal: bytes) -> bool:
    """Whether it is a literal of JSON, and not a number such as 1e999, which has no value here."""
    if not _LITERAL.fullmatch(literal):
        return False
    return literal.isalpha() or not math.isinf(float(literal))
