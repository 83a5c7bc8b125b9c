"""Protocols of the objects that the web layer is given: the engine and the explorer."""

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from catalograph.graphql.run.request import Answer, Caller, Operation


class Engine(Protocol):
    """Runs operations.

    It only runs queries: the schema has no mutations or subscriptions, so these are answered
    with a request error.
    """

    async def execute(self, operation: Operation, caller: Caller) -> Answer:
        """Run an operation; GraphQL errors are in the answer, not raised.

        Does not suspend when everything is in memory.
        """


class ExplorerPages(Protocol):
    """The page at `GET /graphql` for browsers, and the routes of its files."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Routes of the files."""

    def page(self, request: Request) -> Response:
        """Build the response with the page."""
