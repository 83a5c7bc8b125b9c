"""Usage: gql_transports.py aiohttp|httpx URL. Two pages and one model, checked before sent."""

import asyncio
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport

TRANSPORTS = {"aiohttp": AIOHTTPTransport, "httpx": HTTPXAsyncTransport}
PAGE = """
query Page($first: Int!, $after: String) {
  models(first: $first, after: $after) {
    nodes { id modelId releaseDate }
    pageInfo { hasNextPage endCursor }
  }
}
"""
ONE = "query One($id: String!) { model(modelId: $id) { id modelId releaseDate } }"


async def main(transport: str, url: str) -> None:
    """Walk two pages and ask for a model of the second alone."""
    client = Client(
        transport=TRANSPORTS[transport](url=url), fetch_schema_from_transport=True
    )
    async with client as session:

        async def ask(text: str, **variables: object) -> dict[str, dict]:
            document = gql(text)
            document.variable_values = variables
            return await session.execute(document)

        size = 5
        first = (await ask(PAGE, first=size))["models"]
        after = first["pageInfo"]["endCursor"]
        second = (await ask(PAGE, first=size, after=after))["models"]
        ids = [model["id"] for model in first["nodes"] + second["nodes"]]
        assert len(set(ids)) == 2 * size
        listed = second["nodes"][0]
        assert (await ask(ONE, id=listed["modelId"]))["model"] == listed
        code = None
        try:
            await ask(PAGE, first=251)
        except TransportQueryError as error:
            code = error.errors[0]["extensions"]["code"]
        assert code == "BAD_USER_INPUT"


asyncio.run(main(*sys.argv[1:]))
