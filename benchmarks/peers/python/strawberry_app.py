"""Plain Strawberry over the same upstream: what one writes in an afternoon.

Pages are cached as built objects, so nothing but GraphQL itself is measured.
Settings come from UPSTREAM and TOKEN.
"""

import os
from typing import Any

import httpx
import strawberry
from strawberry.asgi import GraphQL


@strawberry.type
class Organisation:
    """As in `schema.graphql`; so are all others."""

    organisation_id: str


@strawberry.type
class Endpoint:
    """A kind of call."""

    endpoint_id: str


@strawberry.type
class Provider:
    """Who serves models."""

    provider_id: str
    name: str | None
    link: str | None
    country_code: str | None


@strawberry.type
class Offering:
    """One provider row."""

    provider: Provider
    endpoint: Endpoint
    provider_model_slug: str | None
    is_routable: bool
    input_modalities: list[str]
    output_modalities: list[str]
    effective_from: str | None
    effective_to: str | None


@strawberry.type
class Model:
    """One model."""

    model_id: str
    name: str | None
    release_date: str | None
    status_label: str | None
    organisation: Organisation | None
    aliases: list[str]
    endpoints: list[Endpoint]
    input_modalities: list[str]
    output_modalities: list[str]
    offerings: list[Offering]


@strawberry.type
class ModelConnection:
    """One page."""

    total_count: int
    limit: int
    offset: int
    nodes: list[Model]


@strawberry.input
class ModelFilter:
    """The one filter that is asked for."""

    organisations: list[str] | None = None


Params = tuple[tuple[str, str | int], ...]

_client = httpx.AsyncClient(
    base_url=os.environ["UPSTREAM"],
    headers={"authorization": f"Bearer {os.environ['TOKEN']}"},
    timeout=30,
)
_pages: dict[Params, ModelConnection] = {}


def _instant(text: str | None) -> str | None:
    return f"{text[:19]}Z" if text else None


def _build_offering(row: dict[str, Any]) -> Offering:
    return Offering(
        provider=Provider(
            provider_id=row["api_provider_id"],
            name=row["api_provider_name"],
            link=row["link"],
            country_code=row["country_code"],
        ),
        endpoint=Endpoint(endpoint_id=row["endpoint"]),
        provider_model_slug=row["provider_model_slug"],
        is_routable=row["is_active_gateway"],
        input_modalities=row["input_modalities"],
        output_modalities=row["output_modalities"],
        effective_from=_instant(row["effective_from"]),
        effective_to=_instant(row["effective_to"]),
    )


def _build_model(row: dict[str, Any]) -> Model:
    organisation, gateway, data = row["organisation"], row["gateway"], row["data"]
    return Model(
        model_id=row["model_id"],
        name=row["name"],
        release_date=row["release_date"] and row["release_date"][:10],
        status_label=row["status"],
        organisation=organisation
        and Organisation(organisation_id=organisation["organisation_id"]),
        aliases=row["aliases"],
        endpoints=[Endpoint(endpoint_id=one) for one in gateway["endpoints"]],
        input_modalities=data["input_types"],
        output_modalities=data["output_types"],
        offerings=[_build_offering(one) for one in gateway["providers"]],
    )


async def _load_page(params: Params) -> ModelConnection:
    page = _pages.get(params)
    if page is None:
        response = await _client.get("/models", params=params)
        body = response.raise_for_status().json()
        page = ModelConnection(
            total_count=body["total"],
            limit=body["limit"],
            offset=body["offset"],
            nodes=[_build_model(row) for row in body["models"]],
        )
        _pages[params] = page
    return page


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def models(
        self,
        limit: int = 50,
        offset: int = 0,
        filter: ModelFilter | None = None,  # noqa: A002 - the name in the graph
    ) -> ModelConnection | None:
        """Give one page."""
        params: Params = (("limit", limit), ("offset", offset))
        if filter and filter.organisations:
            params = (*params, ("organisation", ",".join(filter.organisations)))
        return await _load_page(params)


app: GraphQL[Any, Any] = GraphQL(strawberry.Schema(Query))
