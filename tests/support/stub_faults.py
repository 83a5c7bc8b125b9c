"""What can go wrong on the far side of the network, one small object each."""

import json
from collections.abc import Mapping

import msgspec

from catalograph.demo.replies import Reply

_HTML = b"<!doctype html><title>Just a moment</title><p>Checking your browser."


class Fault(msgspec.Struct, frozen=True):
    """What one request gets instead of its answer."""

    def spoil(self, reply: Reply) -> Reply:
        """Turn the true answer into what is sent; here it is left as it is."""
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
    """200 and `application/json`, but the body is no JSON."""

    def spoil(self, reply: Reply) -> Reply:
        return msgspec.structs.replace(reply, body=b'{"ok": true, "models": [')


class WrongShape(Fault, frozen=True):
    """200 and JSON, but not the envelope."""

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
    """No byte of an answer; the connection is reset."""


class Hang(Fault, frozen=True):
    """No byte of an answer until `StubUpstream.release()`, or until the client leaves."""
