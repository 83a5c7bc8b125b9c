"""The one place where the types meet."""

from functools import cache
from typing import Any, Final

from strawberry.schema.config import StrawberryConfig

from catalograph.graphql.federation import Schema
from catalograph.graphql.node import node_id
from catalograph.graphql.scalars import SCALARS
from catalograph.graphql.types.offering import Offering
from catalograph.graphql.types.query import Query

FEDERATION_VERSION: Final = "2.9"
"""The newest that all composers in use know."""


def read_field(source: Any, name: str) -> object:
    """Read a field that has no resolver: an attribute, or the global id."""
    return node_id(source) if name == "id" else getattr(source, name)


@cache
def build_schema() -> Schema:
    """Build the executable schema; built once, since nothing in it depends on settings."""
    return Schema(
        query=Query,
        types=[Offering],
        federation_version=FEDERATION_VERSION,
        config=StrawberryConfig(default_resolver=read_field, scalar_map=SCALARS),
    )
