"""Access control: API keys, rate limits, trusted proxies, load shedding."""

import asyncio
import hashlib
import io
import json

import httpx
import msgspec
import pytest
from starlette.types import Message, Receive

from catalograph.observability.access_log import AccessLog
from catalograph.observability.metrics import REFUSED
from catalograph.web import Rate, WebOptions, build_web_app
from catalograph.web.access_control import Proxies
from catalograph.web.rate_limit import MemoryRateLimiter
from catalograph.web.replies import Refusal
from catalograph.web.request import BodyReader, ClientGoneError
from support.tiny_engine import ScriptedEngine, TinyEngine, make_answer
from support.web_client import JSON, Clock, ask, build_client, open_client, running

HASHED = hashlib.sha256(b"second").hexdigest()


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("first", 200),
        ("second", 200),
        (HASHED, 401),
        ("x", 401),
        ("", 401),
        (None, 401),
    ],
)
async def test_a_known_key_is_accepted(key: str | None, status: int) -> None:
    headers = {} if key is None else {"x-api-key": key}
    async with open_client(TinyEngine(), api_keys=("first", HASHED)) as client:
        first = await ask(client, headers=headers)
        response = await ask(client, headers=headers)

    assert (first.status_code, response.status_code) == (status, status)
    if status == 401:
        (error,) = response.json()["errors"]
        assert error["message"] == "X-API-Key must hold a key that is known here"
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
        assert response.headers["www-authenticate"] == "ApiKey"


async def test_health_needs_no_key() -> None:
    async with open_client(TinyEngine(), api_keys=("k",)) as client:
        statuses = [
            (await client.get(path)).status_code
            for path in ("/healthz", "/readyz", "/metrics")
        ]

    assert statuses == [200, 200, 200]


async def test_a_cache_hit_needs_the_key_too() -> None:
    async with open_client(TinyEngine(), api_keys=("k",)) as client:
        await ask(client, headers={"x-api-key": "k"})
        stranger = await ask(client)

    assert stranger.status_code == 401


def limits(response: httpx.Response) -> list[str]:
    names = ("limit", "remaining", "reset", "policy")
    return [response.headers[f"ratelimit-{name}"] for name in names]


async def test_a_caller_sees_the_remaining_tokens_and_is_then_refused() -> None:
    """Kept answers count too; tokens come back with time."""
    clock = Clock()
    options = WebOptions(rate_limit=Rate(3, 60.0))
    app = build_web_app(TinyEngine(), None, options, clock=clock)
    async with build_client(app) as client:
        taken = [await ask(client) for _ in range(3)]
        refused = await ask(client)
        clock.now_s += 20
        again = await ask(client)

    assert [limits(response) for response in taken] == [
        ["3", "2", "20", "3;w=60"],
        ["3", "1", "40", "3;w=60"],
        ["3", "0", "60", "3;w=60"],
    ]
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "20"
    assert limits(refused) == ["3", "0", "60", "3;w=60"]
    assert refused.json()["errors"][0]["message"] == (
        "too many requests; try again in 20 s"
    )
    assert refused.json()["errors"][0]["extensions"]["retryAfter"] == 20.0
    assert again.status_code == 200


async def test_callers_have_a_limit_each() -> None:
    """By key where there are keys, otherwise by address; IPv6 by its network."""
    app = build_web_app(
        TinyEngine(), None, WebOptions(rate_limit=Rate(1, 60.0)), clock=Clock()
    )
    statuses = []
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"):
        async with build_client(app, address) as client:
            statuses.append((await ask(client)).status_code)
    options = {"rate_limit": Rate(1, 60.0), "api_keys": ("a", "b")}
    async with open_client(TinyEngine(), **options) as client:
        by_key = [
            (await ask(client, headers={"x-api-key": key})).status_code
            for key in ("a", "b", "a", "wrong", "wrong")
        ]

    assert statuses == [200, 200, 200, 429]
    assert by_key == [200, 200, 429, 401, 429]


async def test_a_refused_cache_hit_is_counted_once() -> None:
    counter = REFUSED.labels("rate_limit")
    async with open_client(TinyEngine(), rate_limit=Rate(2, 60.0)) as client:
        before = counter._value.get()  # noqa: SLF001
        statuses = [(await ask(client)).status_code for _ in range(3)]
        after = counter._value.get()  # noqa: SLF001

    assert statuses == [200, 200, 429]
    assert after - before == 1


async def test_expensive_operations_take_more_tokens() -> None:
    """A token for each thousand of cost; a repeated answer takes one."""
    engine = ScriptedEngine(make_answer(cost=3_500))
    async with open_client(engine, rate_limit=Rate(10, 60.0)) as client:
        left = [
            (await ask(client, query)).headers["ratelimit-remaining"]
            for query in ("{a}", "{b}", "{b}", "{b}", "{b}")
        ]
        refused = await ask(client)

    assert left == ["9", "5", "1", "0", "0"]
    assert refused.status_code == 429


async def test_a_client_that_does_not_wait_is_charged_all_the_same() -> None:
    engine = ScriptedEngine()
    engine.late_answer = make_answer(cost=3_500)
    options = {"rate_limit": Rate(10, 60.0), "request_timeout_s": 0.05}
    async with open_client(engine, **options) as client:
        given_up = await ask(client, "{a}")
        engine.answer = make_answer()
        after = await ask(client, "{b}")

    assert given_up.status_code == 504
    assert after.headers["ratelimit-remaining"] == "5"


async def test_the_number_of_buckets_is_bounded() -> None:
    limiter = MemoryRateLimiter(Rate(1, 60.0), max_callers=2, clock=Clock())
    for caller in ("a", "b", "a", "c"):
        await limiter.take(caller)

    assert len(limiter) == 2
    assert not (await limiter.take("a")).is_allowed
    assert (await limiter.take("b")).is_allowed


async def test_a_debt_is_at_most_one_bucket() -> None:
    clock = Clock()
    limiter = MemoryRateLimiter(Rate(60, 60.0), clock=clock)
    await limiter.charge("a", 10_000.0)

    assert (await limiter.take("a")).retry_after_s == 61.0
    clock.now_s += 61
    assert (await limiter.take("a")).is_allowed


async def test_health_is_never_limited() -> None:
    async with open_client(TinyEngine(), rate_limit=Rate(1, 60.0)) as client:
        statuses = [(await client.get("/healthz")).status_code for _ in range(3)]

    assert statuses == [200] * 3


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", 'fe80::1%","level":"error', "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1%eth0", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_only_our_proxies_are_believed(peer: str, forwarded: str, address: str) -> None:
    proxies = Proxies(("10.0.0.0/8",))

    assert proxies.find_address(peer, forwarded.encode()) == address


async def test_limits_apply_to_the_client_that_the_proxy_names() -> None:
    options = WebOptions(rate_limit=Rate(1, 60.0), trusted_proxies=("192.0.2.7",))
    app = build_web_app(TinyEngine(), None, options, clock=Clock())
    statuses = []
    for address, forwarded in (
        ("192.0.2.7", "203.0.113.1"),
        ("192.0.2.7", "203.0.113.2"),
        ("192.0.2.7", "203.0.113.1"),
        ("192.0.2.8", "203.0.113.3"),
        ("192.0.2.8", "203.0.113.4"),
    ):
        async with build_client(app, address) as client:
            headers = {"x-forwarded-for": forwarded}
            statuses.append((await ask(client, headers=headers)).status_code)

    assert statuses == [200, 200, 429, 200, 429]


async def test_excess_load_is_shed() -> None:
    """One more than the bound is refused at once; health is answered all the same."""
    engine = ScriptedEngine()
    async with open_client(engine, max_in_flight=1) as client:
        first = asyncio.create_task(ask(client))
        await engine.started.wait()
        refused = await ask(client, "{ other }")
        health = await client.get("/healthz")
        engine.release.set()
        answered = await first
        after = await ask(client, "{ other }")

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    (error,) = refused.json()["errors"]
    assert error["message"] == "the gateway is busy just now; try again in 1 s"
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["retryAfter"] == 1.0
    assert [health.status_code, answered.status_code, after.status_code] == [200] * 3


async def test_slow_bodies_take_no_place_from_others() -> None:
    """A thousand heads with one byte of a body each, while one request may be worked on."""
    engine = TinyEngine()
    app = build_web_app(engine, None, WebOptions(max_in_flight=1), clock=Clock())
    held = asyncio.Event()

    async def receive_slowly() -> Message:
        if not held.is_set():
            await held.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.disconnect"}

    def begin() -> asyncio.Task[None]:
        sent: list[Message] = [
            {"type": "http.request", "body": b"{", "more_body": True}
        ]

        async def receive() -> Message:
            return sent.pop() if sent else await receive_slowly()

        async def send(_: Message) -> None:
            raise AssertionError

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "client": ("192.0.2.9", 1),
            "headers": [(b"content-type", b"application/json")],
        }
        return asyncio.ensure_future(app(scope, receive, send))

    slow = [begin() for _ in range(1_000)]
    await asyncio.sleep(0)
    async with build_client(app) as client:
        response = await ask(client)
    held.set()
    await asyncio.gather(*slow)

    assert response.json() == {"data": {"hello": "hello world"}}
    assert len(engine.calls) == 1


async def test_incomplete_bodies_are_bounded_together() -> None:
    reader = BodyReader(100, max_arriving_bytes=150)
    gone = asyncio.Event()

    def arrive(*parts: bytes) -> Receive:
        messages: list[Message] = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]

        async def receive() -> Message:
            if messages:
                return messages.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        return receive

    waiting = [
        asyncio.ensure_future(reader.read(arrive(b"x" * 70), {})) for _ in range(2)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await reader.read(arrive(b"x" * 70), {})
    gone.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert refused.value.status == 503
    assert [type(result) for result in results] == [ClientGoneError] * 2

    async def whole() -> Message:
        return {"type": "http.request", "body": b"y" * 100}

    # All of it is forgotten, and what arrives at once never counted.
    assert await reader.read(whole, {}) == b"y" * 100


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.1:50001", "198.51.100.1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ('"[2001:db8::1]:4711"', "2001:db8::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("[::ffff:198.51.100.1]:80", "198.51.100.1"),
        ("[::1]:80", "::1"),
        ("198.51.100.1, , 10.0.0.2:80,", "198.51.100.1"),
        ("198.51.100.1:x", "10.0.0.1"),
        ("198.51.100.1:123456", "10.0.0.1"),
        ("[198.51.100.1", "10.0.0.1"),
        ("198.51.100:80", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("_hidden", "10.0.0.1"),
        ("[fe80::1%eth0]:80", "10.0.0.1"),
        ("::1]:80", "10.0.0.1"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(forwarded: str, address: str) -> None:
    proxies = Proxies(("10.0.0.0/8",))

    assert proxies.find_address("10.0.0.1", forwarded.encode()) == address


@pytest.mark.parametrize(
    ("forwarded", "scheme"),
    [("https", "https"), ("HTTPS, http", "https"), ("http,https", "http"), ("x", None)],
)
def test_the_scheme_is_the_one_of_the_first_proxy(
    forwarded: str, scheme: str | None
) -> None:
    headers = {b"x-forwarded-proto": forwarded.encode()}

    assert Proxies(("10.0.0.0/8",)).find_scheme("10.0.0.1", headers) == scheme


async def test_each_proxy_may_add_a_line_of_its_own() -> None:
    """Six callers behind two proxies, of which the inner one adds a second line."""
    stream = io.StringIO()
    options = WebOptions(rate_limit=Rate(1, 60.0), trusted_proxies=("10.0.0.0/8",))
    app = build_web_app(
        TinyEngine(), None, options, access_log=AccessLog(stream), clock=Clock()
    )
    statuses = []
    async with running(app), build_client(app, "10.0.0.1") as client:
        for number in range(6):
            lines = [
                ("x-forwarded-for", f"192.0.2.{number}:5{number}"),
                ("x-forwarded-for", "10.0.0.2"),
            ]
            response = await client.post(
                "/graphql",
                content=b'{"query":"{hello}"}',
                headers=[*JSON.items(), *lines],
            )
            statuses.append(response.status_code)

    addresses = [json.loads(line)["address"] for line in stream.getvalue().splitlines()]
    assert statuses == [200] * 6
    assert addresses == [f"192.0.2.{number}" for number in range(6)]


@pytest.mark.parametrize(
    "addresses",
    [
        ("::ffff:198.51.100.1", "::ffff:198.51.100.2", "::ffff:c633:6403"),
        ("64:ff9b::198.51.100.1", "64:ff9b::198.51.100.2", "64:ff9b::c633:6403"),
        ("198.51.100.1", "::ffff:198.51.100.2", "2001:db8::1"),
    ],
)
async def test_callers_of_ipv4_are_told_apart_through_sockets_of_ipv6(
    addresses: tuple[str, ...],
) -> None:
    app = build_web_app(
        TinyEngine(), None, WebOptions(rate_limit=Rate(1, 60.0)), clock=Clock()
    )
    statuses = []
    for address in (*addresses, addresses[0]):
        async with build_client(app, address) as client:
            statuses.append((await ask(client)).status_code)

    assert statuses == [200, 200, 200, 429]


async def test_one_customer_of_ipv6_has_one_bucket() -> None:
    app = build_web_app(
        TinyEngine(), None, WebOptions(rate_limit=Rate(1, 60.0)), clock=Clock()
    )
    statuses = []
    for address in ("2001:db8::1", "2001:db8::2:1", "2001:db8:0:1::1"):
        async with build_client(app, address) as client:
            statuses.append((await ask(client)).status_code)

    assert statuses == [200, 429, 200]


@pytest.mark.parametrize("name", ["x-api-key", "authorization"])
async def test_two_of_what_must_be_one_are_none(name: str) -> None:
    """The gateway does not guess which of two keys or tokens was meant."""
    options = WebOptions(api_keys=("first",) if name == "x-api-key" else ())
    options = msgspec.structs.replace(options, passthrough=name == "authorization")
    app = build_web_app(TinyEngine(), None, options)
    value = "first" if name == "x-api-key" else "Bearer t"
    async with build_client(app) as client:
        response = await client.post(
            "/graphql",
            content=b'{"query":"{hello}"}',
            headers=[*JSON.items(), (name, value), (name, value)],
        )

    assert response.status_code == 401


async def test_lines_of_accept_are_one_list() -> None:
    lines = [
        ("accept", "text/plain"),
        ("accept", "application/graphql-response+json"),
        ("accept-encoding", "br;q=0"),
        ("accept-encoding", "gzip"),
    ]
    async with open_client(ScriptedEngine(make_answer({"a": "b" * 2_000}))) as client:
        first = await client.get("/graphql?query={a}", headers=lines)
        tag = first.headers["etag"]
        held = await client.get(
            "/graphql?query={a}",
            headers=[*lines, ("if-none-match", tag), ("if-none-match", '"other"')],
        )

    assert first.headers["content-type"].startswith("application/graphql-response+json")
    assert first.headers["content-encoding"] == "gzip"
    assert held.status_code == 304


async def test_what_is_for_one_caller_is_not_for_shared_caches() -> None:
    async with open_client(TinyEngine(), trace_enabled=True) as client:
        answers = [
            await client.get("/graphql?query={hello}", headers=headers)
            for headers in (
                {},
                {"x-catalograph-cost": "1"},
                {"x-catalograph-trace": "1"},
                {"x-catalograph-cost": "1", "x-catalograph-trace": "1"},
                {},
            )
        ]

    assert [answer.headers["cache-control"] for answer in answers] == [
        "public, max-age=60",
        "private, max-age=60",
        "no-store",
        "no-store",
        "public, max-age=60",
    ]
