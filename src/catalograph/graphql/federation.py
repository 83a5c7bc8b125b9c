"""For routers: `_service`, and `_entities` over the index by both keys of each type."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

import strawberry
from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_specified_directive,
    is_specified_scalar_type,
    specified_directives,
)
from strawberry.federation.schema import FederationAny

from catalograph.catalogue.index import CatalogueIndex
from catalograph.errors import UserInputError
from catalograph.graphql.context import Context
from catalograph.graphql.errors import strip
from catalograph.graphql.node import find_node, parse_id
from catalograph.graphql.printing import print_subgraph

_NATURAL_KEYS: dict[str, tuple[str, Callable[[CatalogueIndex, str], object]]] = {
    "Model": ("modelId", CatalogueIndex.find_model_by_id),
    "Provider": ("providerId", CatalogueIndex.find_provider),
    "Endpoint": ("endpointId", CatalogueIndex.find_endpoint),
    "Organisation": ("organisationId", CatalogueIndex.find_organisation),
}
_ENTITIES = (*_NATURAL_KEYS, "Offering")


class Schema(strawberry.federation.Schema):
    """The framework's federated schema, with entities that are found in one place.

    `_service` gives the subgraph SDL, which leaves out what no router may ask for; the
    framework's own prints everything.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._hide_directives()
        service = cast("GraphQLObjectType", self._schema.type_map["_Service"])
        self.print_subgraph = cache(lambda: print_subgraph(self))
        service.fields["sdl"].resolve = lambda *_: self.print_subgraph()

    def _hide_directives(self) -> None:
        """Take federation's directives out of introspection, with the types of their arguments.

        They are applied in the SDL alone; a client that generates types would have to map
        their scalars.
        """
        schema = self._schema
        hidden = [one for one in schema.directives if not is_specified_directive(one)]
        for directive in hidden:
            for argument in directive.args.values():
                kind = get_named_type(argument.type)
                if not is_specified_scalar_type(kind):
                    schema.type_map.pop(kind.name, None)
        schema.directives = specified_directives

    async def entities_resolver(  # type: ignore[override]
        self,
        info: strawberry.Info[Any, Any],
        representations: list[FederationAny],
    ) -> list[FederationAny]:
        """Find every entity a router asks for: order and repeats kept, each fails alone."""
        context: Context = info.context
        context.count_references(len(representations))
        keys = [
            _read_or_error(representation, place)
            for place, representation in enumerate(representations)
        ]
        if all(isinstance(key, UserInputError) for key in keys):
            # An error in a list is the error of that place.
            return keys  # type: ignore[return-value]
        index = await context.loaders.load_index()
        return [
            key if isinstance(key, UserInputError) else key(index)  # type: ignore[misc]
            for key in keys
        ]


def _read_or_error(
    representation: object, place: int
) -> Callable[[CatalogueIndex], object] | UserInputError:
    try:
        return _read(representation, f"representations[{place}]")
    except UserInputError as error:
        return strip(error)


def _read(representation: object, argument: str) -> Callable[[CatalogueIndex], object]:
    """Read a representation into what looks its entity up.

    Raises:
        UserInputError: It names no entity of this graph, or none of its keys.
    """
    if not isinstance(representation, Mapping):
        message = f"{argument} must be an object with __typename and a key"
        raise UserInputError(message)
    type_name = representation.get("__typename")
    if type_name not in _ENTITIES:
        message = f"{argument}.__typename must be one of {', '.join(_ENTITIES)}"
        raise UserInputError(message)
    id_ = representation.get("id")
    if isinstance(id_, str):
        key = parse_id(id_, argument=f"{argument}.id")
        if key.type_name != type_name:
            message = f"{argument}.id must be the id of a {type_name}"
            raise UserInputError(message)
        return lambda index: find_node(index, key)
    name, find = _NATURAL_KEYS.get(type_name, ("id", None))
    natural = representation.get(name)
    if find is None or not isinstance(natural, str):
        wanted = "id" if find is None else f"id or {name}"
        message = f"{argument} must hold {wanted}, as a string"
        raise UserInputError(message)
    return lambda index: find(index, natural)
