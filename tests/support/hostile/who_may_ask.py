"""Attacks on access control: API keys, other sites, client addresses, tokens, caches."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Final

from support.hostile.attack import TRUSTED, Attack, Gateway, ask, get, post

_GROUP: Final = "who may ask"
_Q: Final = b"/graphql?query={__typename}"
_KEY: Final = b"X-API-Key: open-sesame\r\n"
_LIST: Final = "{models(limit:1){totalCount}}"


def _attack(
    name: str, send: bytes, *wants: int | str, gateway: Gateway = "open"
) -> Attack:
    return Attack(group=_GROUP, name=name, send=send, wants=wants, gateway=gateway)


def attacks() -> Iterator[Attack]:
    """List all attacks of this class."""
    yield from _keys()
    yield from _sites()
    yield from _tokens()
    yield from _persisted()
    yield from _trusted()


def _keys() -> Iterator[Attack]:
    digest = hashlib.sha256(b"open-sesame").hexdigest().encode()
    for name, headers in (
        ("no key", b""),
        ("an empty key", b"X-API-Key: \r\n"),
        ("half a key", b"X-API-Key: open-sesam\r\n"),
        ("another case", b"X-API-Key: OPEN-SESAME\r\n"),
        ("the hash of the key", b"X-API-Key: " + digest + b"\r\n"),
        ("a key of 30 KB", b"X-API-Key: " + b"a" * 30_000 + b"\r\n"),
        ("bytes that are no text", b"X-API-Key: \xff\xfe\r\n"),
        ("a key and another", _KEY + b"X-API-Key: wrong\r\n"),
        ("the key as a bearer token", b"Authorization: Bearer open-sesame\r\n"),
        ("the key as a cookie", b"Cookie: X-API-Key=open-sesame\r\n"),
        ("a proxy's word", b"X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"),
    ):
        yield _attack(
            f"asked with {name}", ask(_LIST, None, headers), 401, gateway="guarded"
        )
    yield _attack(
        "the key in the address",
        get(_Q + b"&X-API-Key=open-sesame"),
        401,
        gateway="guarded",
    )
    yield _attack(
        "the schema without a key", get(b"/schema.graphql"), 401, gateway="guarded"
    )
    yield _attack(
        "an answer that is kept, without a key",
        ask("{__typename}"),
        401,
        gateway="guarded",
    )
    yield _attack(
        "the key, at last", ask("{__typename}", None, _KEY), "answer", gateway="guarded"
    )
    yield _attack(
        "GraphiQL where it is off",
        get(b"/graphql", headers=b"Accept: text/html\r\n" + _KEY),
        406,
        400,
        gateway="guarded",
    )


def _sites() -> Iterator[Attack]:
    cross = b"Sec-Fetch-Site: cross-site\r\n"
    for mode in (b"no-cors", b"navigate", b"websocket", b""):
        yield _attack(
            f"a foreign page asks in mode {mode.decode() or 'none'}",
            get(
                _Q,
                headers=cross + (b"Sec-Fetch-Mode: " + mode + b"\r\n" if mode else b""),
            ),
            403,
        )
    yield _attack(
        "a foreign page asks by fetch",
        get(_Q, headers=cross + b"Sec-Fetch-Mode: cors\r\n"),
        "answer",
    )
    yield _attack(
        "a foreign form",
        post(
            b'{"query":"{__typename}","a":"=b"}',
            content_type=b"Content-Type: text/plain\r\n",
            headers=cross,
        ),
        415,
    )
    yield _attack(
        "a foreign origin",
        ask("{__typename}", None, b"Origin: https://evil.example\r\n" + _KEY),
        "answer",
        gateway="guarded",
    )
    pre = b"Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n"
    yield _attack(
        "a foreign origin's preflight",
        get(b"/graphql", method=b"OPTIONS", headers=pre),
        400,
        gateway="guarded",
    )
    yield _attack(
        "the origin `null`",
        get(
            b"/graphql",
            method=b"OPTIONS",
            headers=pre.replace(b"https://evil.example", b"null"),
        ),
        400,
        gateway="guarded",
    )
    yield _attack(
        "a lookalike origin",
        get(
            b"/graphql",
            method=b"OPTIONS",
            headers=pre.replace(
                b"https://evil.example", b"https://app.example.evil.example"
            ),
        ),
        400,
        gateway="guarded",
    )
    for name, origin in (
        ("with a dot behind", b"https://app.example."),
        ("with a port", b"https://app.example:443"),
        ("of another scheme", b"http://app.example"),
        ("in capitals", b"https://APP.example"),
        ("with a path", b"https://app.example/"),
        ("that ends alike", b"https://xapp.example"),
        ("of nothing", b""),
        ("of any", b"*"),
    ):
        yield _attack(
            f"an origin {name}",
            get(
                b"/graphql",
                method=b"OPTIONS",
                headers=pre.replace(b"https://evil.example", origin),
            ),
            400,
            gateway="guarded",
        )
    mine = pre.replace(b"https://evil.example", b"https://app.example")
    for name, headers in (
        ("for DELETE", mine.replace(b"POST", b"DELETE")),
        (
            "for a private network",
            mine + b"Access-Control-Request-Private-Network: true\r\n",
        ),
    ):
        yield _attack(
            f"a preflight {name}",
            get(b"/graphql", method=b"OPTIONS", headers=headers),
            400,
            gateway="guarded",
        )
    for kind in (
        b"application/json, text/plain",
        b"text/plain, application/json",
        b"application/json; charset=utf-7",
        b"application/json; charset=utf-8; charset=utf-16",
        b"multipart/form-data; boundary=application/json",
        b"text/plain; application/json",
    ):
        yield _attack(
            f"a form that says {kind.decode()}",
            post(
                b'{"query":"{__typename}"}',
                content_type=b"Content-Type: " + kind + b"\r\n",
            ),
            415,
        )
    yield _attack(
        "a mutation among queries by GET",
        get(
            b"/graphql?query=query+A{a:__typename}+mutation+B{__typename}&operationName=B"
        ),
        405,
    )
    yield _attack(
        "another host beside", ask("{__typename}", None, b"Host: evil.example\r\n"), 400
    )
    for header in (
        b"X-Forwarded-Host: evil.example",
        b"X-Forwarded-Proto: javascript",
        b"X-Forwarded-For: 10.0.0.1, 10.0.0.2",
        b"Forwarded: for=10.0.0.1;host=evil.example",
        b"X-Forwarded-Prefix: /evil",
        b"Via: 1.1 evil",
    ):
        yield _attack(
            header.decode(), ask("{__typename}", None, header + b"\r\n"), "answer"
        )
    yield _attack(
        "the explorer for a foreign host",
        get(b"/", headers=b"X-Forwarded-Host: evil.example\r\n"),
        307,
    )
    yield _attack(
        "the explorer's other spelling for a foreign host",
        get(b"/graphql/", headers=b"X-Forwarded-Host: evil.example\r\n"),
        307,
    )


def _tokens() -> Iterator[Attack]:
    for name, headers, wants in (
        ("no token", b"", ("UPSTREAM_UNAUTHENTICATED",)),
        (
            "an empty token",
            b"Authorization: Bearer \r\n",
            (401, "UPSTREAM_UNAUTHENTICATED"),
        ),
        ("two tokens", b"Authorization: Bearer a b\r\n", (401,)),
        ("a token of 8 KB", b"Authorization: Bearer " + b"a" * 8_000 + b"\r\n", (401,)),
        (
            "a token with a quote",
            b'Authorization: Bearer "a"\r\n',
            ("UPSTREAM_UNAUTHENTICATED",),
        ),
        ("a token that is no text", b"Authorization: Bearer \xff\xfe\r\n", (401,)),
        (
            "another scheme",
            b"Authorization: Basic YTpi\r\n",
            ("UPSTREAM_UNAUTHENTICATED",),
        ),
        (
            "a token of another",
            b"Authorization: Bearer aistats_v1_k_nobody\r\n",
            ("answer", "UPSTREAM_UNAUTHENTICATED"),
        ),
        (
            "the gateway's own partition",
            b"Authorization: Bearer \t\r\n",
            (401, "UPSTREAM_UNAUTHENTICATED"),
        ),
        (
            "a cookie",
            b"Cookie: Authorization=Bearer a\r\n",
            ("UPSTREAM_UNAUTHENTICATED",),
        ),
        (
            "X-Authorization",
            b"X-Authorization: Bearer aistats_v1_k_a_b\r\n",
            ("UPSTREAM_UNAUTHENTICATED",),
        ),
    ):
        yield _attack(
            f"passed through: {name}",
            ask(_LIST, None, headers),
            *wants,
            gateway="passing",
        )
    yield _attack(
        "passed through: the schema needs none",
        ask("{__schema{queryType{name}}}"),
        "answer",
        gateway="passing",
    )
    yield _attack(
        "passed through: nor does _service",
        ask("{_service{sdl}}"),
        "answer",
        gateway="passing",
    )


def _persisted() -> Iterator[Attack]:
    right = hashlib.sha256(b"{__typename}").hexdigest()

    def persisted(value: object, query: str | None = None) -> bytes:
        body: dict[str, object] = {"extensions": {"persistedQuery": value}}
        return post(body | ({} if query is None else {"query": query}))

    yield _attack(
        "a hash of another document",
        persisted({"version": 1, "sha256Hash": right}, "{models{totalCount}}"),
        400,
    )
    yield _attack(
        "a hash that was never sent",
        persisted({"version": 1, "sha256Hash": "f" * 64}),
        "PERSISTED_QUERY_NOT_FOUND",
    )
    yield _attack(
        "a hash in capitals",
        persisted({"version": 1, "sha256Hash": right.upper()}, "{__typename}"),
        400,
    )
    yield _attack(
        "a hash of 200 KB", persisted({"version": 1, "sha256Hash": "a" * 200_000}), 400
    )
    yield _attack(
        "a hash that is an object",
        persisted({"version": 1, "sha256Hash": {"a": 1}}),
        400,
    )
    yield _attack(
        "another version", persisted({"version": 2, "sha256Hash": right}), 400
    )
    yield _attack("a list for a hash", persisted([]), 400)
    yield _attack(
        "documents that fail are not kept",
        persisted(
            {"version": 1, "sha256Hash": hashlib.sha256(b"{nope}").hexdigest()},
            "{nope}",
        ),
        "GRAPHQL_VALIDATION_FAILED",
    )
    yield _attack(
        "and are not found",
        persisted({"version": 1, "sha256Hash": hashlib.sha256(b"{nope}").hexdigest()}),
        "PERSISTED_QUERY_NOT_FOUND",
    )
    path = {"documentId": "../../etc/passwd"}
    yield _attack(
        "a path for a document",
        post(json.dumps(path).encode()),
        "PERSISTED_QUERY_NOT_FOUND",
        400,
    )


def _trusted() -> Iterator[Attack]:
    """Build requests for documents that are not in the manifest, by all means."""
    known, free = TRUSTED["one"], "{models{totalCount}}"

    def sha(text: str) -> dict[str, object]:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return {"persistedQuery": {"version": 1, "sha256Hash": digest}}

    refused: tuple[tuple[str, Mapping[str, object], int], ...] = (
        ("another document", {"query": free}, 403),
        ("the schema", {"query": "{__schema{queryType{name}}}"}, 403),
        ("a space more", {"query": known + " "}, 403),
        ("a comment more", {"query": "#\n" + known}, 403),
        ("a byte order mark", {"query": "\ufeff" + known}, 403),
        ("two documents in one", {"query": known + free}, 403),
        ("nothing", {"query": ""}, 403),
        ("an unknown id", {"documentId": "three"}, 403),
        ("an id in capitals", {"documentId": "ONE"}, 403),
        ("an id of Python's", {"documentId": "__class__"}, 403),
        ("an id that is a list", {"documentId": ["one"]}, 400),
        ("another document under a known id", {"query": free, "documentId": "one"}, 400),
        ("another document under a known hash", {"query": free, "extensions": sha(known)}, 400),
        ("another document under its own hash", {"query": free, "extensions": sha(free)}, 403),
        ("its hash alone", {"extensions": sha(free)}, 403),
        ("its hash as an id", {"documentId": f"sha256:{hashlib.sha256(free.encode()).hexdigest()}"}, 403),
    )  # fmt: skip
    for name, body, status in refused:
        yield _attack(f"trusted: {name}", post(body), status, gateway="trusting")
    yield _attack(
        "trusted: another document behind a known one",
        post(f'{{"query":{json.dumps(known)},"query":{json.dumps(free)}}}'.encode()),
        403,
        gateway="trusting",
    )
    yield _attack(
        "trusted: another document by GET",
        get(b"/graphql?query={models{totalCount}}"),
        403,
        gateway="trusting",
    )
    yield _attack(
        "trusted: both by GET",
        get(b"/graphql?documentId=one&query={models{totalCount}}"),
        400,
        gateway="trusting",
    )
    yield _attack(
        "trusted: an operation that is not in the document",
        post({"documentId": "two", "operationName": "One"}),
        "BAD_USER_INPUT",
        gateway="trusting",
    )
    for name, body in (
        ("the document itself", {"query": known, "variables": {"n": 1}}),
        ("its id", {"documentId": "one"}),
        ("its hash", {"extensions": sha(known)}),
        ("one of its operations", {"documentId": "two", "operationName": "Three"}),
    ):
        yield _attack(f"trusted: {name}", post(body), "answer", gateway="trusting")
