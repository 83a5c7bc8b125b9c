"""Resolvers of lists: of models at any place, and of the other entities at the root."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import msgspec
import strawberry
from strawberry import UNSET

from catalograph.catalogue.filter import EVERYTHING, FIELDS, ModelsFilter
from catalograph.catalogue.ordering import PRICE_ORDERS
from catalograph.catalogue.query import ModelsOrder
from catalograph.catalogue.side_tables import TableKind
from catalograph.data.slices import ModelsRequest
from catalograph.errors import UserInputError
from catalograph.graphql.context import Info
from catalograph.graphql.paging import parse_slice
from catalograph.graphql.run.needs import Need, needed_sections, needed_tables
from catalograph.graphql.types.arguments import (
    After,
    Before,
    First,
    Last,
    Limit,
    Offset,
)
from catalograph.graphql.types.connections import (
    EntityConnectionSource,
    ModelConnectionSource,
)
from catalograph.graphql.types.entities import ENTITY_BY_RECORD, Entity
from catalograph.graphql.types.filter import ModelFilter, ModelOrder

Search: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "Words to find, in any order; case and accents do not count, the start of a word "
            "is enough, words may be joined, split or misspelt. Looked for in name, id, "
            "aliases and organisation, then in providers, abilities (modalities, endpoints, "
            "parameters) and description. Best match comes first, among equals active and "
            "newer models, unless `orderBy` says otherwise. Null or blank: no search."
        )
    ),
]
Filter: TypeAlias = Annotated[
    ModelFilter | None,
    strawberry.argument(name="filter", description="Selects models. Null: all models."),
]
OrderBy: TypeAlias = Annotated[
    ModelOrder | None,
    strawberry.argument(
        description=(
            "Order of the list. Null: the catalogue's order, newest first; "
            "with `search`, best match first."
        )
    ),
]
Parent: TypeAlias = strawberry.Parent[Any]

MAX_SEARCH_CHARACTERS = 256


async def load_models(
    root: Parent,
    info: Info,
    filter_: Filter = UNSET,
    search: Search = UNSET,
    order_by: OrderBy = UNSET,
    limit: Limit = UNSET,
    offset: Offset = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Any:
    """Load a page of models; below a provider, endpoint or organisation, only its models."""
    context = info.context
    if filter_:
        context.count_filter_values(filter_.count_values())
    raw = info._raw_info  # noqa: SLF001 - Strawberry's wrapper hides the fragments
    request = build_request(
        root,
        context.find_needs(raw),
        filter_=filter_,
        search=search,
        order_by=order_by,
        limit=limit,
        offset=offset,
        first=first,
        after=after,
        last=last,
        before=before,
    )
    listing = await context.loaders.load_models(request, tuple(raw.path.as_list()))
    return ModelConnectionSource(listing, name_order(request.order, request.search))


def build_request(
    root: object,
    needs: Need,
    *,
    filter_: ModelFilter | None = UNSET,
    search: str | None = UNSET,
    order_by: ModelOrder | None = UNSET,
    limit: int | None = UNSET,
    offset: int | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> ModelsRequest:
    """Read the arguments of a list of models.

    `root` is the parent record, to whose models the list is restricted, or None at the root.

    Raises:
        UserInputError: An argument is invalid.
    """
    order = order_by.build() if order_by else None
    words = _parse_search(search)
    asked, fixed = _fix(filter_.build() if filter_ else EVERYTHING, root)
    part = parse_slice(
        order=name_order(order, words),
        limit=limit,
        offset=offset,
        first=first,
        after=after,
        last=last,
        before=before,
    )
    return ModelsRequest(
        filter=asked,
        search=words,
        order=order,
        part=part,
        sections=needed_sections(needs),
        needs_index=Need.INDEX in needs,
        tables=needed_tables(needs) | _find_tables(asked, order),
        fixed=fixed,
    )


def _find_tables(
    asked: ModelsFilter, order: ModelsOrder | None
) -> frozenset[TableKind]:
    """Find the side tables that a filter or an order reads from."""
    if any(FIELDS[name].reads_prices for name in asked.used) or (
        order is not None and order.field in PRICE_ORDERS
    ):
        return frozenset({TableKind.PRICES})
    return frozenset()


def build_list_resolver(entity: Entity) -> Callable[..., Any]:
    """Build the resolver of the root list of an entity."""

    async def load_entities(
        info: Info,
        limit: Limit = UNSET,
        offset: Offset = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Any:
        part = parse_slice(
            order=entity.key,
            limit=limit,
            offset=offset,
            first=first,
            after=after,
            last=last,
            before=before,
        )
        index = await info.context.loaders.load_index()
        return EntityConnectionSource(entity.list_all(index), entity.key, part)

    return load_entities


def build_look_up(entity: Entity, description: str) -> Callable[..., Any]:
    """Build the resolver that finds an entity by its natural key.

    Args:
        entity: The kind of entity to look up.
        description: Description of the argument, which is named like the key.
    """

    async def load_entity(
        info: Info,
        key: Annotated[
            str, strawberry.argument(name=entity.key_field, description=description)
        ],
    ) -> Any:
        return entity.find(await info.context.loaders.load_index(), key)

    return load_entity


def _parse_search(search: str | None) -> str | None:
    if not search or not search.strip():
        return None
    if len(search) > MAX_SEARCH_CHARACTERS:
        message = (
            f"search must be at most {MAX_SEARCH_CHARACTERS} characters, "
            f"got {len(search)}"
        )
        raise UserInputError(message)
    return search


def name_order(order: ModelsOrder | None, search: str | None) -> str:
    """Name the order of a list; cursors contain it, as they are valid in that order only."""
    if order is not None:
        return f"{order.field.value}{'-' if order.descending else '+'}"
    return "catalogue" if search is None else "search"


def _fix(asked: ModelsFilter, root: object) -> tuple[ModelsFilter, str | None]:
    """Restrict a filter to the models of a parent object; the root has none."""
    entity = ENTITY_BY_RECORD.get(type(root))
    if entity is None or entity.fixes is None:
        return asked, None
    if getattr(asked, entity.fixes):
        message = (
            f"filter.{entity.fixes} is already set by the {entity.type_name} that this list "
            "belongs to; leave it out"
        )
        raise UserInputError(message)
    fixed = {entity.fixes: (getattr(root, entity.key),)}
    return msgspec.structs.replace(asked, **fixed), entity.fixes
