"""Builds the executable schema from the types."""

from functools import cache
from typing import Any, Final

from strawberry.schema.config import StrawberryConfig

from catalograph.graphql.federation import Schema
from catalograph.graphql.node import node_id
from catalograph.graphql.scalars import SCALARS
from catalograph.graphql.types.offering import Offering
from catalograph.graphql.types.query import Query

FEDERATION_VERSION: Final = "2.9"
"""The newest federation version that all common composers support."""


_DESCRIPTION: Final = """\
A catalogue of AI models: their makers, the providers that serve them, prices and limits.
Start with `models`, or with `model` if you know an id; models, offerings, providers, endpoints
and organisations link to one another.

The graph is read-only. Values that the catalogue does not have are null. Lists are paged by
`limit` and `offset`, or by cursors with `first` and `after`. `catalogue` shows how fresh the
data are."""


def read_field(source: Any, name: str) -> object:
    """Read a field that has no resolver: an attribute, or the global id."""
    return node_id(source) if name == "id" else getattr(source, name)


@cache
def build_schema() -> Schema:
    """Build the executable schema; built once, since nothing in it depends on settings."""
    schema = Schema(
        query=Query,
        types=[Offering],
        federation_version=FEDERATION_VERSION,
        config=StrawberryConfig(default_resolver=read_field, scalar_map=SCALARS),
    )
    # Strawberry takes no description; introspection and the printed schema show it.
    schema._schema.description = _DESCRIPTION  # noqa: SLF001 - Strawberry has no public name for it
    return schema
