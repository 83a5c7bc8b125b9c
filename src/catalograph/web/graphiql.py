"""The explorer: a page to explore the graph, served from files of the package only.

The build hook builds the files from `explorer/`. Their names contain a hash of their content,
so browsers may cache them for ever. Each has a copy compressed with brotli and one with gzip,
so nothing is compressed here. All are read once and kept in memory, and requests are answered
from that table only: no request reaches the file system.
"""

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from catalograph.web.negotiation import Coding, choose_coding, holds_etag
from catalograph.web.request import headers_of

ASSETS_PATH = "/graphql/assets"
"""Where the assets are served; the page names them relative to `/graphql`."""

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "connect-src 'self'",
    # The editor writes its rules into a style element and positions by style attributes.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",  # the line below a mistake in the editor
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
CONTENT_SECURITY_POLICY = "; ".join(_POLICY)

_DIRECTORY = Path(__file__).with_name("explorer")
_CODINGS = (Coding.BROTLI, Coding.GZIP)  # the smaller one first
_ENCODINGS = ((Coding.BROTLI.value, ".br"), (Coding.GZIP.value, ".gz"))
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGE_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "vary": "Accept, Sec-Fetch-Site",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_ASSET_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "vary": "Accept-Encoding",
    "x-content-type-options": "nosniff",
}
_MISSING_PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>catalograph</title>
<h1>The explorer has not been built</h1>
<p>This is a source checkout without the explorer's files.
<code>make install</code> builds them; it needs Node 20.19 or later.
The API itself is there: send <code>POST /graphql</code>, or read
<a href="schema.graphql">the schema</a>.</p>
</html>
"""


_FACTS_PLACE: Final = b'name="catalograph" content="{}"'
_TRUSTED_SITES: Final = {
    "none",
    "same-origin",
}  # opened by the user, not by another site


class ExplorerFacts(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Facts about the gateway that the page shows; all of them are public.

    Attributes:
        catalogue: `demo` for the embedded one.
        version: Version of this package; empty: not shown.
        introspection: Whether clients may ask for the schema.
        api_keys: Whether `X-API-Key` is required.
        passthrough: Whether callers bring the upstream's token.
        trace: Whether `X-Catalograph-Trace` has an effect.
    """

    catalogue: Literal["demo", "live"] = "live"
    version: str = ""
    introspection: bool = True
    api_keys: bool = False
    passthrough: bool = False
    trace: bool = False


@dataclass(frozen=True)
class _Page:
    """One form of the page: `run_link` is whether the query of a link runs at once."""

    body: bytes
    etag: str

    @classmethod
    def build(cls, template: bytes, facts: ExplorerFacts, *, run_link: bool) -> "_Page":
        values = msgspec.to_builtins(facts) | {"runLink": run_link}
        content = html.escape(msgspec.json.encode(values).decode())
        body = template.replace(
            _FACTS_PLACE, f'name="catalograph" content="{content}"'.encode()
        )
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


@dataclass(frozen=True)
class _Asset:
    """One built file.

    Attributes:
        content_type: With the charset, where it is text.
        bodies: Bytes by content coding; `identity` is always among them.
    """

    content_type: str
    bodies: Mapping[str, bytes]


class Explorer:
    """The page and its files as routes.

    Args:
        facts: Facts about the gateway that the page shows.
        directory: Has `index.html` and `assets/`; None: the directory in the package. If it
            is missing, the page says how to build it.
    """

    def __init__(
        self,
        facts: ExplorerFacts = ExplorerFacts(),  # noqa: B008 - immutable
        *,
        directory: Path | None = None,
    ) -> None:
        directory = directory or _DIRECTORY
        index = directory / "index.html"
        self.is_built = index.is_file()
        template = index.read_bytes() if self.is_built else _MISSING_PAGE
        self._running = _Page.build(template, facts, run_link=True)
        self._waiting = _Page.build(template, facts, run_link=False)
        self._assets = _read_assets(directory / "assets") if self.is_built else {}
        self.routes = [Route(f"{ASSETS_PATH}/{{name}}", self.asset, methods=["GET"])]
        if any(name.startswith("icon-") for name in self._assets):
            self.routes.append(Route("/favicon.ico", self.icon, methods=["GET"]))

    def page(self, request: Request) -> Response:
        """Answer a browser that opened `GET /graphql`: 200 with the page, or 304.

        The query of a link is only run at once if no other site opened it. Browsers do not send
        `Sec-Fetch-Site` over plain HTTP; then it is not run either.
        """
        site = request.headers.get("sec-fetch-site")
        page = self._running if site in _TRUSTED_SITES else self._waiting
        headers = {**_PAGE_HEADERS, "etag": page.etag}
        held = headers_of(request.scope).get(b"if-none-match")
        if holds_etag(held, page.etag.encode()):
            return Response(status_code=304, headers=headers)
        return Response(page.body, headers=headers, media_type="text/html")

    async def icon(self, _: Request) -> Response:
        """Lead browsers that show something else than the page to its icon."""
        name = next(name for name in self._assets if name.startswith("icon-"))
        # Relative, because a proxy may have removed a prefix of the path.
        return RedirectResponse(f"{ASSETS_PATH.removeprefix('/')}/{name}", 307)

    async def asset(self, request: Request) -> Response:
        """Answer with a file below `ASSETS_PATH`, in the smallest accepted coding, or 404."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response(
                "no such file\n",
                status_code=404,
                headers={"cache-control": "no-store"},
                media_type="text/plain",
            )
        coding = choose_coding(
            headers_of(request.scope).get(b"accept-encoding"),
            [one for one in _CODINGS if one.value in asset.bodies],
        )
        encoding = coding.value
        headers = dict(_ASSET_HEADERS)
        if encoding != "identity":
            headers["content-encoding"] = encoding
        return Response(
            asset.bodies[encoding], headers=headers, media_type=asset.content_type
        )


def _read_assets(directory: Path) -> dict[str, _Asset]:
    """Read every file with its compressed copies; keyed by the uncompressed name."""
    assets = {}
    for path in sorted(directory.iterdir()):
        if path.suffix in {suffix for _, suffix in _ENCODINGS} or not path.is_file():
            continue
        bodies = {"identity": path.read_bytes()}
        for encoding, suffix in _ENCODINGS:
            compressed = path.with_name(path.name + suffix)
            if compressed.is_file():
                bodies[encoding] = compressed.read_bytes()
        content_type = _CONTENT_TYPES.get(path.suffix, "application/octet-stream")
        assets[path.name] = _Asset(content_type, bodies)
    return assets
