"""Global ids: opaque, unique over all types, the same for as long as the record is the same."""

import base64
from typing import Any

import msgspec

from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.records import (
    Endpoint,
    Model,
    Offering,
    Organisation,
    Provider,
)
from catalograph.errors import UserInputError
from catalograph.graphql.types.entities import ENTITY_BY_NAME, ENTITY_BY_RECORD

Record = Model | Offering | Provider | Endpoint | Organisation
"""The records that nodes are read from."""


class NodeKey(msgspec.Struct, frozen=True):
    """A decoded global id.

    Attributes:
        type_name: GraphQL type.
        parts: The upstream identity; five parts for an offering, one otherwise.
    """

    type_name: str
    parts: tuple[Any, ...]


OfferingKey = tuple[str, str, str, str | None, int]
"""Model, provider, endpoint, slug and ordinal."""

_OFFERING_KEY = msgspec.json.Decoder(OfferingKey)


def node_id(record: Record) -> str:
    """Build the global id of a record."""
    if isinstance(record, Offering):
        key = msgspec.json.encode(offering_key(record)).decode()
        return build_id("Offering", key)
    entity = ENTITY_BY_RECORD[type(record)]
    return build_id(entity.type_name, getattr(record, entity.key))


def offering_key(offering: Offering) -> OfferingKey:
    """The identifying fields of an offering."""
    return (
        offering.model_id,
        offering.provider.provider_id,
        offering.endpoint.endpoint_id,
        offering.provider_model_slug,
        offering.ordinal,
    )


def build_id(type_name: str, key: str) -> str:
    """Encode a type and an upstream identity as a global id."""
    return base64.urlsafe_b64encode(f"{type_name}:{key}".encode()).rstrip(b"=").decode()


def parse_id(value: str, *, argument: str = "id") -> NodeKey:
    """Decode a global id.

    Raises:
        UserInputError: It is not an id of this graph.
    """
    try:
        padded = value + "=" * (-len(value) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        type_name, colon, key = text.partition(":")
        if not colon or build_id(type_name, key) != value:
            raise _not_an_id(argument)
        if type_name == "Offering":
            parts = _OFFERING_KEY.decode(key)
            if msgspec.json.encode(parts) != key.encode():
                raise _not_an_id(argument)
            return NodeKey(type_name, parts)
        if type_name not in ENTITY_BY_NAME:
            raise _not_an_id(argument)
    except (ValueError, msgspec.MsgspecError) as exc:
        raise _not_an_id(argument) from exc
    return NodeKey(type_name, (key,))


def find_node(index: CatalogueIndex, key: NodeKey) -> Record | None:
    """Find the record of a global id; None if the catalogue does not have it."""
    if key.type_name == "Offering":
        model = index.find_model_by_id(key.parts[0])
        offerings = (
            () if model is None or model.gateway is None else model.gateway.offerings
        )
        return next((one for one in offerings if offering_key(one) == key.parts), None)
    found: Record | None = ENTITY_BY_NAME[key.type_name].find(index, key.parts[0])
    return found


def _not_an_id(argument: str) -> UserInputError:
    return UserInputError(f"{argument} must be an id that this graph has given out")
