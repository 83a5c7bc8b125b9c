"""Attacks by operations that are allowed, but expensive."""

import base64
import json
from collections.abc import Iterator
from typing import Final

from support.hostile.attack import Attack, Line, ask, post

_GROUP: Final = "while running"
_LIMIT: Final = "OPERATION_TOO_COMPLEX"
_INPUT: Final = "BAD_USER_INPUT"

_EVERYTHING: Final = (
    "id modelId name status statusLabel releaseDate announcementDate deprecationDate"
    " retirementDate organisation{id organisationId name countryCode} aliases"
    " inputModalities outputModalities isRoutable endpoints{id endpointId}"
    " providers{id providerId name link countryCode} offerings{id providerModelSlug"
    " isRoutable inputModalities outputModalities effectiveFrom effectiveTo"
    " provider{id providerId name link countryCode} endpoint{id endpointId}}"
)


def _attack(
    name: str, query: str, variables: object = None, *wants: int | str
) -> Attack:
    return Attack(group=_GROUP, name=name, send=ask(query, variables), wants=wants)


def attacks() -> Iterator[Attack]:
    """List all attacks of this class."""
    yield from _pages()
    yield from _values()
    yield from _references()
    yield Attack(
        group=_GROUP,
        name="200 connections with one large page",
        send=_crowd,
        wants=("answer",),
    )
    yield Attack(
        group=_GROUP,
        name="60 questions at once, all different",
        send=_variety,
        wants=("answer",),
    )


def _pages() -> Iterator[Attack]:
    page = f"models(limit:250){{totalCount nodes{{{_EVERYTHING}}} facets{{providers{{value label count}} statuses{{count}} endpoints{{count}} organisations{{count}}}} unknownFilterValues{{field}}}}"
    yield _attack("the largest page", f"{{{page}}}", None, "answer")
    for coding in (
        b"br",
        b"gzip",
        b"zstd",
        b"br;q=0.1, gzip;q=0.2, zstd;q=0.3, *;q=0.4",
    ):
        yield Attack(
            group=_GROUP,
            name=f"the largest page in {coding.decode()}",
            send=ask(
                f"{{{page.replace('facets', f'{coding.decode()[:2]}:facets')}}}",
                None,
                b"Accept-Encoding: " + coding + b"\r\n",
            ),
            wants=(200,),
        )
    yield _attack(
        "the largest page, edges too",
        f"{{models(limit:250){{edges{{cursor node{{{_EVERYTHING}}}}} nodes{{{_EVERYTHING}}}}}}}",
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "the largest page, searched",
        page.replace("limit:250", 'first:250 search:"a"').join("{}"),
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "the largest page, ordered",
        page.replace("limit:250", "limit:250 orderBy:{field:NAME direction:DESC}").join(
            "{}"
        ),
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "20 largest pages",
        "{"
        + "".join(
            f"a{n}:{page.replace('limit:250', f'limit:250 offset:{n}')} "
            for n in range(20)
        )
        + "}",
        None,
        _LIMIT,
    )
    yield _attack(
        "20 pages of ids",
        "{"
        + "".join(
            f"a{n}:models(limit:250 offset:{n}){{nodes{{modelId}}}} " for n in range(20)
        )
        + "}",
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "all providers and their models",
        "{providers(limit:250){nodes{models(limit:250){nodes{offerings{provider{name}}}}}}}",
        None,
        _LIMIT,
    )
    yield _attack(
        "all providers and a few models",
        "{providers(limit:100){nodes{name models(limit:10){totalCount nodes{modelId name}}}}}",
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "models of providers of models",
        "{models(limit:20){nodes{providers{models(limit:20){nodes{providers{name}}}}}}}",
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "all endpoints' facets",
        "{endpoints{nodes{models{facets{providers{count} organisations{count} endpoints{count} statuses{count}}}}}}",
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "all organisations' facets",
        "{organisations(limit:250){nodes{models{facets{providers{count} endpoints{count}}}}}}",
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "__typename everywhere",
        "{models(limit:250){__typename edges{__typename node{__typename offerings{__typename model{__typename}}}}}}",
        None,
        "answer",
        _LIMIT,
    )
    yield _attack(
        "back and forth",
        "{models(limit:5){nodes{offerings{model{offerings{model{offerings{model{modelId}}}}}}}}}",
        None,
        "answer",
        _LIMIT,
    )
    for name, arguments in (
        ("limit 0", "limit:0"), ("limit 251", "limit:251"), ("limit -1", "limit:-1"),
        ("limit 2^31 - 1", "limit:2147483647"), ("offset -1", "offset:-1"),
        ("both styles", "limit:1 first:1"), ("first and last", "first:1 last:1"),
    ):  # fmt: skip
        yield _attack(name, f"{{models({arguments}){{totalCount}}}}", None, _INPUT)
    yield _attack(
        "limit 2^31",
        "{models(limit:2147483648){totalCount}}",
        None,
        _INPUT,
        "GRAPHQL_VALIDATION_FAILED",
    )
    yield _attack(
        "offset 2^31 - 1", "{models(offset:2147483647){totalCount}}", None, "answer"
    )


def _values() -> Iterator[Attack]:
    many = "query($a:[String!],$s:String){models(filter:{providers:$a} search:$s){totalCount unknownFilterValues{value suggestion}}}"
    long = [f"{'anthropic' * 22}{n}" for n in range(1_000)]
    yield _attack("1,000 long unknown values", many, {"a": long}, "answer")
    fields = (
        "providers",
        "organisations",
        "endpoints",
        "excludeEndpoints",
        "inputModalities",
        "outputModalities",
        "modelIds",
        "allInputModalities",
        "allOutputModalities",
    )
    filters = " ".join(f"{field}:$a" for field in fields)
    everywhere = (
        "query($a:[String!]){models(filter:{"
        + filters
        + "}){totalCount unknownFilterValues{field value suggestion}}}"
    )
    yield _attack(
        "9,000 unknown values",
        everywhere,
        {"a": [f"opnai-{n}" for n in range(1_000)]},
        "answer",
        _INPUT,
        _LIMIT,
    )
    aliased = (
        "query($a:[String!]){"
        + "".join(
            f"a{n}:models(offset:{n} filter:{{modelIds:$a providers:$a}}){{unknownFilterValues{{suggestion}}}} "
            for n in range(20)
        )
        + "}"
    )
    yield _attack(
        "20,000 unknown ids",
        aliased,
        {"a": [f"openai/gpt-{n}x" for n in range(1_000)]},
        "answer",
        _LIMIT,
    )
    yield _attack(
        "180,000 unknown values",
        "query($a:[String!]){"
        + "".join(
            f"a{n}:models(offset:{n} filter:{{{filters}}}){{unknownFilterValues{{suggestion}}}} "
            for n in range(20)
        )
        + "}",
        {"a": [f"opnai-{n}" for n in range(1_000)]},
        "answer",
        _LIMIT,
    )
    yield _attack(
        "1,000 values of 250 letters",
        everywhere,
        {"a": ["é" * 100 + str(n) for n in range(900)]},
        "answer",
        _INPUT,
    )
    yield _attack("one value of 250 KB", many, {"a": ["a" * 250_000]}, "answer", _INPUT)
    yield _attack("a value with a comma", many, {"a": ["a,b"]}, _INPUT)
    yield _attack("a value of SQL", many, {"a": ["');drop"]}, "answer", _INPUT)
    yield _attack(
        "a value with a new parameter", many, {"a": ["a&limit=1"]}, "answer", _INPUT
    )
    yield _attack("a value with CRLF", many, {"a": ["a\r\nX-A:b"]}, _INPUT)
    yield _attack("a value of half a surrogate", many, {"a": ["\ud800"]}, 400, _INPUT)
    yield _attack("a value with NUL", many, {"a": ["\0"]}, "answer", _INPUT)
    for name, text in (
        ("200 KB of letters", "a" * 200_000),
        ("100,000 words", "a b " * 50_000),
        ("a pattern", "(a+)+$" * 1_000),
        ("wildcards", "%" * 10_000 + "*" * 10_000),
        ("marks upon marks", "e" + "\u0301" * 60_000),
        ("letters that fold to three", "ﬃ" * 60_000),
        ("letters that fold to eighteen", "\ufdfa" * 60_000),
        ("NUL", "\0" * 1_000),
        ("nothing", ""),
        ("white space", " " * 100_000),
    ):
        yield _attack(f"a search for {name}", many, {"s": text}, "answer", _INPUT)
    yield _attack(
        "20 searches",
        "query($s:String){"
        + "".join(
            f"a{n}:models(offset:{n} search:$s){{totalCount facets{{providers{{count}}}}}} "
            for n in range(20)
        )
        + "}",
        {"s": "open gpt claude mini large text image " * 100},
        "answer",
        _INPUT,
        _LIMIT,
    )
    yield _attack(
        "a date that is none",
        '{models(filter:{releaseDate:{from:"9999-99-99"}}){totalCount}}',
        None,
        "GRAPHQL_VALIDATION_FAILED",
        _INPUT,
    )
    yield _attack(
        "a variable that is deep",
        "query($f:ModelFilter){models(filter:$f){totalCount}}",
        {"f": {"providers": [[["a"]]]}},
        _INPUT,
    )
    yield _attack(
        "a variable with unknown fields",
        "query($f:ModelFilter){models(filter:$f){totalCount}}",
        {"f": {f"x{n}": 1 for n in range(900)}},
        _INPUT,
    )
    yield _attack(
        "1,000 wrong values", many, {"a": [{"a": n} for n in range(1_000)]}, _INPUT
    )
    yield _attack(
        "a variable nobody declared, large",
        "{__typename}",
        {"a": ["a" * 200] * 1_000},
        "answer",
    )
    yield _attack(
        "cost of 30 models by a name that is unknown",
        '{model(modelId:"' + "a/" * 1_000 + '"){name}}',
        None,
        "answer",
    )


def _references() -> Iterator[Attack]:
    ids = [
        base64.b64encode(f"Model:openai/gpt-{n}".encode()).decode()
        for n in range(1_000)
    ]
    yield _attack(
        "1,000 forged ids",
        "query($a:[ID!]!){nodes(ids:$a){id __typename}}",
        {"a": ids},
        "any",
        _INPUT,
    )
    yield _attack(
        "1,000 ids of rubbish",
        "query($a:[ID!]!){nodes(ids:$a){id}}",
        {"a": ["\u2028" * 20] * 1_000},
        _INPUT,
    )
    yield _attack(
        "1,001 ids", "query($a:[ID!]!){nodes(ids:$a){id}}", {"a": ids + ids[:1]}, _LIMIT
    )
    yield _attack(
        "2,000 ids in two fields",
        "query($a:[ID!]!){a:nodes(ids:$a){id} b:nodes(ids:$a){id}}",
        {"a": ids},
        # Only the first hundred errors are reported, all of the first field.
        *(_LIMIT, _INPUT),
    )
    yield _attack(
        "an id of 200 KB",
        "query($a:ID!){node(id:$a){id}}",
        {"a": "A" * 200_000},
        _INPUT,
    )
    yield _attack("an id that is a number", "{node(id:123456789){id}}", None, _INPUT)
    entities = "query($r:[_Any!]!){_entities(representations:$r){__typename ...on Model{name offerings{id}}}}"
    good = [{"__typename": "Model", "modelId": f"openai/gpt-{n}"} for n in range(1_000)]
    yield _attack("1,000 representations", entities, {"r": good}, "answer", _LIMIT)
    yield _attack("1,001 representations", entities, {"r": good + good[:1]}, _LIMIT)
    yield _attack(
        "1,000 representations of nothing", entities, {"r": [{}] * 1_000}, _INPUT
    )
    yield _attack(
        "1,000 deep representations",
        entities,
        {"r": [{"__typename": "Model", "modelId": [[[n]]]} for n in range(1_000)]},
        _INPUT,
    )
    for name, one in (
        ("of no type", {"modelId": "a"}),
        ("of a type that is none", {"__typename": "Query"}),
        ("of a Python type", {"__typename": "__class__", "id": "a"}),
        ("that is a list", []),
        ("that is null", None),
        ("with a key that is an object", {"__typename": "Model", "id": {"$ne": None}}),
        ("with a forged id", {"__typename": "Model", "id": "////"}),
        ("of another's id", {"__typename": "Provider", "id": ids[0]}),
    ):
        yield _attack(
            f"a representation {name}",
            entities,
            {"r": [one]},
            _INPUT,
            "GRAPHQL_VALIDATION_FAILED",
        )
    page = "query($c:String){models(first:2 after:$c){totalCount}}"
    fields = ["c", 0, "a", None, None, None]
    for name, cursor in (
        ("rubbish", "////"), ("empty", ""), ("of 200 KB", "A" * 200_000),
        ("of half a character", base64.b64encode(b"\xff\xfe").decode()),
        ("of nested lists", base64.urlsafe_b64encode(b"[" * 90_000).decode()),
        ("with an offset below 0", _cursor([fields[0], -5, *fields[2:]])),
        ("with an offset of 2^70", _cursor([fields[0], 2**70, *fields[2:]])),
        ("with a date of text", _cursor([*fields[:3], "x", None, None])),
        ("of another order", _cursor(["no such order", *fields[1:]])),
    ):  # fmt: skip
        yield _attack(f"a cursor {name}", page, {"c": cursor}, _INPUT)


def _cursor(fields: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


async def _crowd(line: Line) -> bytes:
    body = post(
        {"query": f"{{models(limit:250){{nodes{{{_EVERYTHING}}}}}}}"}, close=False
    )
    await line.send(body * 200)
    return await line.read_answers(200)


async def _variety(line: Line) -> bytes:
    for n in range(60):
        await line.send(
            post(
                {
                    "query": f"{{models(limit:250 offset:{n} orderBy:{{field:MODEL_ID direction:ASC}}){{nodes{{modelId name offerings{{id}}}}}}}}"
                },
                close=False,
            )
        )
    return await line.read_answers(60)
