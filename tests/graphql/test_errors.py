"""Every failure of the upstream has its error code, and no detail of it leaks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.graph_gateway import GraphGateway, TurnedClock
from support.stub_upstream import (
    Fault,
    Hang,
    Html,
    NotJson,
    Raw,
    Reset,
    Status,
    StubUpstream,
    WrongShape,
)

RECORDED = Path(__file__).parents[3] / "shared" / "upstream" / "recorded"
LIST = "{ models { nodes { name } } }"
INDEX = '{ model(modelId: "acme/one") { name } }'
SECRET = "s3cr3t-internals-at-db-7"  # noqa: S105 - a word to look for

CODES = {
    "error-401-no-header": "UPSTREAM_UNAUTHENTICATED",
    "error-401-bad-format": "UPSTREAM_UNAUTHENTICATED",
    "error-401-revoked": "UPSTREAM_UNAUTHENTICATED",
    "error-401-wrong-secret": "UPSTREAM_UNAUTHENTICATED",
    "error-401-db-error": "UPSTREAM_UNAVAILABLE",
    "error-500-metadata": "UPSTREAM_UNAVAILABLE",
    "error-500-timeout": "UPSTREAM_UNAVAILABLE",
    "error-500-fetch-failed": "UPSTREAM_UNAVAILABLE",
    "error-500-text": "UPSTREAM_UNAVAILABLE",
    "error-404": "UPSTREAM_UNAVAILABLE",
    "error-501-providers": "UPSTREAM_UNAVAILABLE",
}

FAULTS: dict[str, tuple[Fault, str]] = {
    "a pepper that is missing": (
        Status(
            401, {"error": "unauthorised", "reason": "server_misconfig_missing_pepper"}
        ),
        "UPSTREAM_UNAVAILABLE",
    ),
    "blocked": (Status(403, SECRET), "UPSTREAM_UNAVAILABLE"),
    "a reset connection": (Reset(), "UPSTREAM_UNAVAILABLE"),
    "no JSON": (NotJson(), "UPSTREAM_INVALID_RESPONSE"),
    "another envelope": (WrongShape(), "UPSTREAM_INVALID_RESPONSE"),
    "a web page": (Html(), "UPSTREAM_INVALID_RESPONSE"),
    "nothing": (Raw(b""), "UPSTREAM_INVALID_RESPONSE"),
    "another page": (
        Raw(b'{"ok":true,"limit":50,"offset":7,"total":0,"models":[]}'),
        "UPSTREAM_INVALID_RESPONSE",
    ),
    "not ok": (
        Raw(b'{"ok":false,"limit":50,"offset":0,"total":0,"models":[]}'),
        "UPSTREAM_INVALID_RESPONSE",
    ),
    "a negative total": (
        Raw(b'{"ok":true,"limit":50,"offset":0,"total":-1,"models":[]}'),
        "UPSTREAM_INVALID_RESPONSE",
    ),
    "a bad gateway": (Status(502, SECRET), "UPSTREAM_UNAVAILABLE"),
    "a redirect": (
        Status(302, SECRET, {"location": f"https://{SECRET}.test"}),
        "UPSTREAM_UNAVAILABLE",
    ),
}


def list_recorded() -> Iterator[tuple[str, Status]]:
    if not RECORDED.is_dir():
        return
    for path in sorted(RECORDED.glob("error-*.json")):
        envelope = json.loads(path.read_text())
        text = envelope["body_text"]
        headers = {
            "content-type": envelope["headers"].get("content-type", "text/plain")
        }
        yield path.stem, Status(envelope["status"], text, headers)


RECORDED_FAILURES = dict(list_recorded())


def assert_nothing_leaks(body: bytes, fault: Fault) -> None:
    said = getattr(fault, "body", b"")
    words = said.decode() if isinstance(said, bytes) else str(said)
    text = body.decode()
    for word in (SECRET, "Traceback", "/src/", "aistats_v1", "upstream.test", "G-"):
        assert word not in text
    for word in (
        "db_error",
        "invalid_secret",
        "pepper",
        "fetch failed",
        "Failed to load",
    ):
        assert word not in text
    assert not (len(words) > 12 and words in text)


@pytest.mark.parametrize("document", [LIST, INDEX])
@pytest.mark.parametrize("name", RECORDED_FAILURES)
async def test_a_recorded_failure(
    gateway: GraphGateway, upstream: StubUpstream, name: str, document: str
) -> None:
    upstream.fail(RECORDED_FAILURES[name], times=None)

    result = await gateway.query(document)

    key = "models" if document == LIST else "model"
    assert result.data == {key: None}
    assert result.codes == [CODES[name]]
    assert result.errors[0]["path"] == [key]
    assert result.errors[0]["extensions"]["requestId"] == "request-1"
    assert_nothing_leaks(result.answer.body, RECORDED_FAILURES[name])


def test_every_recorded_failure_is_known() -> None:
    if RECORDED_FAILURES:
        assert set(RECORDED_FAILURES) == set(CODES)


@pytest.mark.parametrize("document", [LIST, INDEX])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_failure_on_the_way(
    gateway: GraphGateway, upstream: StubUpstream, name: str, document: str
) -> None:
    fault, code = FAULTS[name]
    upstream.fail(fault, times=None)

    result = await gateway.query(document)

    assert result.codes == [code]
    assert_nothing_leaks(result.answer.body, fault)


async def test_a_limit_of_requests_says_when_to_come_back(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.fail(Status(429, SECRET, {"retry-after": "30"}), times=None)

    result = await gateway.query(LIST)

    assert result.errors == [
        {
            "message": "the catalogue limits our requests; try again in 30 s",
            "locations": [{"line": 1, "column": 3}],
            "path": ["models"],
            "extensions": {
                "code": "UPSTREAM_RATE_LIMITED",
                "retryAfter": 30.0,
                "requestId": "request-1",
            },
        }
    ]


@pytest.mark.parametrize("document", [LIST, INDEX])
async def test_no_answer_in_time(
    upstream: StubUpstream, clock: TurnedClock, document: str
) -> None:
    gateway = GraphGateway(upstream, clock, attempt_timeout_s=0.02)
    upstream.fail(Hang(), times=None)

    result = await gateway.query(document)

    assert result.codes == ["UPSTREAM_TIMEOUT"]
    await gateway.aclose()


async def test_a_short_failure_is_not_visible(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock
) -> None:
    upstream.add_model("acme/one")
    upstream.fail(Reset(), Status(503))

    data = await gateway.ask(LIST)

    assert data == {"models": {"nodes": [{"name": "One"}]}}
    assert len(clock.waits_s) == 2


async def test_fields_that_need_no_upstream_survive(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.fail(Status(500), times=None)

    result = await gateway.query(
        """{ __typename models { totalCount } bad: models(limit: 0) { totalCount }
             catalogue { version } provider(providerId: "x") { name } }"""
    )

    assert result.data == {
        "__typename": "Query",
        "models": None,
        "bad": None,
        "catalogue": None,
        "provider": None,
    }
    assert sorted(
        zip([e["path"][0] for e in result.errors], result.codes, strict=True)
    ) == [
        ("bad", "BAD_USER_INPUT"),
        ("catalogue", "UPSTREAM_UNAVAILABLE"),
        ("models", "UPSTREAM_UNAVAILABLE"),
        ("provider", "UPSTREAM_UNAVAILABLE"),
    ]


async def test_one_bad_field_leaves_the_others(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one", rows=[("a", "x")])

    result = await gateway.query(
        """{ good: models { totalCount } bad: models(limit: 251) { totalCount }
             provider(providerId: "a") {
               name bad: models(filter: {providers: ["a"]}) { totalCount }
               good: models { totalCount } } }"""
    )

    assert result.data == {
        "good": {"totalCount": 1},
        "bad": None,
        "provider": {"name": "A", "bad": None, "good": {"totalCount": 1}},
    }
    assert [error["path"] for error in result.errors] == [["bad"], ["provider", "bad"]]


@pytest.mark.parametrize("seconds", [0, 2, 10])
async def test_a_failure_is_not_cached_for_the_next_caller(
    gateway: GraphGateway, upstream: StubUpstream, clock: TurnedClock, seconds: int
) -> None:
    upstream.add_model("acme/one")
    upstream.fail(Status(500))
    await gateway.query(LIST)
    clock.pass_s(seconds)

    data = await gateway.ask(LIST)

    assert data == {"models": {"nodes": [{"name": "One"}]}}


async def test_an_unexpected_error_is_masked(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    upstream.add_model("acme/one")

    def explode(body: Any) -> Any:
        raise RuntimeError(SECRET, body)

    upstream.distort = explode

    result = await gateway.query(LIST)

    assert result.data == {"models": None}
    assert result.codes == ["INTERNAL_SERVER_ERROR"]
    assert_nothing_leaks(result.answer.body, Fault())


async def test_errors_are_ordered_by_their_paths(gateway: GraphGateway) -> None:
    """The order does not depend on which field failed first; list members are by index."""
    document = """{
      second: models(first: 1, after: "x") { totalCount }
      first: models(first: 1, after: "x") { totalCount }
      nodes(ids: ["c", "b", "a", "d", "e", "f", "g", "h", "i", "j", "k"]) { id }
    }"""

    result = await gateway.query(document)

    assert [error["path"] for error in result.errors] == [
        ["first"],
        *[["nodes", place] for place in range(11)],
        ["second"],
    ]


async def test_of_many_errors_the_first_hundred_are_written_out(
    gateway: GraphGateway,
) -> None:
    """The size of an answer that consists of errors is bounded."""
    ids = [f"no id {place}" for place in range(300)]

    result = await gateway.query(
        "query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ids}
    )

    errors = result.errors
    assert [error.get("path") for error in errors[:100]] == [
        ["nodes", place] for place in range(100)
    ]
    assert len(errors) == 101
    assert errors[100]["message"] == "200 more errors of this operation are left out"
    assert errors[100]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "path" not in errors[100]


@pytest.mark.parametrize(
    ("document", "data"),
    [
        pytest.param(
            'query ($w: Boolean = true) { model(modelId: "openai/gpt") '
            "{ modelId organisation { name @include(if: $w) } } }",
            {"model": {"modelId": "openai/gpt", "organisation": None}},
            id="an object below",
        ),
        pytest.param(
            "query ($w: Boolean = true) { organisations(offset: 1000) "
            "{ totalCount nodes { name @skip(if: $w) } } }",
            {"organisations": {"totalCount": 1, "nodes": []}},
            id="objects that there are none of",
        ),
    ],
)
async def test_a_condition_that_is_null_fails_the_object_it_decides_on(
    upstream: StubUpstream, gateway: GraphGateway, document: str, data: object
) -> None:
    upstream.add_model("openai/gpt")

    result = await gateway.query(document, {"w": None})

    assert result.data == data
    assert all(error["path"] == ["model", "organisation"] for error in result.errors)
