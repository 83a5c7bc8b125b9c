"""The explorer's page and files: headers, encodings, and files that are not served."""

import html
import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from catalograph.web.graphiql import ASSETS_PATH, Explorer, ExplorerFacts

_SCRIPT = b"console.log('a script long enough to be worth compressing')"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A build as the hook leaves it, with a file that must stay private beside it."""
    assets = tmp_path / "explorer" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "secret.js").write_bytes(b"not for anybody")
    (tmp_path / "explorer" / "index.html").write_bytes(b"<!doctype html><p>page")
    (tmp_path / "explorer" / "sources.sha256").write_bytes(b"0" * 64)
    (assets / "main-Ab12.js").write_bytes(_SCRIPT)
    (assets / "main-Ab12.js.br").write_bytes(b"brotli form")
    (assets / "main-Ab12.js.gz").write_bytes(b"gzip form")
    (assets / "look-Cd34.css").write_bytes(b"p { color: red }")
    (assets / "icon-Ef56.svg").write_bytes(b"<svg/>")
    (assets / "notes-Gh78.xyz").write_bytes(b"?")
    return tmp_path / "explorer"


def _client(explorer: Explorer) -> httpx.AsyncClient:
    app = Starlette(routes=[*explorer.routes, Route("/graphql", explorer.page)])
    # As a bare client: httpx would unpack what only claims to be compressed.
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://gateway",
        headers={"accept-encoding": "identity"},
    )


async def _raw(
    explorer: Explorer, path: str, accept_encoding: str
) -> tuple[str, bytes]:
    """Get a file; its coding and its bytes as they were sent."""
    async with (
        _client(explorer) as client,
        client.stream(
            "GET", path, headers={"accept-encoding": accept_encoding}
        ) as response,
    ):
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return response.headers.get("content-encoding", "identity"), body


async def test_page_is_html_that_may_load_from_its_own_origin_only(
    directory: Path,
) -> None:
    async with _client(Explorer(directory=directory)) as client:
        response = await client.get("/graphql")

    assert (response.status_code, response.content) == (200, b"<!doctype html><p>page")
    etag = response.headers.pop("etag")
    assert etag.startswith('"')
    assert dict(response.headers) == {
        "cache-control": "no-cache",
        "content-length": "22",
        "content-security-policy": _POLICY,
        "content-type": "text/html; charset=utf-8",
        "cross-origin-opener-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "vary": "Accept, Sec-Fetch-Site",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }


_TEMPLATE = b'<!doctype html><meta name="catalograph" content="{}" />'


@pytest.mark.parametrize(
    ("site", "runs"),
    [
        ("none", True),
        ("same-origin", True),
        ("same-site", False),
        ("cross-site", False),
        (None, False),
    ],
)
async def test_page_says_what_the_gateway_is_and_whether_a_link_runs(
    directory: Path, site: str | None, *, runs: bool
) -> None:
    (directory / "index.html").write_bytes(_TEMPLATE)
    facts = ExplorerFacts(catalogue="demo", version='1.0"><b>', api_keys=True)

    async with _client(Explorer(facts, directory=directory)) as client:
        headers = {} if site is None else {"sec-fetch-site": site}
        page = (await client.get("/graphql", headers=headers)).text

    content = page.split('content="')[1].split('"')[0]
    assert "<b>" not in page
    assert json.loads(html.unescape(content)) == {
        "catalogue": "demo",
        "version": '1.0"><b>',
        "introspection": True,
        "apiKeys": True,
        "passthrough": False,
        "trace": False,
        "runLink": runs,
    }


async def test_each_form_of_the_page_has_its_own_etag(
    directory: Path,
) -> None:
    """A browser that has cached one form still gets the other when it needs it."""
    (directory / "index.html").write_bytes(_TEMPLATE)
    async with _client(Explorer(directory=directory)) as client:
        own = await client.get("/graphql", headers={"sec-fetch-site": "none"})
        foreign = await client.get(
            "/graphql",
            headers={
                "sec-fetch-site": "cross-site",
                "if-none-match": own.headers["etag"],
            },
        )

    assert foreign.status_code == 200
    assert foreign.headers["etag"] != own.headers["etag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_page_known_to_the_browser_is_not_sent_again(
    directory: Path, form: str
) -> None:
    async with _client(Explorer(directory=directory)) as client:
        etag = (await client.get("/graphql")).headers["etag"]
        again = await client.get(
            "/graphql", headers={"if-none-match": form.format(etag)}
        )
        other = await client.get("/graphql", headers={"if-none-match": '"other"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert other.status_code == 200


async def test_asset_may_be_cached_for_ever(directory: Path) -> None:
    async with _client(Explorer(directory=directory)) as client:
        response = await client.get(f"{ASSETS_PATH}/main-Ab12.js")

    assert (response.status_code, response.content) == (200, _SCRIPT)
    assert dict(response.headers) == {
        "cache-control": "public, max-age=31536000, immutable",
        "content-length": str(len(_SCRIPT)),
        "content-type": "text/javascript; charset=utf-8",
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("look-Cd34.css", "text/css; charset=utf-8"),
        ("icon-Ef56.svg", "image/svg+xml"),
        ("notes-Gh78.xyz", "application/octet-stream"),
    ],
)
async def test_asset_says_what_it_is(
    directory: Path, name: str, content_type: str
) -> None:
    async with _client(Explorer(directory=directory)) as client:
        response = await client.get(f"{ASSETS_PATH}/{name}")

    assert response.headers["content-type"] == content_type


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [
        ("gzip, deflate, br, zstd", ("br", b"brotli form")),
        ("GZIP;q=1.0, BR;q=0.1", ("gzip", b"gzip form")),
        ("gzip", ("gzip", b"gzip form")),
        ("br;q=0, *", ("gzip", b"gzip form")),
        ("*", ("br", b"brotli form")),
        ("br;q=0.0, gzip;q=0", ("identity", _SCRIPT)),
        ("br;q=nonsense", ("identity", _SCRIPT)),
        ("br;version=1", ("br", b"brotli form")),
        ("zstd", ("identity", _SCRIPT)),
        ("", ("identity", _SCRIPT)),
    ],
)
async def test_asset_comes_in_the_smallest_form_the_client_takes(
    directory: Path, accepted: str, sent: tuple[str, bytes]
) -> None:
    explorer = Explorer(directory=directory)

    assert await _raw(explorer, f"{ASSETS_PATH}/main-Ab12.js", accepted) == sent


async def test_asset_without_compressed_copies_is_sent_plain(directory: Path) -> None:
    explorer = Explorer(directory=directory)

    sent = await _raw(explorer, f"{ASSETS_PATH}/look-Cd34.css", "br, gzip")

    assert sent == ("identity", b"p { color: red }")


@pytest.mark.parametrize(
    "name",
    [
        "unknown.js",
        "main-Ab12.js.br",
        "index.html",
        "..%2Findex.html",
        "..%2F..%2Fsecret.js",
        "%2e%2e/%2e%2e/secret.js",
        "..%5C..%5Csecret.js",
        "%00",
        "",
    ],
)
async def test_nothing_but_the_known_names_is_served(
    directory: Path, name: str
) -> None:
    async with _client(Explorer(directory=directory)) as client:
        response = await client.get(f"{ASSETS_PATH}/{name}")

    assert response.status_code == 404
    assert b"secret" not in response.content
    assert "immutable" not in response.headers.get("cache-control", "")


async def test_checkout_without_a_build_says_how_to_make_one(tmp_path: Path) -> None:
    explorer = Explorer(directory=tmp_path / "nowhere")

    async with _client(explorer) as client:
        response = await client.get("/graphql")
        asset = await client.get(f"{ASSETS_PATH}/main.js")

    assert (response.status_code, explorer.is_built) == (200, False)
    assert "make install" in response.text
    assert "//" not in response.text
    assert response.headers["content-security-policy"] == _POLICY
    assert asset.status_code == 404


async def test_packaged_page_names_only_files_that_are_served() -> None:
    explorer = Explorer()
    if not explorer.is_built:
        pytest.skip("the explorer has not been built: make install")

    async with _client(explorer) as client:
        page = (await client.get("/graphql")).text
        names = [part.split('"')[0] for part in page.split('"graphql/assets/')[1:]]
        answers = [await client.get(f"{ASSETS_PATH}/{name}") for name in names]

    assert len(names) >= 3
    assert [answer.status_code for answer in answers] == [200] * len(names)
    assert "//" not in page
    assert "<script>" not in page


async def test_the_icon_is_found_where_browsers_look_for_it(directory: Path) -> None:
    async with _client(Explorer(directory=directory)) as client:
        redirect = await client.get("/favicon.ico")
        icon = await client.get("/favicon.ico", follow_redirects=True)

    assert redirect.headers["location"] == "graphql/assets/icon-Ef56.svg"
    assert (icon.status_code, icon.content) == (200, b"<svg/>")


async def test_without_a_build_there_is_no_icon(tmp_path: Path) -> None:
    async with _client(Explorer(directory=tmp_path)) as client:
        assert (await client.get("/favicon.ico")).status_code == 404
