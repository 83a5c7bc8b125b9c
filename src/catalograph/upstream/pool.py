"""A fair pool of keep-alive connections to the upstream."""

import asyncio
import collections
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import httpx

_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""Errors of a connection that the server has closed."""


class _Journey:
    """Progress of one request, from the trace events of the HTTP client."""

    def __init__(self) -> None:
        self._steps: set[str] = set()

    @property
    def used_old_connection(self) -> bool:
        """Whether the request was sent on a connection that existed before."""
        return (
            "http11.send_request_headers.started" in self._steps
            and "connection.connect_tcp.started" not in self._steps
        )

    async def watch(self, step: str, _: object) -> None:
        """Note a step; see httpcore's extension `trace`."""
        self._steps.add(step)


class ConnectionPool:
    """A pool of HTTP clients with one connection each, used by one request at a time.

    The pool of httpcore 1.0 has two problems. It assigns one idle connection to all waiting
    requests, and all but one of them must wait again: with a dozen requests at once, some
    waited for seconds although there were idle connections. And if a request is cancelled
    between getting its place in the pool and being connected, the place is lost for ever.
    Here requests wait in order, and a client whose request was cancelled is not used again.

    Args:
        build: Creates a client.
        most: Maximum number of concurrent requests; further ones wait.
        rest_most: Maximum number of idle clients.
        rest_s: Seconds until an idle client is closed.
        monotonic: Monotonic time in seconds.
    """

    def __init__(
        self,
        build: Callable[[], httpx.AsyncClient],
        *,
        most: int,
        rest_most: int,
        rest_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._build = build
        self._places = asyncio.Semaphore(most)
        self._rest_most = rest_most
        self._rest_s = rest_s
        self._monotonic = monotonic
        # LIFO: the client that was used last is on the right and is taken first.
        self._resting: collections.deque[tuple[float, httpx.AsyncClient]] = (
            # The first client of a process takes 50 ms to build: do it now, before the
            # first request.
            collections.deque([(monotonic(), build())])
        )
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._is_closed

    @contextlib.asynccontextmanager
    async def send(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send a request and yield its response, before its body is read.

        A server may close an idle connection at the moment when the next request is sent.
        That is not an error: the request is sent again at once, on a new connection.
        """
        journey = _Journey()
        request.extensions = request.extensions | {"trace": journey.watch}
        async with self._places:
            http = self._resting.pop()[1] if self._resting else self._build()
            is_of_use = False
            try:
                try:
                    response = await http.send(request, stream=True)
                except _BROKEN:
                    if not journey.used_old_connection:
                        raise
                    await http.aclose()
                    http = self._build()
                    response = await http.send(request, stream=True)
                try:
                    yield response
                finally:
                    await response.aclose()
                is_of_use = True
            except Exception:
                # The client closes a broken connection itself, so it can be used again.
                is_of_use = True
                raise
            finally:
                await (self._rest(http) if is_of_use else http.aclose())

    async def aclose(self) -> None:
        """Close idle connections now, and those in use when their requests end."""
        self._is_closed = True
        while self._resting:
            await self._resting.pop()[1].aclose()

    async def _rest(self, http: httpx.AsyncClient) -> None:
        """Return a client to the pool, and close clients that were idle for too long."""
        if self._is_closed:
            await http.aclose()
            return
        now = self._monotonic()
        self._resting.append((now, http))
        surplus = []
        while (
            len(self._resting) > self._rest_most
            or now - self._resting[0][0] > self._rest_s
        ):
            surplus.append(self._resting.popleft()[1])
        # Removed before closing: other requests use the pool while `aclose` is awaited.
        for old in surplus:
            await old.aclose()
