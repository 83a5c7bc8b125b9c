"""The embedded upstream of August 2026: authentication, routes and responses."""

import bisect
import re
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from catalograph.catalogue.collation import collation_key
from catalograph.demo.parameters import Parameters
from catalograph.demo.replies import (
    TEXT,
    Clock,
    Reply,
    RestService,
    build_request_id,
    write_json,
)
from catalograph.demo.v2026_08 import capabilities
from catalograph.demo.v2026_08.feeds import FORMATS, write_feed
from catalograph.demo.v2026_08.keys import (
    FAILURE_BY_KID,
    THROWING_KID,
    UnauthorisedError,
    admit,
)
from catalograph.demo.v2026_08.lifecycle import find_changes
from catalograph.demo.v2026_08.listing import (
    Snapshot,
    find_supporting,
    sort_models,
)
from catalograph.demo.v2026_08.pricing import (
    Floors,
    find_served_prices,
    list_prices,
)
from catalograph.demo.v2026_08.question import Question, read_question
from catalograph.demo.v2026_08.rows import Catalogue

_STACK_TRACE = re.compile(r"Error: \S|^\s+at \S", re.MULTILINE)

_CORS: Final = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": (
        "Authorization, Content-Type, traceparent, tracestate, x-title, http-referer, "
        "x-app-id, x-app-name, x-phaseo-client, x-phaseo-client-version, "
        "x-gateway-debug, x-phaseo-debug, X-Phaseo-Strictness, "
        "x-phaseo-cache-revalidate"
    ),
    "access-control-max-age": "86400",
}
_JSON = {"content-type": "application/json"}
_REFUSAL = _JSON | {"cache-control": "no-store"}
_LONG = {"cache-control": "private, max-age=1800, stale-while-revalidate=1800"}
_SHORT = {
    "cache-control": "private, max-age=300, stale-while-revalidate=600",
    "vary": "Authorization",
}

_MAX_OFFSET = 5000

_PREFIX = "/v1"
_MODEL_ENDPOINTS = re.compile(r"/models/([^/]+)/([^/]+)/endpoints")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

_ME = {
    "status_code": 501,
    "error": "not_implemented",
    "description": (
        "GET /models/me is reserved for future guardrail-aware model filtering and is "
        "not implemented yet. Use /models for the shared gateway catalogue."
    ),
}


class _RefusalError(Exception):
    """Ends a request with an error response."""

    def __init__(self, status: int, error: str, message: str, **more: object) -> None:
        super().__init__(message)
        body = {"ok": False, "error": error, "message": message, **more}
        self.reply = Reply(status, _REFUSAL, write_json(body))


class Upstream(RestService):
    """Answers HTTP requests as the service of August 2026 does.

    Keys of the form `phaseo_v1_sk_<kid>_<secret>` are accepted, and `aistats_v1_sk_…` until
    2027. Some kids cause errors: `revoked`, `unknown`, `expired`, `dberror` and `nopepper` are
    refused, as is the secret `wrong`; with `nomodels`, `nodetails`, `noroutes`,
    `nocapabilities`, `noaliases`, `noproviders`, `noskus`, `nometers` and `noconnection` a
    part of the database fails (500); `throwing` gets a 500 in plain text.

    Not supported are OAuth tokens, and the routes `/pricing/calculate`, `/videos/models` and
    `/batches/models`, whose responses are not known.

    Args:
        catalogue: The stored catalogue, in any order.
        clock: Decides which rows can be routed, and which models are retired.
    """

    def __init__(self, catalogue: Catalogue, *, clock: Clock) -> None:
        models = sort_models(catalogue.models)
        self._catalogue = msgspec.structs.replace(catalogue, models=models)
        self._clock = clock
        self._changes = find_changes(models)
        self._floors = {model.id: Floors(find_served_prices(model)) for model in models}
        self._ids = {alias: model.id for model in models for alias in model.aliases}
        self._snapshot: tuple[int, Snapshot] | None = None

    def reply(
        self,
        method: str,
        path: str,
        query_string: str,
        authorization: str | None,
        *,
        origin: str = "http://localhost",
    ) -> Reply:
        """Answer one request."""
        if method == "OPTIONS":
            return Reply(204, dict(_CORS), b"")
        request = _Request(
            path.removeprefix(_PREFIX),
            Parameters(query_string),
            f"{origin}{path}",
            query_string,
        )
        route = self._find_route(request.path) if path.startswith(_PREFIX) else None
        if method not in {"GET", "HEAD"} or route is None:
            reply = Reply(404, TEXT, b"404 Not Found")
        else:
            reply = self._answer(route, request, authorization)
        return msgspec.structs.replace(reply, headers=reply.headers | _CORS)

    def _answer(
        self, route: "_Route", request: "_Request", authorization: str | None
    ) -> Reply:
        try:
            if request.path == "/models":
                _check_before_key(request.parameters)
            is_open = request.path == "/health"
            kid = None if is_open else admit(authorization, self._clock)
            if kid == THROWING_KID:
                return Reply(500, TEXT, b"Internal Server Error")
            return route(request, kid)
        except _RefusalError as refusal:
            return refusal.reply
        except UnauthorisedError as refusal:
            return self._refuse(refusal.reason)

    def _find_route(self, path: str) -> "_Route | None":
        routes = {
            "/health": lambda _request, _kid: Reply(200, _JSON, b'{"status":"ok"}'),
            "/models": self._list_models,
            "/models/me": lambda _request, _kid: Reply(501, _REFUSAL, write_json(_ME)),
            "/providers": self._list_providers,
            "/organisations": self._list_organisations,
            "/endpoints": self._list_endpoints,
            "/pricing/models": self._list_prices,
        }
        if _MODEL_ENDPOINTS.fullmatch(path):
            return self._list_model_endpoints
        return routes.get(path)

    def _refuse(self, reason: str) -> Reply:
        request_id = build_request_id(self._clock())
        body = {
            "error": "unauthorised",
            "reason": reason,
            "request_id": request_id,
            "status_code": 401,
            "error_type": "user",
            "error_origin": "user",
            "generation_id": request_id,
        }
        return Reply(401, _REFUSAL, msgspec.json.encode(body))

    # Models

    def _list_models(self, request: "_Request", kid: str | None) -> Reply:
        parameters = request.parameters
        kind = _read_format(parameters)
        question = read_question(
            parameters, is_active_only=_read_availability(parameters)
        )
        _fail_store(kid)
        snapshot = self._find_snapshot()
        limit, offset = parameters.read_limit(), int(parameters.read_offset())
        ids = parameters.read_list("id", "model_id")
        listing = snapshot.find(question)
        places: Sequence[int] = range(len(listing.ids))
        if ids:
            places = [place for place in places if listing.ids[place] in ids]
        total = len(places)
        page = [listing.encode(place) for place in places[offset : offset + limit]]
        if kind != "json":
            records = [msgspec.json.decode(record) for record in page]
            body = write_feed(kind, request.build_feed_url(), records, self._clock())
            content = {"content-type": f"application/{kind}+xml; charset=utf-8"}
            return Reply(200, content | _LONG, body)
        head = (
            f'{{\n  "ok": true,\n  "availability_mode": "{question.mode}",'
            f'\n  "limit": {limit},\n  "offset": {offset},\n  "total": {total},'
        ).encode()
        models = b"[\n    " + b",\n    ".join(page) + b"\n  ]" if page else b"[]"
        return Reply(200, _JSON | _LONG, head + b'\n  "models": ' + models + b"\n}")

    def _list_model_endpoints(self, request: "_Request", kid: str | None) -> Reply:
        model_id = _read_model_id(request.path)
        is_active_only = _read_availability(request.parameters)
        _fail_store(kid)
        asked = read_question(request.parameters, is_active_only=is_active_only)
        snapshot = self._find_snapshot()
        true_id = self._ids.get(model_id, model_id)
        listing = snapshot.find(_leave_model_filters(asked))
        listed = next(
            (each for each in listing.found if each.model.id == true_id), None
        )
        if listed is None:
            message = f"Model {model_id} was not found."
            raise _RefusalError(404, "not_found", message)
        model = listed.model
        return Reply(
            200,
            _JSON | _LONG,
            write_json(
                {
                    "ok": True,
                    "id": model.id,
                    "name": model.name,
                    "description": model.description or model.name,
                    "organization": model.organization,
                    "modalities": {"input": model.input, "output": model.output},
                    "availability_mode": asked.mode,
                    "endpoints": _try_capabilities(
                        lambda: capabilities.list_model_endpoints(
                            model,
                            find_supporting(listed.rows, asked.params),
                            snapshot.provider_names,
                        )
                    ),
                }
            ),
        )

    # Side tables

    def _list_providers(self, request: "_Request", kid: str | None) -> Reply:
        if kid == "noproviders":
            raise _RefusalError(500, "failed", "Failed to count providers")
        providers = sorted(
            self._catalogue.providers,
            key=lambda row: (
                collation_key(row.api_provider_name or row.api_provider_id),
                row.api_provider_id,
            ),
        )
        created_at = int(self._clock().timestamp() * 1000)
        marks = {
            "x-phaseo-cache": "MISS",
            "x-phaseo-cache-created-at": str(created_at),
        }
        body = _build_page("providers", providers, request.parameters)
        return Reply(200, _JSON | _SHORT | marks, body)

    def _list_organisations(self, request: "_Request", _kid: str | None) -> Reply:
        organisations = sorted(
            self._catalogue.organisations,
            key=lambda row: (collation_key(row.name), row.organisation_id),
        )
        body = _build_page("organisations", organisations, request.parameters)
        return Reply(200, _JSON | _SHORT, body)

    def _list_endpoints(self, _request: "_Request", _kid: str | None) -> Reply:
        models = self._find_snapshot().models
        body = _try_capabilities(lambda: capabilities.summarise_endpoints(models))
        return Reply(200, _JSON | _LONG, write_json(body))

    def _list_prices(self, _request: "_Request", _kid: str | None) -> Reply:
        models = [model for model in self._catalogue.models if model.rows]
        body = {"ok": True, "models": list_prices(models, self._clock())}
        return Reply(200, _JSON | _SHORT, write_json(body))

    def _find_snapshot(self) -> Snapshot:
        """Find or build the snapshot of now.

        Data only change at one of `_changes`, so a snapshot is valid from one of these
        instants to the next.
        """
        now = self._clock()
        period = bisect.bisect_right(self._changes, now)
        if self._snapshot is None or self._snapshot[0] != period:
            self._snapshot = period, Snapshot(self._catalogue, self._floors, now)
        return self._snapshot[1]


class _Request(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        path: Without `/v1`.
        url: The whole address without the query string.
    """

    path: str
    parameters: Parameters
    url: str
    query_string: str

    def build_feed_url(self) -> str:
        """Build the address for the feed: without the parameter for the format."""
        pairs = [
            (name, value)
            for name, value in urllib.parse.parse_qsl(
                self.query_string, keep_blank_values=True
            )
            if name not in {"format", "feed"}
        ]
        return f"{self.url}?{urllib.parse.urlencode(pairs)}" if pairs else self.url


_Route = Callable[[_Request, str | None], Reply]
"""Answers a request, given the kid of its key; None if the route needs no key."""


def _check_before_key(parameters: Parameters) -> None:
    """Check the parameters that the real service checks before the key."""
    if "privacy" in parameters or "privacy_scope" in parameters:
        message = "privacy_scope query is no longer supported. Use /models."
        raise _RefusalError(400, "invalid_request", message)
    if parameters.read_offset() > _MAX_OFFSET:
        message = f"offset must be <= {_MAX_OFFSET}"
        raise _RefusalError(400, "invalid_request", message, max_offset=_MAX_OFFSET)


def _read_format(parameters: Parameters) -> str:
    name = "format" if "format" in parameters else "feed"
    kind = parameters.read_word(name) or "json"
    if kind not in FORMATS:
        message = f"format must be one of: {', '.join(FORMATS)}"
        provided = parameters.read_first(name)
        raise _RefusalError(400, "invalid_request", message, provided=provided)
    return kind


def _read_availability(parameters: Parameters) -> bool:
    """Read whether only models that can be routed are requested."""
    mode = parameters.read_word("availability") or "active"
    if mode not in {"active", "all"}:
        message = "availability must be one of: active, all"
        raise _RefusalError(400, "invalid_request", message)
    return mode == "active"


def _read_model_id(path: str) -> str:
    message = "Model path must be /models/{author}/{slug}/endpoints."
    match = _MODEL_ENDPOINTS.fullmatch(path)
    if match is None or _BROKEN_ESCAPE.search(path):
        raise _RefusalError(400, "invalid_request", message)
    try:
        author, slug = (
            urllib.parse.unquote(part, errors="strict") for part in match.groups()
        )
    except UnicodeDecodeError as error:
        raise _RefusalError(400, "invalid_request", message) from error
    return f"{author}/{slug}"


def _leave_model_filters(asked: Question) -> Question:
    """Return only the filters that this route uses to find its model."""
    return Question(
        is_active_only=asked.is_active_only,
        rows=tuple(each for each in asked.rows if each[0] != "endpoints"),
        statuses=asked.statuses,
    )


def _fail_store(kid: str | None) -> None:
    message = FAILURE_BY_KID.get(kid or "")
    if message is not None:
        if _STACK_TRACE.search(message):
            message = "[redacted]"
        raise _RefusalError(500, "failed", message)


def _try_capabilities(build: Callable[[], Any]) -> Any:
    try:
        return build()
    except capabilities.UnknownCapabilityError as error:
        raise _RefusalError(500, "failed", str(error)) from error


def _build_page(name: str, rows: Sequence[object], parameters: Parameters) -> bytes:
    limit, offset = parameters.read_limit(), int(parameters.read_offset())
    return write_json(
        {
            "ok": True,
            "limit": limit,
            "offset": offset,
            "total": len(rows),
            name: rows[offset : offset + limit],
        }
    )
