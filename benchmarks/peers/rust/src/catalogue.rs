//! The part of the graph that the benchmark asks for, and the rows of the upstream from which it
//! is built. Everything is brought into the shape of the graph once, when a page is read.

use std::sync::Arc;

use async_graphql::{InputObject, SimpleObject};
use serde::Deserialize;

#[derive(InputObject)]
pub struct ModelFilter {
    pub organisations: Option<Vec<String>>,
}

#[derive(SimpleObject)]
pub struct ModelConnection {
    total_count: i32,
    limit: i32,
    offset: i32,
    nodes: Vec<Model>,
}

#[derive(SimpleObject)]
struct Model {
    model_id: String,
    name: Option<String>,
    release_date: Option<String>,
    status_label: Option<String>,
    organisation: Option<Organisation>,
    aliases: Vec<String>,
    endpoints: Vec<Endpoint>,
    input_modalities: Vec<String>,
    output_modalities: Vec<String>,
    offerings: Vec<Offering>,
}

#[derive(SimpleObject, Deserialize)]
struct Organisation {
    organisation_id: String,
}

#[derive(SimpleObject)]
struct Endpoint {
    endpoint_id: String,
}

#[derive(SimpleObject)]
struct Provider {
    provider_id: String,
    name: Option<String>,
    link: Option<String>,
    country_code: Option<String>,
}

#[derive(SimpleObject)]
struct Offering {
    provider: Provider,
    endpoint: Endpoint,
    provider_model_slug: Option<String>,
    is_routable: bool,
    input_modalities: Vec<String>,
    output_modalities: Vec<String>,
    effective_from: Option<String>,
    effective_to: Option<String>,
}

#[derive(Deserialize)]
struct PageRow {
    total: i32,
    limit: i32,
    offset: i32,
    models: Vec<ModelRow>,
}

#[derive(Deserialize)]
struct ModelRow {
    model_id: String,
    name: Option<String>,
    release_date: Option<String>,
    status: Option<String>,
    organisation: Option<Organisation>,
    aliases: Vec<String>,
    data: DataRow,
    gateway: GatewayRow,
}

#[derive(Deserialize)]
struct DataRow {
    input_types: Vec<String>,
    output_types: Vec<String>,
}

#[derive(Deserialize)]
struct GatewayRow {
    endpoints: Vec<String>,
    providers: Vec<ProviderRow>,
}

#[derive(Deserialize)]
struct ProviderRow {
    api_provider_id: String,
    api_provider_name: Option<String>,
    link: Option<String>,
    country_code: Option<String>,
    endpoint: String,
    provider_model_slug: Option<String>,
    is_active_gateway: bool,
    input_modalities: Vec<String>,
    output_modalities: Vec<String>,
    effective_from: Option<String>,
    effective_to: Option<String>,
}

/// Reads a page of the upstream.
pub fn read_page(body: &[u8]) -> Result<Arc<ModelConnection>, sonic_rs::Error> {
    let page: PageRow = sonic_rs::from_slice(body)?;
    Ok(Arc::new(ModelConnection {
        total_count: page.total,
        limit: page.limit,
        offset: page.offset,
        nodes: page.models.into_iter().map(Model::from).collect(),
    }))
}

impl From<ModelRow> for Model {
    fn from(row: ModelRow) -> Self {
        Model {
            model_id: row.model_id,
            name: row.name,
            release_date: row.release_date.map(|text| text.chars().take(10).collect()),
            status_label: row.status,
            organisation: row.organisation,
            aliases: row.aliases,
            endpoints: row.gateway.endpoints.into_iter().map(Endpoint::from).collect(),
            input_modalities: row.data.input_types,
            output_modalities: row.data.output_types,
            offerings: row.gateway.providers.into_iter().map(Offering::from).collect(),
        }
    }
}

impl From<String> for Endpoint {
    fn from(endpoint_id: String) -> Self {
        Endpoint { endpoint_id }
    }
}

impl From<ProviderRow> for Offering {
    fn from(row: ProviderRow) -> Self {
        Offering {
            provider: Provider {
                provider_id: row.api_provider_id,
                name: row.api_provider_name,
                link: row.link,
                country_code: row.country_code,
            },
            endpoint: row.endpoint.into(),
            provider_model_slug: row.provider_model_slug,
            is_routable: row.is_active_gateway,
            input_modalities: row.input_modalities,
            output_modalities: row.output_modalities,
            effective_from: row.effective_from.map(to_second),
            effective_to: row.effective_to.map(to_second),
        }
    }
}

fn to_second(text: String) -> String {
    text.chars().take(19).chain(['Z']).collect()
}
