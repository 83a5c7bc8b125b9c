"""The embedded catalogue: a readable data file and the rows that follow from it.

`catalogue.json` names each organisation and provider once and nests what is offered of
a model under it. A key that is left out means that nothing is known.
"""

from importlib import resources

import msgspec

from catalograph.demo.rows import (
    DataSection,
    GatewaySection,
    OrganisationRow,
    ProviderRow,
    StoredModel,
)


class _Organisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    country_code: str | None = None


class _Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str | None = None
    link: str | None = None
    country_code: str | None = None


class _Offering(
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
    """

    provider: str
    endpoints: tuple[str, ...]
    slug: str | None = None
    active: bool = True
    takes: tuple[str, ...] | None = None
    gives: tuple[str, ...] | None = None
    since: str | None = None
    until: str | None = None


class _Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
    offerings: tuple[_Offering, ...] = ()


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    organisations: dict[str, _Organisation]
    providers: dict[str, _Provider]
    models: tuple[_Model, ...]


def load_catalogue() -> list[StoredModel]:
    """Read the embedded models, grouped by organisation.

    Raises:
        msgspec.ValidationError: The data file is not as described here.
        KeyError: An offering names a provider that the file does not list.
    """
    data_file = resources.files("catalograph.demo").joinpath("catalogue.json")
    catalogue = msgspec.json.decode(data_file.read_bytes(), type=_Catalogue)
    return [_build_model(catalogue, model) for model in catalogue.models]


def _build_model(catalogue: _Catalogue, model: _Model) -> StoredModel:
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
                _build_row(catalogue, model, offering, endpoint)
                for offering in model.offerings
                for endpoint in offering.endpoints
            )
        ),
    )


def _build_organisation(catalogue: _Catalogue, model: _Model) -> OrganisationRow | None:
    organisation_id = model.model_id.partition("/")[0]
    found = catalogue.organisations.get(organisation_id)
    if found is None:
        return None
    return OrganisationRow(organisation_id, found.name, found.country_code)


def _build_row(
    catalogue: _Catalogue, model: _Model, offering: _Offering, endpoint: str
) -> ProviderRow:
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
