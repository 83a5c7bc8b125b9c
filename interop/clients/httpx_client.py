from collections.abc import Iterator

import httpx

MODELS = """
query Models($after: String) {
  models(filter: {organisations: ["mistral"]}, first: 10, after: $after) {
    nodes { modelId }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def all_models(client: httpx.Client) -> Iterator[str]:
    """Every model, once, page by page."""
    after = None
    while True:
        body = {"query": MODELS, "variables": {"after": after}}
        answer = client.post("http://127.0.0.1:8000/graphql", json=body).json()
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        page = answer["data"]["models"]
        yield from (model["modelId"] for model in page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


with httpx.Client() as client:
    print(len(list(all_models(client))), "models")
