"""Persisted documents in memory and in a shared cache."""

import hashlib

import pytest
from redis import Redis

from catalograph.cache.entries import Entry, MsgpackCodec
from catalograph.cache.keys import document_key
from catalograph.cache.persisted_queries import SharedDocuments
from catalograph.cache.shared import Store, open_store
from support.cache_stand_ins import Clock
from support.redis_server import RedisServer

DOCUMENT = "{ models { totalCount } }"
SHA256 = hashlib.sha256(DOCUMENT.encode()).hexdigest()
TEXT: MsgpackCodec[str] = MsgpackCodec(str)


@pytest.fixture
async def store(redis_server: RedisServer) -> Store:
    return open_store(redis_server.unix_url, max_bytes=1_000)


async def test_a_document_is_known_by_its_hash_alone(clock: Clock) -> None:
    documents = SharedDocuments(None, clock=clock)

    await documents.put(SHA256, DOCUMENT)

    assert await documents.get(SHA256) == DOCUMENT
    assert await documents.get("0" * 64) is None


async def test_least_recently_used_documents_are_evicted(clock: Clock) -> None:
    documents = SharedDocuments(None, max_bytes=1_400, clock=clock)
    await documents.put("1" * 64, "a")
    await documents.put("2" * 64, "b")
    await documents.get("1" * 64)

    await documents.put("3" * 64, "c")

    found = [await documents.get(digit * 64) for digit in "123"]
    assert found == ["a", None, "c"]


async def test_a_document_registered_with_one_replica_is_known_to_the_other(
    store: Store, clock: Clock
) -> None:
    one = SharedDocuments(store.shared, clock=clock)
    other = SharedDocuments(store.shared, clock=clock)
    await one.put(SHA256, DOCUMENT)

    assert await other.get(SHA256) == DOCUMENT

    await store.aclose()
    assert await other.get(SHA256) == DOCUMENT


async def test_a_shared_text_with_another_hash_is_not_used(
    store: Store, clock: Clock
) -> None:
    assert store.shared is not None
    await store.shared.write(
        document_key(SHA256),
        Entry("{ __typename }", clock()),
        codec=TEXT,
        expires_in_s=60,
    )

    assert await SharedDocuments(store.shared, clock=clock).get(SHA256) is None
    await store.aclose()


async def test_a_document_in_use_does_not_expire(store: Store, clock: Clock) -> None:
    assert store.shared is not None
    documents = SharedDocuments(store.shared, clock=clock)
    await documents.put(SHA256, DOCUMENT)
    clock.now_s += 86_401

    await documents.get(SHA256)

    entry = await store.shared.read(document_key(SHA256), codec=TEXT)
    assert entry == Entry(DOCUMENT, clock.now_s)
    await store.aclose()


async def test_a_long_document_is_not_shared(store: Store, clock: Clock) -> None:
    document = "#" + "x" * 20_000
    sha256 = hashlib.sha256(document.encode()).hexdigest()
    one = SharedDocuments(store.shared, clock=clock)

    await one.put(sha256, document)

    assert await one.get(sha256) == document
    assert await SharedDocuments(store.shared, clock=clock).get(sha256) is None
    await store.aclose()


async def test_clients_cannot_fill_the_shared_cache(
    store: Store, clock: Clock, redis_server: RedisServer
) -> None:
    """However many documents clients invent, at most 4,096 are stored."""
    documents = SharedDocuments(store.shared, clock=clock)
    made_up = [f"{{ a{number}: __typename }}" for number in range(300)]
    for document in made_up:
        sha256 = hashlib.sha256(document.encode()).hexdigest()
        await documents.put(f"abc{sha256[3:]}", document)

    with Redis.from_url(redis_server.url) as client:
        assert client.dbsize() == 1
    await store.aclose()
