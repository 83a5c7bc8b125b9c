"""Availability, of models and of offerings."""

import enum

import strawberry

from catalograph.catalogue import records


@strawberry.enum(
    description="Whether a model, or one offering of it, can be called now."
)
class Availability(enum.Enum):
    """The words of the upstream that we know, and one for all others."""

    ACTIVE = strawberry.enum_value(
        records.Availability.ACTIVE, description="It can be called."
    )
    COMING_SOON = strawberry.enum_value(
        records.Availability.COMING_SOON, description="It cannot be called yet."
    )
    INACTIVE = strawberry.enum_value(
        records.Availability.INACTIVE, description="It cannot be called."
    )
    OTHER = strawberry.enum_value(
        records.Availability.OTHER,
        description="A value of the catalogue that this graph does not know.",
    )
