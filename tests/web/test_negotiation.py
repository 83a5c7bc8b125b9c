"""Negotiation of media type and content encoding."""

import pytest

from catalograph.web.negotiation import (
    Coding,
    Media,
    choose_coding,
    choose_media,
    holds_etag,
    is_json,
    prefers_html,
)
from support.tiny_engine import TinyEngine
from support.web_client import ask, open_client


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, Media.JSON),
        (b"*/*", Media.JSON),
        (b"application/*", Media.JSON),
        (b"application/json", Media.JSON),
        (b"application/graphql-response+json", Media.GRAPHQL),
        (b"APPLICATION/GraphQL-Response+JSON", Media.GRAPHQL),
        (b"application/graphql-response+json; charset=utf-8, application/json", Media.GRAPHQL),
        (b"application/json, application/graphql-response+json", Media.GRAPHQL),
        (b"application/graphql-response+json;q=0.5, application/json", Media.JSON),
        (b"application/graphql-response+json, application/json;q=0.9", Media.GRAPHQL),
        (b"application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed", Media.GRAPHQL),
        (b"application/json;q=0, */*", Media.GRAPHQL),
        (b"application/graphql-response+json;q=0, */*", Media.JSON),
        (b'application/json; charset="UTF-8"', Media.JSON),
        (b"application/json; charset=latin-1", None),
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Media.JSON),
        (b"text/html", None),
        (b"application/json;q=0", None),
        (b"application/json;q=x", None),
        (b"image/png, " * 100 + b"application/json", Media.JSON),
    ],
)  # fmt: skip
def test_best_media_type_is_taken(accept: bytes | None, media: Media | None) -> None:
    assert choose_media(accept) is media


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        (b"text/html", True),
        (b"text/html;q=0.5, application/json", False),
        (b"text/html, application/json", False),
        (b"*/*", False),
        (b"text/*", False),
        (None, False),
    ],
)
def test_only_a_browser_that_opens_a_page_prefers_html(
    accept: bytes | None, *, is_page: bool
) -> None:
    assert prefers_html(accept) is is_page


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        (None, Coding.IDENTITY),
        (b"", Coding.IDENTITY),
        (b"identity", Coding.IDENTITY),
        (b"deflate", Coding.IDENTITY),
        (b"gzip", Coding.GZIP),
        (b"gzip, deflate", Coding.GZIP),
        (b"gzip, deflate, br", Coding.BROTLI),
        (b"gzip, deflate, br, zstd", Coding.BROTLI),
        (b"zstd", Coding.ZSTD),
        (b"gzip;q=0.5, zstd", Coding.ZSTD),
        (b"br;q=0.5, gzip;q=0.8", Coding.GZIP),
        (b"gzip;q=0, *", Coding.BROTLI),
        (b"gzip;q=0", Coding.IDENTITY),
        (b"gzip;q=0.5, identity", Coding.IDENTITY),
    ],
)
def test_best_coding_is_taken(accept_encoding: bytes | None, coding: Coding) -> None:
    assert choose_coding(accept_encoding) is coding


@pytest.mark.parametrize(
    ("content_type", "is_taken"),
    [
        (b"application/json", True),
        (b'Application/JSON ; Charset="utf-8"', True),
        (b"application/json; charset=utf-16", False),
        (b"application/jsonp", False),
        (None, False),
    ],
)  # fmt: skip
def test_only_json_in_utf8_is_taken(
    content_type: bytes | None, *, is_taken: bool
) -> None:
    assert is_json(content_type) is is_taken


async def test_nothing_acceptable_is_406() -> None:
    engine = TinyEngine()
    async with open_client(engine) as client:
        response = await ask(client, headers={"accept": "text/html"})

    assert response.status_code == 406
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json()["errors"][0]["message"] == (
        "Accept must allow application/graphql-response+json or application/json"
    )
    assert engine.calls == []


@pytest.mark.parametrize(
    "accept",
    [b"", b"  ", b",", b"*", b"text/html, image/gif, *; q=.2, */*; q=.2", b"*;q=0.1"],
)
def test_accepting_anything_or_saying_nothing_gets_json(accept: bytes) -> None:
    assert choose_media(accept) is Media.JSON


def test_old_names_of_codings_mean_the_same() -> None:
    assert choose_coding(b"x-gzip") is Coding.GZIP
    assert choose_coding(b"x-gzip;q=0, br;q=0") is Coding.IDENTITY


def test_only_codings_that_there_are_get_chosen() -> None:
    among = (Coding.GZIP,)

    assert choose_coding(b"br, gzip;q=0.1", among) is Coding.GZIP
    assert choose_coding(b"br", among) is Coding.IDENTITY
    assert choose_coding(b"*", among) is Coding.GZIP


@pytest.mark.parametrize(
    "header",
    [
        b'"x-jg"',
        b'W/"x-jg"',
        b'"a", W/"x-jg" ,"b"',
        b"*",
        b'"x-jg-gzip"',
        b'W/"x-jg-gzip"',
        b'"x-jg--gzip"',
        b'"x-jg-br"',
        b'"x-jg;br"',
        b'"x-jg:zstd"',
        b'"x-jg"-gzip',
        b'"x", "x-jg-gzip"',
    ],
)
def test_a_tag_is_recognised_however_proxies_have_changed_it(header: bytes) -> None:
    assert holds_etag(header, b'"x-jg"')


@pytest.mark.parametrize(
    "header",
    [None, b"", b'"x"', b"x-jg", b'"x-jgzip"', b'"x-jg-lz4"', b'"x-jj-gzip"', b'W/"*"'],
)
def test_other_tags_are_other_representations(header: bytes | None) -> None:
    assert not holds_etag(header, b'"x-jg"')
