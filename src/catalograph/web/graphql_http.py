"""GraphQL over HTTP: one request in, one answer out, as the current draft has it."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Final, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from catalograph.errors import (
    CatalographError,
    ForbiddenError,
    PersistedQueryNotFoundError,
    RequestTimeoutError,
    UserInputError,
)
from catalograph.graphql.run.request import Answer, Caller, Operation
from catalograph.observability import metrics, tracing
from catalograph.observability.logs import get_logger
from catalograph.observability.request_context import RequestContext, request_context_of
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.bodies import read_body
from catalograph.web.callers import Callers
from catalograph.web.deadline import ClientGoneError, run_for_client
from catalograph.web.engine import Engine
from catalograph.web.joining import JOINED, Joined
from catalograph.web.negotiation import Media, choose_coding, choose_media, is_json
from catalograph.web.parameters import Parameters, parse_body, parse_query_string
from catalograph.web.persisted_queries import DocumentFinder, Found
from catalograph.web.raw_requests import RawRequest
from catalograph.web.replies import Refusal, send_bytes, send_refusal
from catalograph.web.response_cache import (
    VARY,
    RenderedResponse,
    ResponseCache,
    Shortcut,
)

_ALLOW: Final = "GET, HEAD, OPTIONS, POST"
_CLIENT_GONE: Final = 499  # as nginx logs it; nobody is there to read it
_STATUS_BY_CODE: Final = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "RATE_LIMITED": 429,
    "REQUEST_TIMEOUT": 504,
    "INTERNAL_SERVER_ERROR": 500,
}


class _Key(NamedTuple):
    """What an answer depends on, beside the state of the catalogue."""

    text: str
    variables: bytes
    name: str | None
    partition: str
    cost_wanted: bool


class Answered(NamedTuple):
    """An answer, and the reply made of it for all who get it."""

    answer: Answer
    reply: RenderedResponse


class GraphQLOverHTTP:
    """The ASGI application at `/graphql`.

    Args:
        engine: Runs the operations.
        callers: Reads from the headers who asks.
        documents: Finds the text that a request names.
        kept: Answers that may be served again; None keeps none.
        joined: Answers that are on their way.
        max_body_bytes: Of a request.
        timeout_s: For a whole request.
        is_private: Whether an answer is only for the one who asked.
        clock: Seconds, monotonic; the same as that of `kept`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        callers: Callers,
        documents: DocumentFinder,
        kept: ResponseCache | None,
        joined: Joined[Answered],
        max_body_bytes: int,
        timeout_s: float,
        is_private: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._callers = callers
        self._documents = documents
        self._kept = kept
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s
        self._is_private = is_private
        self._clock = clock
        self._joined = joined

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; only what goes wrong while sending is raised."""
        if scope["method"] == "OPTIONS":
            await send_bytes(send, 204, [(b"allow", _ALLOW.encode())], b"")
            return
        raw = RawRequest(scope)
        media = choose_media(raw.headers.get(b"accept"))
        try:
            reply, status = await self._answer(raw, receive, media)
        except ClientGoneError:
            request_context_of(scope).status = _CLIENT_GONE
        except Exception as exc:  # noqa: BLE001 whatever it was, the client is told
            # Its traceback holds this frame, which holds it, and with both the connection.
            refusal = _word(exc, media, request_context_of(scope)).with_traceback(None)
            await send_refusal(scope, send, refusal, (media or Media.JSON).value)
        else:
            await self._send(raw, send, reply, media or Media.JSON, status)

    async def _answer(
        self, raw: RawRequest, receive: Receive, media: Media | None
    ) -> tuple[RenderedResponse, int]:
        if media is None:
            raise _not_acceptable()
        parameters = await self._read(raw, receive)
        context = request_context_of(raw.scope)
        caller = self._callers.identify(raw.headers, parameters, context)
        found = await self._documents.find(parameters)
        context.trusted = found.is_trusted
        key = _key(found, parameters, caller)
        if self._kept is not None and not caller.trace_wanted:
            reply = self._kept.find(key)
            context.cache = "hit" if reply is not None else "miss"
            REQUESTS.count_kept(context.cache)
            if reply is not None:
                REQUESTS.count_operation(reply.name, "ok")
                context.operation_name = reply.name
                context.cost = reply.cost
                await self._documents.register(found)
                return reply, 200
        operation = Operation(
            document=found.text,
            name=parameters.name,
            variables=parameters.variables,
            extensions=parameters.extensions,
        )
        answered = await self._execute(operation, caller, key, raw, receive)
        answer = answered.answer
        self._note(answer, context)
        if answer.kind in {"mutation", "subscription"} and raw.method != "POST":
            error = UserInputError(f"a {answer.kind} must be sent by POST")
            raise Refusal(405, error, {"Allow": "POST"})
        if answer.ran:
            await self._documents.register(found)
        return answered.reply, _status(answer, media)

    async def _read(self, raw: RawRequest, receive: Receive) -> Parameters:
        if raw.method == "POST":
            if not is_json(raw.headers.get(b"content-type")):
                raise _unsupported()
            raw.body = await read_body(receive, raw.headers, self._max_body_bytes)
            return parse_body(raw.body)
        if raw.method in {"GET", "HEAD"}:
            parameters = parse_query_string(raw.scope["query_string"])
            _refuse_other_sites(raw.headers)
            return parameters
        error = UserInputError(f"the method must be GET or POST, got {raw.method}")
        raise Refusal(405, error, {"Allow": _ALLOW})

    async def _execute(
        self,
        operation: Operation,
        caller: Caller,
        key: _Key,
        raw: RawRequest,
        receive: Receive,
    ) -> Answered:
        joined: Answered | None = raw.scope.get(JOINED)
        if joined is not None:
            return self._share(joined, raw, caller)
        answer = self._engine.answer_now(operation, caller)
        if answer is not None:
            return self._keep(answer, key, caller)

        async def execute() -> Answered:
            answer = await self._engine.execute(operation, caller)
            return self._keep(answer, key, caller)

        under_way = None if caller.trace_wanted else self._joined.find(key)
        if under_way is not None:
            metrics.COALESCED.inc()
            work = under_way.wait()
        elif caller.trace_wanted:
            work = execute()
        else:
            alias = self._alias(raw) if raw.may_repeat else None
            work = self._joined.begin(key, alias, execute()).wait()
        took_s = time.perf_counter() - request_context_of(raw.scope).started_s
        answered = await run_for_client(
            work, receive, self._timeout_s, left_s=self._timeout_s - took_s
        )
        if under_way is None:
            return answered
        return self._share(answered, raw, caller)

    def _share(self, answered: Answered, raw: RawRequest, caller: Caller) -> Answered:
        """Take what was made for another who asked the same.

        The upstream requests were made on his behalf, and are counted there.
        """
        request_context_of(raw.scope).cache = "joined"
        answer = answered.answer
        own = msgspec.structs.replace(
            answer.readdress(caller.request_id), upstream_requests=0
        )
        if not answer.codes:
            return Answered(own, answered.reply)
        reply = RenderedResponse(own, is_private=self._is_private, now_s=self._clock())
        return Answered(own, reply)

    def _alias(self, raw: RawRequest) -> Hashable:
        return raw.alias(brings_token=self._callers.bring_tokens)

    def _keep(self, answer: Answer, key: _Key, caller: Caller) -> Answered:
        reply = RenderedResponse(
            answer, is_private=self._is_private, now_s=self._clock()
        )
        if (
            self._kept is not None
            and answer.ran
            and not answer.codes
            and not caller.trace_wanted
        ):
            self._kept.keep(key, len(key.text) + len(key.variables), reply)
        return Answered(answer, reply)

    def _note(self, answer: Answer, context: RequestContext) -> None:
        context.operation_name = answer.name or ""
        context.cost = answer.cost
        context.upstream_requests = answer.upstream_requests
        context.codes = answer.codes
        tracing.note("graphql.operation.name", context.operation_name)
        tracing.note("graphql.operation.type", answer.kind or "")
        tracing.note("catalograph.cost", answer.cost)
        if answer.ran:
            outcome = "errors" if answer.codes else "ok"
            REQUESTS.count_operation(context.operation_name, outcome)
        else:
            # What did not run has no name that anybody vouches for.
            REQUESTS.count_operation("", "refused")

    async def _send(
        self,
        raw: RawRequest,
        send: Send,
        reply: RenderedResponse,
        media: Media,
        status: int,
    ) -> None:
        coding = choose_coding(raw.headers.get(b"accept-encoding"))
        headers = reply.headers(media, coding, self._clock())
        if self._kept is not None and reply.key is not None and raw.may_repeat:
            context = request_context_of(raw.scope)
            noted, key_id = context.note(), context.key_id
            shortcut = Shortcut(reply, media, coding, noted, key_id)
            self._kept.add_alias(self._alias(raw), raw.alias_bytes, shortcut)
        held = raw.headers.get(b"if-none-match")
        if held and raw.method != "POST" and reply.matches(held, media, coding):
            kept = [pair for pair in headers if not pair[0].startswith(b"content-")]
            await send_bytes(send, 304, kept, b"")
            return
        body = b"" if raw.method == "HEAD" else reply.encode(coding)[1]
        await send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})


def _key(found: Found, parameters: Parameters, caller: Caller) -> _Key:
    variables = (
        msgspec.json.encode(parameters.variables, order="sorted")
        if parameters.variables
        else b""
    )
    return _Key(
        found.text,
        variables,
        parameters.name,
        caller.partition,
        caller.cost_wanted,
    )


def _status(answer: Answer, media: Media) -> int:
    """`application/json` cannot say no: a client could not tell us from a broken proxy."""
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
            "a request failed in a way nobody foresaw",
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
    """Keep a foreign page from running queries with links and images.

    Such a request needs nobody's leave, unlike one by `fetch`. Clients that are no
    browsers send neither header.
    """
    if (
        headers.get(b"sec-fetch-site") == b"cross-site"
        and headers.get(b"sec-fetch-mode") != b"cors"
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
    # Anything that a plain HTML form can send must not run: it would come with no
    # preflight from any page.
    error = UserInputError("Content-Type must be application/json, in UTF-8")
    return Refusal(415, error, {"Accept": "application/json"})
