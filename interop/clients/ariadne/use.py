import asyncio

from catalogue_client import Client


async def main() -> None:
    client = Client(url="http://127.0.0.1:8000/graphql")
    found = await client.model_by_id(model_id="openai/gpt-5.2")
    if found.model:
        print(found.model.name, found.model.release_date)


asyncio.run(main())
