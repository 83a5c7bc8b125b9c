"""Queries as parameters of the upstream, and the URLs that they are sent to."""

import pytest

from catalograph import __version__
from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.query import FULL, ModelsQuery, Sections
from catalograph.errors import UpstreamAuthError, UpstreamUnavailableError
from catalograph.upstream.client import UpstreamClient
from upstream.fake_time import FakeUpstream, build_page

OURS = "our-token"
THEIRS = "their-token"

EVERY_PARAMETER = ModelsFilter(
    providers=("openai",),
    organisations=("meta", "mistral"),
    endpoints=("chat.completions",),
    exclude_endpoints=("batch",),
    input_modalities=("text",),
    output_modalities=("image",),
    include_rumoured=False,
    include_deprecated=False,
    include_retired=False,
)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (ModelsQuery(sections=FULL), "limit=50&offset=0"),
        (
            ModelsQuery(limit=250, offset=500),
            "include_data=false&include_gateway=false&limit=250&offset=500",
        ),
        (
            ModelsQuery(sections=Sections(data=True)),
            "include_gateway=false&limit=50&offset=0",
        ),
        (
            ModelsQuery(sections=Sections(gateway=True)),
            "include_data=false&limit=50&offset=0",
        ),
        (
            ModelsQuery(filter=EVERY_PARAMETER),
            (
                "provider=openai&organisation=meta,mistral&include_endpoints=chat.completions"
                "&exclude_endpoints=batch&input_types=text&output_types=image"
                "&include_rumoured=false&include_deprecated=false&include_retired=false"
                "&include_data=false&include_gateway=false&limit=50&offset=0"
            ),
        ),
        (
            ModelsQuery(filter=ModelsFilter(providers=("b", "a", "b")), sections=FULL),
            "provider=a,b&limit=50&offset=0",
        ),
        (
            ModelsQuery(
                filter=ModelsFilter(organisations=("a+b&c=d%é/#",)), sections=FULL
            ),
            "organisation=a%2Bb%26c%3Dd%25%C3%A9%2F%23&limit=50&offset=0",
        ),
    ],
)
async def test_a_question_has_one_query_string(query: ModelsQuery, sent: str) -> None:
    upstream = FakeUpstream(build_page(limit=query.limit, offset=query.offset))

    await upstream.fetch(query)

    assert [str(request.url) for request in upstream.requests] == [
        f"https://upstream.test/v1/models?{sent}"
    ]


@pytest.mark.parametrize(
    "asked",
    [
        ModelsFilter(model_ids=("a/b",)),
        ModelsFilter(is_routable=True),
        ModelsFilter(providers=("a,b",)),
        ModelsFilter(organisations=("a b",)),
        ModelsFilter(endpoints=("{a}",)),
        ModelsFilter(exclude_endpoints=('"a"',)),
        ModelsFilter(input_modalities=("",)),
    ],
)
async def test_a_query_that_the_upstream_would_misread_is_not_sent(
    asked: ModelsFilter,
) -> None:
    upstream = FakeUpstream(build_page())

    with pytest.raises(ValueError, match="cannot be asked of the upstream"):
        await upstream.fetch(ModelsQuery(filter=asked))

    assert upstream.requests == []


async def test_a_question_too_long_for_any_address_is_not_sent() -> None:
    upstream = FakeUpstream(build_page())
    asked = ModelsFilter(providers=tuple(f"provider-{n}" for n in range(9_000)))

    with pytest.raises(UpstreamUnavailableError) as caught:
        await upstream.fetch(ModelsQuery(filter=asked))

    assert upstream.requests == []
    assert caught.value.detail == "not sent: URL too long"


async def test_headers_say_who_asks_and_for_what() -> None:
    upstream = FakeUpstream(build_page(), token=OURS)

    await upstream.fetch()

    assert dict(upstream.requests[0].headers) == {
        "host": "upstream.test",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "user-agent": f"catalograph/{__version__}",
        "authorization": "Bearer our-token",
    }


async def test_a_callers_token_replaces_ours_and_without_a_token_none_is_sent() -> None:
    with_token = FakeUpstream(build_page(), token=OURS)
    without = FakeUpstream(build_page(), token=None)

    await with_token.fetch(token=THEIRS)
    await with_token.fetch()
    await without.fetch()
    await without.fetch(token=THEIRS)

    sent = [
        request.headers.get("authorization")
        for request in with_token.requests + without.requests
    ]
    assert sent == [
        "Bearer their-token",
        "Bearer our-token",
        None,
        "Bearer their-token",
    ]


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "clé", "a" * 5000])
async def test_what_cannot_be_a_token_is_refused_without_asking(token: str) -> None:
    upstream = FakeUpstream(build_page(), token=OURS)

    with pytest.raises(UpstreamAuthError) as caught:
        await upstream.fetch(token=token)

    assert upstream.requests == []
    assert caught.value.detail == "not sent: no token has such characters"


async def test_cookies_of_one_answer_do_not_go_with_the_next_request() -> None:
    answer = build_page()
    answer.headers["set-cookie"] = "session=theirs; Path=/"
    upstream = FakeUpstream(answer)

    await upstream.fetch(token=OURS)
    await upstream.fetch(token=THEIRS)

    assert ["cookie" in request.headers for request in upstream.requests] == [
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("upstream.test/v1", "must begin with http:// or https://"),
        ("ftp://upstream.test", "must begin with http:// or https://"),
        ("https://", "must begin with http:// or https://"),
        ("https://user:secret@upstream.test", "must not hold a user"),
        ("https://upstream.test/v1?key=secret", "no query and no fragment"),
        ("https://upstream.test/v1#secret", "no query and no fragment"),
        ("https://upstream.test:port", "is not a URL"),
        ("https://[upstream", "is not a URL"),
        ("https://up\x00stream.test", "is not a URL"),
        ("https://xn--zzzzzz.test/v1\x7f", "is not a URL"),
    ],
)
def test_an_invalid_address_is_refused_at_once(base_url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        UpstreamClient(base_url=base_url, token=None)

    assert "secret" not in str(caught.value)
