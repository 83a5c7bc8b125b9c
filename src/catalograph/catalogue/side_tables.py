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
    """One side table as it was read; the rows of the other kinds are empty.

    Attributes:
        kind: Which table.
        as_of_s: Unix time in seconds at which it was asked for.
        providers: Upstream order, as the next three.
        organisations: As above.
        endpoints: As above.
        prices: As above; lists of one provider, model and endpoint stay in order.
        max_age_s: Seconds for which it is fresh; None when the upstream does not say.
        stale_s: Further seconds for which it is merely stale; None as above.
    """

    kind: TableKind
    as_of_s: float
    providers: tuple[Provider, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    prices: tuple[ListedPrices, ...] = ()
    max_age_s: float | None = None
    stale_s: float | None = None
