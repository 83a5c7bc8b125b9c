"""Protocols of the web layer for its neighbours: the engine and the explorer."""

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from catalograph.graphql.run.request import Answer, Caller, Operation


class Engine(Protocol):
    """Runs operations.

    Only queries: the schema has no mutations, so that an operation of another kind comes
    back as a request error for every caller and method.
    """

    async def execute(self, operation: Operation, caller: Caller) -> Answer:
        """Answer an operation; errors of the graph are in the answer, not raised.

        Does not suspend when everything is in memory.
        """


class ExplorerPages(Protocol):
    """The page at `GET /graphql` for browsers, and the routes of its files."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Where the files are."""

    def page(self, request: Request) -> Response:
        """The page itself."""
