"""Who may ask, how much, from where: keys, limits, proxies, shedding, other origins."""

import asyncio
import hashlib

import httpx
import pytest

from catalograph.observability.metrics import REFUSED
from catalograph.web import Rate, WebOptions, build_web_app
from catalograph.web.forwarded import Proxies
from catalograph.web.rate_limit import MemoryRateLimiter
from support.tiny_engine import ScriptedEngine, TinyEngine, make_answer
from support.web_client import JSON, Clock, ask, build_client, open_client

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
async def test_a_known_key_opens(key: str | None, status: int) -> None:
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


async def test_a_kept_answer_needs_the_key_too() -> None:
    async with open_client(TinyEngine(), api_keys=("k",)) as client:
        await ask(client, headers={"x-api-key": "k"})
        stranger = await ask(client)

    assert stranger.status_code == 401


def limits(response: httpx.Response) -> list[str]:
    names = ("limit", "remaining", "reset", "policy")
    return [response.headers[f"ratelimit-{name}"] for name in names]


async def test_a_caller_is_told_and_then_refused() -> None:
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


async def test_a_kept_answer_that_is_refused_is_counted_once() -> None:
    counter = REFUSED.labels("rate_limit")
    async with open_client(TinyEngine(), rate_limit=Rate(2, 60.0)) as client:
        before = counter._value.get()  # noqa: SLF001
        statuses = [(await ask(client)).status_code for _ in range(3)]
        after = counter._value.get()  # noqa: SLF001

    assert statuses == [200, 200, 429]
    assert after - before == 1


async def test_dear_operations_take_more() -> None:
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


async def test_who_does_not_wait_for_the_answer_pays_for_it_all_the_same() -> None:
    engine = ScriptedEngine()
    engine.late_answer = make_answer(cost=3_500)
    options = {"rate_limit": Rate(10, 60.0), "request_timeout_s": 0.05}
    async with open_client(engine, **options) as client:
        given_up = await ask(client, "{a}")
        engine.answer = make_answer()
        after = await ask(client, "{b}")

    assert given_up.status_code == 504
    assert after.headers["ratelimit-remaining"] == "5"


async def test_callers_held_are_bounded() -> None:
    limiter = MemoryRateLimiter(Rate(1, 60.0), max_callers=2, clock=Clock())
    for caller in ("a", "b", "a", "c"):
        await limiter.take(caller)

    assert len(limiter) == 2
    assert not (await limiter.take("a")).is_allowed
    assert (await limiter.take("b")).is_allowed


async def test_nobody_owes_more_than_a_bucket() -> None:
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
    headers = {b"x-forwarded-for": forwarded.encode()}

    assert proxies.find_address(peer, headers) == address


async def test_limits_count_for_whom_the_proxy_names() -> None:
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


async def test_too_much_at_once_is_shed() -> None:
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


ORIGIN = "https://app.example"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-api-key,authorization",
}


async def test_pages_of_named_origins_may_ask() -> None:
    """Also when the answer is kept; never with credentials."""
    async with open_client(TinyEngine(), cors_origins=(ORIGIN,)) as client:
        preflight = await client.options(
            "/graphql", headers={"origin": ORIGIN, **PREFLIGHT}
        )
        answers = [await ask(client, headers={"origin": ORIGIN}) for _ in range(2)]
        other = await ask(client, headers={"origin": "https://evil.example"})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in other.headers


async def test_other_origins_get_no_leave() -> None:
    async with open_client(TinyEngine(), cors_origins=(ORIGIN,)) as client:
        preflight = await client.options(
            "/graphql", headers={"origin": "https://evil.example", **PREFLIGHT}
        )
    async with open_client(TinyEngine()) as client:
        without = await client.options(
            "/graphql", headers={"origin": ORIGIN, **PREFLIGHT}
        )

    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in without.headers


async def test_any_origin_may_be_allowed() -> None:
    async with open_client(TinyEngine(), cors_origins=("*",)) as client:
        response = await client.post(
            "/graphql", content=b'{"query":"{hello}"}', headers={**JSON, "origin": "x"}
        )

    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
