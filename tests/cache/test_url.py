"""URLs of the shared cache: which are accepted or refused, and how they are shown."""

import pytest
from redis.asyncio import ConnectionPool

from catalograph.cache.url import find_ignored_options, hide_secrets, parse_cache_url

TAKEN = [
    "redis://h",
    "redis://h:6379/",
    "redis://user:p%40ss@h:6379/2",
    "redis://h/0?protocol=3&client_name=x&health_check_interval=30",
    "redis://h/0?socket_timeout=0.1&socket_connect_timeout=5&socket_keepalive=true",
    "redis://h?timeout=2&max_connections=10&db=3",
    "rediss://h/0?ssl_cert_reqs=none&ssl_check_hostname=false",
    "rediss://h/0?ssl_ca_certs=%2Fetc%2Fca.pem&ssl_min_version=771",
    "unix:///run/redis.sock?db=1",
    "unix://user:secret@/run/redis.sock",
]


@pytest.mark.parametrize("url", TAKEN)
def test_what_is_taken_is_handed_on_and_understood_by_the_client(url: str) -> None:
    found = parse_cache_url(url)

    assert found.url == url
    pool = ConnectionPool.from_url(
        url.replace("timeout=2&", "")  # of the gateway's blocking pool only
    )
    pool.make_connection()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("REDIS://H:6379/0", "redis://H:6379/0"),
        ("Rediss://h", "rediss://h"),
        ("UNIX:///x", "unix:///x"),
        ("Memory://", "memory://"),
    ],
)
def test_schemes_may_be_in_any_case(text: str, url: str) -> None:
    assert parse_cache_url(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "redis://h/0?tiemout=5",
        "redis://h?ssl_cert_reqs=none",
        "redis://h?timeout=abc",
        "redis://h?protocol=4",
        "redis://h?db=x",
        "redis://h?max_connections=0",
        "redis://h?socket_keepalive=maybe",
        "rediss://h?ssl_cert_reqs=never",
        "redis://h/x",
        "redis://h/0#x",
        "redis://h#",
        "redis://:pass#word@h",
        "redis://:pass/word@h",
        "redis://h?DB=1",
        "redis-sentinel://h",
        "",
    ],
)
def test_what_the_client_could_not_use_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) "):
        parse_cache_url(text)


@pytest.mark.parametrize(
    "option", ["decode_responses=true", "encoding=latin-1", "encoding_errors=ignore"]
)
def test_options_that_change_replies_are_left_out(option: str) -> None:
    found = parse_cache_url(f"redis://h/0?{option}&db=2")

    assert found.url == "redis://h/0?db=2"
    assert find_ignored_options(found.shown) == [option.partition("=")[0]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://SECRET@h", "redis://••••••@h"),
        ("rediss://SECRET@h:1/0", "rediss://••••••@h:1/0"),
        ("unix://SECRET@/x", "unix://••••••@/x"),
        ("redis://SECRET:@h", "redis://••••••@h"),
        ("redis://:SECRET@h", "redis://:••••••@h"),
        ("redis://me:SECRET@h/1", "redis://me:••••••@h/1"),
        ("redis://h?password=SECRET&db=1", "redis://h?password=••••••&db=1"),
        ("redis://h?username=SECRET", "redis://h?username=••••••"),
        ("rediss://h?ssl_password=SECRET", "rediss://h?ssl_password=••••••"),
        ("redis://h?encoding=SE-CRET", "redis://h?encoding=••••••"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(text: str, shown: str) -> None:
    assert parse_cache_url(text).shown == shown


@pytest.mark.parametrize(
    "text",
    [
        "redis+cluster://h:6379",
        "rediss-cluster://h",
        "redis+sentinel://user:secret@h:26379/main/0",
        "sentinel://h:26379",
        "redis-sentinel://h",
        "redis://a:6379,b:6379/0",
        "rediss://:secret@a,b",
    ],
)
def test_clusters_and_sentinels_are_refused_with_an_explanation(text: str) -> None:
    with pytest.raises(
        ValueError, match="Redis Cluster and Sentinel are not supported"
    ):
        parse_cache_url(text)


@pytest.mark.parametrize(
    "url",
    [
        "redis://default:p%40ssw0rd@h/0",
        "redis://:p%40ssw0rd@h/0?protocol=3",
        "redis://h/0?username=default&password=p%40ssw0rd",
        "redis://p%40ssw0rd@h/0",
    ],
)
def test_the_error_of_a_server_is_shown_without_the_password(url: str) -> None:
    error = (
        "wrong p@ssw0rd; unknown command `HELLO`, with args beginning with: `3`, `AUTH`, "
        "`default`, `p@ssw0rd`,"
    )

    shown = hide_secrets(error, url)

    assert shown == (
        "wrong ••••••; unknown command `HELLO`, with args beginning with: …"
    )


def test_a_short_password_cuts_no_words() -> None:
    assert hide_secrets("an error", "redis://:r@h/0") == "an error"
