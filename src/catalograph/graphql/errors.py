"""Our errors as GraphQL errors; everything else is masked."""

import heapq
import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from graphql import GraphQLError, GraphQLSyntaxError

from catalograph.errors import CatalographError, LimitError, UpstreamError
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import REFUSED

E = TypeVar("E", bound=CatalographError)

MAX_MESSAGE_CHARACTERS = 1_000
"""Maximum length of a message, which may quote text of the client."""

MAX_ERRORS = 100
"""Maximum number of errors in a response; one more says how many are left out."""

_MASK = "the gateway failed to answer this; the log has the rest"

# Values that variables have are quoted as Python writes them. What stands in quotes is text.
_PYTHON: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|\b(?:None|True|False|Undefined|nan|inf)\b"""
)
_JSON: Final = {
    "None": "null",
    "Undefined": "nothing",
    "True": "true",
    "False": "false",
    "nan": "NaN",
    "inf": "Infinity",
}

log = get_logger()


def format_errors(
    errors: Sequence[GraphQLError], *, request_id: str, code: str = "BAD_USER_INPUT"
) -> list[dict[str, Any]]:
    """Format errors for a response, ordered by their paths.

    They come in the order in which fields failed, which is chance where fields wait. Of
    very many the first are written out, and one more says how many are left out.

    Args:
        errors: Errors from graphql-core.
        request_id: Identifies the request in the log.
        code: Code of errors that graphql-core raised itself.
    """
    ordered = errors
    if len(errors) > 1:
        ordered = heapq.nsmallest(MAX_ERRORS, errors, key=_place)
    formatted = [_format(error, request_id, code) for error in ordered]
    left_out = len(errors) - len(ordered)
    if left_out:
        extensions = dict(formatted[-1]["extensions"])
        message = f"{left_out:,} more errors of this operation are left out"
        formatted.append({"message": message, "extensions": extensions})
    return formatted


def wrap_limit_error(error: LimitError) -> GraphQLError:
    """Wrap a limit error as a GraphQL error, like other errors of a document."""
    return GraphQLError(str(error), original_error=error)


def strip(error: E) -> E:
    """Remove cause, context and traceback from an error of the client, where they are unused.

    The frames of a thousand errors would be work for the garbage collector.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _place(error: GraphQLError) -> list[tuple[int, str]]:
    """Sort key of an error: its path in a comparable form; errors without one keep their order."""
    steps = error.path or ()
    return [(-1, step) if isinstance(step, str) else (step, "") for step in steps]


def _format(error: GraphQLError, request_id: str, code: str) -> dict[str, Any]:
    message, extensions = _describe(error, code)
    if request_id:
        extensions["requestId"] = request_id
    if len(message) > MAX_MESSAGE_CHARACTERS:
        message = message[:MAX_MESSAGE_CHARACTERS] + "…"
    formatted: dict[str, Any] = {"message": message}
    if error.locations:
        formatted["locations"] = [place.formatted for place in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    formatted["extensions"] = extensions
    return formatted


def _describe(error: GraphQLError, code: str) -> tuple[str, dict[str, Any]]:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if isinstance(cause, CatalographError):
        if isinstance(cause, LimitError):
            REFUSED.labels(cause.limit.replace(" ", "_")).inc()
        if isinstance(cause, UpstreamError):
            log.warning(
                "an upstream failure reached a client",
                code=cause.code,
                path=error.path,
                detail=cause.detail,
            )
        if cause.code == CatalographError.code:
            log.error("a field failed", path=error.path, detail=cause.detail)
            return _MASK, {"code": cause.code}
        return str(cause), dict(cause.extensions)
    if isinstance(error, GraphQLSyntaxError):
        return error.message, {"code": "GRAPHQL_PARSE_FAILED"}
    if cause is None or error.path is None:
        # Without a path it is about the request: a variable that a scalar refused, say.
        return _reword(error.message), {"code": code}
    log.error("a field failed", path=error.path, exc_info=cause)
    return _MASK, {"code": CatalographError.code}


def _reword(message: str) -> str:
    """Replace Python literals in a message by those of JSON: `None` by `null` and so on."""
    shown = message[: MAX_MESSAGE_CHARACTERS + 1]
    return _PYTHON.sub(lambda found: _JSON.get(found[0], found[0]), shown)
