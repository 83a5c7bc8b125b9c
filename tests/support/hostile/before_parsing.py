"""Attacks on everything before the document: connection, HTTP, body, JSON."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Final

from support.hostile.attack import HEAD, JSON_TYPE, Attack, Line, Talk, ask, get, post

_GROUP: Final = "before parsing"
_Q: Final = '{"query":"{__typename}"}'
_K256: Final = 256 * 1024


def _attack(name: str, send: bytes | Talk, *wants: int | str) -> Attack:
    return Attack(group=_GROUP, name=name, send=send, wants=wants)


def _drip(first: bytes, again: bytes, every_s: float) -> Talk:
    async def talk(line: Line) -> bytes:
        await line.send(first)

        async def send() -> None:
            while True:
                await asyncio.sleep(every_s)
                await line.send(again)

        dripping = asyncio.create_task(send())
        try:
            return await line.read()
        finally:
            dripping.cancel()

    return talk


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _chunked(body: bytes, headers: bytes = b"") -> bytes:
    return HEAD + JSON_TYPE + headers + b"Transfer-Encoding: chunked\r\n\r\n" + body


def _in_pieces(pieces: list[bytes]) -> Talk:
    async def talk(line: Line) -> bytes:
        for piece in pieces:
            await line.send(piece)
            await asyncio.sleep(0)
        return await line.read()

    return talk


async def _leaves_early(line: Line) -> bytes:
    await line.send(post(b'{"query":"{models{totalCount}}"}'))
    line.close()
    await asyncio.sleep(0.2)
    return b""


def attacks() -> Iterator[Attack]:
    """List all attacks of this class."""
    yield from _slow()
    yield from _heads()
    yield from _smuggled()
    yield from _bodies()
    yield from _json()
    yield from _addresses()


def _slow() -> Iterator[Attack]:
    yield _attack("silence", b"", 408, "closed")
    yield _attack("half a request line", b"POST /gra", 408)
    yield _attack(
        "a header line now and then", _drip(HEAD, b"X-A: b\r\n", 0.2), 408, "closed"
    )
    yield _attack(
        "a byte of the body now and then",
        _drip(HEAD + JSON_TYPE + b"Content-Length: 9999\r\n\r\n", b" ", 0.2),
        *(408, "closed"),
    )
    yield _attack(
        "a chunk now and then",
        _drip(_chunked(b""), _chunk(b" "), 0.2),
        *(408, "closed"),
    )
    yield _attack(
        "a body that never comes", HEAD + JSON_TYPE + b"Content-Length: 9\r\n\r\n", 408
    )
    yield _attack("gone before the answer", _leaves_early, "closed")
    yield _attack(
        "expects to be asked and never goes on",
        HEAD + JSON_TYPE + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        *(408, 100),
    )


def _heads() -> Iterator[Attack]:
    yield _attack("one header of 1 MB", HEAD + b"X-A: " + b"a" * 2**20, 431, "closed")
    many = b"".join(b"X-%d: a\r\n" % n for n in range(20_000))
    yield _attack("20,000 headers", HEAD + many + b"\r\n", 431, "closed")
    yield _attack(
        "a header without end",
        _drip(HEAD + b"X-A: ", b"a" * 9000, 0.01),
        *(431, "closed"),
    )
    yield _attack(
        "an address of 1 MB",
        b"GET /graphql?query=" + b"a" * 2**20 + b" HTTP/1.1\r\n\r\n",
        *(431, 400, "closed"),
    )
    yield _attack(
        "an address of 31 KB",
        get(b"/graphql?query={__typename}&x=" + b"a" * 31_000),
        200,
    )
    yield _attack(
        "1,000 Accept ranges",
        ask("{__typename}", None, b"Accept: " + b"a/b;q=0.1," * 1000 + b"*/*\r\n"),
        200,
    )
    yield _attack(
        "an Accept of semicolons",
        ask("{__typename}", None, b"Accept: " + b";" * 20_000 + b"\r\n"),
        406,
    )
    yield _attack(
        "10,000 entity tags",
        get(
            b"/graphql?query={__typename}",
            headers=b"If-None-Match: " + b'"a",' * 6_000 + b"\r\n",
        ),
        200,
    )
    yield _attack(
        "no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400
    )
    yield _attack("random bytes", bytes(range(256)) * 40, 400)
    yield _attack(
        "HTTP/2 in clear", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505, "any"
    )
    yield _attack("HTTP/9.9", HEAD.replace(b"1.1", b"9.9") + b"\r\n", 400, 505)
    yield _attack(
        "upgrade to a web socket",
        get(
            b"/graphql",
            headers=b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n",
        ),
        400,
    )
    yield _attack("NUL in a header", HEAD + b"X-A: a\0b\r\n\r\n", 400)
    yield _attack("bare line feeds", b"POST /graphql HTTP/1.1\nHost: a\n\n", 400, 415)
    yield _attack(
        "a header that is folded",
        HEAD + JSON_TYPE + b"X-A: a\r\n b: c\r\n\r\n",
        400,
        415,
    )
    yield _attack("a space before the colon", HEAD + b"X-A : a\r\n\r\n", 400, 415)


def _smuggled() -> Iterator[Attack]:
    hidden = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
    both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield _attack(
        "length and chunks", HEAD + JSON_TYPE + both + b"0\r\n\r\n" + hidden, 400
    )
    yield _attack(
        "two lengths",
        HEAD + JSON_TYPE + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n" + hidden,
        400,
    )
    for value in (b"-1", b"+5", b"0x10", b"5, 5", b"1e3", b"9" * 40, b" "):
        yield _attack(
            f"a length of {value[:9].decode()}",
            HEAD + JSON_TYPE + b"Content-Length: " + value + b"\r\n\r\n{}",
            *(400, 408, 413),
        )
    for value in (b"xchunked", b"chunked, identity", b"gzip, chunked", b"\x0bchunked"):
        yield _attack(
            f"a transfer coding {value!r}",
            HEAD + JSON_TYPE + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n",
            *(400, 408, "closed"),
        )
    line = HEAD + JSON_TYPE + b"Connection: close\r\nContent-Length: 24\r\n\r\n"
    chunks = b"18\r\n" + _Q.encode() + b"\r\n0\r\n\r\n" + hidden
    for name, send in (
        ("no Host", (line + _Q.encode()).replace(b"Host: gateway\r\n", b"")),
        ("two Hosts", (line + _Q.encode()).replace(b"\r\nC", b"\r\nHost: a\r\nC", 1)),
        (
            "identity and chunks",
            b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        ),
        (
            "chunks and identity",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        ("chunks twice", b"Transfer-Encoding: chunked, chunked"),
        ("chunks, folded", b"Transfer-Encoding:\r\n chunked"),
        ("chunks before a colon with a space", b"Transfer-Encoding : chunked"),
        ("chunks and a length", b"Transfer-Encoding: chunked\r\nContent-Length: 24"),
    ):
        whole = (
            send
            if send.startswith(b"POST")
            else (HEAD + JSON_TYPE + send + b"\r\n\r\n" + chunks)
        )
        yield _attack(f"a head with {name}", whole, 400)
    for version in (b"1.0", b"0.9", b"2.0"):
        yield _attack(
            f"chunks in HTTP/{version.decode()}",
            (HEAD + JSON_TYPE + b"Transfer-Encoding: chunked\r\n\r\n" + chunks).replace(
                b"HTTP/1.1", b"HTTP/" + version, 1
            ),
            400,
        )
    for name, body in (
        ("a line feed for CRLF after the size", chunks.replace(b"18\r\n", b"18\n")),
        ("an extension that ends in a line feed", chunks.replace(b"18\r", b"18;a")),
        ("nothing behind the data", chunks.replace(b"}\r\n0", b"}0")),
        ("a size of 0x18", b"0x" + chunks),
        ("a space behind the size", chunks.replace(b"18", b"18 ")),
    ):
        yield _attack(f"chunks with {name}", _chunked(body), "closed", 400)
    for name, head in (
        ("a line feed behind a header", b"X-A: b\n"),
        ("a carriage return in a header", b"X-A: a\rb\r\n"),
        ("a header without a name", b": a\r\n"),
        ("a length that is folded", b"Content-Length:\r\n 24\r\n"),
        ("two equal lengths", b"Content-Length: 24\r\n"),
    ):
        yield _attack(
            f"a head with {name}",
            (line + _Q.encode()).replace(b"Connection", head + b"Connection"),
            400,
        )
    yield _attack(
        "a chunk size of 2^64", _chunked(b"ffffffffffffffffff\r\n"), 400, "closed"
    )
    yield _attack("a chunk size below 0", _chunked(b"-1\r\n\r\n"), 400, "closed")
    yield _attack(
        "100,000 chunks of one byte",
        _in_pieces([_chunked(b""), *[_chunk(b" ") * 1000] * 100, b"0\r\n\r\n"]),
        *(400, 413, "closed"),
    )
    yield _attack(
        "a megabyte of trailers",
        _in_pieces([_chunked(b"0\r\n"), *[b"X-T: " + b"t" * 8000 + b"\r\n"] * 130]),
        *(400, 408, "closed"),
    )
    yield _attack(
        "a megabyte of chunk extensions",
        _in_pieces([_chunked(b"1;"), *[b"e" * 8000] * 130]),
        *(400, 408, "closed"),
    )
    piped = post(_Q.encode(), close=False)
    yield _attack("100 requests at once", piped * 99 + post(_Q.encode()), "answer")
    yield _attack("1,000 requests at once", piped * 1_000, "closed", "any")
    upgrading = piped.replace(
        b"\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", 1
    )
    yield _attack("HTTP/2 asked for", upgrading, "answer")
    yield _attack(
        "HTTP/2 asked for 2,000 times at once", upgrading * 2_000, "closed", 400, "any"
    )
    yield _attack(
        "another protocol, and a request hidden in it",
        get(
            b"/graphql?query={__typename}",
            headers=b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        )
        + hidden,
        "answer",
    )
    yield _attack(
        "a body behind a GET",
        get(b"/graphql?query={__typename}", headers=b"Content-Length: 5\r\n")
        + b"GET /",
        200,
    )


def _bodies() -> Iterator[Attack]:
    big = b'{"query":"{__typename}","x":"' + b"a" * _K256 + b'"}'
    yield _attack("a body of 256 KiB and a bit", post(big), 413)
    yield _attack(
        "a body of 100 MB, announced",
        HEAD + JSON_TYPE + b"Content-Length: 100000000\r\n\r\n" + b" " * 300_000,
        *(413, "closed"),
    )
    yield _attack(
        "a body of 10 MB in chunks",
        _in_pieces([_chunked(b""), *[_chunk(b" " * 65536)] * 160, b"0\r\n\r\n"]),
        *(413, "closed"),
    )
    for name, data in (
        ("gzip", gzip.compress(b" " * 10_000_000)),
        ("deflate", zlib.compress(b" " * 10_000_000)),
        ("br", b"\x8b\x02\x80abc"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("gzip, gzip", gzip.compress(gzip.compress(b" " * 10_000_000))),
    ):
        yield _attack(
            f"a bomb in {name}",
            post(data, headers=b"Content-Encoding: " + name.encode() + b"\r\n"),
            415,
        )
    yield _attack("no body", post(b""), 400)
    yield _attack("white space", post(b" " * 200_000), 400)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json2",
        "text/json",
        "",
        "application/xml",
    ):
        line = b"Content-Type: " + kind.encode() + b"\r\n"
        yield _attack(f"sent as {kind!r}", post(_Q.encode(), content_type=line), 415)
    yield _attack("sent as nothing", post(_Q.encode(), content_type=b""), 415)


def _json() -> Iterator[Attack]:
    for name, body in (
        ("null", b"null"),
        ("a number", b"1"),
        ("a string", b'"a"'),
        ("an array", b"[]"),
        ("a batch of 1,000", b"[" + b",".join([_Q.encode()] * 1000) + b"]"),
        ("cut off", b'{"query":"{__typename}'),
        ("two objects", _Q.encode() * 2),
        ("not UTF-8", b'{"query":"\xff\xfe"}'),
        ("UTF-16", _Q.encode("utf-16")),
        ("two byte order marks", b"\xef\xbb\xbf" * 2 + _Q.encode()),
        ("an overlong slash", b'{"query":"\xc0\xaf"}'),
        ("half a surrogate", b'{"query":"{__typename}","operationName":"\\ud800"}'),
        ("NaN", b'{"query":"{__typename}","variables":{"a":NaN}}'),
        ("Infinity", b'{"query":"{__typename}","variables":{"a":Infinity}}'),
        ("1e999", b'{"query":"{__typename}","variables":{"a":1e999}}'),
        ("100,000 arrays", b'{"query":"{__typename}","variables":{"a":' + b"[" * 100_000),
        ("40 levels", b'{"query":"{__typename}","variables":' + b'{"a":' * 40 + b"1" + b"}" * 41),
        ("no query", b"{}"),
        ("query: 1", b'{"query":1}'),
        ("query: null", b'{"query":null}'),
        ("query: an object", b'{"query":{"$gt":""}}'),
        ("variables: []", b'{"query":"{__typename}","variables":[]}'),
        ("variables: a text", b'{"query":"{__typename}","variables":"{}"}'),
        ("extensions: 1", b'{"query":"{__typename}","extensions":1}'),
        ("operationName: {}", b'{"query":"{__typename}","operationName":{}}'),
        ("40 levels nobody asked for", b'{"query":"{__typename}","x":' + b"[" * 40 + b"]" * 40 + b"}"),
        ("20,001 keys nobody asked for", b'{"query":"{__typename}",' + b",".join(b'"%x":1' % n for n in range(20_001)) + b"}"),
        ("a large number nobody asked for", b'{"query":"{__typename}","x":' + b"9" * 200_000 + b"}"),
        ("60 numbers of 4,000 digits", b'{"query":"{__typename}","variables":{"a":[' + b",".join([b"9" * 4_000] * 60) + b"]}}"),
        ("surrogates the wrong way round", b'{"query":"{__typename}","operationName":"\\udc00\\ud800"}'),
        ("a comment", b'{"query":"{__typename}"/*a*/}'),
        ("a comma too many", b'{"query":"{__typename}",}'),
        ("a form feed", b'\x0c{"query":"{__typename}"}'),
        ("a line end in a text", b'{"query":"{__typename\n}"}'),
    ):  # fmt: skip
        yield _attack(f"JSON: {name}", post(body), 400)
    digits = b'{"query":"{__typename}","variables":{"a":' + b"9" * 200_000 + b"}}"
    yield _attack("JSON: a number of 200,000 digits", post(digits), "any")
    wide = {"query": "{__typename}", "variables": {f"{n:x}": 1 for n in range(20_001)}}
    yield _attack("JSON: 20,000 variables", post(wide), 400)
    yield _attack(
        "JSON: 60,000 nulls",
        post(
            b'{"query":"{__typename}","variables":{"a":[' + b"null," * 50_000 + b"1]}}"
        ),
        400,
    )
    yield _attack(
        "JSON: 30 levels of lists, each of 500",
        post({"query": "{__typename}", "variables": {"a": _wide_and_deep(28)}}),
        *("any", 400),
    )
    yield _attack(
        "JSON: one key 20,000 times",
        post(b'{"query":"{__typename}",' + b'"a":1,' * 20_000 + b'"b":1}'),
        "answer",
    )
    yield _attack(
        "JSON: two queries",
        post(b'{"query":"{__schema{types{name}}}","query":"{__typename}"}'),
        "answer",
    )
    yield _attack(
        "JSON: __proto__",
        post(
            b'{"query":"{__typename}","__proto__":{"a":1},"constructor":{"prototype":1}}'
        ),
        "answer",
    )
    yield _attack(
        "JSON: NUL in the document",
        post({"query": "{__typename\0}"}),
        "GRAPHQL_PARSE_FAILED",
    )
    yield _attack(
        "JSON: a text of escapes",
        post(b'{"query":"' + b"\\u0020" * 40_000 + b'"}'),
        "GRAPHQL_PARSE_FAILED",
        400,
    )


def _wide_and_deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [*([None] * 500), value]
    return value


def _addresses() -> Iterator[Attack]:
    q = b"query={__typename}"
    for name, target, wants in (
        ("of another host", b"http://127.0.0.1:1/graphql?" + q, (200, 400, 404)),
        ("of metadata", b"http://169.254.169.254/latest/meta-data/", (400, 404)),
        ("with a user", b"http://a:b@evil.example/graphql?" + q, (200, 400, 404)),
        ("of two slashes", b"//evil.example/graphql", (404,)),
        ("up the tree", b"/../../../../etc/passwd", (400, 404)),
        ("up the tree, encoded", b"/%2e%2e/%2e%2e/etc/passwd", (404,)),
        ("up from the explorer", b"/graphiql/..%2f..%2f..%2fapp.py", (404,)),
        ("up from the files", b"/explorer/../../app.py", (404,)),
        ("with NUL", b"/graphql%00?" + q, (404,)),
        ("with a bad escape", b"/graphql?query=%zz", (400, "GRAPHQL_PARSE_FAILED")),
        ("with half a character", b"/graphql?query=%ff%fe", (400,)),
        ("with 10,000 parameters", b"/graphql?" + b"a=1&" * 6_000 + q, (400,)),
        ("with two queries", b"/graphql?" + q + b"&" + q, (400,)),
        ("with variables that are none", b"/graphql?" + q + b"&variables=[1]", (400,)),
        ("with a deep variable", b"/graphql?" + q + b"&variables=" + b"[" * 9_000, (400,)),
        ("of an asterisk", b"*", (400, 404)),
        ("of nothing", b"", (400,)),
        ("with a fragment", b"/graphql?" + q + b"#a", (200, 400)),
    ):  # fmt: skip
        yield _attack(f"an address {name}", get(target), *wants)
    for method in (b"PUT", b"DELETE", b"PATCH", b"TRACE", b"PROPFIND"):
        yield _attack(
            f"{method.decode()} /graphql",
            get(b"/graphql?" + q, method=method),
            *(405,),
        )
    yield _attack("CONNECT", get(b"evil.example:443", method=b"CONNECT"), 400, 404, 405)
    yield _attack("a method of our own", get(b"/graphql", method=b"HACK"), 400, 405)
    yield _attack("HEAD /graphql", get(b"/graphql?" + q, method=b"HEAD"), 200)
    yield _attack("DELETE /metrics", get(b"/metrics", method=b"DELETE"), 405)
    for header in (
        b"X-HTTP-Method-Override: DELETE",
        b"X-Original-URL: /metrics",
        b"X-Rewrite-URL: /metrics",
    ):
        yield _attack(
            f"{header.decode()}", ask("{__typename}", None, header + b"\r\n"), "answer"
        )
    yield _attack(
        "a mutation by GET",
        get(b"/graphql?query=mutation{__typename}"),
        *(405, 400, "GRAPHQL_VALIDATION_FAILED"),
    )
    yield _attack(
        "a hash of nothing",
        get(
            b"/graphql?extensions="
            + json.dumps({"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}})
            .replace(" ", "")
            .encode()
        ),
        *("PERSISTED_QUERY_NOT_FOUND",),
    )
