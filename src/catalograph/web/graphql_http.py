"""GraphQL over HTTP, following the current draft of the specification."""

import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from catalograph.concurrency.single_flight import SingleFlight
from catalograph.errors import (
    CatalographError,
    ForbiddenError,
    PersistedQueryNotFoundError,
    RequestTimeoutError,
    UpstreamUnavailableError,
    UserInputError,
)
from catalograph.graphql.run.request import Answer, Caller, Operation
from catalograph.observability import metrics, tracing
from catalograph.observability.logs import get_logger
from catalograph.observability.request_context import RequestContext, request_context_of
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.access_control import Callers
from catalograph.web.cache_hits import build_request_key
from catalograph.web.engine import Engine
from catalograph.web.negotiation import Media, choose_coding, choose_media, is_json
from catalograph.web.persisted_queries import DocumentFinder, Found
from catalograph.web.replies import Refusal, send_bytes, send_refusal
from catalograph.web.request import (
    BodyReader,
    ClientGoneError,
    InFlight,
    Parameters,
    headers_of,
    parse_body,
    parse_query_string,
    run_for_client,
)
from catalograph.web.response_cache import (
    VARY,
    CachedRequest,
    Question,
    RenderedResponse,
    ResponseCache,
)

_ALLOW: Final = "GET, HEAD, OPTIONS, POST"
_CLIENT_GONE: Final = 499  # as nginx logs it; never sent
_STATUS_BY_CODE: Final = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "RATE_LIMITED": 429,
    "REQUEST_TIMEOUT": 504,
    "INTERNAL_SERVER_ERROR": 500,
}


class _Request(NamedTuple):
    """One request while it is answered.

    Attributes:
        scope: As the server gave it.
        receive: Gives the body, then whether the client has gone.
        method: Upper case.
        headers: By lower-case name; of repeated ones the last.
        context: Collects what is logged and counted.
    """

    scope: Scope
    receive: Receive
    method: str
    headers: Mapping[bytes, bytes]
    context: RequestContext


class GraphQLOverHTTP:
    """The ASGI application at `/graphql`.

    Args:
        engine: Runs the operations.
        callers: Identifies the caller from the headers.
        documents: Finds the document of a request.
        responses: The response cache; None: no caching.
        bodies: Reads the bodies of requests.
        in_flight: Bounds the number of requests in flight.
        timeout_s: Time-out of a whole request.
        is_private: Whether responses are only for their caller.
        clock: Seconds, monotonic; the same as that of `responses`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        callers: Callers,
        documents: DocumentFinder,
        responses: ResponseCache | None,
        bodies: BodyReader,
        in_flight: InFlight,
        timeout_s: float,
        is_private: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._callers = callers
        self._documents = documents
        self._responses = responses
        self._bodies = bodies
        self._in_flight = in_flight
        self._timeout_s = timeout_s
        self._is_private = is_private
        self._clock = clock
        self._flights: SingleFlight[Question] = SingleFlight(_build_abandoned)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; only errors while sending are raised."""
        if scope["method"] == "OPTIONS":
            await send_bytes(send, 204, [(b"allow", _ALLOW.encode())], b"")
            return
        context = request_context_of(scope)
        headers = headers_of(scope)
        request = _Request(scope, receive, scope["method"], headers, context)
        media = choose_media(headers.get(b"accept"))
        try:
            body, response = await self._answer(request, media)
        except ClientGoneError:
            context.status = _CLIENT_GONE
        except Exception as exc:  # noqa: BLE001 the client gets a response for every error
            # Break the reference cycle of error, traceback and frame, which would hold the
            # connection until the garbage collector runs.
            refusal = _word(exc, media, context).with_traceback(None)
            await send_refusal(scope, send, refusal, (media or Media.JSON).value)
        else:
            await self._send(request, body, send, response, media or Media.JSON)

    async def _answer(
        self, request: _Request, media: Media | None
    ) -> tuple[bytes, RenderedResponse]:
        """Give the request's body, and its response."""
        if media is None:
            raise _not_acceptable()
        body, parameters = await self._read(request)
        # After the body has arrived: a slow sender must not occupy a place.
        with self._in_flight:
            return body, await self._get_response(request, parameters)

    async def _get_response(
        self, request: _Request, parameters: Parameters
    ) -> RenderedResponse:
        context = request.context
        caller = self._callers.identify(request.headers, parameters, context)
        found = await self._documents.find(parameters)
        context.trusted = found.is_trusted
        question = _build_question(found, parameters, caller)
        response = self._find_cached(question, caller, context)
        if response is None:
            operation = Operation(
                document=found.text,
                name=parameters.name,
                variables=parameters.variables,
                extensions=parameters.extensions,
            )
            response = await self._execute(operation, caller, question, request)
            answer = response.answer
            self._note(answer, context)
            if answer.kind in {"mutation", "subscription"} and request.method != "POST":
                error = UserInputError(f"a {answer.kind} must be sent by POST")
                raise Refusal(405, error, {"Allow": "POST"})
        if response.answer.ran:
            await self._documents.register(found)
        return response

    def _find_cached(
        self, question: Question, caller: Caller, context: RequestContext
    ) -> RenderedResponse | None:
        if self._responses is None or caller.trace_wanted:
            return None
        response = self._responses.find(question)
        context.cache = "miss" if response is None else "hit"
        REQUESTS.count_look_up(context.cache)
        if response is not None:
            REQUESTS.count_operation(response.name, "ok")
            context.operation_name = response.name
            context.cost = response.answer.cost
        return response

    async def _read(self, request: _Request) -> tuple[bytes, Parameters]:
        if request.method == "POST":
            if not is_json(request.headers.get(b"content-type")):
                raise _unsupported()
            body = await self._bodies.read(request.receive, request.headers)
            return body, parse_body(body)
        if request.method in {"GET", "HEAD"}:
            parameters = parse_query_string(request.scope["query_string"])
            _refuse_other_sites(request.headers)
            return b"", parameters
        error = UserInputError(f"the method must be GET or POST, got {request.method}")
        raise Refusal(405, error, {"Allow": _ALLOW})

    async def _execute(
        self,
        operation: Operation,
        caller: Caller,
        question: Question,
        request: _Request,
    ) -> RenderedResponse:
        """Run an operation, or join an equal one in flight."""

        async def execute() -> RenderedResponse:
            answer = await self._engine.execute(operation, caller)
            return self._render(answer, question, caller)

        is_shared = not caller.trace_wanted and self._flights.find(question) is not None
        if is_shared:
            metrics.COALESCED.inc()
        took_s = time.perf_counter() - request.context.started_s
        response = await run_for_client(
            execute() if caller.trace_wanted else self._flights.run(question, execute),
            request.receive,
            self._timeout_s,
            left_s=self._timeout_s - took_s,
        )
        return self._share(response, request, caller) if is_shared else response

    def _share(
        self, response: RenderedResponse, request: _Request, caller: Caller
    ) -> RenderedResponse:
        """Reuse the response of an equal request that was in flight.

        The upstream requests are counted for the caller that started it.
        """
        request.context.cache = "joined"
        answer = response.answer
        if not answer.codes:
            return response
        own = msgspec.structs.replace(
            answer.readdress(caller.request_id), upstream_requests=0
        )
        return RenderedResponse(
            own,
            is_private=self._is_private or caller.cost_wanted,
            now_s=self._clock(),
        )

    def _render(
        self, answer: Answer, question: Question, caller: Caller
    ) -> RenderedResponse:
        if caller.trace_wanted:
            # A trace contains paths of the upstream, only for the caller who asked for it.
            answer = msgspec.structs.replace(answer, fresh_for_s=0.0, cache_for_s=0.0)
        response = RenderedResponse(
            answer,
            # Proxies do not know that the response depends on the header that asks for the cost.
            is_private=self._is_private or caller.cost_wanted,
            now_s=self._clock(),
        )
        if (
            self._responses is not None
            and answer.ran
            and not answer.codes
            and not caller.trace_wanted
        ):
            self._responses.put(question, response)
        return response

    def _note(self, answer: Answer, context: RequestContext) -> None:
        context.operation_name = answer.name or ""
        context.cost = answer.cost
        if context.cache != "joined":
            context.upstream_requests = answer.upstream_requests
        context.codes = answer.codes
        tracing.note("graphql.operation.name", context.operation_name)
        tracing.note("graphql.operation.type", answer.kind or "")
        tracing.note("catalograph.cost", answer.cost)
        if answer.ran:
            outcome = "errors" if answer.codes else "ok"
            REQUESTS.count_operation(context.operation_name, outcome)
        else:
            # The name of an operation that did not run is not verified, so it is not counted.
            REQUESTS.count_operation("", "refused")

    async def _send(
        self,
        request: _Request,
        received: bytes,
        send: Send,
        response: RenderedResponse,
        media: Media,
    ) -> None:
        headers = request.headers
        coding, body = await response.encode(
            choose_coding(headers.get(b"accept-encoding"))
        )
        start = response.build_headers(media, coding, len(body), self._clock())
        if request.method == "POST":
            if self._responses is not None and response.question is not None:
                key = build_request_key(
                    headers, received, brings_token=self._callers.bring_tokens
                )
                if key is not None:
                    noted, key_id = request.context.note(), request.context.key_id
                    cached = CachedRequest(
                        key, response, media, coding, body, noted=noted, key_id=key_id
                    )
                    self._responses.put_request(cached)
        else:
            held = headers.get(b"if-none-match")
            if held and response.matches(held, media, coding):
                headers_of_304 = [
                    pair for pair in start if not pair[0].startswith(b"content-")
                ]
                await send_bytes(send, 304, headers_of_304, b"")
                return
            if request.method == "HEAD":
                body = b""
        status = _status(response.answer, media)
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": body})


def _build_abandoned() -> Exception:
    return UpstreamUnavailableError(detail="the request was given up")


def _build_question(found: Found, parameters: Parameters, caller: Caller) -> Question:
    variables = (
        msgspec.json.encode(parameters.variables, order="sorted")
        if parameters.variables
        else b""
    )
    return Question(
        found.text,
        variables,
        parameters.name,
        caller.partition,
        caller.cost_wanted,
    )


def _status(answer: Answer, media: Media) -> int:
    """Choose the HTTP status.

    With `application/json` it is always 200, as the specification recommends: clients of this media
    type could not tell an error status of the gateway from that of a broken proxy.
    """
    if answer.ran or media is Media.JSON:
        return 200
    return _STATUS_BY_CODE.get(answer.codes[0], 400) if answer.codes else 400


def _word(error: Exception, media: Media | None, context: RequestContext) -> Refusal:
    if isinstance(error, Refusal):
        refusal = error
    elif isinstance(error, PersistedQueryNotFoundError):
        # A step of the protocol rather than a failure; clients of the old media type
        # would not read the body of anything but a 200.
        refusal = Refusal(200 if media is Media.JSON else 400, error)
    elif isinstance(error, RequestTimeoutError):
        refusal = Refusal(504, error)
    else:
        get_logger().error(
            "a request failed unexpectedly",
            request_id=context.request_id,
            exc_info=error,
        )
        masked = CatalographError(
            "something went wrong here; the request id finds it in the log"
        )
        refusal = Refusal(500, masked)
    refusal.headers["Vary"] = VARY.decode("ascii")
    return refusal


def _refuse_other_sites(headers: Mapping[bytes, bytes]) -> None:
    """Refuse queries from images and frames of pages of other sites.

    Such a request has no preflight, unlike one by `fetch`. A link that a person opens is
    allowed, as the page with the link cannot read the response. Clients other than browsers
    send none of these headers.
    """
    mode = headers.get(b"sec-fetch-mode")
    is_link = mode == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"
    if (
        b"cross-site" in headers.get(b"sec-fetch-site", b"")
        and mode != b"cors"
        and not is_link
    ):
        metrics.REFUSED.labels("cross_site").inc()
        error = ForbiddenError("other sites must ask with fetch, in the mode `cors`")
        raise Refusal(403, error)


def _not_acceptable() -> Refusal:
    return Refusal(
        406,
        UserInputError(
            "Accept must allow application/graphql-response+json or application/json"
        ),
    )


def _unsupported() -> Refusal:
    # An HTML form of any site can send other content types without a preflight, so these must
    # not be executed.
    error = UserInputError("Content-Type must be application/json, in UTF-8")
    return Refusal(415, error, {"Accept": "application/json"})
