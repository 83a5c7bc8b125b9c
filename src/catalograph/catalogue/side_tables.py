"""Side tables of the upstream: providers, organisations, endpoints and prices."""

import enum

import msgspec

from catalograph.catalogue.prices import ListedPrices
from catalograph.catalogue.records import Endpoint, Organisation, Provider


class TableKind(enum.Enum):
    """A side table; each is read, and can fail, independently of the others."""

    PROVIDERS = "providers"
    ORGANISATIONS = "organisations"
    ENDPOINTS = "endpoints"
    PRICES = "prices"


class SideTable(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One side table as it was read. Only the rows of its own kind are filled.

    Attributes:
        kind: Which table it is.
        as_of_s: Unix time in seconds at which it was requested.
        providers: In the upstream's order.
        organisations: In the upstream's order.
        endpoints: In the upstream's order.
        prices: In the upstream's order.
        max_age_s: Seconds for which it is fresh; None when the upstream does not say.
        stale_s: Further seconds for which it may be served stale; None when the upstream
            does not say.
    """

    kind: TableKind
    as_of_s: float
    providers: tuple[Provider, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    prices: tuple[ListedPrices, ...] = ()
    max_age_s: float | None = None
    stale_s: float | None = None
