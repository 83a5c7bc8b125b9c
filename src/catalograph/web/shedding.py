"""No more work at once than can be done well."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from catalograph import telemetry
from catalograph.errors import BusyError
from catalograph.web.replies import Refusal, send_refusal
from catalograph.web.request_figures import REQUESTS

_ALWAYS_ANSWERED: Final = {"/healthz", "/readyz", "/metrics"}
_RETRY_AFTER_S: Final = 1.0


class SheddingMiddleware:
    """Answers 503 at once when too many requests are being worked on.

    Whoever asks whether we are alive gets an answer even then: a restart would help
    nobody.

    Args:
        app: What does the work.
        max_in_flight: Requests at once.
    """

    def __init__(self, app: ASGIApp, max_in_flight: int) -> None:
        self._app = app
        self._max_in_flight = max_in_flight
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request in and out."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._in_flight >= self._max_in_flight:
            telemetry.SHED.inc()
            refusal = Refusal(
                503,
                BusyError(_RETRY_AFTER_S),
                {"Retry-After": f"{_RETRY_AFTER_S:.0f}"},
            )
            await send_refusal(scope, send, refusal)
            return
        self._in_flight += 1
        REQUESTS.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1
            REQUESTS.in_flight -= 1
