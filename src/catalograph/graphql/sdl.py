"""The schema as text: the API schema for clients, the subgraph schema for composers."""

from functools import cache

from catalograph.graphql.printing import print_api
from catalograph.graphql.schema import build_schema


@cache
def print_api_sdl() -> str:
    """Print what clients see; `schema.graphql` holds the same bytes."""
    return print_api(build_schema())


def print_subgraph_sdl() -> str:
    """Print what composers see; `_service` serves the same bytes."""
    return build_schema().print_subgraph()
