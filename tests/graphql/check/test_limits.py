"""Limits on documents, and the time that checking them takes."""

import json
import time
from collections.abc import Callable

import pytest
from graphql import get_introspection_query, parse

from catalograph.errors import LimitError
from catalograph.graphql.check.documents import Document, Documents
from catalograph.graphql.check.limits import Limits
from catalograph.graphql.schema import build_schema

SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
TYPENAME = "__typename "


def refuse(text: str, limits: Limits | None = None) -> tuple[str, int, int]:
    """Return the limit that a document exceeds, with its count and the bound."""
    with pytest.raises(LimitError) as caught:
        accept(text, limits)
    return caught.value.limit, caught.value.figure, caught.value.bound


def accept(text: str, limits: Limits | None = None) -> None:
    chosen = limits or Limits()
    chosen.check_text(text)
    chosen.check_document(parse(text))


def nest(levels: int) -> str:
    """Build fields nested this many levels."""
    return "{a" * levels + "}" * levels


def double(count: int, body: str, last: str = "a") -> str:
    """Build fragments that each spread the next one twice."""
    links = "".join(
        f"fragment F{n} on T {{ {body.replace('...', f'...F{n + 1} ')} }}"
        for n in range(count)
    )
    return f"{{ ...F0 }} {links} fragment F{count} on T {{ {last} }}"


@pytest.mark.parametrize(
    ("limit", "bound", "build"),
    [
        ("tokens", 4_000, lambda n: "{" + "a " * (n - 2) + "}"),
        ("depth", 15, nest),
        ("height", 400, lambda n: "{" + "a " * n + "}"),
        ("aliases", 30, lambda n: "{ x {" + "a: b " * n + "} }"),
        ("root fields", 20, lambda n: "{" + "a " * n + "}"),
        ("directives", 50, lambda n: "{ a" + " @b" * n + "}"),
        ("operations", 10, lambda n: "query A { a } " * n),
        ("digits", 400, lambda n: "{ a(b: {c: [" + "9" * n + "]}) }"),
        ("list size", 1_000, lambda n: "{ a(b: [" + "1 " * n + "]) }"),
        (
            "fragments",
            400,
            lambda n: "{" + "...Nothing " * n + "}",
        ),
        ("introspection depth", 20, lambda n: "{ __schema" + nest(n) + "}"),
        ("introspection height", 400, lambda n: "{ __schema {" + "a " * n + "} }"),
    ],
)
def test_each_limit_takes_its_bound_and_no_more(
    limit: str, bound: int, build: Callable[[int], str]
) -> None:
    """The error names the limit, the count and the bound."""
    others = Limits(root_fields=100_000, height=100_000)
    if limit in ("height", "fragments"):
        others = Limits(root_fields=100_000)
    elif limit in ("depth", "root fields"):
        others = Limits()

    accept(build(bound), others)

    assert refuse(build(bound + 1), others) == (limit, bound + 1, bound)


@pytest.mark.parametrize(
    "text",
    [
        "{{ {}: a }}",
        "{{ {} }}",
        "query {} {{ a }}",
        "query ($a: Int, ${}: Int) {{ a }}",
        "{{ a({}: 1) }}",
        "{{ a(b: {{{}: 1}}) }}",
        "{{ a(b: {}) }}",
        "{{ a @{} }}",
        "{{ ...{} }}",
        "{{ ... on {} {{ a }} }}",
        "{{ a }} # {{ \n fragment {} on T {{ a }}",
    ],
)
def test_a_name_of_any_kind_has_a_length(text: str) -> None:
    accept(text.format("n" * 256))
    assert refuse(text.format("n" * 257)) == ("name length", 257, 256)


@pytest.mark.parametrize(
    "text",
    [
        '{ a(b: "' + "n" * 300 + '") }',
        '{ a(b: """' + "n" * 300 + '""") }',
        "{ a # " + "n" * 300 + "\n }",
        '{ a(b: "\\"' + "n" * 300 + '") }',
    ],
)
def test_long_words_in_strings_and_comments_are_no_names(text: str) -> None:
    accept(text)


def test_fragments_count_wherever_they_are_spread() -> None:
    text = """
        { x { ...F ...F y { ...F } } }
        fragment F on T { a: b @skip(if: true) c { d } }
    """

    assert refuse(text, Limits(height=10)) == ("height", 11, 10)
    assert refuse(text, Limits(depth=3)) == ("depth", 4, 3)
    assert refuse(text, Limits(aliases=2)) == ("aliases", 3, 2)
    assert refuse(text, Limits(directives=2)) == ("directives", 3, 2)
    assert refuse("{ ...F ...F } fragment F on T { a b }", Limits(root_fields=3)) == (
        "root fields",
        4,
        3,
    )


def test_a_fragment_below_the_root_has_no_root_fields() -> None:
    fields = " ".join(f"f{number}" for number in range(30))

    accept("{ x { ...F } } fragment F on T { " + fields + " }")
    assert refuse("{ ...F } fragment F on T { " + fields + " }") == (
        "root fields",
        30,
        20,
    )


def test_doubling_fragments_are_counted_without_doubling_the_work() -> None:
    """2^300 fields are refused at once; the reported count saturates at 10^9."""
    for body in ("... ...", "a { ... } b { ... }", "a { ... } a { ... }"):
        limit, figure, _ = refuse(double(200, body), Limits(depth=1_000))

        assert (limit, figure) in [("height", 10**9), ("fragments", 10**9)]


def test_fragment_cycles_are_left_to_validation() -> None:
    accept("{ ...A } fragment A on T { ...B } fragment B on T { ...A ...A }")
    accept("{ ...A } fragment A on T { ...A }")
    accept("{ ...Nothing }")


def test_fragments_that_nothing_spreads_are_bounded_too() -> None:
    unused = "fragment F on T {" + "a " * 401 + "}"

    assert refuse("{ a }" + unused) == ("height", 401, 400)


def test_every_operation_is_bounded_by_itself() -> None:
    fields = TYPENAME * 15

    accept(f"query A {{ {fields} }} query B {{ {fields} }}")


def test_strings_and_comments_are_no_more_than_their_tokens() -> None:
    """Their contents are not counted; comments count as tokens, as in the parser."""
    inside = "a b { } " * 20_000

    Limits().check_text('{ a(b: "' + inside + '", c: """' + inside + '""") }')
    Limits().check_text("{ a } #" + inside)
    assert refuse("# a\n" * 5_000 + "{ a }")[:2] == ("tokens", 5_003)


@pytest.mark.parametrize("depth", [7, 9, 11])
def test_the_introspection_of_common_clients_passes(depth: int) -> None:
    """Nearly all tools use the query of graphql-js, which gets deeper with each version."""
    for rest in (False, True):
        accept(
            get_introspection_query(
                descriptions=True,
                specified_by_url=rest,
                directive_is_repeatable=rest,
                schema_description=rest,
                input_value_deprecation=rest,
                one_of=rest,
                type_depth=depth,
            )
        )


def test_only_the_field_itself_makes_an_introspection() -> None:
    """Neither the operation name nor an alias does, and an alias does not hide it."""
    deep = "a" + nest(15)

    assert refuse(f"query IntrospectionQuery {{ {deep} }}") == ("depth", 16, 15)
    assert refuse(f"{{ __schema: {deep} }}") == ("depth", 16, 15)
    accept(f"{{ a: __schema {nest(16)} }}")
    assert refuse("{ a: __schema {" + "a " * 401 + "} }")[0] == "introspection height"
    assert refuse(
        "{ ...F } fragment F on Query { __type { ...G } }"
        "fragment G on __Type {" + "a " * 401 + "}",
        Limits(height=500),
    ) == ("introspection height", 401, 400)


def test_lists_and_objects_in_variables_are_bounded() -> None:
    limits = Limits(list_size=3)

    limits.check_variables({"a": [1, 2, 3], "b": {"c": [[1, 2, 3]]}})
    for value, limit in (
        ({"a": [1, 2, 3, 4]}, "list size"),
        ({"a": [{"b": [1, 2, 3, 4]}]}, "list size"),
        ({"a": dict.fromkeys("wxyz")}, "object size"),
    ):
        with pytest.raises(LimitError) as caught:
            limits.check_variables(value)
        assert (caught.value.limit, caught.value.figure) == (limit, 4)


async def read(text: str, *, introspection_enabled: bool = True) -> Document:
    documents = Documents(SCHEMA, introspection_enabled=introspection_enabled)
    return await documents.load(text)


@pytest.mark.parametrize("padding", ["", " " * 3_000])
async def test_a_document_beyond_a_limit_is_refused_before_it_is_validated(
    padding: str,
) -> None:
    """This holds for parsing on the event loop and in a thread."""
    document = await read("{" + "nothing " * 21 + "}" + padding)

    assert [error.message for error in document.errors] == [
        "root fields must be at most 20, got 21"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ a: __type(name: "Model") { name } }',
        '{ ...F } fragment F on Query { ... { __type(name: "x") { name } } }',
        "{ a: _service { sdl } }",
    ],
)
async def test_introspection_can_be_switched_off(text: str) -> None:
    document = await read(text, introspection_enabled=False)

    assert (await read(text)).errors == ()
    assert [error.message.split(", so")[0] for error in document.errors] == [
        "the schema cannot be asked for here"
    ]


async def test_without_introspection_no_names_are_suggested() -> None:
    text = "{ modles { limit } models(filter: {provider: []}) { limit } providers }"

    shown = [error.message for error in (await read(text)).errors]
    hidden = [
        error.message
        for error in (await read(text, introspection_enabled=False)).errors
    ]

    assert all("Did you mean" in message for message in shown)
    assert not any("Did you mean" in message for message in hidden)
    assert len(hidden) == len(shown) > 0


async def test_typename_needs_no_introspection() -> None:
    document = await read("{ __typename }", introspection_enabled=False)

    assert document.errors == ()


HOSTILE: dict[str, Callable[[int], str]] = {
    "doubling fragments": lambda n: double(n, "... ...").replace(" T ", " Query "),
    "merging fragments": lambda n: double(n, "a { ... } a { ... }"),
    "equal fields": lambda n: "{" + "__typename " * n + "}",
    "conflicts": lambda n: "{" + "a: b a: c " * n + "}",
    "inline fragments": lambda n: "{" + "...{__typename}" * n + "}",
    "directives": lambda n: "{ __typename" + " @skip(if: true)" * n + "}",
    "variables": lambda n: (
        "query (" + " ".join(f"$a{i}: Int" for i in range(n)) + ") { a }"
    ),
    "list members": lambda n: "{ a(b: " + json.dumps(["x"] * n) + ") }",
    "unknown fields of an input": lambda n: (
        "{ a(b: {" + " ".join(f"a{i}: 1" for i in range(n)) + "}) }"
    ),
    "nested lists": lambda n: "{ a(b: " + "[" * (n // 20) + "]" * (n // 20) + ") }",
    "operations": lambda n: "query A { a } " * n,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_time_grows_with_the_document_and_no_faster(
    name: str,
) -> None:
    """An eight times longer document takes less than forty times as long, on any machine."""
    took_s = []
    for count in (100, 800):
        text = HOSTILE[name](count)
        runs = []
        for _ in range(3):
            started_s = time.process_time()
            await read(text)
            runs.append(time.process_time() - started_s)
        took_s.append(min(runs))

    assert took_s[1] < 40 * max(took_s[0], 0.0005)
