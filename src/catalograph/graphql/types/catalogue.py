"""Catalogue: how fresh, how many."""

import datetime
from typing import Any

import strawberry

from catalograph.graphql.context import Info
from catalograph.graphql.scalars import DateTime


@strawberry.federation.type(
    description="The catalogue as the gateway currently has it.", shareable=True
)
class Catalogue:
    """Made for one answer."""

    total_models: int = strawberry.field(
        description="Number of models in the whole catalogue, of any status."
    )
    as_of: DateTime = strawberry.field(
        description="When these data were requested from the upstream, UTC."
    )
    is_stale: bool = strawberry.field(
        description=(
            "Whether the data are older than intended, because the upstream "
            "failed when they were refreshed."
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
