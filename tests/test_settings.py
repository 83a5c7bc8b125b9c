"""Settings, through `from_environ` and what is shown of them."""

import ipaddress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from catalograph.errors import SettingsError
from catalograph.setting_values import RateLimit, Secret
from catalograph.settings import Settings


def read(**environ: str) -> Settings:
    return Settings.from_environ(
        {f"CATALOGRAPH_{name}": text for name, text in environ.items()}
    )


def problems_of(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings()


def test_variables_of_others_are_left_alone() -> None:
    assert Settings.from_environ({"PATH": "/bin", "PORT": "x"}) == Settings()


def test_an_empty_variable_is_unset() -> None:
    assert read(PORT="", HOST="  ", API_KEYS="") == Settings()


def test_defaults_are_those_of_the_contract() -> None:
    settings = Settings()

    assert (settings.upstream_url, settings.upstream_token, settings.upstream_auth) == (
        "https://api.phaseo.app/v1",
        None,
        "server",
    )
    assert (
        settings.cache_fresh_s,
        settings.cache_stale_s,
        settings.cache_expired_s,
    ) == (60, 600, 86_400)
    assert (
        settings.upstream_timeout_s,
        settings.upstream_total_timeout_s,
        settings.request_timeout_s,
    ) == (3, 8, 12)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert (settings.graphiql_enabled, settings.introspection_enabled) == (True, True)
    assert (settings.api_keys, settings.rate_limit, settings.cors_origins) == (
        (),
        None,
        (),
    )
    assert (
        settings.max_body_bytes,
        settings.max_tokens,
        settings.max_depth,
        settings.max_height,
        settings.max_aliases,
        settings.max_root_fields,
        settings.max_directives,
        settings.max_operations,
        settings.max_entities,
        settings.max_response_bytes,
    ) == (262_144, 4_000, 15, 400, 30, 20, 50, 10, 1_000, 16_777_216)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("UPSTREAM_URL", "http://localhost:9000/v1/", "http://localhost:9000/v1"),
        ("UPSTREAM_TOKEN", " any-form_goes \n", Secret("any-form_goes")),
        ("UPSTREAM_AUTH", "PassThrough", "passthrough"),
        ("UPSTREAM_TIMEOUT_S", "0.5", 0.5),
        ("LISTS_FROM", "index", "index"),
        ("INDEX_KEPT", "off", False),
        ("PARTITION_KEY", "0123456789abcdef", Secret("0123456789abcdef")),
        ("CACHE_URL", "memory://", Secret("memory://")),
        ("CACHE_URL", "redis://h:6379/1", Secret("redis://h:6379/1")),
        ("CACHE_URL", "rediss://u:p@h/0", Secret("rediss://u:p@h/0")),
        ("CACHE_URL", "unix:///run/r.sock?db=1", Secret("unix:///run/r.sock?db=1")),
        ("CACHE_FRESH_S", "0", 0.0),
        ("CACHE_MAX_BYTES", "1048576", 1_048_576),
        ("RESPONSE_CACHE", "off", False),
        ("GRAPHIQL_ENABLED", "False", False),
        ("INTROSPECTION_ENABLED", "1", True),
        ("HOST", "::", "::"),
        ("HOST", "[::1]", "::1"),
        ("HOST", "fe80::1%eth0", "fe80::1%eth0"),
        ("UPSTREAM_URL", "HTTPS://API.example/V1", "https://API.example/V1"),
        ("CACHE_URL", "REDIS://h", Secret("redis://h")),
        ("PORT", "0", 0),
        ("WORKERS", "2", 2),
        ("LOG_LEVEL", "WARNING", "warning"),
        ("CORS_ORIGINS", "*", ("*",)),
        (
            "CORS_ORIGINS",
            "https://A.example/, http://localhost:3000",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("API_KEYS", "one,two three", (Secret("one"), Secret("two"), Secret("three"))),
        ("RATE_LIMIT", "600/min", RateLimit(600, 60.0)),
        ("RATE_LIMIT", "10 / s", RateLimit(10, 1.0)),
        ("RATE_LIMIT", "off", None),
        ("TRUSTED_DOCUMENTS", "documents.json", "documents.json"),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/8, 127.0.0.1, ::1",
            (
                ipaddress.ip_network("10.0.0.0/8"),
                ipaddress.ip_network("127.0.0.1/32"),
                ipaddress.ip_network("::1/128"),
            ),
        ),
    ],
)
def test_a_value_is_read(name: str, text: str, value: object) -> None:
    assert getattr(read(**{name: text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("PORT", "80a", "must be a whole number from 0 to 65,535, got '80a'"),
        ("PORT", "65536", "must be a whole number from 0 to 65,535, got '65536'"),
        ("PORT", "٣", "must be a whole number from 0 to 65,535, got '٣'"),
        ("WORKERS", "0", "must be a whole number from 1 to 256, got '0'"),
        ("MAX_DEPTH", "-1", "must be a whole number from 1 to 1,000,000, got '-1'"),
        (
            "CACHE_FRESH_S",
            "1m",
            "must be a number of seconds from 0 to 31,536,000, got '1m'",
        ),
        (
            "CACHE_FRESH_S",
            "nan",
            "must be a number of seconds from 0 to 31,536,000, got 'nan'",
        ),
        (
            "UPSTREAM_TIMEOUT_S",
            "0",
            "must be a number of seconds from 0.001 to 3,600, got '0'",
        ),
        (
            "UPSTREAM_TIMEOUT_S",
            "inf",
            "must be a number of seconds from 0.001 to 3,600, got 'inf'",
        ),
        ("UPSTREAM_AUTH", "client", "must be one of server, passthrough, got 'client'"),
        ("RESPONSE_CACHE", "maybe", "must be on or off, got 'maybe'"),
        (
            "HOST",
            "http://x",
            "must be an address or a host name, such as 0.0.0.0, got 'http://x'",
        ),
        ("UPSTREAM_URL", "ftp://h", "must be an http:// or https:// address"),
        ("UPSTREAM_URL", "localhost:9000", "must be an http:// or https:// address"),
        ("UPSTREAM_URL", "https://", "must be an http:// or https:// address"),
        ("UPSTREAM_URL", "http://u:p@h", "must not hold a user or a password"),
        ("UPSTREAM_URL", "http://h?x=1", "must be the base alone, without ? or #"),
        (
            "UPSTREAM_URL",
            "http://h:x",
            "must be an address with a valid host and port",
        ),
        (
            "UPSTREAM_URL",
            "http://a b",
            (
                "must be an address without spaces, of ASCII characters (a domain in its form "
                "xn--…)"
            ),
        ),
        (
            "UPSTREAM_URL",
            "https://exämple.org/v1",
            (
                "must be an address without spaces, of ASCII characters (a domain in its form "
                "xn--…)"
            ),
        ),
        (
            "UPSTREAM_URL",
            "https://h:0/v1",
            "must be an address with a valid host and port",
        ),
        (
            "UPSTREAM_URL",
            "https://h..example/v1",
            "must be an address with a valid host and port",
        ),
        (
            "CACHE_URL",
            "redis://:p#w@h/0",
            "must write # in a user or a password as %23",
        ),
        (
            "CACHE_URL",
            "redis://:p/w@h:6379/0",
            (
                "must be an address with a valid host and port (in a user or a password, write / "
                "as %2F and ? as %3F)"
            ),
        ),
        ("PARTITION_KEY", "short", "must have 16 to 64 bytes"),
        ("CACHE_URL", "memory://x", "takes nothing after memory://"),
        (
            "CACHE_URL",
            "memcached://h",
            "must be memory://, redis://host:port/db, rediss://… or unix:///path",
        ),
        (
            "CACHE_URL",
            "redis://",
            "must name a host, such as redis://localhost:6379/0",
        ),
        ("CACHE_URL", "unix://", "must name a socket, such as unix:///run/redis.sock"),
        (
            "UPSTREAM_TOKEN",
            "Bearer x",
            "must be the token alone, without the word Bearer",
        ),
        (
            "UPSTREAM_TOKEN",
            "clé",
            "must be visible ASCII characters without spaces",
        ),
        (
            "API_KEYS",
            "fine,ключ",
            "must be keys of visible ASCII characters, joined by commas",
        ),
        (
            "CORS_ORIGINS",
            "*,https://a.example",
            "must be * alone, or a list of origins, got '*,https://a.example'",
        ),
        (
            "CORS_ORIGINS",
            "a.example",
            (
                "must be origins such as https://app.example, without a path; "
                "*. stands for subdomains, :* for any port, got 'a.example'"
            ),
        ),
        (
            "RATE_LIMIT",
            "600",
            (
                "must be off, or a number up to 1,000,000 per s, min or h, such as "
                "600/min, got '600'"
            ),
        ),
        (
            "RATE_LIMIT",
            "5/week",
            (
                "must be off, or a number up to 1,000,000 per s, min or h, such as "
                "600/min, got '5/week'"
            ),
        ),
        (
            "TRUSTED_PROXIES",
            "proxy",
            "must be addresses or networks, such as 10.0.0.0/8, got 'proxy'",
        ),
    ],
)
def test_a_wrong_value_is_answered_with_what_would_be_right(
    name: str, text: str, problem: str
) -> None:
    assert problems_of(**{name: text}) == [f"CATALOGRAPH_{name} {problem}"]


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    assert problems_of(UPSTREAM_TOKN="x", WIDGETRY="") == [
        (
            "CATALOGRAPH_UPSTREAM_TOKN is no setting of catalograph; "
            "did you mean CATALOGRAPH_UPSTREAM_TOKEN?"
        ),
        "CATALOGRAPH_WIDGETRY is no setting of catalograph",
    ]


def test_all_problems_come_in_one_error() -> None:
    with pytest.raises(SettingsError) as caught:
        read(PORTS="1", PORT="x", WORKERS="none")

    assert str(caught.value) == (
        "the settings are not valid:\n"
        "  - CATALOGRAPH_PORTS is no setting of catalograph; "
        "did you mean CATALOGRAPH_PORT?\n"
        "  - CATALOGRAPH_PORT must be a whole number from 0 to 65,535, got 'x'\n"
        "  - CATALOGRAPH_WORKERS must be a whole number from 1 to 256, got 'none'"
    )


def ages(settings: Settings) -> tuple[float, float, float]:
    return settings.cache_fresh_s, settings.cache_stale_s, settings.cache_expired_s


EXAMPLES = {
    row.name.removeprefix("CATALOGRAPH_"): row.default
    for row in Settings().describe({})
} | {
    "UPSTREAM_TOKEN": "aistats_v1_k_1_secret",
    "PARTITION_KEY": "0123456789abcdef0123456789abcdef",
    "CORS_ORIGINS": "https://app.example",
    "API_KEYS": "0123456789abcdef0123456789abcdef",
    "RATE_LIMIT": "600/min",
    "TRUSTED_PROXIES": "10.0.0.0/8",
    "TRUSTED_DOCUMENTS": "manifest.json",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_setting_can_come_from_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text(f"{EXAMPLES[name]}\n", "utf-8")
    beside = {"TRUSTED_DOCUMENTS": "m"} if name == "TRUSTED_DOCUMENTS_MODE" else {}

    from_file = read(**{f"{name}_FILE": str(file)}, **beside)

    assert EXAMPLES[name]
    assert from_file == read(**{name: EXAMPLES[name]}, **beside)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xef\xbb\xbfsecret\r\n")

    settings = Settings.from_environ({"CATALOGRAPH_UPSTREAM_TOKEN_FILE": str(file)})

    assert settings.upstream_token == Secret("secret")


def test_a_file_may_hold_a_list_in_lines(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(
        "first-key-0123456789abcdef\nsecond-key-0123456789abcdef\n", "utf-8"
    )

    assert len(read(API_KEYS_FILE=str(file)).api_keys) == 2


def test_a_value_and_a_file_for_it_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000", "utf-8")

    assert problems_of(PORT="9000", PORT_FILE=str(file)) == [
        "CATALOGRAPH_PORT and CATALOGRAPH_PORT_FILE are both set; leave one of them out"
    ]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    assert problems_of(API_KEYS_FILE=str(missing), PORT_FILE=str(tmp_path)) == [
        f"CATALOGRAPH_PORT_FILE names {tmp_path}: is a directory",
        f"CATALOGRAPH_API_KEYS_FILE names {missing}: no such file or directory",
    ]


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_file_is_a_problem_and_no_default(
    content: bytes, tmp_path: Path
) -> None:
    """An empty list of keys would open the gateway to all."""
    file = tmp_path / "keys"
    file.write_bytes(content)

    assert problems_of(API_KEYS_FILE=str(file)) == [
        f"CATALOGRAPH_API_KEYS_FILE names {file}: it is empty"
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 1_048_577])
def test_a_file_must_be_a_text_of_some_size(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    (problem,) = problems_of(UPSTREAM_TOKEN_FILE=str(file))

    assert problem == (
        f"CATALOGRAPH_UPSTREAM_TOKEN_FILE names {file}: it must be UTF-8 text of at most "
        "1 MiB"
    )


def test_a_wrong_value_in_a_file_is_answered_as_in_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("x", "utf-8")

    assert problems_of(PORT_FILE=str(file)) == problems_of(PORT="x")


def test_an_unknown_file_setting_is_refused_with_the_nearest_one() -> None:
    assert problems_of(UPSTREAM_TOKN_FILE="x") == [
        (
            "CATALOGRAPH_UPSTREAM_TOKN_FILE is no setting of catalograph; did you mean "
            "CATALOGRAPH_UPSTREAM_TOKEN_FILE?"
        )
    ]


def test_ages_must_ascend() -> None:
    assert problems_of(CACHE_FRESH_S="9", CACHE_EXPIRED_S="3") == [
        "CATALOGRAPH_CACHE_FRESH_S ≤ CATALOGRAPH_CACHE_EXPIRED_S must hold, got 9, 3"
    ]


def test_unset_ages_are_adjusted() -> None:
    assert ages(read(CACHE_EXPIRED_S="30")) == (30, 30, 30)
    assert ages(read(CACHE_FRESH_S="3600")) == (3600, 3600, 86_400)
    assert ages(read(CACHE_STALE_S="10")) == (10, 10, 86_400)
    assert ages(read(CACHE_FRESH_S="1", CACHE_EXPIRED_S="2")) == (1, 2, 2)


def test_unset_deadlines_are_adjusted() -> None:
    settings = read(UPSTREAM_TIMEOUT_S="20")

    assert (
        settings.upstream_timeout_s,
        settings.upstream_total_timeout_s,
        settings.request_timeout_s,
    ) == (20, 20, 20)


def test_a_mode_without_a_manifest_is_refused() -> None:
    assert problems_of(TRUSTED_DOCUMENTS_MODE="log") == [
        (
            "CATALOGRAPH_TRUSTED_DOCUMENTS_MODE needs CATALOGRAPH_TRUSTED_DOCUMENTS, "
            "the path of a manifest"
        )
    ]


LINKS = {
    "PORT": "tcp://10.96.12.3:8000",
    "SERVICE_HOST": "10.96.12.3",
    "SERVICE_PORT": "8000",
    "SERVICE_PORT_HTTP": "8000",
    "PORT_8000_TCP": "tcp://10.96.12.3:8000",
    "PORT_8000_TCP_PROTO": "tcp",
    "PORT_8000_TCP_PORT": "8000",
    "PORT_8000_TCP_ADDR": "10.96.12.3",
    "PORT_53_UDP": "udp://10.96.12.3:53",
    "PORT_9_SCTP_ADDR": "10.96.12.3",
    "GATEWAY_SERVICE_HOST": "fd00::1",
    "GATEWAY_PORT": "tcp://[fd00::1]:8000",
    "REDIS_2_PORT_6379_TCP_ADDR": "10.96.12.4",
    "REDIS_NAME": "/catalograph/redis",
    "ENV_VERSION": "7",
}
"""What Kubernetes and Docker set for services whose names begin like ours."""


def test_service_links_are_not_meant_for_us() -> None:
    environ = {f"CATALOGRAPH_{name}": text for name, text in LINKS.items()}

    settings = Settings.from_environ(environ)

    assert settings == Settings()
    assert {row.origin for row in settings.describe(environ)} == {"default"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SERVICE_HOSTS", "10.0.0.1"),
        ("PORT_X_TCP", "tcp://h:1"),
        ("PORTS", "tcp://h:1"),
        ("REDIS_NAME", "redis"),
        ("PORT", "http://h:1"),
    ],
)
def test_what_only_resembles_a_link_is_still_refused(name: str, text: str) -> None:
    (problem,) = problems_of(**{name: text})

    assert problem.startswith(f"CATALOGRAPH_{name} ")


@pytest.mark.parametrize("name", ["API_KEYS", "CORS_ORIGINS", "TRUSTED_PROXIES"])
@pytest.mark.parametrize("text", [",", " , ", ",,\t,"])
def test_an_empty_list_is_refused(name: str, text: str) -> None:
    (problem,) = problems_of(**{name: text})

    assert problem.startswith(f"CATALOGRAPH_{name} must ")


@pytest.mark.parametrize("text", ["k", "fine-enough,x", "ab", "1 22 333"])
def test_a_key_that_can_be_guessed_at_once_is_refused(text: str) -> None:
    assert problems_of(API_KEYS=text) == [
        (
            "CATALOGRAPH_API_KEYS must hold keys of at least 3 characters; 16 random ones "
            "are hard to guess"
        )
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("REQUEST_TIMEOUT_S", "1e308"),
        ("REQUEST_TIMEOUT_S", "1e-300"),
        ("REQUEST_TIMEOUT_S", "0.0001"),
        ("DRAIN_S", "1e308"),
        ("DRAIN_S", "1_0"),
        ("DRAIN_S", "٣"),
        ("CACHE_FRESH_S", "99999999999"),
        ("HOST", ":"),
        ("HOST", "..."),
        ("HOST", "a:b"),
        ("HOST", "[localhost]"),
        ("RATE_LIMIT", "999999999999999999/s"),
        ("MAX_BODY_BYTES", "999999999999"),
        ("CACHE_URL", "redis://h?socket_timeout=1000"),
    ],
)
def test_invalid_values_are_refused(name: str, text: str) -> None:
    (problem,) = problems_of(**{name: text})

    assert problem.startswith(f"CATALOGRAPH_{name} must ")


SECRETS = {
    "UPSTREAM_TOKEN": "aistats_v1_k_kid_hunter2",
    "API_KEYS": "hunter2,hunter2b",
    "PARTITION_KEY": "hunter2-hunter2-hunter2",
    "CACHE_URL": "redis://user:hunter2@h:6379/0?password=hunter2",
}


def test_secrets_are_in_no_text_of_the_settings() -> None:
    settings = read(**SECRETS)
    environ = {f"CATALOGRAPH_{name}": text for name, text in SECRETS.items()}

    shown = f"{settings!r}{settings}{settings.describe(environ)}{settings.warnings}"

    assert "hunter2" not in shown
    assert settings.upstream_token is not None
    assert settings.upstream_token.reveal() == SECRETS["UPSTREAM_TOKEN"]
    assert settings.cache_url.reveal() == SECRETS["CACHE_URL"]
    assert str(settings.cache_url) == "redis://user:••••••@h:6379/0?password=••••••"


def test_secrets_are_not_encoded() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(read(**SECRETS))


@given(
    name=st.sampled_from(
        ["UPSTREAM_TOKEN", "API_KEYS", "CACHE_URL", "UPSTREAM_URL", "PARTITION_KEY"]
    ),
    around=st.tuples(st.text(max_size=8), st.text(max_size=8)),
)
def test_no_problem_quotes_a_secret(name: str, around: tuple[str, str]) -> None:
    try:
        read(**{name: "hunter2".join(around)})
    except SettingsError as exc:
        assert "hunter2" not in str(exc)  # noqa: PT017


def test_secrets_compare_by_what_they_hide() -> None:
    assert Secret("a") == Secret("a", shown="other")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def described(**environ: str) -> dict[str, tuple[str, str]]:
    whole = {f"CATALOGRAPH_{name}": text for name, text in environ.items()}
    rows = Settings.from_environ(whole).describe(whole)
    return {
        row.name.removeprefix("CATALOGRAPH_"): (row.value, row.origin) for row in rows
    }


def test_a_description_tells_where_each_value_came_from() -> None:
    rows = described(
        CACHE_EXPIRED_S="30", PORT="8000", API_KEYS="thirty,forty", HOST=""
    )

    assert rows["PORT"] == ("8000", "environment")
    assert rows["CACHE_EXPIRED_S"] == ("30", "environment")
    assert rows["CACHE_STALE_S"] == ("30", "adjusted")
    assert rows["HOST"] == ("127.0.0.1", "default")
    assert rows["API_KEYS"] == ("••••••,••••••", "environment")


def test_a_description_tells_what_came_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000", "utf-8")
    environ = {"CATALOGRAPH_PORT_FILE": str(file)}

    rows = Settings.from_environ(environ).describe(environ)

    assert [(row.name, row.value) for row in rows if row.origin == "file"] == [
        ("CATALOGRAPH_PORT", "9000")
    ]


def test_a_shown_value_can_be_set_again() -> None:
    first = read(
        RATE_LIMIT="7/h",
        CORS_ORIGINS="https://a.example,https://b.example",
        TRUSTED_PROXIES="10.1.2.3",
        RESPONSE_CACHE="no",
        CACHE_FRESH_S="1.5",
    )

    shown = {row.name: row.value for row in first.describe({})}
    # Refused without a manifest.
    del shown["CATALOGRAPH_TRUSTED_DOCUMENTS_MODE"]

    again = Settings.from_environ(shown)
    assert msgspec.structs.replace(again, given_ages=first.given_ages) == first


@pytest.mark.parametrize(
    ("environ", "warnings"),
    [
        ({"UPSTREAM_TOKEN": "aistats_v1_k_a_b"}, []),
        ({"UPSTREAM_AUTH": "passthrough"}, []),
        (
            {},
            [
                (
                    "CATALOGRAPH_UPSTREAM_TOKEN is not set: an upstream that wants a token "
                    "will refuse every request"
                )
            ],
        ),
        (
            {"UPSTREAM_TOKEN": "aistats_v1_k_a_b", "UPSTREAM_AUTH": "passthrough"},
            [
                (
                    "CATALOGRAPH_UPSTREAM_TOKEN is not used: with "
                    "CATALOGRAPH_UPSTREAM_AUTH=passthrough every caller brings a token"
                )
            ],
        ),
        (
            {
                "UPSTREAM_TOKEN": "aistats_v1_k_a_b",
                "API_KEYS": "short",
                "CACHE_URL": "redis://h?decode_responses=true&db=1",
            },
            [
                (
                    "CATALOGRAPH_CACHE_URL has the option decode_responses, which is "
                    "ignored: it would change how the cache answers"
                ),
                (
                    "CATALOGRAPH_API_KEYS holds a key of fewer than 16 characters, which "
                    "can be guessed"
                ),
            ],
        ),
        (
            {"UPSTREAM_TOKEN": "sk-123"},
            [
                (
                    "CATALOGRAPH_UPSTREAM_TOKEN does not look like a key of the catalogue "
                    "(phaseo_v1_sk_…, aistats_v1_sk_… or aistats_v1_k_…)"
                )
            ],
        ),
        (
            {"UPSTREAM_AUTH": "passthrough", "CACHE_URL": "redis://h"},
            [
                (
                    "CATALOGRAPH_PARTITION_KEY is not set: no process can use the cache entries "
                    "of another, although the cache is shared"
                )
            ],
        ),
        (
            {"UPSTREAM_AUTH": "passthrough", "UPSTREAM_URL": "http://h/v1/models"},
            [
                (
                    "CATALOGRAPH_UPSTREAM_URL ends in /models; the gateway adds that itself, "
                    "so the base is probably one step up"
                )
            ],
        ),
        (
            {"UPSTREAM_AUTH": "passthrough", "CORS_ORIGINS": "*", "API_KEYS": "k" * 16},
            [
                (
                    "CATALOGRAPH_CORS_ORIGINS=* lets any page use a key that its visitor "
                    "holds; name the origins"
                )
            ],
        ),
    ],
)
def test_probable_mistakes_cause_warnings(
    environ: dict[str, str], warnings: list[str]
) -> None:
    assert read(**environ).warnings == warnings


def test_settings_cannot_be_changed() -> None:
    settings: Any = Settings()

    with pytest.raises(AttributeError):
        settings.port = 1


@pytest.mark.parametrize(
    ("token", "url"),
    [
        ("aistats_v1_k_kid_secret", "https://api.ai-stats.phaseo.app/v1"),
        ("aistats_v1_sk_kid_secret", "https://api.phaseo.app/v1"),
        ("phaseo_v1_sk_kid_secret", "https://api.phaseo.app/v1"),
        ("anything", "https://api.phaseo.app/v1"),
        ("", "https://api.phaseo.app/v1"),
    ],
)
def test_the_address_follows_from_the_form_of_the_token(token: str, url: str) -> None:
    environ = {"CATALOGRAPH_UPSTREAM_TOKEN": token}
    own = environ | {"CATALOGRAPH_UPSTREAM_URL": "http://own.test/v1"}

    assert Settings.from_environ(environ).upstream_url == url
    assert Settings.from_environ(own).upstream_url == "http://own.test/v1"


def test_a_key_of_another_release_than_the_pinned_one_is_noted() -> None:
    settings = Settings.from_environ(
        {
            "CATALOGRAPH_UPSTREAM_TOKEN": "aistats_v1_k_kid_secret",
            "CATALOGRAPH_UPSTREAM_VERSION": "2026-08",
        }
    )

    assert settings.warnings == [
        (
            "CATALOGRAPH_UPSTREAM_TOKEN has the form of release 2025-12, but "
            "CATALOGRAPH_UPSTREAM_VERSION is 2026-08"
        )
    ]
