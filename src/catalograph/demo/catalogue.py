"""The embedded catalogue: the format of its data file, and the rows of December 2025.

`catalogue.json` defines each organisation and provider once; offerings are nested in their
model. A missing key means that the value is not known.
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
        about: Description, as for providers and models.
    """

    name: str
    country_code: str | None = None
    colour: str | None = None
    about: str | None = None


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who serves models. The fields after `country_code` are only used in 2026-08.

    Attributes:
        currency: Currency of its prices.
        batch_factor: Price of a batch as a fraction of the standard price.
        routing: `active` or `disabled`.
        parameters: Parameter sets that its chat models support in addition to their own.
            An empty list means that its parameters are not known.
        details: Details of parameters that differ at this provider, by parameter.
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
"""Prices by meter; `in`, `out` and `cached` are short names of the meters of text tokens."""


class DatedPrices(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"since": "from", "until": "to"},
):
    """Prices that apply before or after the current ones."""

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
    """Prices up to and including `up_to` input tokens; None: without bound."""

    price: Prices
    up_to: int | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices that apply when all parameters have these values."""

    when: dict[str, str | bool]
    price: Prices


class Offering(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"since": "from", "until": "to"},
):
    """A model as one provider serves it, on one or more endpoints.

    The fields from `rollout` on are only used in 2026-08.

    Attributes:
        slug: The provider's own name of the model.
        takes: Input modalities; None: those of the model. `gives`: the same for output.
        since: First day on which it is valid.
        until: First day on which it is no longer valid.
        rollout: State of the rollout at the provider.
        routing: `active` or `disabled`, for this model at this provider.
        capability: States of endpoints that are not `active`, by endpoint.
        price: None: those of the model.
        unpriced: Whether no price is known.
        other_prices: Prices before or after the current ones.
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
    """One model. The fields after `offerings` are only used in 2026-08.

    Attributes:
        limits: Maximum numbers of input and of output tokens; None: not known.
        params: Parameter sets for text and video; None: the default sets.
        after: Ids of the models that this one replaces.
        retires: Day of a retirement that was not known in December 2025.
        price: Standard prices. With `steps` or `cases`, only those of the other meters.
        unit_sizes: Units per price, for meters that do not have the default.
        free: Offerings of the variant `:free`.
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
    """The whole data file.

    Attributes:
        parameter_sets: Details of parameters, by name of the set and of the parameter.
        parameters: Names of the default sets, by capability of 2026-08.
    """

    parameter_sets: dict[str, dict[str, dict[str, Any]]]
    parameters: dict[str, tuple[str, ...]]
    organisations: dict[str, Organisation]
    providers: dict[str, Provider]
    models: tuple[Model, ...]


def read_file() -> CatalogueFile:
    """Read the data file.

    Raises:
        msgspec.ValidationError: The file does not have this format.
    """
    data_file = resources.files("catalograph.demo").joinpath("catalogue.json")
    return msgspec.json.decode(data_file.read_bytes(), type=CatalogueFile)


def read_catalogue() -> list[StoredModel]:
    """Read the embedded models as rows of December 2025, grouped by organisation.

    Raises:
        msgspec.ValidationError: The data file does not have the format above.
        KeyError: An offering names a provider that the file does not define.
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
    """Build a row of December 2025 for one endpoint of an offering."""
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
    """Format a day as the upstream stores it: with a time, but without a zone."""
    return day and f"{day}T00:00:00"
