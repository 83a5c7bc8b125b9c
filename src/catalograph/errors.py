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
└─ RequestError                     the client can mend it
   ├─ UserInputError                BAD_USER_INPUT
   ├─ LimitError                    OPERATION_TOO_COMPLEX
   │  └─ ResponseTooLargeError      OPERATION_TOO_COMPLEX
   ├─ PersistedQueryNotFoundError   PERSISTED_QUERY_NOT_FOUND
   ├─ UnauthenticatedError          UNAUTHENTICATED
   ├─ ForbiddenError                FORBIDDEN
   ├─ RateLimitedError              RATE_LIMITED
   ├─ BusyError                     RATE_LIMITED
   └─ RequestTimeoutError           REQUEST_TIMEOUT

`str(error)` is safe to show to a client. What an operator needs beyond it (the
upstream's own words, an address) is in `detail`, which goes to the log only.
"""

from typing import ClassVar


class CatalographError(Exception):
    """Root of the tree.

    Attributes:
        code: What `errors[].extensions.code` says.
        retryable: Whether the same call may go well when made again.
        detail: For the log only; may quote the upstream. None when there is nothing to add.
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
    """The environment does not make a valid configuration.

    Attributes:
        problems: One sentence each, naming the variable; never a secret's value.
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
        retry_after_s: Seconds the upstream asks us to wait; None when it does not say.
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
    """No complete answer in time.

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
    """The upstream cannot be reached, or says that it failed.

    Attributes:
        status: HTTP status it answered with; None when there was no answer.
        moved_to: Base address to which it sends us; None when it does not.
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
    """The upstream ignored part of the question, so its answer cannot be passed on."""

    code = "UPSTREAM_CONTRACT"

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__(
            "the catalogue did not apply the filter it was asked for", detail=detail
        )


class RequestError(CatalographError):
    """The client can mend it; the message says how."""


class UserInputError(RequestError):
    """An argument whose value cannot be taken."""

    code = "BAD_USER_INPUT"


_HINTS = {
    "cost": "ask for smaller pages, for fewer lists below each other, or in several "
    "operations; `X-Catalograph-Cost: 1` shows what an operation costs",
    "introspection cost": "ask for the schema once, or take it from /schema.graphql",
}


class LimitError(RequestError):
    """An operation larger than this gateway allows.

    Attributes:
        limit: Name of the limit, as a client may know it: `depth`, `aliases`, `cost`.
        figure: What the operation has.
        bound: What it may have.
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
        """The limit, the figure and the bound, so that a tool can act on them."""
        return {
            "code": self.code,
            "limit": self.limit,
            "figure": self.figure,
            "bound": self.bound,
        }


class ResponseTooLargeError(LimitError):
    """A response that would be larger than this gateway sends."""

    def __init__(self, figure: int, bound: int) -> None:
        super().__init__("response bytes", figure, bound)
        message = (
            f"the response must be at most {bound} bytes; ask for fewer objects or fields "
            "at once, or by shorter aliases"
        )
        self.args = (message,)


class PersistedQueryNotFoundError(RequestError):
    """A hash without its document; clients answer by sending both."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        # Apollo's clients look for this very message.
        super().__init__("PersistedQueryNotFound")


class UnauthenticatedError(RequestError):
    """No key, or one that is not known here."""

    code = "UNAUTHENTICATED"


class ForbiddenError(RequestError):
    """Known, but not allowed."""

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
    """All callers together ask too much at once; no fault of this one.

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
    """The whole request took longer than it may.

    Attributes:
        after_s: The bound, in seconds.
    """

    code = "REQUEST_TIMEOUT"
    retryable = True

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(f"the request took longer than {after_s:g} s")
