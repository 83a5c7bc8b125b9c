"""Connections to the upstream, kept open between requests and never lost for good."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import httpx

_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""What a connection looks like that the other side has closed."""


class _Lease:
    """One pool with those who use it.

    Attributes:
        users: Requests on their way.
        abandoned: Requests that were cancelled before their answer began.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.users = 0
        self.abandoned = 0


class _Journey:
    """What the HTTP client does for one request, as it tells it."""

    def __init__(self) -> None:
        self._steps: set[str] = set()

    @property
    def used_old_connection(self) -> bool:
        """Whether the request went out on a connection that was there before."""
        return (
            "http11.send_request_headers.started" in self._steps
            and "connection.connect_tcp.started" not in self._steps
        )

    async def watch(self, step: str, _: object) -> None:
        """Note a step; see httpcore's extension `trace`."""
        self._steps.add(step)


class ConnectionPool:
    """An httpx client, exchanged for a new one before cancelled requests have used it up.

    httpcore 1.0 forgets a connection that is cancelled in the instant between having its
    place in the pool and being connected: the place is taken for ever, and with the last
    place gone no request is ever sent again. We cancel whatever takes too long, and callers
    leave, so it would come to that. After a few such requests the rest of the pool is given
    up too; the old one is closed when its last request has ended.

    Args:
        build: Makes a client.
        abandoned_most: Cancelled requests after which a pool is exchanged; None: never.
    """

    def __init__(
        self, build: Callable[[], httpx.AsyncClient], *, abandoned_most: int | None
    ) -> None:
        self._build = build
        self._abandoned_most = abandoned_most
        self._lease = _Lease(build())
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._is_closed

    @contextlib.asynccontextmanager
    async def send(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send a request and give its answer, the body still to be read.

        A server may close a connection that rests just as the next request sets out on it.
        That is nobody's fault: the request is sent again at once, on a new connection.
        """
        async with contextlib.AsyncExitStack() as stack:
            journey = _Journey()
            request.extensions = request.extensions | {"trace": journey.watch}
            try:
                lease = await stack.enter_async_context(self._hold_lease())
                response = await self._begin(lease, request)
            except _BROKEN:
                if not journey.used_old_connection:
                    raise
                # Not of the pool, which may hold more that were closed.
                http = await stack.enter_async_context(self._build())
                response = await http.send(request, stream=True)
            stack.push_async_callback(response.aclose)
            yield response

    async def aclose(self) -> None:
        """Close the connections."""
        self._is_closed = True
        await self._lease.http.aclose()

    @contextlib.asynccontextmanager
    async def _hold_lease(self) -> AsyncIterator[_Lease]:
        """Use the pool of now, and close it if it has been exchanged since."""
        lease = self._lease
        lease.users += 1
        try:
            yield lease
        finally:
            lease.users -= 1
            if lease is not self._lease and lease.users == 0:
                await lease.http.aclose()

    async def _begin(self, lease: _Lease, request: httpx.Request) -> httpx.Response:
        try:
            return await lease.http.send(request, stream=True)
        except asyncio.CancelledError:
            lease.abandoned += 1
            if (
                lease is self._lease
                and not self._is_closed
                and self._abandoned_most is not None
                and lease.abandoned >= self._abandoned_most
            ):
                self._lease = _Lease(self._build())
            raise
