"""The embedded upstream of December 2025 as an ASGI app, and the choice of a version."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from catalograph.demo import DEFAULT_VERSION, DEMO_VERSION, UpstreamVersion
from catalograph.demo.catalogue import read_catalogue
from catalograph.demo.engine import Engine
from catalograph.demo.parameters import Parameters
from catalograph.demo.replies import (
    TEXT,
    Clock,
    Reply,
    RestService,
    build_request_id,
    utc_now,
    write_json,
)
from catalograph.demo.rows import StoredModel
from catalograph.demo.shapes import SectionedShape, Shape
from catalograph.demo.v2026_08 import keys, service as v2026_08
from catalograph.demo.v2026_08.catalogue import read_catalogue as read_catalogue_2026_08
from catalograph.demo.v2026_08.december import convert_catalogue
from catalograph.demo.v2026_08.rows import Catalogue

DEMO_TOKEN: Final = "aistats_v1_k_demo_catalogue"  # noqa: S105 - opens nothing but this app
"""A key for the embedded upstream, which accepts any key of this form."""

DEMO_TOKENS: Final[Mapping[UpstreamVersion, str]] = {
    "2025-12": DEMO_TOKEN,
    "2026-08": keys.TOKEN,
}
"""A key for each version."""

_KEY = re.compile(r"aistats_v1_k_([^_]+)_(.+)")

_REASON_BY_KID = {
    "revoked": "key_not_found_or_revoked",
    "dberror": "db_error",
    "nopepper": "server_misconfig_missing_pepper",
}
_WRONG_SECRET = "wrong"  # noqa: S105 - a word that no key has

_JSON = {"content-type": "application/json", "cache-control": "no-store"}

_NOT_IMPLEMENTED = write_json(
    {
        "ok": False,
        "error": "not_implemented",
        "message": (
            "Provider metadata is surfaced via /v1/health today; "
            "the dedicated endpoint is not implemented yet."
        ),
    }
)


class DemoUpstream(RestService):
    """Answers HTTP requests as one version of the upstream does.

    Keys of the form `aistats_v1_k_<kid>_<secret>` are accepted, except a few that cause
    errors: kid `revoked`, `dberror` or `nopepper`, or secret `wrong`.

    Args:
        models: The whole catalogue in any order.
        shape: The version.
        clock: Decides which rows are within their effective dates.
    """

    def __init__(
        self,
        models: Sequence[StoredModel | Mapping[str, Any]],
        *,
        shape: Shape,
        clock: Clock,
    ) -> None:
        self._shape = shape
        self._clock = clock
        self._engine = Engine(msgspec.convert(models, list[StoredModel]), shape)

    def reply(
        self,
        method: str,
        path: str,
        query_string: str,
        authorization: str | None,
        *,
        origin: str = "http://localhost",  # noqa: ARG002 - no answer names it
    ) -> Reply:
        """Answer one request."""
        if method not in {"GET", "HEAD"} or path not in {"/v1/models", "/v1/providers"}:
            return Reply(404, TEXT, b"404 Not Found")
        reason = find_refusal(authorization)
        if reason is not None:
            return self._refuse(reason)
        if path == "/v1/providers":
            return Reply(501, _JSON, _NOT_IMPLEMENTED)
        question = self._shape.read(Parameters(query_string))
        return Reply(200, _JSON, self._engine.answer(question, self._clock()))

    def _refuse(self, reason: str) -> Reply:
        body = {
            "error": "unauthorised",
            "reason": reason,
            "request_id": build_request_id(self._clock()),
        }
        return Reply(401, _JSON, msgspec.json.encode(body))


def find_demo_version(setting: str) -> UpstreamVersion:
    """Find the version of the demo for a value of the setting `UPSTREAM_VERSION`.

    Raises:
        KeyError: The embedded upstream does not have this version.
    """
    versions: dict[str, UpstreamVersion] = {each: each for each in DEMO_TOKENS}
    return (versions | {"auto": DEMO_VERSION})[setting]


def build_demo_app(
    models: Sequence[StoredModel | Mapping[str, Any]] | Catalogue | None = None,
    *,
    clock: Clock = utc_now,
    version: UpstreamVersion = DEFAULT_VERSION,
) -> RestService:
    """Build the embedded upstream, an ASGI app with the routes below `/v1`.

    Args:
        models: Models in the form with both sections; for 2026-08 also a catalogue of that
            version. None: the embedded catalogue.
        clock: Decides which rows can be routed.
        version: Version of the API.

    Raises:
        TypeError: A catalogue of 2026-08 was given for 2025-12.
    """
    if version == "2026-08":
        if models is None:
            models = read_catalogue_2026_08()
        elif not isinstance(models, Catalogue):
            models = convert_catalogue(msgspec.convert(models, list[StoredModel]))
        return v2026_08.Upstream(models, clock=clock)
    if isinstance(models, Catalogue):
        raise TypeError("a catalogue of 2026-08 cannot be served as 2025-12")
    if models is None:
        models = read_catalogue()
    return DemoUpstream(models, shape=SectionedShape(), clock=clock)


def find_refusal(authorization: str | None) -> str | None:
    """Find the reason to refuse an `Authorization` header; None if it is accepted."""
    if authorization is None or not authorization.startswith("Bearer "):
        return "missing_or_invalid_authorization_header"
    key = _KEY.fullmatch(authorization.removeprefix("Bearer ").strip())
    if key is None:
        return "invalid_key_format"
    kid, secret = key.groups()
    if secret == _WRONG_SECRET:
        return "invalid_secret"
    return _REASON_BY_KID.get(kid)
