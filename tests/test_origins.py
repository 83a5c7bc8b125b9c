"""Origins of pages: as operators write them and as browsers send them."""

import pytest

from catalograph.origins import LOCAL_ORIGINS, Origins, parse_origins


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example", "https://app.example"),
        ("https://App.Example/", "https://app.example"),
        ("HTTPS://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[0:0::1]:3000", "http://[::1]:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_brought_into_the_form_that_browsers_send(
    text: str, origin: str
) -> None:
    assert parse_origins([text]) == (origin,)
    assert Origins(parse_origins([text])).allow(origin)


@pytest.mark.parametrize(
    "text",
    [
        "app.example",
        "//app.example",
        "https://",
        "https:app.example",
        "https://app.example/path",
        "https://app.example//",
        "https://app.example?",
        "https://app.example?x=1",
        "https://app.example#x",
        "https://user@app.example",
        "https://app.example:",
        "https://app.example:0",
        "https://app.example:99999",
        "https://app.example:x",
        "https://app..example",
        "https://-app.example",
        "https://*",
        "https://*.com",
        "https://app.*",
        "https://app.*.example",
        "https://*app.example",
        "https://**.app.example",
        "*.app.example",
        "*://app.example",
        "http*://app.example",
        "https://[::1",
        "null",
        "file:///index.html",
        "wss://app.example",
        "htps://app.example",
        "",
        "http://256.1.1.1",
        "http://127.1",
        "http://010.0.0.1",
        "http://0x7f.0.0.1",
        "http://app.example.1",
        "https://*.127.0.0.1",
        "http://[fe80::1%eth0]",
        "https://straße.example",
    ],
)
def test_an_origin_that_no_page_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|holds|would) "):
        parse_origins([text])


def test_a_list_holds_origins_or_stands_for_all_of_them() -> None:
    assert Origins(parse_origins(["*"])).allow("https://any.example")
    with pytest.raises(ValueError, match="must be \\* alone"):
        parse_origins(["*", "https://app.example"])
    with pytest.raises(ValueError, match="at least one"):
        parse_origins([])
    assert not Origins(())
    assert not Origins(()).allow("https://app.example")


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        (
            "https://*.app.example",
            ["https://a.app.example", "https://a-1.b.app.example"],
            [
                "https://app.example",
                "https://evilapp.example",
                "http://a.app.example",
                "https://a.app.example:8443",
                "https://a.app.example.evil",
                "https://a.appxexample",
                "https://.app.example",
                "https://a/.app.example",
                "https://a.app.example\n",
                "null",
            ],
        ),
        (
            "http://localhost:*",
            ["http://localhost", "http://localhost:3000", "http://localhost:65535"],
            [
                "https://localhost:3000",
                "http://localhost:",
                "http://localhost:3000/",
                "http://localhost.evil:3000",
                "http://localhost:x",
            ],
        ),
        (
            "https://*.preview.app.example:*",
            ["https://pr-7.preview.app.example:8443"],
            ["https://preview.app.example:8443"],
        ),
    ],
)
def test_wildcards_stand_for_subdomains_and_ports_and_nothing_else(
    text: str, allowed: list[str], refused: list[str]
) -> None:
    origins = Origins(parse_origins([text]))

    assert [one for one in (*allowed, *refused) if origins.allow(one)] == allowed


def test_pages_of_this_machine_are_those_of_its_loopback_addresses() -> None:
    origins = Origins(LOCAL_ORIGINS)
    asked = [
        "http://localhost:5173",
        "https://localhost",
        "http://127.0.0.1:3000",
        "http://[::1]:8080",
        "http://127.0.0.1.evil.example",
        "http://192.168.0.7:3000",
        "null",
    ]

    assert [one for one in asked if origins.allow(one)] == asked[:4]
