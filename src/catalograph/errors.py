"""Every error catalograph raises on purpose.

CatalographError
├─ SettingsError                    start-up only
├─ UpstreamError                    not the client's fault
│  ├─ UpstreamAuthError             UPSTREAM_UNAUTHENTICATED
│  ├─ UpstreamRateLimitError        UPSTREAM_RATE_LIMITED
│  ├─ UpstreamTimeoutError          UPSTREAM_TIMEOUT
│  ├─ UpstreamUnavailableError      UPSTREAM_UNAVAILABLE
│  ├─ UpstreamResponseError         UPSTREAM_INVALID_RESPONSE
│  └─ UpstreamContractError         UPSTREAM_CONTRACT
└─ RequestError                     the client can fix it
   ├─ UserInputError                BAD_USER_INPUT
   ├─ LimitError                    OPERATION_TOO_COMPLEX
   │  └─ ResponseTooLargeError      OPERATION_TOO_COMPLEX
   ├─ PersistedQueryNotFoundError   PERSISTED_QUERY_NOT_FOUND
   ├─ UnauthenticatedError          UNAUTHENTICATED
   ├─ ForbiddenError                FORBIDDEN
   ├─ RateLimitedError              RATE_LIMITED
   ├─ BusyError                     RATE_LIMITED
   └─ RequestTimeoutError           REQUEST_TIMEOUT

`str(error)` is safe to show to a client. Further information for operators (text of the
upstream, an address) is in `detail`, which only goes to the log.
"""

from typing import ClassVar


class CatalographError(Exception):
    """Root of the tree.

    Attributes:
        code: Value of `errors[].extensions.code`.
        retryable: Whether a retry of the same call may succeed.
        detail: For the log only; may quote the upstream. None: no further information.
    """

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, detail: str | None = None) -> None:
        super().__init__(message)
        self.detail = detail

    @property
    def extensions(self) -> dict[str, object]:
        """The `extensions` of the error for clients; always contains `code`."""
        return {"code": self.code}


class SettingsError(CatalographError):
    """The environment has no valid settings.

    Attributes:
        problems: One sentence for each problem, with the name of the variable; secrets are
            never quoted.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"the settings are not valid:{lines}")


class UpstreamError(CatalographError):
    """The catalogue's REST API failed; neither the client nor we are at fault."""


class UpstreamAuthError(UpstreamError):
    """The upstream refused the token."""

    code = "UPSTREAM_UNAUTHENTICATED"

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__(
            "the catalogue refused the token; check that it is complete and not revoked",
            detail=detail,
        )


class UpstreamRateLimitError(UpstreamError):
    """The upstream answered 429.

    Attributes:
        retry_after_s: Seconds to wait, from `Retry-After`; None without that header.
    """

    code = "UPSTREAM_RATE_LIMITED"
    retryable = True

    def __init__(
        self, retry_after_s: float | None = None, *, detail: str | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        wait = "" if retry_after_s is None else f"; try again in {retry_after_s:.0f} s"
        super().__init__(f"the catalogue limits our requests{wait}", detail=detail)

    @property
    def extensions(self) -> dict[str, object]:
        """`retryAfter` in seconds, null when the upstream does not say."""
        return {"code": self.code, "retryAfter": self.retry_after_s}


class UpstreamTimeoutError(UpstreamError):
    """The upstream gave no complete response in time.

    Attributes:
        after_s: Seconds waited, all attempts together.
    """

    code = "UPSTREAM_TIMEOUT"
    retryable = True

    def __init__(self, after_s: float, *, detail: str | None = None) -> None:
        self.after_s = after_s
        super().__init__(
            f"the catalogue did not answer within {after_s:.3g} s", detail=detail
        )


class UpstreamUnavailableError(UpstreamError):
    """The upstream cannot be reached, or answered with an error status.

    Attributes:
        status: HTTP status; None without a response.
        moved_to: Base address to which it redirects; None without a redirect.
    """

    code = "UPSTREAM_UNAVAILABLE"
    retryable = True

    def __init__(
        self,
        *,
        status: int | None = None,
        moved_to: str | None = None,
        detail: str | None = None,
    ) -> None:
        self.status = status
        self.moved_to = moved_to
        super().__init__("the catalogue is not available just now", detail=detail)


class UpstreamResponseError(UpstreamError):
    """The upstream answered 200 with something that is not a page of models."""

    code = "UPSTREAM_INVALID_RESPONSE"

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__(
            "the catalogue answered with something that is not a page of models",
            detail=detail,
        )


class UpstreamContractError(UpstreamError):
    """The upstream ignored part of the request, so its response cannot be used."""

    code = "UPSTREAM_CONTRACT"

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__(
            "the catalogue did not apply the filter it was asked for", detail=detail
        )


class RequestError(CatalographError):
    """An error that the client can fix; the message says how."""


class UserInputError(RequestError):
    """An argument has an invalid value."""

    code = "BAD_USER_INPUT"


_HINTS = {
    "cost": "ask for smaller pages, for fewer lists below each other, or in several "
    "operations; `X-Catalograph-Cost: 1` shows what an operation costs",
    "introspection cost": "ask for the schema once, or take it from /schema.graphql",
}


class LimitError(RequestError):
    """An operation exceeds a limit of this gateway.

    Attributes:
        limit: Name of the limit for clients: `depth`, `aliases`, `cost`.
        figure: Value of the operation.
        bound: Maximum value.
    """

    code = "OPERATION_TOO_COMPLEX"

    def __init__(self, limit: str, figure: int, bound: int) -> None:
        self.limit = limit
        self.figure = figure
        self.bound = bound
        message = f"{limit} must be at most {bound}, got {figure}"
        hint = _HINTS.get(limit)
        super().__init__(f"{message}; {hint}" if hint else message)

    @property
    def extensions(self) -> dict[str, object]:
        """`limit`, `figure` and `bound`, for programs."""
        return {
            "code": self.code,
            "limit": self.limit,
            "figure": self.figure,
            "bound": self.bound,
        }


class ResponseTooLargeError(LimitError):
    """A response would be larger than allowed."""

    def __init__(self, figure: int, bound: int) -> None:
        super().__init__("response bytes", figure, bound)
        message = (
            f"the response must be at most {bound} bytes; ask for fewer objects or fields "
            "at once, or by shorter aliases"
        )
        self.args = (message,)


class PersistedQueryNotFoundError(RequestError):
    """A request has only a hash, and its document is not stored; clients then send both."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        # Apollo's clients look for this very message.
        super().__init__("PersistedQueryNotFound")


class UnauthenticatedError(RequestError):
    """The request has no key, or an unknown one."""

    code = "UNAUTHENTICATED"


class ForbiddenError(RequestError):
    """The request is not allowed here."""

    code = "FORBIDDEN"


class RateLimitedError(RequestError):
    """Too many requests from one caller.

    Attributes:
        retry_after_s: Seconds until the next one is taken.
    """

    code = "RATE_LIMITED"
    retryable = True

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"too many requests; try again in {retry_after_s:.0f} s")

    @property
    def extensions(self) -> dict[str, object]:
        """`retryAfter` in seconds."""
        return {"code": self.code, "retryAfter": self.retry_after_s}


class BusyError(RequestError):
    """All callers together send too many requests at once.

    Attributes:
        retry_after_s: Seconds after which it is worth while to try again.
    """

    code = "RATE_LIMITED"
    retryable = True

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"the gateway is busy just now; try again in {retry_after_s:.0f} s"
        )

    @property
    def extensions(self) -> dict[str, object]:
        """`retryAfter` in seconds."""
        return {"code": self.code, "retryAfter": self.retry_after_s}


class RequestTimeoutError(RequestError):
    """The whole request took longer than its time-out.

    Attributes:
        after_s: The bound, in seconds.
    """

    code = "REQUEST_TIMEOUT"
    retryable = True

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(f"the request took longer than {after_s:g} s")
