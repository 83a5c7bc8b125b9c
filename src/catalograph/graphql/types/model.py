"""Model, and lists of models."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

from catalograph.catalogue import records
from catalograph.catalogue.pricing import find_model_prices
from catalograph.graphql.context import Info
from catalograph.graphql.run.needs import Need, needs
from catalograph.graphql.scalars import Date, Decimal
from catalograph.graphql.types.availability import Availability
from catalograph.graphql.types.connections import PageInfo
from catalograph.graphql.types.facets import (
    ModelFacets,
    UnknownFilterValue,
    find_search_suggestion,
    load_facets,
    load_unknown_values,
)
from catalograph.graphql.types.filter import ModelStatus
from catalograph.graphql.types.list_cost import FACETS, assume_size
from catalograph.graphql.types.node import Node
from catalograph.graphql.types.price import find_cheapest, price_field

if TYPE_CHECKING:
    from catalograph.graphql.types.endpoint import Endpoint
    from catalograph.graphql.types.offering import Offering
    from catalograph.graphql.types.organisation import Organisation
    from catalograph.graphql.types.parameter import Parameter
    from catalograph.graphql.types.provider import Provider

_TYPES = "catalograph.graphql.types"
_NO_DATE = "Null when the catalogue does not say."


def find_offerings(
    root: strawberry.Parent[Any],
    info: Info,
    providers: Annotated[
        list[str] | None,
        strawberry.argument(
            description="Only those of these providers, by `providerId`. Null or empty: all."
        ),
    ] = UNSET,
    endpoints: Annotated[
        list[str] | None,
        strawberry.argument(
            description="Only those on these endpoints, by `endpointId`. Null or empty: all."
        ),
    ] = UNSET,
) -> Any:
    """Pick the offerings of a model."""
    model: records.Model = root
    index = info.context.loaders.index
    meant: Collection[str] = endpoints or ()
    if index is not None:
        meant = {one for name in meant for one in index.resolve_endpoint(name)}
    return [
        offering
        for offering in model.offerings
        if (not providers or offering.provider.provider_id in providers)
        and (not meant or offering.endpoint.endpoint_id in meant)
    ]


def find_base_model(root: strawberry.Parent[Any], info: Info) -> Any:
    """Find the model of which one is a variant."""
    model: records.Model = root
    if model.base_model_id in {None, model.model_id}:
        return None
    return info.context.loaders.find_model(model.base_model_id or "")


def find_variants(root: strawberry.Parent[Any], info: Info) -> Any:
    """Find the models with the same base."""
    model: records.Model = root
    index = info.context.loaders.index
    if index is None or model.base_model_id is None:
        return ()
    return index.variants_of(model.base_model_id)


def find_replacement(root: strawberry.Parent[Any], info: Info) -> Any:
    """Find the model that succeeds one."""
    model: records.Model = root
    if model.replacement_id is None:
        return None
    return info.context.loaders.find_model(model.replacement_id)


@strawberry.federation.type(
    keys=["id", "modelId"],
    description=(
        "An AI model. Its data are the same however it was reached: a filter "
        "selects models, but never changes their offerings or other lists."
    ),
)
class Model(Node):
    """Read from `records.Model`."""

    model_id: str = strawberry.field(
        description=(
            "Natural id, `organisation/name`, as in the catalogue and in "
            "`model(modelId:)`."
        )
    )
    name: str | None = strawberry.field(
        description="Display name; not unique. Null when the catalogue gives none."
    )
    status: ModelStatus | None = strawberry.field(
        description="Stage of the model's life cycle. Null when the catalogue gives none."
    )
    status_label: str | None = strawberry.field(
        description="The status as the catalogue words it. Null when it gives none."
    )
    release_date: Date | None = strawberry.field(
        description=f"Day the model was released. {_NO_DATE}"
    )
    announcement_date: Date | None = strawberry.field(
        description=f"Day the model was announced. {_NO_DATE}"
    )
    deprecation_date: Date | None = strawberry.field(
        description=f"Day from which its maker advises against the model. {_NO_DATE}"
    )
    retirement_date: Date | None = strawberry.field(
        description=f"Day from which its maker no longer offers the model. {_NO_DATE}"
    )
    organisation: (
        Annotated["Organisation", strawberry.lazy(f"{_TYPES}.organisation")] | None
    ) = strawberry.field(
        description="The maker of the model. Null when the catalogue does not name it."
    )
    aliases: list[str] = strawberry.field(
        description="Other ids that `model(modelId:)` takes for this model; may be empty."
    )
    input_modalities: list[str] = strawberry.field(
        description=(
            "Modalities of the input, such as `text` or `image`. Empty when "
            "the catalogue does not say."
        )
    )
    output_modalities: list[str] = strawberry.field(
        description=(
            "Modalities of the output, such as `text` or `audio`. Empty when "
            "the catalogue does not say."
        )
    )
    is_routable: bool = strawberry.field(
        description="Whether the gateway behind the catalogue can route the model now."
    )
    endpoints: list[Annotated["Endpoint", strawberry.lazy(f"{_TYPES}.endpoint")]] = (
        strawberry.field(
            description="Endpoints on which the model is served, distinct; may be empty.",
            directives=[assume_size(5)],
        )
    )
    providers: list[Annotated["Provider", strawberry.lazy(f"{_TYPES}.provider")]] = (
        strawberry.field(
            description=(
                "Providers that serve the model, distinct, ordered by name; may "
                "be empty."
            ),
            directives=[assume_size(5)],
        )
    )
    offerings: list[Annotated["Offering", strawberry.lazy(f"{_TYPES}.offering")]] = (
        strawberry.field(
            resolver=find_offerings,
            metadata=needs(Need.GATEWAY),
            directives=[assume_size(10)],
            description=(
                "Which provider serves the model on which endpoint; may be "
                "empty. Empty also when the catalogue does not relate "
                "providers to endpoints."
            ),
        )
    )

    description: str | None = strawberry.field(
        description=(
            "A short description of the model. Null when the catalogue gives none."
        )
    )
    variant: str | None = strawberry.field(
        description=(
            "Which variant of its base model this is, such as `standard` or "
            "`free`. Null when the catalogue does not distinguish variants."
        )
    )
    base_model: Annotated["Model", strawberry.lazy(f"{_TYPES}.model")] | None = (
        strawberry.field(
            resolver=find_base_model,
            metadata=needs(Need.INDEX),
            description=(
                "The model of which this is a variant. Null for a base "
                "model, when the base is not listed, and when the catalogue "
                "does not say."
            ),
        )
    )
    variants: list[Annotated["Model", strawberry.lazy(f"{_TYPES}.model")]] = (
        strawberry.field(
            resolver=find_variants,
            metadata=needs(Need.INDEX),
            directives=[assume_size(2)],
            description=(
                "All models with the same base, including this one, in "
                "catalogue order. Empty when the catalogue does not "
                "distinguish variants."
            ),
        )
    )
    replacement: Annotated["Model", strawberry.lazy(f"{_TYPES}.model")] | None = (
        strawberry.field(
            resolver=find_replacement,
            metadata=needs(Need.INDEX),
            description=(
                "The successor of this model, which may be named while this "
                "model is still in use. Null when the catalogue names none, "
                "or one that it does not list."
            ),
        )
    )
    lifecycle_message: str | None = strawberry.field(
        # The upstream words it by what else is in a list: a filtered one words it otherwise.
        metadata=needs(Need.INDEX),
        description=(
            "The catalogue's message about deprecation or retirement of the "
            "model. Null when there is none."
        ),
    )
    max_input_tokens: int | None = strawberry.field(
        description=f"Maximum number of input tokens of a request. {_NO_DATE}"
    )
    max_output_tokens: int | None = strawberry.field(
        description=f"Maximum number of output tokens of a response. {_NO_DATE}"
    )
    availability: Availability | None = strawberry.field(
        description=f"Whether the model can be called now. {_NO_DATE}"
    )
    parameters: list[Annotated["Parameter", strawberry.lazy(f"{_TYPES}.parameter")]] = (
        strawberry.field(
            directives=[assume_size(10)],
            description=(
                "Request parameters that any offering supports, ordered by "
                "name. Empty also when the catalogue lists none."
            ),
        )
    )

    input_price: Decimal | None = price_field(
        lambda model, at: find_model_prices(model, at).input,
        Need.GATEWAY | Need.PRICES,
        description=(
            "US dollars for a million input text tokens: the lowest "
            "`inputPrice` now among the routable offerings with prices in US "
            "dollars, except those of the endpoint `batch`. 0 is free of "
            "charge. Null when there is no such price."
        ),
    )
    output_price: Decimal | None = price_field(
        lambda model, at: find_model_prices(model, at).output,
        Need.GATEWAY | Need.PRICES,
        description=(
            "US dollars for a million output text tokens; otherwise like "
            "`inputPrice`, but perhaps from another offering."
        ),
    )
    cheapest_offering: (
        Annotated["Offering", strawberry.lazy(f"{_TYPES}.offering")] | None
    ) = strawberry.field(
        resolver=find_cheapest,
        metadata=needs(Need.GATEWAY | Need.PRICES),
        description=(
            "The routable offering with the lowest cost of a usage, by "
            "standard prices in one currency; the first if several cost the "
            "same. Offerings that lack a price for part of the usage, and "
            "those of the endpoint `batch`, are left out. Null when none "
            "remains."
        ),
    )

    @classmethod
    def is_type_of(cls, source: object, _info: object) -> bool:
        """Tell a model from the other nodes."""
        return isinstance(source, records.Model)


@strawberry.federation.type(
    description="A model in a list, with its position.", shareable=True
)
class ModelEdge:
    """Read from `connections.EdgeSource`."""

    cursor: str = strawberry.field(
        description="Opaque position in the list, for `after` and `before`."
    )
    node: Model = strawberry.field(description="The model.")


@strawberry.federation.type(description="A page of a list of models.", shareable=True)
class ModelConnection:
    """Read from `connections.ModelConnectionSource`."""

    edges: list[ModelEdge] = strawberry.field(
        description="The models of the page with their cursors, in list order."
    )
    nodes: list[Model] = strawberry.field(
        description="The models of the page, in list order."
    )
    page_info: PageInfo = strawberry.field(
        description="Position of the page in the list."
    )
    total_count: int = strawberry.field(
        description="Number of models in the whole list, after filter and search."
    )
    limit: int = strawberry.field(description="Maximum number of models on the page.")
    offset: int = strawberry.field(
        description=(
            "Index of the first edge in the list, from 0, also when paging by cursor."
        )
    )
    facets: ModelFacets | None = strawberry.field(
        resolver=load_facets,
        metadata=needs(Need.INDEX),
        directives=[FACETS],
        description="Counts by value over the whole list. Null only where counting failed.",
    )
    search_suggestion: str | None = strawberry.field(
        resolver=find_search_suggestion,
        metadata=needs(Need.NOTHING),
        description=(
            "A similar search that finds something. Null without a search, "
            "when the search matches any model of the catalogue, and when no "
            "similar search is found."
        ),
    )
    unknown_filter_values: list[UnknownFilterValue] = strawberry.field(
        resolver=load_unknown_values,
        metadata=needs(Need.INDEX),
        description=(
            "Filter values that the catalogue does not have, with "
            "suggestions; empty when it has all of them."
        ),
    )
