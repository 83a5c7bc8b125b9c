"""Keys of August 2026: which are accepted, and which cause errors."""

import datetime
import re
from collections.abc import Mapping
from typing import Final

from catalograph.demo.replies import Clock

TOKEN: Final = "phaseo_v1_sk_catalogue_demo"  # noqa: S105 - opens nothing but this app
"""A key for the embedded upstream, which accepts any key of this form."""

_KEY = re.compile(r"(?:phaseo|aistats)_v1_sk_([0-9A-Za-z]{6,64})_(.+)")
_MANAGEMENT_KEY = re.compile(r"(?:phaseo|aistats)_v1_mk_[0-9A-Za-z]{6,64}_.+")
_OLD_PREFIX = "aistats_"
_OLD_PREFIX_UNTIL = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)

_REASON_BY_KID: Final[Mapping[str, str]] = {
    "revoked": "key_not_found_or_revoked",
    "unknown": "key_not_found_or_revoked",
    "expired": "key_expired",
    "dberror": "db_error",
    "nopepper": "server_misconfig_missing_pepper",
}
_WRONG_SECRET = "wrong"  # noqa: S105 - a word that no key has

FAILURE_BY_KID: Final[Mapping[str, str]] = {
    "nomodels": "Failed to load model metadata: store failed",
    "nodetails": "Failed to load model details: store failed",
    "noroutes": "Failed to load provider models: store failed",
    "nocapabilities": "Failed to load provider capabilities: store failed",
    "noaliases": "Failed to load model aliases: store failed",
    "noproviders": "Failed to load provider metadata: store failed",
    "noskus": "Failed to load pricing SKUs: store failed",
    "nometers": "Failed to load pricing meters: store failed",
    "noconnection": "Error: connection lost",
}
"""Messages of failures of the database, by kid of an accepted key."""

THROWING_KID: Final = "throwing"
"""Kid of a key that causes an unhandled error."""


class UnauthorisedError(Exception):
    """A key is refused.

    Attributes:
        reason: Code for the response.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def admit(authorization: str | None, clock: Clock) -> str:
    """Check an `Authorization` header and return the kid of its key.

    Raises:
        UnauthorisedError: The key is missing or refused.
    """
    if authorization is None or not authorization.startswith("Bearer "):
        raise UnauthorisedError("missing_or_invalid_authorization_header")
    token = authorization.removeprefix("Bearer ").strip()
    if _MANAGEMENT_KEY.fullmatch(token):
        raise UnauthorisedError("management_key_not_valid_for_gateway")
    key = _KEY.fullmatch(token)
    if key is None:
        raise UnauthorisedError("invalid_key_format")
    if token.startswith(_OLD_PREFIX) and clock() >= _OLD_PREFIX_UNTIL:
        raise UnauthorisedError("legacy_key_prefix_retired")
    kid, secret = key.groups()
    if kid in _REASON_BY_KID:
        raise UnauthorisedError(_REASON_BY_KID[kid])
    if secret == _WRONG_SECRET:
        raise UnauthorisedError("invalid_secret")
    return kid
