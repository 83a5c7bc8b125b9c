"""The fake upstream: records requests, waits, fails, and changes its answers on demand."""

import asyncio
import contextlib
import datetime
import json
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import httpx
import msgspec
from starlette.types import Receive, Scope, Send

from catalograph.demo.replies import (
    Reply,
    RestService,
    answer_lifespan,
    find_authorization,
    send_reply,
)
from catalograph.demo.rows import StoredModel
from catalograph.demo.service import (
    DEMO_TOKEN,
    DEMO_TOKENS,
    DemoUpstream,
    build_demo_app,
)
from catalograph.demo.shapes import SectionedShape, Shape
from catalograph.demo.v2026_08.december import convert_catalogue
from catalograph.demo.v2026_08.rows import Catalogue
from support.stub_calls import write_page_call
from support.stub_faults import (
    Cut,
    Fault,
    Hang,
    Html,
    NotJson,
    Raw,
    Reset,
    Status,
    WrongShape,
)
from support.stub_server import serve_app
from support.stub_shapes import DocumentedShape, FlatShape

__all__ = [
    "NOW",
    "SIZE",
    "TOKEN",
    "Cut",
    "Fault",
    "Hang",
    "Html",
    "NotJson",
    "Raw",
    "Reset",
    "Status",
    "StubUpstream",
    "WrongShape",
    "serve",
]

NOW = datetime.datetime(2025, 12, 22, tzinfo=datetime.UTC)
"""Initial time of the stub's clock."""

TOKEN = DEMO_TOKEN
"""A key that the stub accepts in the versions of December 2025."""

SIZE = "{ models(limit: 1) { totalCount } }"
"""The size of the catalogue. 2026-08 cannot be asked for a filtered list before it is known.

The page also shows whether the first model is the router, which that version puts before
every filtered list.
"""

ShapeName = Literal["sectioned", "flat", "documented", "2026-08"]

_SHAPES: dict[str, Callable[[], Shape]] = {
    "sectioned": SectionedShape,
    "flat": FlatShape,
    "documented": DocumentedShape,
}

_Due = tuple[str | None, Fault]
"""A fault, and the path whose request it is to meet; None means any."""

Row = tuple[str, str] | tuple[str, str, str | None] | Mapping[str, object]


class StubUpstream:
    """A fake upstream that tests control. In process: `httpx.ASGITransport(app=stub.app)`.

    It answers as the embedded upstream does: at `/v1/models`, and for 2026-08 at all other
    routes, to a key of the right form such as `token`.

    Args:
        models: In the form of the recorded sectioned answers; or use `add_model`. For
            2026-08 their ids stay as they are, their endpoints become capabilities.
        shape: Version of the upstream that it imitates; can be changed at any time.

    Attributes:
        calls: Each request in order of arrival, without `/v1`, its parameters sorted by
            name and readable: `GET /models?include_data=false&limit=5&offset=0`.
        tokens: The `Authorization` header of each request, None where there was none.
        takes_any_key: Whether it accepts the keys of other versions, too.
        ignored: Names of parameters that it pretends not to know.
        gate: An event that responses wait for; None means that they do not wait.
        on_request: Called with n, from 1, before the n-th answer is built.
        distort: Changes the decoded JSON of each good answer before it is sent.
        clock: Returns the time that decides about effective dates; by default `NOW`.
    """

    def __init__(
        self,
        models: Iterable[Mapping[str, Any]] = (),
        *,
        shape: ShapeName = "sectioned",
    ) -> None:
        self.calls: list[str] = []
        self.tokens: list[str | None] = []
        self.takes_any_key = False
        self.ignored: set[str] = set()
        self.gate: asyncio.Event | None = None
        self.on_request: Callable[[int], None] | None = None
        self.distort: Callable[[Any], Any] | None = None
        self.clock: Callable[[], datetime.datetime] = lambda: NOW
        self.shape = shape
        self._models: dict[str, Mapping[str, Any]] = {}
        self._stored = Catalogue(models=())
        self._engine: tuple[str, RestService] | None = None
        self._faults: list[_Due] = []
        self._lasting_faults: list[_Due] = []
        self._released = asyncio.Event()
        self._arrival = asyncio.Condition()
        self.replace_models(models)

    @property
    def token(self) -> str:
        """A key that the current version accepts."""
        return DEMO_TOKENS[self.version]

    def build_token(self, name: str) -> str:
        """Build the key of a caller, named by at least six letters and digits."""
        prefix = "phaseo_v1_sk" if self.version == "2026-08" else "aistats_v1_k"
        return f"{prefix}_{name}_secret"

    @property
    def version(self) -> Literal["2025-12", "2026-08"]:
        """Release that the current shape belongs to."""
        return "2026-08" if self.shape == "2026-08" else "2025-12"

    # Expected requests

    def page_call(self, **parameters: object) -> str:
        """Write the request of a page as it appears in `calls`.

        Args:
            parameters: As in December 2025; they are converted to the current version.
        """
        return write_page_call(self.version, parameters)

    def bare_call(self, **parameters: object) -> str:
        """Write the request of a page without sections, if the version can omit them."""
        return self.page_call(
            include_data="false", include_gateway="false", **parameters
        )

    def reading_calls(self, pages: int) -> list[str]:
        """List the requests of a crawl of this many pages."""
        return [self.page_call(limit=250, offset=250 * page) for page in range(pages)]

    # Its contents

    def store(self, catalogue: Catalogue) -> None:
        """Store additional rows, which only the version 2026-08 shows.

        Rows of side tables replace those that are derived from models.
        """
        self._stored = catalogue
        self._engine = None

    def add_model(
        self,
        model_id: str,
        *,
        rows: Sequence[Row] = (),
        input_types: Sequence[str] = ("text",),
        output_types: Sequence[str] = ("text",),
        **fields: object,
    ) -> None:
        """Add a model, or replace the model with this id.

        Args:
            model_id: `organisation/slug`; name and organisation follow from it.
            rows: Provider rows: `(provider, endpoint)`, `(provider, endpoint, slug)`, or
                a mapping with at least `api_provider_id` and `endpoint`.
            input_types: Input types of the model, and of rows that do not give their own.
            output_types: Output types, likewise.
            fields: Any other field of the sectioned answer, and `params` (lists by
                provider id) for the flat one. What the upstream itself could not store,
                such as a number for a name, needs `distort`.
        """
        organisation_id, _, slug = model_id.partition("/")
        providers = [_build_row(row, input_types, output_types) for row in rows]
        self._models[model_id] = {
            "model_id": model_id,
            "name": _title(slug),
            "status": "Available",
            "organisation": {
                "organisation_id": organisation_id,
                "name": _title(organisation_id),
                "country_code": "US",
            },
            "data": {"input_types": input_types, "output_types": output_types},
            "gateway": {"providers": providers},
            **fields,
        }
        self._engine = None

    def remove_model(self, model_id: str) -> None:
        """Remove a model."""
        del self._models[model_id]
        self._engine = None

    def replace_models(self, models: Iterable[Mapping[str, Any]]) -> None:
        """Hold these models and no others."""
        self._models = {model["model_id"]: model for model in models}
        self._engine = None

    # Faults

    def fail(
        self, *faults: Fault, times: int | None = 1, path: str | None = None
    ) -> None:
        """Answer the next requests with these faults, one for each request.

        Args:
            faults: Faults in order; after them, requests succeed again.
            times: How often the list of faults is repeated; None means until `recover`.
            path: Path of the requests that fail, such as `/providers`; None means any.
        """
        due = [(path, fault) for fault in faults]
        if times is None:
            self._lasting_faults = [
                each for each in self._lasting_faults if each[0] != path
            ] + due
        else:
            self._faults.extend(due * times)

    def recover(self) -> None:
        """Forget all faults that are still to come, and let go of hanging requests."""
        self._faults.clear()
        self._lasting_faults.clear()
        self.release()

    def release(self) -> None:
        """Answer the requests that hang now."""
        self._released.set()
        self._released = asyncio.Event()

    async def wait_for_calls(self, count: int) -> None:
        """Wait until this many requests have arrived since the start, answered or not."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.calls) >= count)

    # Answers

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an ASGI request."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        number = await self._note(scope)
        fault = self._take_fault(scope["path"].removeprefix("/v1"))
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(fault, Hang) and not await self._hang(receive):
            return
        if self.on_request is not None:
            self.on_request(number)
        if isinstance(fault, Reset):
            raise httpx.ReadError("connection reset by peer")
        reply = self._reply(scope)
        if isinstance(fault, Cut):
            await _send_half(reply, send)
            raise httpx.RemoteProtocolError("peer closed connection in the body")
        await send_reply(fault.spoil(reply) if fault else reply, scope, send)

    async def _note(self, scope: Scope) -> int:
        query = urllib.parse.parse_qsl(
            scope["query_string"].decode("latin-1"), keep_blank_values=True
        )
        path = scope["path"].removeprefix("/v1")
        parameters = "&".join(f"{name}={value}" for name, value in sorted(query))
        async with self._arrival:
            self.calls.append(
                f"{scope['method']} {path}" + (f"?{parameters}" if parameters else "")
            )
            self.tokens.append(find_authorization(scope))
            self._arrival.notify_all()
            return len(self.calls)

    def _take_fault(self, path: str) -> Fault | None:
        """Take the first fault that is due for a path; lasting ones begin again."""

        def is_due(due: _Due) -> bool:
            return due[0] in {None, path}

        if not any(map(is_due, self._faults)):
            self._faults.extend(filter(is_due, self._lasting_faults))
        due = next(filter(is_due, self._faults), None)
        if due is None:
            return None
        self._faults.remove(due)
        return due[1]

    async def _hang(self, receive: Receive) -> bool:
        """Wait; return whether the client is still connected."""
        released = asyncio.ensure_future(self._released.wait())
        left = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            await asyncio.wait({released, left}, return_when=asyncio.FIRST_COMPLETED)
            return not left.done()
        finally:
            released.cancel()
            left.cancel()
            await asyncio.gather(released, left, return_exceptions=True)

    def _reply(self, scope: Scope) -> Reply:
        query = urllib.parse.parse_qsl(
            scope["query_string"].decode("latin-1"), keep_blank_values=True
        )
        known = [pair for pair in query if pair[0] not in self.ignored]
        reply = self._build_engine().reply(
            scope["method"],
            scope.get("raw_path", scope["path"].encode()).decode("latin-1"),
            urllib.parse.urlencode(known),
            f"Bearer {self.token}" if self.takes_any_key else find_authorization(scope),
        )
        is_json = reply.headers.get("content-type") == "application/json"
        if self.distort is None or reply.status != httpx.codes.OK or not is_json:
            return reply
        body = json.dumps(self.distort(json.loads(reply.body)), indent=2)
        return msgspec.structs.replace(reply, body=body.encode())

    def _read_clock(self) -> datetime.datetime:
        return self.clock()

    def _build_engine(self) -> RestService:
        """Build it again only when models or shape have changed."""
        if self._engine is None or self._engine[0] != self.shape:
            self._engine = self.shape, self._build_service()
        return self._engine[1]

    def _build_service(self) -> RestService:
        models = list(self._models.values())
        if self.shape != "2026-08":
            return DemoUpstream(
                models, shape=_SHAPES[self.shape](), clock=self._read_clock
            )
        derived = convert_catalogue(
            msgspec.convert(list(map(_give_row, models)), list[StoredModel])
        )
        return build_demo_app(
            msgspec.structs.replace(
                self._stored,
                models=(*derived.models, *self._stored.models),
                providers=self._stored.providers or derived.providers,
                organisations=self._stored.organisations or derived.organisations,
            ),
            clock=self._read_clock,
            version="2026-08",
        )


@contextlib.asynccontextmanager
async def serve(stub: StubUpstream) -> AsyncIterator[str]:
    """Serve the stub on a real socket and give its base URL, which ends in `/v1`."""
    async with serve_app(stub.app) as address:
        yield f"{address}/v1"


def _give_row(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a model without rows an inactive one: 2026-08 lists no model that has none."""
    if model["gateway"]["providers"]:
        return model
    row = _build_row(
        {
            "api_provider_id": "nobody",
            "endpoint": "unserved",
            "is_active_gateway": False,
        },
        model["data"]["input_types"],
        model["data"]["output_types"],
    )
    return {**model, "gateway": {**model["gateway"], "providers": [row]}}


def _build_row(
    row: Row, input_types: Sequence[str], output_types: Sequence[str]
) -> dict[str, object]:
    if not isinstance(row, Mapping):
        names = ("api_provider_id", "endpoint", "provider_model_slug")
        row = dict(zip(names, row, strict=False))
    provider_id = str(row["api_provider_id"])
    return {
        "api_provider_name": _title(provider_id),
        "link": f"https://{provider_id}.example",
        "country_code": "US",
        "input_modalities": input_types,
        "output_modalities": output_types,
        **row,
    }


def _title(slug: str) -> str:
    return slug.replace("-", " ").title()


async def _send_half(reply: Reply, send: Send) -> None:
    headers = reply.headers | {"content-length": str(len(reply.body))}
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                (name.encode(), text.encode()) for name, text in headers.items()
            ],
        }
    )
    half = reply.body[: len(reply.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
