"""Faults of the fake upstream, one class for each kind."""

import json
from collections.abc import Mapping

import msgspec

from catalograph.demo.replies import Reply

_HTML = b"<!doctype html><title>Just a moment</title><p>Checking your browser."


class Fault(msgspec.Struct, frozen=True):
    """Replaces the answer to one request."""

    def spoil(self, reply: Reply) -> Reply:
        """Change the real answer into the one that is sent; the base class changes nothing."""
        return reply


class Status(Fault, frozen=True):
    """A refusal: any status, body and headers; a mapping becomes indented JSON."""

    status: int
    body: bytes | str | Mapping[str, object] = b""
    headers: Mapping[str, str] = {}

    def spoil(self, reply: Reply) -> Reply:  # noqa: ARG002
        body, kind = self.body, "text/plain; charset=UTF-8"
        if isinstance(body, Mapping):
            body, kind = json.dumps(body, indent=2), "application/json"
        if isinstance(body, str):
            body = body.encode()
        return Reply(self.status, {"content-type": kind} | dict(self.headers), body)


class Raw(Fault, frozen=True):
    """200 and `application/json` with exactly these bytes."""

    body: bytes

    def spoil(self, reply: Reply) -> Reply:
        return msgspec.structs.replace(reply, body=self.body)


class NotJson(Fault, frozen=True):
    """200 and `application/json`, but the body is not JSON."""

    def spoil(self, reply: Reply) -> Reply:
        return msgspec.structs.replace(reply, body=b'{"ok": true, "models": [')


class WrongShape(Fault, frozen=True):
    """200 and JSON, but without the expected envelope."""

    def spoil(self, reply: Reply) -> Reply:
        return msgspec.structs.replace(reply, body=b'{"ok": true, "items": []}')


class Html(Fault, frozen=True):
    """200 with a web page, as a proxy in between would answer."""

    def spoil(self, reply: Reply) -> Reply:
        headers = {"content-type": "text/html; charset=utf-8"}
        return Reply(reply.status, headers, _HTML)


class Cut(Fault, frozen=True):
    """The right headers and half the body; then the connection is closed."""


class Reset(Fault, frozen=True):
    """The connection is reset before the first byte of the answer."""


class Hang(Fault, frozen=True):
    """No byte of an answer until `StubUpstream.release()`, or until the client leaves."""
