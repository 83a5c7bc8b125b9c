"""Federation: `_service`, and `_entities` from the index, by both keys of each type."""

import asyncio
import re
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
from catalograph.graphql.types.entities import ENTITY_BY_NAME

_TYPES = (*ENTITY_BY_NAME, "Offering")


class Schema(strawberry.federation.Schema):
    """The framework's federated schema, with entities that are found in one place.

    `_service` gives the subgraph SDL, which leaves out what no router may ask for; the
    framework's own prints everything.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._hide_directives()
        self._put_machinery_last()
        service = cast("GraphQLObjectType", self._schema.type_map["_Service"])
        self.print_subgraph = cache(lambda: print_subgraph(self))
        service.fields["sdl"].resolve = self._resolve_sdl

    async def _resolve_sdl(self, *_: object) -> str:
        """Give the subgraph SDL. Printing it takes 100 ms, once, so it is done in a thread."""
        return await asyncio.to_thread(self.print_subgraph)

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

    def _put_machinery_last(self) -> None:
        """Move fields and types that are only for routers to the end of introspection."""
        query = cast("GraphQLObjectType", self._schema.query_type)
        for members in (query.fields, self._schema.type_map):
            # Names with two underscores are those of introspection; they stay in place.
            for name in [one for one in members if re.match(r"_[^_]", one)]:
                members[name] = members.pop(name)

    async def entities_resolver(  # type: ignore[override]
        self,
        info: strawberry.Info[Any, Any],
        representations: list[FederationAny],
    ) -> list[FederationAny]:
        """Find the entities of a router, in order and with repeats; one error fails only its own."""
        context: Context = info.context
        context.count_references(len(representations))
        keys = [
            _read_or_error(representation, place)
            for place, representation in enumerate(representations)
        ]
        if all(isinstance(key, UserInputError) for key in keys):
            # An exception in the list becomes the error of its position.
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
    """Parse a representation into a function that finds its entity.

    Raises:
        UserInputError: It has no entity type of this graph, or none of its keys.
    """
    if not isinstance(representation, Mapping):
        message = f"{argument} must be an object with __typename and a key"
        raise UserInputError(message)
    type_name = representation.get("__typename")
    if type_name not in _TYPES:
        # The message does not list the types: introspection may be switched off.
        message = f"{argument}.__typename must be the name of an entity of this graph"
        raise UserInputError(message)
    id_ = representation.get("id")
    entity = ENTITY_BY_NAME.get(type_name)
    natural = None if entity is None else representation.get(entity.key_field)
    if isinstance(id_, str):
        key = parse_id(id_, argument=f"{argument}.id")
        if key.type_name != type_name:
            message = f"{argument}.id must be the id of a {type_name}"
            raise UserInputError(message)
        if entity is not None and isinstance(natural, str) and natural != key.parts[0]:
            # The keys are of two entities; choosing one of them would be a guess.
            message = (
                f"{argument}.id and {argument}.{entity.key_field} must name the same"
            )
            raise UserInputError(message)
        return lambda index: find_node(index, key)
    if entity is None or not isinstance(natural, str):
        wanted = "id" if entity is None else f"id or {entity.key_field}"
        message = f"{argument} must hold {wanted}, as a string"
        raise UserInputError(message)
    return lambda index: entity.find(index, natural)
