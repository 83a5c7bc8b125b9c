"""Documents that clients name: automatic persisted queries, `documentId`, a manifest."""

import hashlib
import io
import json

import httpx
import pytest

from catalograph.observability.access_log import AccessLog
from catalograph.web import WebOptions, build_web_app
from catalograph.web.persisted_queries import (
    ManifestError,
    hash_document,
    read_manifest,
)
from support.tiny_engine import TinyEngine
from support.web_client import ask, build_client, open_client, running

QUERY = "{ hello }"
SHA256 = hashlib.sha256(QUERY.encode()).hexdigest()
NAMED = {"persistedQuery": {"version": 1, "sha256Hash": SHA256}}
NEW = {"accept": "application/graphql-response+json"}
OTHER = "{ number(from: 1) }"


def by_hash(method: str = "GET") -> httpx.Request:
    extensions = json.dumps(NAMED)
    return httpx.Request(
        method, "http://gateway/graphql", params={"extensions": extensions}
    )


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    found: str = error["extensions"]["code"]
    return found


async def test_persisted_query_handshake_by_post() -> None:
    """Hash alone: not found. Both: answered. Hash alone: answered."""
    async with open_client(TinyEngine()) as client:
        unknown = await ask(client, ..., extensions=NAMED)
        both = await ask(client, QUERY, extensions=NAMED)
        known = await ask(client, ..., extensions=NAMED)

    # Apollo's clients read the message, and no body but that of a 200.
    assert unknown.status_code == 200
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
    assert unknown.headers["cache-control"] == "no-store"
    assert both.json() == known.json() == {"data": {"hello": "hello world"}}


async def test_persisted_query_handshake_by_get() -> None:
    """A CDN may cache responses to requests by hash."""
    async with open_client(TinyEngine()) as client:
        unknown = await client.send(by_hash())
        await ask(client, QUERY, extensions=NAMED)
        known = await client.send(by_hash())

    assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
    assert known.json() == {"data": {"hello": "hello world"}}
    assert known.headers["cache-control"] == "public, max-age=60"


async def test_registering_by_get() -> None:
    params = {"query": QUERY, "extensions": json.dumps(NAMED)}
    async with open_client(TinyEngine()) as client:
        await client.get("/graphql", params=params)
        known = await client.send(by_hash())

    assert known.json() == {"data": {"hello": "hello world"}}


async def test_not_found_is_400_where_the_media_type_knows_statuses() -> None:
    async with open_client(TinyEngine()) as client:
        response = await ask(client, ..., extensions=NAMED, headers=NEW)

    assert response.status_code == 400
    assert code(response) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_cache_hit_registers_the_document_too() -> None:
    """Also if the response was cached by a request without a hash."""
    async with open_client(TinyEngine()) as client:
        await ask(client, QUERY)
        await ask(client, QUERY, extensions=NAMED)
        known = await ask(client, ..., extensions=NAMED)

    assert known.json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(
    ("persisted", "message"),
    [
        ({"version": 1, "sha256Hash": "0" * 64}, "the hash is not the SHA-256 of `query`"),
        ({"version": 2, "sha256Hash": SHA256}, "`extensions.persistedQuery.version` must be 1"),
        ({"version": 1, "sha256Hash": "x"}, "`extensions.persistedQuery.sha256Hash` must be 64 lower-case hexadecimal digits"),
        ({"version": 1}, "`extensions.persistedQuery.sha256Hash` must be 64 lower-case hexadecimal digits"),
        (7, "`extensions.persistedQuery` must be an object"),
    ],
)  # fmt: skip
async def test_a_hash_must_be_right(persisted: object, message: str) -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        response = await ask(client, QUERY, extensions={"persistedQuery": persisted})

    assert response.status_code == 400
    assert code(response) == "BAD_USER_INPUT"
    assert response.json()["errors"][0]["message"] == message
    assert engine.calls == []


@pytest.mark.parametrize("query", ["{", "{ nope }"])
async def test_only_what_is_valid_is_registered(query: str) -> None:
    named = {"persistedQuery": {"version": 1, "sha256Hash": hash_document(query)}}
    async with open_client(TinyEngine()) as client:
        await ask(client, query, extensions=named)
        response = await ask(client, ..., extensions=named)

    assert code(response) == "PERSISTED_QUERY_NOT_FOUND"


async def test_document_id_finds_what_was_registered() -> None:
    """The draft's own way to name a document, with and without its text."""
    async with open_client(TinyEngine()) as client:
        unknown = await ask(client, ..., documentId=f"sha256:{SHA256}")
        both = await ask(client, QUERY, documentId=f"sha256:{SHA256}")
        by_post = await ask(client, ..., documentId=f"sha256:{SHA256}")
        by_get = await client.get(f"/graphql?documentId=sha256:{SHA256}")
        custom = await ask(client, ..., documentId="mine")
        unclear = await ask(client, QUERY, documentId="mine")

    assert code(unknown) == code(custom) == "PERSISTED_QUERY_NOT_FOUND"
    answers = [both.json(), by_post.json(), by_get.json()]
    assert answers == [{"data": {"hello": "hello world"}}] * 3
    assert (
        unclear.json()["errors"][0]["message"] == "give either `query` or `documentId`"
    )


APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": SHA256, "name": "Q", "type": "query", "body": QUERY}],
}
RELAY = {"4f1a": QUERY}


def test_both_manifest_formats_are_read() -> None:
    assert read_manifest(json.dumps(APOLLO).encode()) == {SHA256: QUERY}
    assert read_manifest(json.dumps(RELAY).encode()) == {"4f1a": QUERY}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"{", "the manifest is not JSON"),
        (b"[]", "the manifest is not a JSON object"),
        (b'{"a": 1}', "the manifest must hold a text for each id"),
        (
            b'{"format": "x", "version": 1, "operations": []}',
            "the manifest must be of format apollo-persisted-query-manifest, version 1",
        ),
        (
            b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "a"}]}',
            "each operation must have an id and a body",
        ),
        (
            b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "a", "body": 1}]}',
            "each operation's id and body must be strings",
        ),
    ],
)
def test_other_manifests_are_refused(manifest: bytes, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(manifest)

    assert str(caught.value) == message


async def test_only_the_manifest_is_taken_when_required() -> None:
    """By id, by hash, or as the very text; what is refused is not repeated."""
    engine = TinyEngine()
    options = {"trusted_documents": RELAY, "trusted_documents_mode": "require"}
    async with open_client(engine, **options) as client:
        taken = [
            await ask(client, QUERY),
            await ask(client, ..., documentId="4f1a"),
            await ask(client, ..., documentId=f"sha256:{SHA256}"),
            await ask(client, ..., extensions=NAMED),
            await client.send(by_hash()),
        ]
        refused = [
            await ask(client, OTHER),
            await ask(client, "{hello}"),
            await ask(client, ..., documentId="beef"),
            await ask(
                client,
                OTHER,
                extensions={
                    "persistedQuery": {"version": 1, "sha256Hash": hash_document(OTHER)}
                },
            ),
        ]

    assert [r.json() for r in taken] == [{"data": {"hello": "hello world"}}] * 5
    assert [r.status_code for r in refused] == [403] * 4
    assert {code(r) for r in refused} == {"FORBIDDEN"}
    assert {r.json()["errors"][0]["message"] for r in refused} == {
        "only documents of the manifest are accepted here"
    }
    assert {call.document for call, _ in engine.calls} == {QUERY}


async def test_others_are_marked_when_only_logged() -> None:
    lines = io.StringIO()
    options = WebOptions(trusted_documents=RELAY, trusted_documents_mode="log")
    app = build_web_app(TinyEngine(), None, options, access_log=AccessLog(lines))
    async with running(app), build_client(app) as client:
        await ask(client, QUERY)
        response = await ask(client, OTHER)

    assert response.json() == {"data": {"number": None}}
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["trusted"] for line in logged] == [True, False]
