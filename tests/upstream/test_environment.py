"""Environment variables of the HTTP client: invalid ones are reported by name."""

from pathlib import Path

import httpx
import pytest

from catalograph.upstream.client import UpstreamClient
from catalograph.upstream.environment import (
    find_environment_problems,
    find_ineffective_variables,
)

UPSTREAM = "https://api.example/v1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://h:1"),
        ("HTTP_PROXY", "socks5h://h:1"),
        ("all_proxy", "socks://h:1"),
        ("ALL_PROXY", "socks4://h:1"),
        ("HTTPS_PROXY", "http://h:notaport"),
        ("HTTPS_PROXY", "http://h:99999"),
        ("https_proxy", "ftp://h"),
        ("HTTPS_PROXY", "http://"),
        ("HTTPS_PROXY", "://h:1"),
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTP_PROXY", "http://us er@h:1\x00"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(name: str, value: str) -> None:
    (problem,) = find_environment_problems({name: value}, UPSTREAM)

    assert problem.startswith(f"{name} ")


@pytest.mark.parametrize(
    "value",
    [
        "http://proxy:3128",
        "proxy:3128",
        "HTTP://user:secret@proxy",
        "https://p",
        "",
    ],
)
def test_a_proxy_that_can_be_used_is_no_problem(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        assert find_environment_problems({name: value}, UPSTREAM) == []
        monkeypatch.setenv(name, value)
    httpx.AsyncClient(verify=False)  # noqa: S501 - nothing is asked


def test_no_problem_quotes_a_password() -> None:
    environ = {
        "HTTPS_PROXY": "ftp://user:hunter2@h",
        "ALL_PROXY": "http://u:hunter2@h:x",
    }

    assert "hunter2" not in str(find_environment_problems(environ, UPSTREAM))


@pytest.mark.parametrize("entry", ["[::1]", "fe80::/10", "a:b", "http://h:x"])
def test_an_entry_of_no_proxy_that_cannot_be_used_is_named(entry: str) -> None:
    environ = {"NO_PROXY": f"localhost, {entry}", "ALL_PROXY": "http://proxy"}

    (problem,) = find_environment_problems(environ, UPSTREAM)

    assert problem.startswith("NO_PROXY ")
    assert repr(entry) in problem


@pytest.mark.parametrize("entry", ["[::1]", "fe80::/10", "a:b", "http://h:x"])
async def test_no_proxy_is_not_read_where_no_proxy_is_set(
    entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", entry)

    assert find_environment_problems({"NO_PROXY": entry}, UPSTREAM) == []
    await UpstreamClient(base_url=UPSTREAM, token=None).aclose()


@pytest.mark.parametrize("text", [" http://h:1", "http://h:1\n", " "])
def test_white_space_around_the_address_of_a_proxy_is_named(text: str) -> None:
    assert find_environment_problems({"HTTP_PROXY": text}, UPSTREAM) == [
        "HTTP_PROXY must have no white space around the address"
    ]


def test_variables_of_proxies_are_found_as_the_client_finds_them() -> None:
    (problem,) = find_environment_problems({"Http_Proxy": "ftp://h"}, UPSTREAM)

    assert problem.startswith("Http_Proxy ")
    # The one in lower case takes precedence, also when it is empty.
    environ = {"http_proxy": "", "HTTP_PROXY": "ftp://h"}
    assert find_environment_problems(environ, UPSTREAM) == []


@pytest.mark.parametrize(
    "text",
    [
        "localhost,.internal,10.0.0.1,::1,fd00::7",
        "*,[::1]",
        "10.0.0.0/8",
        "a.example:80",
    ],
)
def test_what_the_client_can_take_in_no_proxy_is_no_problem(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"no_proxy": text, "ALL_PROXY": "http://proxy"}

    assert find_environment_problems(environ, UPSTREAM) == []
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    httpx.AsyncClient(verify=False)  # noqa: S501 - nothing is asked


def test_networks_in_no_proxy_are_told_to_have_no_effect() -> None:
    environ = {"NO_PROXY": "10.0.0.0/8,h", "HTTPS_PROXY": "http://proxy"}

    assert find_ineffective_variables(environ, UPSTREAM) == [
        (
            "NO_PROXY holds the network 10.0.0.0/8, which has no effect: name addresses or "
            "hosts"
        )
    ]
    assert find_ineffective_variables({"NO_PROXY": "10.0.0.0/8"}, UPSTREAM) == []


def test_an_upstream_on_loopback_needs_no_proxy() -> None:
    environ = {"ALL_PROXY": "socks://h"}

    assert find_environment_problems(environ, "http://127.0.0.1:9000/v1") == []


def test_files_for_tls_are_named_when_they_cannot_be_used(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()

    for name, path in (
        ("SSL_CERT_FILE", tmp_path / "missing"),
        ("SSL_CERT_FILE", tmp_path),
        ("SSL_CERT_FILE", empty),
        ("SSL_CERT_DIR", tmp_path / "missing"),
        ("SSL_CERT_DIR", empty),
        ("SSLKEYLOGFILE", tmp_path / "missing" / "keys"),
    ):
        (problem,) = find_environment_problems({name: str(path)}, UPSTREAM)
        assert problem.startswith(f"{name} ")
        assert find_environment_problems({name: str(path)}, "http://api.example") == []
    assert find_environment_problems({"SSL_CERT_DIR": str(tmp_path)}, UPSTREAM) == []
