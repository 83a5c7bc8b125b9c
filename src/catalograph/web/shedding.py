"""No more work at once than can be done well."""

from types import TracebackType
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph.errors import BusyError
from catalograph.observability import metrics
from catalograph.observability.request_metrics import REQUESTS
from catalograph.web.replies import Refusal, send_refusal

_ALWAYS_ANSWERED: Final = {"/healthz", "/readyz", "/metrics"}
_RETRY_AFTER_S: Final = 1.0


class InFlight:
    """Requests that are being worked on; a context around each of them.

    Args:
        most: At once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether one more would be too many."""
        return self._count >= self._most

    def __enter__(self) -> None:
        self._count += 1
        REQUESTS.in_flight += 1

    def __exit__(
        self,
        _: type[BaseException] | None,
        __: BaseException | None,
        ___: TracebackType | None,
    ) -> None:
        self._count -= 1
        REQUESTS.in_flight -= 1


class SheddingMiddleware:
    """Answers 503 at once when too many requests are being worked on.

    Whoever asks whether we are alive gets an answer even then: a restart would help
    nobody.

    Args:
        app: What does the work.
        in_flight: Counts.
    """

    def __init__(self, app: ASGIApp, in_flight: InFlight) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request in and out."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._in_flight.is_full:
            metrics.SHED.inc()
            refusal = Refusal(
                503,
                BusyError(_RETRY_AFTER_S),
                {"Retry-After": f"{_RETRY_AFTER_S:.0f}"},
            )
            await send_refusal(scope, send, refusal)
            return
        with self._in_flight:
            await self._app(scope, receive, send)
