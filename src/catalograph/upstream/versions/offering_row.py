"""Rows of provider and endpoint, common to the documented and the sectioned form."""

import msgspec

from catalograph.catalogue.records import ModelGateway, Offering, Provider
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.version import Id, Text, Word, Words


class OfferingRow(msgspec.Struct, frozen=True, gc=False):
    """One element of `providers`. Several may have the same provider and endpoint."""

    api_provider_id: Id
    endpoint: Id
    api_provider_name: Word | None = None
    link: Text | None = None
    country_code: Word | None = None
    provider_model_slug: Word | None = None
    is_active_gateway: bool | None = None
    input_modalities: Words = None
    output_modalities: Words = None
    effective_from: Word | None = None
    effective_to: Word | None = None


def build_gateway(
    model_id: str,
    rows: tuple[OfferingRow, ...] | None,
    *,
    endpoints: Words,
    is_routable: bool | None,
    make: RecordMaker,
) -> ModelGateway:
    """Build the gateway section of one model from its rows.

    Args:
        model_id: The model of the rows.
        rows: In upstream order; None counts as empty.
        endpoints: Endpoints of the model according to the upstream.
        is_routable: As the upstream says; None: routable if any row is active.
        make: Builds the records of the page.
    """
    if not rows:
        return ModelGateway(
            is_routable=bool(is_routable), endpoints=make.endpoints(endpoints)
        )
    providers: dict[str, Provider] = {}
    seen: dict[tuple[str, str, str | None], int] = {}
    offerings: list[Offering] = []
    for row in rows:
        provider = make.provider(
            row.api_provider_id, row.api_provider_name, row.link, row.country_code
        )
        providers.setdefault(row.api_provider_id, provider)
        key = (row.api_provider_id, row.endpoint, row.provider_model_slug)
        ordinal = seen.get(key, 0)
        seen[key] = ordinal + 1
        offerings.append(
            Offering(
                model_id=model_id,
                provider=provider,
                endpoint=make.endpoint(row.endpoint),
                provider_model_slug=row.provider_model_slug,
                # Rows without the flag count as active.
                is_routable=row.is_active_gateway is not False,
                input_modalities=make.words(row.input_modalities),
                output_modalities=make.words(row.output_modalities),
                effective_from=make.instant("effective_from", row.effective_from),
                effective_to=make.instant("effective_to", row.effective_to),
                ordinal=ordinal,
            )
        )
    if is_routable is None:
        is_routable = any(offering.is_routable for offering in offerings)
    return ModelGateway(
        is_routable=is_routable,
        endpoints=make.endpoints(endpoints),
        providers=tuple(providers.values()),
        offerings=tuple(offerings),
    )
