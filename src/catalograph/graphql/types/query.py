"""The root fields."""

from typing import Annotated, Any

import strawberry

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.suggestion import suggest_model_ids
from catalograph.data.loaders import Suggestions
from catalograph.errors import UserInputError
from catalograph.graphql.context import Info
from catalograph.graphql.errors import strip
from catalograph.graphql.node import find_node, parse_id
from catalograph.graphql.types.catalogue import Catalogue, load_catalogue
from catalograph.graphql.types.endpoint import Endpoint, EndpointConnection
from catalograph.graphql.types.entities import ENDPOINT, ORGANISATION, PROVIDER
from catalograph.graphql.types.list_cost import PAGE
from catalograph.graphql.types.lists import (
    build_list_resolver,
    build_look_up,
    load_models,
)
from catalograph.graphql.types.model import Model, ModelConnection
from catalograph.graphql.types.node import Node
from catalograph.graphql.types.organisation import (
    Organisation,
    OrganisationConnection,
)
from catalograph.graphql.types.provider import Provider, ProviderConnection

_FAILED = "Null when the list could not be loaded; `errors` says why."
_UNKNOWN = "Null when the catalogue does not have it."


async def load_model(
    info: Info,
    model_id: Annotated[
        str,
        strawberry.argument(
            description=(
                "Natural id, `organisation/name`, or an alias of the model, "
                "in any case."
            )
        ),
    ],
) -> Any:
    """Load one model by id or alias; suggest others when there is none."""
    context = info.context
    index = await context.loaders.load_index()
    model = index.find_model(model_id)
    if model is None:
        suggested = suggest_model_ids(model_id, index, context.speller)
        if suggested:
            path = info._raw_info.path.as_list()  # noqa: SLF001 - Strawberry's has none
            context.loaders.suggestions.append(Suggestions(path, model_id, suggested))
    return model


async def load_models_by_id(
    info: Info,
    model_ids: Annotated[
        list[str],
        strawberry.argument(
            description=(
                "Natural ids or aliases, in any case; at most 1,000 in one "
                "operation by default."
            )
        ),
    ],
) -> Any:
    """Load models by id or alias, in the requested order with repeats."""
    info.context.count_references(len(model_ids))
    index = await info.context.loaders.load_index()
    return [index.find_model(model_id) for model_id in model_ids]


async def load_node(
    info: Info,
    id: Annotated[
        strawberry.ID, strawberry.argument(description="A global id of this graph.")
    ],
) -> Any:
    """Load whatever has a global id."""
    key = parse_id(id)
    return find_node(await info.context.loaders.load_index(), key)


async def load_nodes(
    info: Info,
    ids: Annotated[
        list[strawberry.ID],
        strawberry.argument(
            description=(
                "Global ids of this graph; at most 1,000 in one operation by default."
            )
        ),
    ],
) -> Any:
    """Load many nodes, in the requested order with repeats; one bad id fails alone."""
    info.context.count_references(len(ids))
    index = await info.context.loaders.load_index()
    # To say of a thousand that they are no ids takes longer than a turn.
    paced = info.context.time_slice.iterate(enumerate(ids))
    return [_find_or_error(index, id_, place) async for place, id_ in paced]


def _find_or_error(index: CatalogueIndex, id_: str, place: int) -> Any:
    try:
        return find_node(index, parse_id(id_, argument=f"ids[{place}]"))
    except UserInputError as error:
        # An error in a list is the error of that place.
        return strip(error)


@strawberry.type(description="Entry points of the graph.")
class Query:
    """Root fields, each of which fails alone."""

    models: ModelConnection | None = strawberry.field(
        resolver=load_models,
        directives=[PAGE],
        description=(
            "Models, in the catalogue's order unless `orderBy` or `search` is "
            f"given. {_FAILED}"
        ),
    )
    model: Model | None = strawberry.field(
        resolver=load_model,
        description=(
            f"One model. {_UNKNOWN} `extensions.suggestions` then lists "
            "similar ids, if there are any."
        ),
    )
    models_by_id: list[Model | None] = strawberry.field(
        resolver=load_models_by_id,
        description=(
            "The models with these ids or aliases, in the order of the ids, "
            "including repeats; null for those that the catalogue does not "
            "have."
        ),
    )
    providers: ProviderConnection | None = strawberry.field(
        resolver=build_list_resolver(PROVIDER),
        directives=[PAGE],
        description=f"All providers that serve a model, ordered by id. {_FAILED}",
    )
    provider: Provider | None = strawberry.field(
        resolver=build_look_up(PROVIDER, "Natural id, such as `openai`."),
        description=f"One provider. {_UNKNOWN}",
    )
    organisations: OrganisationConnection | None = strawberry.field(
        resolver=build_list_resolver(ORGANISATION),
        directives=[PAGE],
        description=f"All organisations that made a model, ordered by id. {_FAILED}",
    )
    organisation: Organisation | None = strawberry.field(
        resolver=build_look_up(ORGANISATION, "Natural id, such as `openai`."),
        description=f"One organisation. {_UNKNOWN}",
    )
    endpoints: EndpointConnection | None = strawberry.field(
        resolver=build_list_resolver(ENDPOINT),
        directives=[PAGE],
        description=f"All endpoints on which a model is served, ordered by id. {_FAILED}",
    )
    endpoint: Endpoint | None = strawberry.field(
        resolver=build_look_up(ENDPOINT, "Natural id, such as `chat.completions`."),
        description=f"One endpoint. {_UNKNOWN}",
    )
    catalogue: Catalogue | None = strawberry.field(
        resolver=load_catalogue,
        description=(
            "Freshness and size of the catalogue. Null when it could not be "
            "read; `errors` says why."
        ),
    )
    node: Node | None = strawberry.field(
        resolver=load_node, description=f"The object with this global id. {_UNKNOWN}"
    )
    nodes: list[Node | None] = strawberry.field(
        resolver=load_nodes,
        description=(
            "The objects with these global ids, in the order of the ids, "
            "including repeats; null for ids that the catalogue does not "
            "have."
        ),
    )
