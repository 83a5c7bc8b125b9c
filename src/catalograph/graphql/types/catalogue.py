"""Catalogue: how fresh, how many."""

import datetime
from typing import Any

import strawberry

from catalograph.graphql.context import Info
from catalograph.graphql.scalars import DateTime


@strawberry.federation.type(
    description="The catalogue as this graph knows it just now.", shareable=True
)
class Catalogue:
    """Made for one answer."""

    total_models: int = strawberry.field(
        description="Models in the whole catalogue, whatever their status."
    )
    as_of: DateTime = strawberry.field(
        description="When the upstream was asked for what is shown here, UTC."
    )
    is_stale: bool = strawberry.field(
        description=(
            "Whether this is older than it should be, because the upstream failed when it "
            "was asked again."
        )
    )
    version: str = strawberry.field(
        description=(
            "A hash of all records and their order: equal versions are equal catalogues. "
            "Opaque."
        )
    )


async def load_catalogue(info: Info) -> Any:
    """Describe the index this operation sees."""
    loaders = info.context.loaders
    index = await loaders.load_index()
    return Catalogue(
        total_models=len(index.models),
        as_of=DateTime(datetime.datetime.fromtimestamp(index.as_of_s, tz=datetime.UTC)),
        is_stale=loaders.index_is_stale,
        version=index.version,
    )
