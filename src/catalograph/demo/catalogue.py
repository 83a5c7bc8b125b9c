"""The embedded catalogue: a readable data file, and December's rows that follow from it.

`catalogue.json` names each organisation and provider once and nests what is offered of
a model under it. A key that is left out means that nothing is known.
"""

from importlib import resources
from typing import Any

import msgspec

from catalograph.demo.rows import (
    DataSection,
    GatewaySection,
    OrganisationRow,
    ProviderRow,
    StoredModel,
)


class Organisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who makes models.

    Attributes:
        colour: `#rrggbb`.
        about: A sentence, as of the providers and the models.
    """

    name: str
    country_code: str | None = None
    colour: str | None = None
    about: str | None = None


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who serves models; what follows `country_code` is for 2026-08.

    Attributes:
        currency: Of its prices.
        batch_factor: What a batch costs of the standard price.
        routing: `active` or `disabled`.
        parameters: Sets that its chat models take beside their own; an empty list
            means that it does not say which parameters it takes.
        details: What is true of a parameter at this provider only.
    """

    name: str | None = None
    link: str | None = None
    country_code: str | None = None
    about: str | None = None
    currency: str = "USD"
    batch_factor: str | None = None
    routing: str = "active"
    parameters: tuple[str, ...] | None = None
    details: dict[str, dict[str, Any]] = {}


Prices = dict[str, str]
"""Prices by meter; `in`, `out` and `cached` are short for text tokens."""


class DatedPrices(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"since": "from", "until": "to"},
):
    """Prices that are no longer in force, or not yet."""

    price: Prices
    since: str | None = None
    until: str | None = None


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hours of the day at which the price is multiplied by `factor`."""

    label: str
    start: str
    end: str
    zone: str
    factor: str


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices up to so many input tokens, this one included; None means without end."""

    price: Prices
    up_to: int | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices when all of these parameters have these values."""

    when: dict[str, str | bool]
    price: Prices


class Offering(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"since": "from", "until": "to"},
):
    """A provider's name for a model, and the endpoints it serves it on.

    Attributes:
        takes: Where it differs from the model's own; as `gives`.
        since: Day from which it holds.
        until: Day from which it no longer does.
        rollout: State of the provider for 2026-08, as all that follows.
        routing: Of the model at this provider.
        capability: By endpoint, where it is not `active`.
        price: Where it differs from the model's own.
        unpriced: No price is known.
        other_prices: Prices of other times.
    """

    provider: str
    endpoints: tuple[str, ...] = ("chat.completions",)
    slug: str | None = None
    active: bool = True
    takes: tuple[str, ...] | None = None
    gives: tuple[str, ...] | None = None
    since: str | None = None
    until: str | None = None
    rollout: str = "active"
    routing: str = "active"
    capability: dict[str, str] = {}
    price: Prices | None = None
    unpriced: bool = False
    windows: tuple[Window, ...] = ()
    other_prices: tuple[DatedPrices, ...] = ()


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model; what follows `offerings` is for 2026-08.

    Attributes:
        limits: Most tokens that go in and that come out; None where unknown.
        params: Sets of parameters for text and video instead of the usual ones.
        after: Models that this one replaces.
        retires: Day of a retirement that December did not know.
        price: Standard price; with `steps` or `cases`, of the other meters.
        unit_sizes: By meter, where it is not the usual one.
        free: Who offers it as the variant `:free`.
    """

    model_id: str
    name: str | None = None
    status: str | None = None
    announced: str | None = None
    released: str | None = None
    deprecated: str | None = None
    retired: str | None = None
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    offerings: tuple[Offering, ...] = ()
    about: str | None = None
    limits: tuple[int | None, int | None] = (None, None)
    params: tuple[str, ...] | None = None
    after: tuple[str, ...] = ()
    retires: str | None = None
    price: Prices = {}
    steps: tuple[Step, ...] = ()
    cases: tuple[Case, ...] = ()
    unit_sizes: dict[str, int] = {}
    free: tuple[Offering, ...] = ()


class CatalogueFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        parameter_sets: What is known of parameters, by set and name.
        parameters: The usual sets by capability of 2026-08.
    """

    parameter_sets: dict[str, dict[str, dict[str, Any]]]
    parameters: dict[str, tuple[str, ...]]
    organisations: dict[str, Organisation]
    providers: dict[str, Provider]
    models: tuple[Model, ...]


def read_file() -> CatalogueFile:
    """Read the data file.

    Raises:
        msgspec.ValidationError: It is not as described here.
    """
    data_file = resources.files("catalograph.demo").joinpath("catalogue.json")
    return msgspec.json.decode(data_file.read_bytes(), type=CatalogueFile)


def read_catalogue() -> list[StoredModel]:
    """Read the embedded models as December 2025 shows them, grouped by organisation.

    Raises:
        msgspec.ValidationError: The data file is not as described here.
        KeyError: An offering names a provider that the file does not list.
    """
    catalogue = read_file()
    return [_build_model(catalogue, model) for model in catalogue.models]


def _build_model(catalogue: CatalogueFile, model: Model) -> StoredModel:
    return StoredModel(
        model_id=model.model_id,
        name=model.name,
        release_date=_midnight(model.released),
        announcement_date=_midnight(model.announced),
        deprecation_date=_midnight(model.deprecated),
        retirement_date=_midnight(model.retired),
        status=model.status,
        organisation=_build_organisation(catalogue, model),
        aliases=tuple(sorted(model.aliases)),
        data=DataSection(model.takes, model.gives),
        gateway=GatewaySection(
            providers=tuple(
                build_row(catalogue, model, offering, endpoint)
                for offering in model.offerings
                for endpoint in offering.endpoints
            )
        ),
    )


def _build_organisation(
    catalogue: CatalogueFile, model: Model
) -> OrganisationRow | None:
    organisation_id = model.model_id.partition("/")[0]
    found = catalogue.organisations.get(organisation_id)
    if found is None:
        return None
    return OrganisationRow(organisation_id, found.name, found.country_code)


def build_row(
    catalogue: CatalogueFile, model: Model, offering: Offering, endpoint: str
) -> ProviderRow:
    """Build a row of December for one endpoint of an offering."""
    provider = catalogue.providers[offering.provider]
    return ProviderRow(
        api_provider_id=offering.provider,
        api_provider_name=provider.name,
        link=provider.link,
        country_code=provider.country_code,
        endpoint=endpoint,
        provider_model_slug=offering.slug,
        is_active_gateway=offering.active,
        input_modalities=model.takes if offering.takes is None else offering.takes,
        output_modalities=model.gives if offering.gives is None else offering.gives,
        effective_from=_midnight(offering.since),
        effective_to=_midnight(offering.until),
    )


def _midnight(day: str | None) -> str | None:
    """Write a day as the upstream stores it: with a time, without a zone."""
    return day and f"{day}T00:00:00"
