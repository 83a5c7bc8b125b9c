"""Errors about bad input say what would be right."""

import base64
import json

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream

pytestmark = pytest.mark.shapes(
    "sectioned", reason="input is refused before any version is asked"
)


STYLES = "use either limit and offset, or first, after, last and before"

WINDOWS = [
    ("limit: 0", "limit must be between 1 and 250, got 0"),
    ("limit: 251", "limit must be between 1 and 250, got 251"),
    ("limit: -1", "limit must be between 1 and 250, got -1"),
    ("offset: -1", "offset must be 0 or more, got -1"),
    ("first: 0", "first must be between 1 and 250, got 0"),
    ("first: 251", "first must be between 1 and 250, got 251"),
    ("last: 0", "last must be between 1 and 250, got 0"),
    ("last: 1000", "last must be between 1 and 250, got 1000"),
    ("first: 1, last: 1", "first and last cannot be combined; use one of them"),
    ("limit: 1, first: 1", f"limit and first are two styles of paging; {STYLES}"),
    ("offset: 0, last: 1", f"offset and last are two styles of paging; {STYLES}"),
    ('limit: 1, after: "x"', f"limit and after are two styles of paging; {STYLES}"),
    ('offset: 1, before: "x"', f"offset and before are two styles of paging; {STYLES}"),
]


@pytest.mark.parametrize("field", ["models", "providers", "organisations", "endpoints"])
@pytest.mark.parametrize(("arguments", "message"), WINDOWS)
async def test_windows(
    gateway: GraphGateway,
    upstream: StubUpstream,
    field: str,
    arguments: str,
    message: str,
) -> None:
    result = await gateway.query(f"{{ {field}({arguments}) {{ totalCount }} }}")

    assert result.data == {field: None}
    assert result.messages == [message]
    assert result.codes == ["BAD_USER_INPUT"]
    assert upstream.calls == []


def write(*fields: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


FORGED = [
    "",
    "x",
    "é",
    "a b",
    "%%%",
    "null",
    "e30",
    "A" * 5_000,
    write(),
    write("catalogue", 1),
    write("catalogue", -1, "a/b", None, None, None),
    write("catalogue", 2**31, "a/b", None, None, None),
    write("catalogue", 10**30, "a/b", None, None, None),
    write("catalogue", "1", "a/b", None, None, None),
    write("catalogue", 1.5, "a/b", None, None, None),
    write("catalogue", 1, None, None, None, None),
    write("catalogue", 1, "a/b", "soon", None, None),
    write("catalogue", 1, "a/b", None, 7, None),
    write("catalogue", 1, "a/b", None, None, None, None),
    base64.urlsafe_b64encode(b"\xff\xfe\x00").decode(),
]


@pytest.mark.parametrize("argument", ["after", "before"])
@pytest.mark.parametrize("cursor", FORGED)
async def test_forged_cursors(
    gateway: GraphGateway, upstream: StubUpstream, argument: str, cursor: str
) -> None:
    result = await gateway.query(
        f"query ($c: String) {{ models({argument}: $c) {{ totalCount }} }}",
        {"c": cursor},
    )

    assert result.messages == [
        (
            f"{argument} must be a cursor of this list: the cursor of an edge, "
            "or pageInfo.startCursor or endCursor"
        )
    ]
    assert result.codes == ["BAD_USER_INPUT"]
    assert upstream.calls == []


async def test_a_cursor_of_another_order(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")
    data = await gateway.ask(
        """{ plain: models { pageInfo { endCursor } }
             named: models(orderBy: {field: NAME, direction: ASC}) { pageInfo { endCursor } }
             found: models(search: "one") { pageInfo { endCursor } }
             providers { totalCount } organisations { pageInfo { endCursor } } }"""
    )
    plain, named, found, organisations = (
        data[key]["pageInfo"]["endCursor"]
        for key in ("plain", "named", "found", "organisations")
    )
    document = """query ($c: String, $o: ModelOrder, $s: String) {
      models(after: $c, orderBy: $o, search: $s) { totalCount } }"""
    by_name = {"field": "NAME", "direction": "ASC"}

    for variables in (
        {"c": plain, "o": by_name},
        {"c": plain, "s": "one"},
        {"c": named, "o": {"field": "NAME", "direction": "DESC"}},
        {"c": named},
        {"c": found},
        {"c": organisations},
    ):
        result = await gateway.query(document, variables)
        assert result.messages == [
            (
                "after is a cursor of a list in another order; "
                "start again without it, or ask for the same order and search"
            )
        ]


UNSAFE = [
    "",
    " ",
    "a,b",
    "a b",
    "a\tb",
    "a\n",
    "{a}",
    '"a"',
    "'a'",
    "\u00a0",
    "a\u2028b",
    "\ufeff",
    "\u3000",
]
LISTS = (
    "providers",
    "organisations",
    "endpoints",
    "excludeEndpoints",
    "inputModalities",
    "outputModalities",
    "allInputModalities",
    "allOutputModalities",
)


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize("value", UNSAFE)
async def test_values_that_the_upstream_would_split(
    gateway: GraphGateway, upstream: StubUpstream, field: str, value: str
) -> None:
    result = await gateway.query(
        "query ($f: ModelFilter) { models(filter: $f) { totalCount } }",
        {"f": {field: ["good", value]}},
    )

    assert result.messages == [
        (
            f"filter.{field} must hold values without commas, white space, braces "
            f'or quotes, and none that is empty; got "{value}"'
        )
    ]
    assert result.codes == ["BAD_USER_INPUT"]
    assert upstream.calls == []


@pytest.mark.parametrize(
    ("parent", "field", "kind"),
    [
        ('provider(providerId: "a")', "providers", "Provider"),
        ('endpoint(endpointId: "x")', "endpoints", "Endpoint"),
        ('organisation(organisationId: "acme")', "organisations", "Organisation"),
    ],
)
async def test_the_fixed_dimension_named_again(
    gateway: GraphGateway, upstream: StubUpstream, parent: str, field: str, kind: str
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")])

    result = await gateway.query(
        f'{{ parent: {parent} {{ models(filter: {{{field}: ["a"]}}) {{ totalCount }}'
        f" free: models(filter: {{{field}: []}}) {{ totalCount }} }} }}"
    )

    assert result.data == {"parent": {"models": None, "free": {"totalCount": 1}}}
    assert result.messages == [
        f"filter.{field} is already set by the {kind} that this list belongs to; leave it out"
    ]
    assert result.codes == ["BAD_USER_INPUT"]


async def test_a_search_that_is_too_long(gateway: GraphGateway) -> None:
    result = await gateway.query(
        "query ($s: String) { models(search: $s) { totalCount } }", {"s": "a" * 257}
    )

    assert result.messages == ["search must be at most 256 characters, got 257"]


@pytest.mark.parametrize(
    "day", ["2025-13-01", "20250101", "yesterday", "2025-01-01T00:00:00Z", 7]
)
async def test_days_in_variables(gateway: GraphGateway, day: object) -> None:
    result = await gateway.query(
        "query ($d: Date) { models(filter: {releaseDate: {from: $d}}) { totalCount } }",
        {"d": day},
    )

    assert result.answer.ran is False
    assert result.codes == ["BAD_USER_INPUT"]
    assert "a Date is a calendar day such as 2025-12-18" in result.messages[0]


IDS = [
    "",
    "x",
    "Model:acme/one",
    base64.urlsafe_b64encode(b"Model").decode(),
    base64.urlsafe_b64encode(b"Nothing:acme/one").decode(),
    base64.urlsafe_b64encode(b"Query:").decode(),
    base64.urlsafe_b64encode(b"Offering:acme/one").decode(),
    base64.urlsafe_b64encode(b'Offering:["a"]').decode(),
    base64.urlsafe_b64encode(b'Offering:["a","b","c",null,"0"]').decode(),
    base64.urlsafe_b64encode(b'Offering:["a", "b", "c", null, 0]').decode(),
    base64.urlsafe_b64encode(b"Model:\xff").decode(),
    base64.urlsafe_b64encode(b"Model:acme/one").decode() + "=",
    "TW9kZWw6YWNtZS9vbmV",
]


@pytest.mark.parametrize("id_", IDS)
async def test_ids_that_are_none(
    gateway: GraphGateway, upstream: StubUpstream, id_: str
) -> None:
    upstream.add_model("acme/one")

    result = await gateway.query(
        "query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } "
        'model(modelId: "acme/one") { name } }',
        {"id": id_},
    )

    assert result.data == {"node": None, "nodes": [None], "model": {"name": "One"}}
    assert result.messages == [
        "id must be an id that this graph has given out",
        "ids[0] must be an id that this graph has given out",
    ]
    assert result.codes == ["BAD_USER_INPUT", "BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ models { nodes { nam } } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ models(limit: "5") { totalCount } }', "GRAPHQL_VALIDATION_FAILED"),
        ("{ models", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("mutation { x }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_documents_that_cannot_run(
    gateway: GraphGateway, document: str, code: str
) -> None:
    result = await gateway.query(document)

    assert result.answer.ran is False
    assert set(result.codes) == {code}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "Int cannot represent non-integer value: true"),
        (
            [None, False, 1.5],
            "Int cannot represent non-integer value: [null, false, 1.5]",
        ),
        ({"None": "True 'n' \"None\""}, """{'None': 'True \\'n\\' "None"'}"""),
        ("None", "Int cannot represent non-integer value: 'None'"),
    ],
)
async def test_values_are_quoted_without_words_of_python(
    gateway: GraphGateway, value: object, said: str
) -> None:
    query = "query ($n: Int) { models(limit: $n) { totalCount } }"

    result = await gateway.query(query, {"n": value})

    assert [message.endswith(said) for message in result.messages] == [True]


async def test_a_missing_value_is_null_and_not_none(gateway: GraphGateway) -> None:
    for variables in ({"id": None}, dict[str, None]()):
        query = "query ($id: ID!) { node(id: $id) { id } }"
        result = await gateway.query(query, variables)

        assert len(result.messages) == 1
        assert "None" not in result.messages[0]
        assert "Undefined" not in result.messages[0]


@pytest.mark.parametrize(
    "field",
    [
        *("providers", "organisations", "endpoints", "excludeEndpoints", "modelIds"),
        *("inputModalities", "outputModalities"),
        *("allInputModalities", "allOutputModalities"),
    ],
)
async def test_a_filter_value_has_a_length(gateway: GraphGateway, field: str) -> None:
    """Responses repeat a value under every parent, in `unknownFilterValues`."""
    text = "query ($f: ModelFilter) { models(filter: $f) { totalCount } }"

    fits = await gateway.query(text, {"f": {field: ["a" * 256]}})
    too_long = await gateway.query(text, {"f": {field: ["a" * 257]}})

    assert fits.errors == []
    assert too_long.messages == [
        f"a value of filter.{field} may have 256 characters at most, got 257"
    ]


async def test_a_range_of_days_that_ends_before_it_begins(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    result = await gateway.query(
        """{
          models(filter: {releaseDate: {from: "2025-02-01", to: "2025-01-01"}}) {
            totalCount
          }
        }"""
    )

    assert result.data == {"models": None}
    assert result.messages == [
        "filter.releaseDate.from must not be after to, got 2025-02-01 and 2025-01-01"
    ]
    assert result.codes == ["BAD_USER_INPUT"]
    assert upstream.calls == []
