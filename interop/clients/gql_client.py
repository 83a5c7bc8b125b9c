import asyncio

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport

OFFERED = gql(
    """
    query Offered($by: [String!]!) {
      models(filter: {providers: $by}, limit: 3) {
        totalCount
        nodes { name releaseDate }
      }
    }
    """
)


async def main() -> None:
    transport = AIOHTTPTransport(url="http://127.0.0.1:8000/graphql", ssl=False)
    # The schema is fetched, and the query checked against it before it is sent.
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        OFFERED.variable_values = {"by": ["groq"]}
        found = await session.execute(OFFERED)
    print(found["models"]["totalCount"], "models")
    for model in found["models"]["nodes"]:
        print(model["releaseDate"], model["name"])


asyncio.run(main())
