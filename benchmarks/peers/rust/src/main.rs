//! async-graphql on axum, on one thread, over the same upstream. Pages are cached in the shape of
//! the graph, and equal loads are coalesced; so are parsed documents. CACHE=1 also caches whole
//! responses by the bytes of the request's body.

mod catalogue;

use std::{env, sync::Arc, time::Duration};

use async_graphql::parser::{parse_query, types::ExecutableDocument};
use async_graphql::{EmptyMutation, EmptySubscription, Error, Object, Request, Result, Schema};
use axum::body::Bytes;
use axum::serve::ListenerExt;
use axum::{Router, extract::State, http::header, response::IntoResponse, routing};
use moka::future::Cache;
use tokio::net::TcpListener;

use catalogue::{ModelConnection, ModelFilter, read_page};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TTL: Duration = Duration::from_secs(300);
const MAX_PAGES: u64 = 1000;
const MAX_DOCUMENTS: u64 = 1000;
const MAX_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);

struct Query {
    client: reqwest::Client,
    upstream: String,
    authorization: String,
    pages: Cache<String, Arc<ModelConnection>>,
}

impl Query {
    async fn load(&self, path: &str) -> Result<Arc<ModelConnection>, reqwest::Error> {
        let url = format!("{}{path}", self.upstream);
        let request = self.client.get(url).header(header::AUTHORIZATION, &self.authorization);
        let body = request.send().await?.error_for_status()?.bytes().await?;
        Ok(read_page(&body).expect("the upstream keeps its contract"))
    }
}

#[Object]
impl Query {
    async fn models(
        &self,
        #[graphql(default_with = "Some(50)")] limit: Option<i32>,
        #[graphql(default_with = "Some(0)")] offset: Option<i32>,
        filter: Option<ModelFilter>,
    ) -> Result<Arc<ModelConnection>> {
        let (limit, offset) = (limit.unwrap_or(50), offset.unwrap_or(0));
        let mut path = format!("/models?limit={limit}&offset={offset}");
        if let Some(ids) = filter.and_then(|one| one.organisations).filter(|ids| !ids.is_empty()) {
            path += "&organisation=";
            // Ids of organisations need no escapes.
            path += &ids.join(",");
        }
        let page = self.pages.try_get_with_by_ref(&path, self.load(&path)).await;
        page.map_err(|error| Error::new(error.to_string()))
    }
}

struct App {
    schema: Schema<Query, EmptyMutation, EmptySubscription>,
    documents: Cache<String, Arc<ExecutableDocument>>,
    responses: Option<Cache<Bytes, Bytes>>,
}

impl App {
    async fn respond(&self, body: &Bytes) -> Bytes {
        let Some(responses) = &self.responses else {
            return self.execute(body).await.unwrap_or_else(|failed| failed);
        };
        match responses.try_get_with_by_ref(body, self.execute(body)).await {
            Ok(response) => response,
            Err(failed) => Bytes::clone(&failed),
        }
    }

    /// Executes a request; a response with errors is an `Err`, which is not cached.
    async fn execute(&self, body: &[u8]) -> Result<Bytes, Bytes> {
        let mut request: Request = sonic_rs::from_slice(body)
            .map_err(|_| Bytes::from_static(br#"{"errors":[{"message":"This is no request."}]}"#))?;
        if let Some(document) = self.documents.get(&request.query).await {
            request.set_parsed_query((*document).clone());
        } else if let Ok(document) = parse_query(&request.query) {
            let cached = Arc::new(document.clone());
            self.documents.insert(request.query.clone(), cached).await;
            request.set_parsed_query(document);
        }
        let response = self.schema.execute(request).await;
        let json = Bytes::from(sonic_rs::to_vec(&response).expect("a response is JSON"));
        if response.is_ok() { Ok(json) } else { Err(json) }
    }
}

async fn graphql(State(app): State<Arc<App>>, body: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], app.respond(&body).await)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is missing"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let query = Query {
        client: reqwest::Client::builder().timeout(TIMEOUT).build().expect("a client"),
        upstream: variable("UPSTREAM"),
        authorization: format!("Bearer {}", variable("TOKEN")),
        pages: Cache::builder().max_capacity(MAX_PAGES).time_to_live(TTL).build(),
    };
    let responses = env::var_os("CACHE").map(|_| {
        Cache::builder()
            .weigher(|body: &Bytes, json: &Bytes| (body.len() + json.len()) as u32)
            .max_capacity(MAX_RESPONSE_BYTES)
            .time_to_live(TTL)
            .build()
    });
    let app = Arc::new(App {
        schema: Schema::new(query, EmptyMutation, EmptySubscription),
        documents: Cache::new(MAX_DOCUMENTS),
        responses,
    });
    let address = format!("127.0.0.1:{}", variable("PORT"));
    let listener = TcpListener::bind(address).await.expect("a free port");
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap_or_default());
    let routes = Router::new().route("/graphql", routing::post(graphql)).with_state(app);
    axum::serve(listener, routes).await.expect("it serves");
}
