"""The entities of the graph that have a natural key, in one table.

Global ids, federation, root look-ups, root lists and the filter that a parent fixes
follow from it. Offerings have no natural key; `node` and `federation` know them by name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from catalograph.catalogue import records
from catalograph.catalogue.filter import to_camel_case
from catalograph.catalogue.index import CatalogueIndex


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """One type of entity.

    Attributes:
        type_name: Name of the GraphQL type.
        record: What the type is read from.
        key: Attribute of the record that holds the natural key.
        find: Finds one by its natural key; None when the catalogue does not hold it.
        list_all: Lists all of them, ordered by key.
        fixes: Field of the filter that a list of models below such an entity has fixed.
            Also the name of the root list. None for models.
    """

    type_name: str
    record: type
    key: str
    find: Callable[[CatalogueIndex, str], Any]
    list_all: Callable[[CatalogueIndex], Sequence[Any]]
    fixes: str | None = None

    @property
    def key_field(self) -> str:
        """The natural key as the graph spells it, such as `modelId`."""
        return to_camel_case(self.key)


MODEL: Final = Entity(
    type_name="Model",
    record=records.Model,
    key="model_id",
    find=CatalogueIndex.find_model_by_id,
    list_all=lambda index: index.models,
)
PROVIDER: Final = Entity(
    type_name="Provider",
    record=records.Provider,
    key="provider_id",
    find=CatalogueIndex.find_provider,
    list_all=lambda index: index.providers,
    fixes="providers",
)
ENDPOINT: Final = Entity(
    type_name="Endpoint",
    record=records.Endpoint,
    key="endpoint_id",
    find=CatalogueIndex.find_endpoint,
    list_all=lambda index: index.endpoints,
    fixes="endpoints",
)
ORGANISATION: Final = Entity(
    type_name="Organisation",
    record=records.Organisation,
    key="organisation_id",
    find=CatalogueIndex.find_organisation,
    list_all=lambda index: index.organisations,
    fixes="organisations",
)

ENTITIES: Final = (MODEL, PROVIDER, ENDPOINT, ORGANISATION)

ENTITY_BY_NAME: Final[Mapping[str, Entity]] = {one.type_name: one for one in ENTITIES}
ENTITY_BY_RECORD: Final[Mapping[type, Entity]] = {one.record: one for one in ENTITIES}
