"""The embedded upstream as an ASGI app: who may ask, at which path, and what a refusal says."""

import datetime
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph.demo.catalogue import load_catalogue
from catalograph.demo.engine import Engine
from catalograph.demo.parameters import Parameters
from catalograph.demo.rows import StoredModel
from catalograph.demo.shapes import SectionedShape, Shape

Clock = Callable[[], datetime.datetime]
"""Gives the present instant, with a time zone."""

DEMO_TOKEN: Final = "aistats_v1_k_demo_catalogue"  # noqa: S105 - opens nothing but this app
"""A key that the embedded upstream takes; any other of its form will do as well."""

_KEY = re.compile(r"aistats_v1_k_([^_]+)_(.+)")

_REASON_BY_KID = {
    "revoked": "key_not_found_or_revoked",
    "dberror": "db_error",
    "nopepper": "server_misconfig_missing_pepper",
}
_WRONG_SECRET = "wrong"  # noqa: S105 - a word that no key has

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_JSON = {"content-type": "application/json", "cache-control": "no-store"}
_TEXT = {"content-type": "text/plain; charset=UTF-8"}

_NOT_IMPLEMENTED = msgspec.json.format(
    msgspec.json.encode(
        {
            "ok": False,
            "error": "not_implemented",
            "message": (
                "Provider metadata is surfaced via /v1/health today; "
                "the dedicated endpoint is not implemented yet."
            ),
        }
    ),
    indent=2,
)


def utc_now() -> datetime.datetime:
    """Give the present instant in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Reply(msgspec.Struct, frozen=True):
    """A status, headers (lower case) and a body; the length is added when it is sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class DemoUpstream:
    """Answers requests for a catalogue as one version of the upstream does.

    Keys of the form `aistats_v1_k_<kid>_<secret>` are taken, but for a few that show
    what a refusal looks like: kid `revoked`, `dberror` or `nopepper`, secret `wrong`.

    Args:
        models: The whole catalogue in any order.
        shape: Which version.
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
        self, method: str, path: str, query_string: str, authorization: str | None
    ) -> Reply:
        """Answer one request."""
        if method not in {"GET", "HEAD"} or path not in {"/v1/models", "/v1/providers"}:
            return Reply(404, _TEXT, b"404 Not Found")
        reason = find_refusal(authorization)
        if reason is not None:
            return self._refuse(reason)
        if path == "/v1/providers":
            return Reply(501, _JSON, _NOT_IMPLEMENTED)
        question = self._shape.read(Parameters(query_string))
        return Reply(200, _JSON, self._engine.answer(question, self._clock()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        reply = self.reply(
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            find_authorization(scope),
        )
        await send_reply(reply, scope, send)

    def _refuse(self, reason: str) -> Reply:
        body = {
            "error": "unauthorised",
            "reason": reason,
            "request_id": build_request_id(self._clock()),
        }
        return Reply(401, _JSON, msgspec.json.encode(body))


def build_demo_app(
    models: Sequence[StoredModel | Mapping[str, Any]] | None = None,
    *,
    clock: Clock = utc_now,
) -> ASGIApp:
    """Build the embedded upstream; it serves `GET /v1/models`.

    Args:
        models: As recorded from the sectioned upstream, with both sections; None
            means the embedded catalogue.
        clock: Decides which rows are within their effective dates.
    """
    if models is None:
        models = load_catalogue()
    return DemoUpstream(models, shape=SectionedShape(), clock=clock)


def find_refusal(authorization: str | None) -> str | None:
    """Find the reason to refuse a key; None lets the request in."""
    if authorization is None or not authorization.startswith("Bearer "):
        return "missing_or_invalid_authorization_header"
    key = _KEY.fullmatch(authorization.removeprefix("Bearer ").strip())
    if key is None:
        return "invalid_key_format"
    kid, secret = key.groups()
    if secret == _WRONG_SECRET:
        return "invalid_secret"
    return _REASON_BY_KID.get(kid)


def build_request_id(now: datetime.datetime) -> str:
    """Build `G-` and a ULID: 48 bits of milliseconds, then 80 random ones."""
    number = int(now.timestamp() * 1000) << 80 | secrets.randbits(80)
    digits = (_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
    return "G-" + "".join(digits)


def find_authorization(scope: Scope) -> str | None:
    """Find the `Authorization` header of a request."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value).decode("latin-1")
    return None


async def send_reply(reply: Reply, scope: Scope, send: Send) -> None:
    """Send a whole reply; without its body if that was a HEAD request."""
    headers = reply.headers | {"content-length": str(len(reply.body))}
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                (name.encode(), value.encode()) for name, value in headers.items()
            ],
        }
    )
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Say yes to start and stop: there is nothing to open or close."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
