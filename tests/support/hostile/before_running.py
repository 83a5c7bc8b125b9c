"""Attacks by documents: exponential ones, and the most expensive ones within the limits."""

from collections.abc import Iterator
from typing import Final

from support.hostile.attack import Attack, ask, post

_GROUP: Final = "before running"
_LIMIT: Final = "OPERATION_TOO_COMPLEX"
_PARSE: Final = "GRAPHQL_PARSE_FAILED"
_INVALID: Final = "GRAPHQL_VALIDATION_FAILED"


def _attack(name: str, query: str, *wants: int | str) -> Attack:
    return Attack(group=_GROUP, name=name, send=ask(query), wants=wants)


def _nest(times: int, inner: str = "id") -> str:
    return (
        "providers{nodes{"
        + "endpoints{providers{" * times
        + inner
        + "}}" * times
        + "}}"
    )


def attacks() -> Iterator[Attack]:
    """List all attacks of this class."""
    yield from _bombs()
    yield from _broken()
    yield from _introspection()
    yield from _largest()
    yield from _short()


def _bombs() -> Iterator[Attack]:
    for count in (31, 1_000):
        aliases = "".join(f"a{n}:__typename " for n in range(count))
        yield _attack(f"{count} aliases", "{" + aliases + "}", _LIMIT)
    yield _attack("__typename 20,000 times", "{" + "__typename " * 20_000 + "}", _LIMIT)
    yield _attack(
        "21 root fields",
        "{" + "".join(f'a{n}:model(modelId:"{n}"){{id}} ' for n in range(21)) + "}",
        _LIMIT,
    )
    yield _attack("depth 16", "{" + _nest(7) + "}", _LIMIT)
    yield _attack("depth 2,000", "{" + _nest(999) + "}", _LIMIT)
    yield _attack("20,000 brackets", "{a" * 20_000, _LIMIT, _PARSE)
    yield _attack(
        "lists 50,000 deep",
        "{models(filter:{providers:" + "[" * 50_000 + "}",
        _LIMIT,
        _PARSE,
    )
    yield _attack(
        "lists 1,900 deep",
        "{models(filter:{providers:" + "[" * 1_900 + "]" * 1_900 + "}){totalCount}}",
        _LIMIT,
        _PARSE,
        _INVALID,
    )
    yield _attack(
        "objects 900 deep",
        "{models(filter:" + "{releaseDate:" * 900 + "1" + "}" * 900 + "){totalCount}}",
        _LIMIT,
        _PARSE,
        _INVALID,
    )
    yield _attack(
        "types 3,900 deep",
        "query($a:" + "[" * 1_900 + "Int" + "]" * 1_900 + "){__typename}",
        _LIMIT,
        _PARSE,
        _INVALID,
    )
    yield _attack(
        "selections 1,300 deep, unknown",
        "{" + "a{" * 1_300 + "b" + "}" * 1_301,
        _LIMIT,
        _PARSE,
    )
    yield _attack(
        "51 directives", "{__typename" + " @include(if:true)" * 51 + "}", _LIMIT
    )
    yield _attack(
        "1,500 unknown directives", "{__typename" + " @a" * 1_500 + "}", _LIMIT
    )
    yield _attack(
        "11 operations", "".join(f"query Q{n}{{__typename}}" for n in range(11)), _LIMIT
    )
    yield _attack(
        "1,300 operations", "".join(f"query Q{n}{{a}}" for n in range(650)), _LIMIT
    )
    doubling = "".join(
        f"fragment F{n} on Query{{...F{n + 1} ...F{n + 1}}}" for n in range(100)
    )
    yield _attack(
        "fragments that double 100 times",
        "{...F0}" + doubling + "fragment F100 on Query{__typename}",
        _LIMIT,
    )
    fields = "".join(
        f"fragment F{n} on Provider{{endpoints{{providers{{...F{n + 1}}}}} b:endpoints{{providers{{...F{n + 1}}}}}}}"
        for n in range(60)
    )
    yield _attack(
        "fields that double 60 times",
        '{provider(providerId:"a"){...F0}}' + fields + "fragment F60 on Provider{id}",
        _LIMIT,
    )
    ring = "".join(f"fragment F{n} on Query{{...F{(n + 1) % 200}}}" for n in range(200))
    yield _attack("a ring of 200 fragments", "{...F0}" + ring, _INVALID, _LIMIT)
    yield _attack("a fragment of itself", "{...F}fragment F on Query{...F}", _INVALID)
    mesh = "".join(
        f"fragment F{n} on Query{{" + "".join(f"...F{m} " for m in range(30)) + "}"
        for n in range(30)
    )
    yield _attack("a mesh of fragments", "{...F0}" + mesh, _LIMIT, _INVALID)
    yield _attack(
        "400 unused fragments",
        "{__typename}"
        + "".join(f"fragment F{n} on Query{{__typename}}" for n in range(400)),
        _INVALID,
    )
    yield _attack(
        "401 spreads", "{" + "...F " * 401 + "}fragment F on Query{__typename}", _LIMIT
    )
    yield _attack(
        "inline fragments",
        "{" + "...on Query{" * 401 + "__typename" + "}" * 402,
        _LIMIT,
        _PARSE,
    )
    yield _attack(
        "empty inline fragments, 1,900 deep",
        "{" + "...{" * 1_300 + "__typename" + "}" * 1_301,
        _LIMIT,
        _PARSE,
    )
    ids = ",".join(f'"{n}"' for n in range(1_001))
    yield _attack("1,001 ids in the text", "{nodes(ids:[" + ids + "]){id}}", _LIMIT)
    yield _attack(
        "500 variables",
        "query(" + "".join(f"$v{n}:Int=1 " for n in range(500)) + "){__typename}",
        _INVALID,
        _LIMIT,
    )
    yield _attack("1,900 commas a token", "{" + "," * 100_000 + "__typename}", "answer")
    yield _attack(
        "a comment of 200 KB", "#" + "a" * 200_000 + "\n{__typename}", "answer"
    )
    yield _attack("90,000 comments", "#\n" * 80_000 + "{__typename}", _LIMIT)
    yield _attack("a name of 200 KB", "{" + "a" * 200_000 + "}", _LIMIT)
    yield _attack(
        "a text of 200 KB",
        '{model(modelId:"' + "a" * 200_000 + '"){id}}',
        "answer",
        "BAD_USER_INPUT",
    )
    yield _attack(
        "a text of 40,000 escapes",
        '{model(modelId:"' + "\\u0061" * 40_000 + '"){id}}',
        "answer",
        "BAD_USER_INPUT",
    )
    yield _attack(
        "a block text of 200 KB of quotes",
        '{model(modelId:"""' + '\\"""' * 50_000 + '"""){id}}',
        "answer",
        "BAD_USER_INPUT",
    )
    yield _attack(
        "a block text of 100,000 lines",
        '{model(modelId:"""' + "\n a" * 80_000 + '"""){id}}',
        "answer",
        "BAD_USER_INPUT",
    )
    yield _attack(
        "a text without end", '{model(modelId:"' + "a\\" * 60_000, _PARSE, _LIMIT
    )
    yield _attack(
        "a number of 200,000 digits",
        "{models(limit:" + "9" * 200_000 + "){totalCount}}",
        _LIMIT,
    )
    yield _attack(
        "a number of 200,000 digits and a letter",
        "{models(limit:" + "1" * 200_000 + "a){totalCount}}",
        _PARSE,
    )
    yield _attack(
        "a float of 100,000 digits before the point",
        "{models(limit:" + "9" * 100_000 + ".5){totalCount}}",
        _LIMIT,
    )
    for levels in (20, 30, 190):
        yield _attack(
            f"a default of {levels} lists in one another",
            "query($a:"
            + "[" * levels
            + "ID"
            + "]" * levels
            + "=[]){nodes(ids:$a){id}}",
            _INVALID,
        )
    yield _attack("1e999999999", "{models(limit:1e999999999){totalCount}}", _INVALID)
    yield _attack(
        "a float of 100,000 digits",
        "{models(limit:0." + "9" * 100_000 + "){totalCount}}",
        _LIMIT,
    )


def _broken() -> Iterator[Attack]:
    for name, query in (
        ("nothing", ""),
        ("white space", " \t\n,"),
        ("a bracket", "{"),
        ("a half surrogate", "{ \ud800 }"),
        ("control characters", "{\x01\x02\x7f}"),
        ("a schema", "type Query{a:Int}"),
        ("right-to-left marks", "{\u202e__typename}"),
        ("an emoji", "{😀}"),
        ("SQL", "' OR 1=1 --"),
        ("JavaScript", "<script>alert(1)</script>"),
        ("a template", "{{7*7}} ${7*7} #{7*7} %s%s%n"),
    ):
        yield _attack(f"a document of {name}", query, _PARSE, _INVALID, 400)
    yield _attack(
        "a subscription", "subscription{models{totalCount}}", _INVALID, "BAD_USER_INPUT"
    )
    yield _attack("a mutation", "mutation{__typename}", _INVALID, "BAD_USER_INPUT")
    yield _attack(
        "3 fields of one name, apart",
        "{model(modelId:1){id} model(modelId:2){id}}",
        _INVALID,
    )
    clash = (
        "{"
        + "".join(f"models(limit:{n % 250 + 1}){{totalCount}} " for n in range(19))
        + "}"
    )
    yield _attack("fields that clash", clash, _INVALID)
    deep_clash = (
        "{"
        "models{nodes{"
        + "".join(f"a{n % 25}:name " for n in range(28))
        + "}}" * 1
        + "}"
    )
    yield _attack("clashes below", deep_clash, "any", _INVALID)
    yield _attack(
        "300 unknown fields",
        "{models{nodes{" + " ".join(f"nam{n}" for n in range(300)) + "}}}",
        _INVALID,
    )
    yield _attack(
        "300 unknown arguments",
        "{models(" + "".join(f"limi{n}:1 " for n in range(300)) + "){totalCount}}",
        _INVALID,
    )
    yield _attack(
        "380 names that are nearly one",
        "{" + "provider" * 1 + " " + " ".join("m" * n for n in range(1, 380)) + "}",
        _INVALID,
        _LIMIT,
    )
    yield _attack(
        "long names that are nearly one",
        "{" + " ".join("organisation" * 21 + str(n) for n in range(19)) + "}",
        _INVALID,
    )
    yield _attack(
        "prototype fields", "{__proto__ constructor hasOwnProperty}", _INVALID
    )
    yield _attack("Python's own names", "{__class__ __dict__ __init__}", _INVALID)
    yield Attack(
        group=_GROUP,
        name="an operation that is not there",
        send=post({"query": "query A{__typename}", "operationName": "B"}),
        wants=("BAD_USER_INPUT",),
    )
    yield Attack(
        group=_GROUP,
        name="one of several operations, unnamed",
        send=post({"query": "query A{__typename} query B{__typename}"}),
        wants=("BAD_USER_INPUT",),
    )
    yield Attack(
        group=_GROUP,
        name="a variable of the wrong type",
        send=ask("query($a:Int!){models(limit:$a){totalCount}}", {"a": {"b": []}}),
        wants=("BAD_USER_INPUT",),
    )
    yield Attack(
        group=_GROUP,
        name="a variable of 1e400",
        send=ask("query($a:Int!){models(limit:$a){totalCount}}", {"a": 10**400}),
        wants=(400, "BAD_USER_INPUT"),
    )


def _introspection() -> Iterator[Attack]:
    inner = "name"
    for _ in range(9):
        inner = f"name ofType{{{inner}}}"
    yield _attack(
        "introspection of introspection",
        "{__schema{types{fields{type{fields{type{fields{type{fields{type{name}}}}}}}}}}}",
        _LIMIT,
        _INVALID,
    )
    yield _attack(
        "20 introspections",
        "{"
        + "".join(
            f"a{n}:__schema{{types{{fields{{args{{type{{{inner}}}}} type{{{inner}}}}}}}}}"
            for n in range(20)
        )
        + "}",
        _LIMIT,
    )
    yield _attack(
        "19 aliases of __schema",
        "{"
        + "".join(
            f"a{n}:__schema{{types{{fields{{name description args{{name description}}}}}}}}"
            for n in range(19)
        )
        + "}",
        "answer",
        _LIMIT,
    )
    yield _attack(
        "a field that is called __schema",
        "{__schema:models(limit:250){nodes{offerings{model{offerings{model{offerings{id}}}}}}}}",
        _LIMIT,
    )
    yield _attack(
        "an operation that is called IntrospectionQuery",
        "query IntrospectionQuery{models(limit:250){nodes{offerings{model{offerings{model{offerings{model{name}}}}}}}}}",
        _LIMIT,
    )
    yield _attack(
        "the usual introspection",
        "{__schema{queryType{name}types{kind name description fields(includeDeprecated:true){name description args{name description type{"
        + inner
        + "}defaultValue}type{"
        + inner
        + "}isDeprecated deprecationReason}inputFields{name type{"
        + inner
        + "}}interfaces{name}enumValues{name}possibleTypes{name}}directives{name locations args{name}}}}",
        "answer",
    )
    guarded = "{__schema{types{name}}}"
    yield Attack(
        group=_GROUP,
        name="introspection where it is off",
        send=ask(guarded, None, b"X-API-Key: open-sesame\r\n"),
        wants=(_INVALID,),
        gateway="guarded",
    )
    yield Attack(
        group=_GROUP,
        name="__type where introspection is off",
        send=ask('{__type(name:"Model"){name}}', None, b"X-API-Key: open-sesame\r\n"),
        wants=(_INVALID,),
        gateway="guarded",
    )
    yield Attack(
        group=_GROUP,
        name="suggestions where introspection is off",
        send=ask("{modls{totalCount}}", None, b"X-API-Key: open-sesame\r\n"),
        wants=(_INVALID,),
        gateway="guarded",
    )


def _largest() -> Iterator[Attack]:
    """Build documents just within the limits."""
    every = "id modelId name status statusLabel releaseDate announcementDate deprecationDate retirementDate aliases inputModalities outputModalities isRoutable "
    for shape, text in (
        ("fields", "{models(limit:1){nodes{" + (every * 30)[: 30 * len(every)] + "}}}"),
        (
            "commas between",
            "{models(limit:1){nodes{" + (every.replace(" ", " ,,,, ") * 29) + "}}}",
        ),
        (
            "lists",
            "{models(filter:{providers:["
            + " ".join(f'"{n}"' for n in range(990))
            + "]}){totalCount}}",
        ),
        (
            "unknown fields and lists",
            "{a(b:["
            + "1 " * 990
            + "]) c(d:["
            + "2 " * 990
            + "]) e(f:["
            + "3 " * 990
            + "])}",
        ),
        (
            "objects",
            "{models(filter:{"
            + " ".join(f"a{n}:{{b:{n}}}" for n in range(560))
            + "}){totalCount}}",
        ),
        (
            "variables",
            "query("
            + " ".join(f"$v{n}:[[Int!]!]!" for n in range(300))
            + "){__typename}",
        ),
        (
            "fragments that merge",
            "{models(limit:1){nodes{"
            + "".join(f"...F{n} " for n in range(19))
            + "}}}"
            + "".join(f"fragment F{n} on Model{{{every}}}" for n in range(19)),
        ),
        (
            "inline fragments that merge",
            "{models(limit:1){nodes{" + ("...on Model{" + every + "}") * 19 + "}}}",
        ),
        (
            "strings",
            "{models(filter:{providers:["
            + " ".join(f'"{"a" * 200}{n}"' for n in range(990))
            + "]}){totalCount}}",
        ),
        ("punctuation", "{" + "a(b:{c:[$d ...1]})" * 60 + "}"),
        ("numbers", "{nodes(ids:[" + "1234567890 " * 990 + "]){id}}"),
    ):
        yield _attack(
            f"nearly 4,000 tokens of {shape}", text, "any", _LIMIT, _INVALID, _PARSE
        )
        # Differs from the cached document: locating errors parses the text again.
        yield _attack(
            f"nearly 4,000 tokens of {shape}, and an error",
            text.replace("{", "{zzz ", 1),
            "any",
            _INVALID,
            _LIMIT,
            _PARSE,
        )


def _short() -> Iterator[Attack]:
    """Build the slowest documents that are still parsed on the event loop."""
    for name, before, piece, after in (
        ("fragments that clash", "{models{nodes{", "...{id}", "}}}"),
        (
            "fragments that clash below",
            "{models{nodes{",
            "...{offerings{provider{models(limit:#){totalCount}}}}",
            "}}}",
        ),
        ("unknown arguments", "{models(", "limi#:1 ", "){totalCount}}"),
        ("unknown variables", "{nodes(ids:[", "$a# ", "]){id}}"),
        ("unused variables", "query(", "$a#:Int ", "){__typename}"),
        ("unknown fragments", "{", "...F# ", "}"),
        (
            "types of one node",
            '{node(id:"x"){',
            "...on Model{id}...on Provider{id}",
            "}}",
        ),
        ("types by name", "{", 'a#:__type(name:"Model"){fields{name}} ', "}"),
        ("strings for ids", "{nodes(ids:[", '"#" ', "]){id}}"),
    ):
        for size in (900, 1_900):
            count = size // len(piece)
            text = "".join(piece.replace("#", str(n)) for n in range(count))
            yield _attack(
                f"{size} characters of {name}",
                before + text + after,
                *("any", _LIMIT, _INVALID),
            )
