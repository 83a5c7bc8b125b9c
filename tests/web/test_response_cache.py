"""The response cache, and how long clients and proxies may cache."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import brotli
import httpx
import msgspec
import pytest
import zstandard

from catalograph.graphql.run.request import Answer
from catalograph.web import WebOptions, build_web_app
from catalograph.web.negotiation import Coding, Media
from catalograph.web.response_cache import (
    CachedRequest,
    Question,
    RenderedResponse,
    ResponseCache,
)
from support.tiny_engine import ScriptedEngine, TinyEngine, make_answer
from support.web_client import Clock, ask, build_client, open_client

GET = "/graphql?query={hello}"
VARY = "Accept, Accept-Encoding, Authorization"
LARGE = {"hello": "world " * 1_000}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(make_answer(LARGE))


@pytest.fixture
async def client(
    engine: ScriptedEngine, clock: Clock
) -> AsyncIterator[httpx.AsyncClient]:
    app = build_web_app(engine, None, WebOptions(), clock=clock)
    async with build_client(app) as client:
        yield client


async def test_a_question_is_answered_once(
    client: httpx.AsyncClient, engine: ScriptedEngine, clock: Clock
) -> None:
    """The same question costs nothing, until the answer is no longer fresh."""
    first = await ask(client)
    clock.now_s += 59.5
    second = await ask(client)
    clock.now_s += 0.5
    third = await ask(client)

    assert engine.calls == 2
    assert first.content == second.content == third.content
    assert [
        response.headers["cache-control"] for response in (first, second, third)
    ] == [
        "public, max-age=60",
        "public, max-age=0",
        "public, max-age=60",
    ]
    assert [response.headers["age"] for response in (first, second)] == ["0", "0"]


async def test_first_and_later_answers_have_the_same_headers(
    client: httpx.AsyncClient,
) -> None:
    """Cached responses have the same headers as executed ones."""
    headers = {"x-request-id": "mine"}
    first = await ask(client, headers=headers)
    second = await ask(client, headers=headers)

    assert sorted(first.headers.items()) == sorted(second.headers.items())
    assert dict(first.headers) == {
        "age": "0",
        "cache-control": "public, max-age=60",
        "content-length": str(len(first.content)),
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "content-type": "application/json; charset=utf-8",
        "etag": first.headers["etag"],
        "referrer-policy": "no-referrer",
        "vary": VARY,
        "x-content-type-options": "nosniff",
        "x-request-id": "mine",
    }


async def test_equal_questions_in_other_words_share_an_answer() -> None:
    """Order and space in the JSON do not count, nor whether it comes by GET or POST."""
    engine = TinyEngine()
    document = "query Q($a: Int, $b: Int) { a: number(from: $a) b: number(from: $b) }"
    async with open_client(engine) as client:
        await ask(client, document, variables={"a": 1, "b": 2})
        await ask(client, document, variables={"b": 2, "a": 1})
        await client.get(
            "/graphql", params={"query": document, "variables": '{ "b": 2, "a": 1 }'}
        )

    assert len(engine.calls) == 1


async def test_different_questions_do_not() -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        await ask(client, "query A { hello } query B { hello }", operationName="A")
        await ask(client, "query A { hello } query B { hello }", operationName="B")
        await ask(client, "query A($n: String) { hello(name: $n) }")
        await ask(
            client, "query A($n: String) { hello(name: $n) }", variables={"n": None}
        )
        await ask(client, headers={"x-catalograph-cost": "1"})
        await ask(client)

    assert len(engine.calls) == 6


async def test_media_type_is_as_asked_for_every_time(client: httpx.AsyncClient) -> None:
    accepts = ["application/json", "application/graphql-response+json"] * 2
    responses = [await ask(client, headers={"accept": accept}) for accept in accepts]

    assert [r.headers["content-type"] for r in responses] == [
        f"{accept}; charset=utf-8" for accept in accepts
    ]
    assert len({r.headers["etag"] for r in responses}) == 2


@pytest.mark.parametrize(
    "answer",
    [
        make_answer(codes=("UPSTREAM_TIMEOUT",), fresh_for_s=0.0, cache_for_s=0.0),
        make_answer(codes=("UPSTREAM_TIMEOUT",)),
        Answer(body=b'{"errors":[]}', ran=False, codes=("BAD_USER_INPUT",)),
    ],
)
async def test_responses_with_errors_are_not_cached(
    answer: Answer, clock: Clock
) -> None:
    engine = ScriptedEngine(answer)
    app = build_web_app(engine, None, WebOptions(), clock=clock)
    async with build_client(app) as client:
        await ask(client)
        await ask(client)

    assert engine.calls == 2


async def test_responses_with_warnings_are_cached_for_a_second(clock: Clock) -> None:
    """The gateway may cache it for a second, clients and proxies not at all."""
    engine = ScriptedEngine(make_answer(fresh_for_s=0.0, cache_for_s=1.0))
    app = build_web_app(engine, None, WebOptions(), clock=clock)
    async with build_client(app) as client:
        responses = [await ask(client), await ask(client)]
        clock.now_s += 1.0
        responses.append(await ask(client))

    assert engine.calls == 2
    assert [r.headers["cache-control"] for r in responses] == ["no-store"] * 3
    assert all("age" not in r.headers for r in responses)


async def test_nothing_is_cached_when_switched_off() -> None:
    engine = TinyEngine()
    async with open_client(engine, response_cache=False) as client:
        responses = [await ask(client), await ask(client)]

    assert len(engine.calls) == 2
    assert responses[1].headers["cache-control"] == "public, max-age=60"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_response_that_the_client_has_is_not_sent_again(
    client: httpx.AsyncClient, method: str
) -> None:
    etag = (await client.get(GET)).headers["etag"]
    for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = await client.request(method, GET, headers={"if-none-match": held})

        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["etag"] == etag
        assert response.headers["cache-control"] == "public, max-age=60"
        assert response.headers["vary"] == VARY
        assert "content-length" not in response.headers


async def test_another_answer_is_sent(client: httpx.AsyncClient) -> None:
    response = await client.get(GET, headers={"if-none-match": '"other"'})

    assert response.status_code == 200
    assert response.json() == {"data": LARGE}


async def test_post_is_never_304(client: httpx.AsyncClient) -> None:
    etag = (await ask(client)).headers["etag"]
    response = await ask(client, headers={"if-none-match": etag})

    assert response.status_code == 200


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    get = await client.get(GET)
    head = await client.head(GET)

    assert head.status_code == 200
    assert head.content == b""
    ours = {k: v for k, v in head.headers.items() if k != "x-request-id"}
    assert ours == {k: v for k, v in get.headers.items() if k != "x-request-id"}


@pytest.mark.parametrize(
    ("coding", "decode"),
    [
        ("gzip", gzip.decompress),
        ("br", brotli.decompress),
        ("zstd", zstandard.ZstdDecompressor().decompress),
    ],
)
@pytest.mark.parametrize("asked", ["GET", "POST"])
async def test_answers_are_compressed_as_asked(
    client: httpx.AsyncClient, coding: str, decode: object, asked: str
) -> None:
    headers = {"accept-encoding": coding, "content-type": "application/json"}
    content = b'{"query":"{hello}"}' if asked == "POST" else None
    path = "/graphql" if asked == "POST" else GET
    for _ in range(2):
        async with client.stream(
            asked, path, headers=headers, content=content
        ) as reply:
            raw = b"".join([chunk async for chunk in reply.aiter_raw()])

        assert reply.headers["content-encoding"] == coding
        assert int(reply.headers["content-length"]) == len(raw) < 200
        assert msgspec.json.decode(decode(raw)) == {"data": LARGE}  # type: ignore[operator]


async def test_each_coding_has_its_own_etag(client: httpx.AsyncClient) -> None:
    tags = {
        (await client.get(GET, headers={"accept-encoding": coding})).headers["etag"]
        for coding in ("identity", "gzip", "br", "zstd")
    }

    assert len(tags) == 4


async def test_small_answers_are_not_compressed() -> None:
    async with open_client(TinyEngine()) as client:
        response = await ask(client, headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in response.headers


def build_response(data: dict[str, str] | None = None) -> RenderedResponse:
    return RenderedResponse(make_answer(data), is_private=False, now_s=1_000.0)


def ask_for(number: int, text: str = "{ hello }") -> Question:
    return Question(text, b"%d" % number, None, "", cost_wanted=False)


async def build_request(
    response: RenderedResponse, coding: Coding, body: bytes = b"raw"
) -> CachedRequest:
    applied, sent = await response.encode(coding)
    return CachedRequest((body, (None,)), response, Media.JSON, applied, sent, noted={})


async def test_a_response_is_compressed_once() -> None:
    response = build_response(LARGE)

    first, second = [await response.encode(Coding.BROTLI) for _ in range(2)]

    assert first[1] is second[1]


async def test_a_large_response_is_compressed_beside_the_loop_and_once() -> None:
    response = build_response({"hello": "world " * 200_000})

    encoded = await asyncio.gather(*(response.encode(Coding.GZIP) for _ in range(3)))

    assert len({id(body) for _, body in encoded}) == 1
    assert gzip.decompress(encoded[0][1]) == response.body


async def test_the_cache_is_bounded_in_bytes() -> None:
    """The least recently used response goes first, with all requests that led to it."""
    cache = ResponseCache(max_bytes=60_000, clock=Clock())
    for number in range(12):
        response = build_response(LARGE)
        for _ in range(2):
            cache.put(ask_for(number), response)
            cache.put_request(
                await build_request(response, Coding.GZIP, b"raw %d" % number)
            )
        assert cache.find_request((b"raw 0", (None,)), 1_000.0)
        assert cache.bytes <= 60_000

    cached = [number for number in range(12) if cache.find(ask_for(number))]
    assert 0 in cached
    assert 2 < len(cached) < 12
    found = [
        number
        for number in range(12)
        if cache.find_request((b"raw %d" % number, (None,)), 1_000.0)
    ]
    assert set(found) <= set(cached)

    cache.put(ask_for(99), build_response({"a": "x" * 60_000}))
    assert cache.find(ask_for(99)) is None


def test_a_full_cache_stores_what_is_asked_for_again() -> None:
    """A response that is requested once evicts nothing."""
    cache = ResponseCache(max_bytes=60_000, clock=Clock())

    def put(number: int) -> bool:
        cache.put(ask_for(number), build_response(LARGE))
        return cache.find(ask_for(number)) is not None

    first = [number for number in range(9) if put(number)]
    assert first == list(range(len(cache)))
    assert 2 < len(first) < 9

    assert put(8)
    assert len(cache) == len(first)


async def test_what_has_expired_is_a_miss() -> None:
    clock = Clock()
    cache = ResponseCache(max_bytes=60_000, clock=clock)
    response = build_response()
    cache.put(ask_for(1), response)
    cache.put_request(await build_request(response, Coding.IDENTITY))
    assert cache.find_request((b"raw", (None,)), clock())

    clock.now_s += 60

    assert cache.find_request((b"raw", (None,)), clock()) is None
    assert cache.find(ask_for(1)) is None
    assert len(cache) == 0


async def test_requests_that_lead_to_one_response_count_as_memory() -> None:
    cache = ResponseCache(max_bytes=100_000, clock=Clock())
    response = build_response()
    cache.put(ask_for(1), response)
    before = cache.bytes
    for number in range(10):
        request = await build_request(response, Coding.IDENTITY, b"%04d" % number)
        cache.put_request(request)

    assert cache.bytes == before + 10 * (4 + 2_048)


async def test_answers_are_private_where_callers_differ() -> None:
    async with open_client(TinyEngine(), passthrough=True) as client:
        by_token = await ask(client, headers={"authorization": "Bearer t"})
    async with open_client(TinyEngine(), api_keys=("k",)) as client:
        by_key = await ask(client, headers={"x-api-key": "k"})

    for response in (by_token, by_key):
        assert response.headers["cache-control"] == "private, max-age=60"


async def test_what_one_token_may_see_is_not_shown_to_another() -> None:
    engine = TinyEngine()
    async with open_client(engine, passthrough=True) as client:
        for _ in range(2):
            await ask(client, headers={"authorization": "Bearer one"})
            await ask(client, headers={"authorization": "bearer two"})
            await ask(client)

    callers = [caller for _, caller in engine.calls]
    assert [caller.token for caller in callers] == ["one", "two", None]
    assert len({caller.partition for caller in callers}) == 3
    # Not that of a gateway's own token, with which a cache may be shared.
    assert callers[2].partition != ""
    assert all("one" not in caller.partition for caller in callers)


async def test_authorization_is_ignored_unless_passed_through() -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        for token in ("one", "two"):
            await ask(client, headers={"authorization": f"Bearer {token}"})

    ((_, caller),) = engine.calls
    assert (caller.token, caller.partition) == (None, "")


async def test_a_token_of_strange_characters_is_refused() -> None:
    async with open_client(TinyEngine(), passthrough=True) as client:
        response = await ask(client, headers={"authorization": "Bearer a b"})

    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_partitions_agree_where_the_key_is_shared() -> None:
    engine = TinyEngine()
    for _ in range(2):
        async with open_client(engine, passthrough=True, partition_key=b"k") as client:
            await ask(client, headers={"authorization": "Bearer one"})

    first, second = (caller.partition for _, caller in engine.calls)
    assert first == second


async def test_a_trace_is_never_cached() -> None:
    """Asking for one is obeyed if enabled, and gets an answer of its own."""
    engine = TinyEngine()
    async with open_client(engine, trace_enabled=True) as client:
        for _ in range(2):
            await ask(client)
            await ask(client, headers={"x-catalograph-trace": "1"})
    async with open_client(engine) as client:
        await ask(client, headers={"x-catalograph-trace": "1"})

    assert [caller.trace_wanted for _, caller in engine.calls] == [
        False,
        True,
        True,
        False,
    ]


async def test_cost_can_be_asked_for_in_two_ways() -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        await ask(client, headers={"x-catalograph-cost": "1"})
        await ask(client, "{ a: hello }", extensions={"cost": True})

    assert [caller.cost_wanted for _, caller in engine.calls] == [True, True]
