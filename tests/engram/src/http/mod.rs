//! The HTTP API: which path is answered by what.
//!
//! Unknown paths are 404 and wrong methods 405, both without a body; wrong content types, JSON and shapes are
//! 415, 400 and 422 with a line of text. That is what axum does, in the real server too.

mod consolidation;
mod episodes;
pub(crate) mod error;
mod indices;
mod introspect;
pub(crate) mod memories;
mod openapi;
pub(crate) mod operation;
pub(crate) mod query;
pub(crate) mod recall;
mod recognize;
mod spaces;
mod stream;
mod system;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::routing::{get, post};
use tokio::sync::Notify;

use crate::config::Config;
use crate::consolidation::Consolidator;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::space::Registry;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The spaces.
    pub(crate) registry: Arc<Registry>,
    /// The numbers.
    pub(crate) metrics: Arc<Metrics>,
    /// What turns logs into checkpoints.
    pub(crate) consolidator: Arc<Consolidator>,
    /// The checks.
    pub(crate) health: Arc<Health>,
    /// The configuration, as it was at the start.
    pub(crate) config: Config,
    /// Notified when the server is to stop.
    pub(crate) shutdown: Arc<Notify>,
}

/// All routes. Handlers can ask who is at the other end of the connection.
pub(crate) fn router(shared: Arc<Shared>) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    Router::new()
        .route("/api/v1/memories/remember", post(memories::remember))
        .route("/api/v1/memories/recognize", post(recognize::recognize))
        .route("/api/v1/memories/recall", get(recall::recall))
        .route("/api/v1/memories/search", get(recall::search))
        .route(
            "/api/v1/memories",
            get(memories::list).post(memories::create),
        )
        .route(
            "/api/v1/memories/{id}",
            get(memories::get).delete(memories::delete),
        )
        .route("/api/v1/episodes/remember", post(episodes::remember))
        .route("/api/v1/stream/memories", get(stream::memories))
        .route("/api/v1/query", post(query::query))
        .route("/api/v1/spaces", get(spaces::list).post(spaces::create))
        .route("/api/v1/maintenance/compact", post(consolidation::compact))
        .route("/api/v1/consolidations", get(consolidation::list))
        .route("/api/v1/system/health", get(system::system_health))
        .route("/api/v1/system/introspect", get(introspect::introspect))
        .route("/api/v1/system/rebuild-indices", post(indices::rebuild))
        .route("/api-docs/openapi.json", get(openapi::document))
        .route("/health", get(system::health))
        .route("/health/alive", get(system::alive))
        .route("/health/spreading", get(system::spreading))
        .route("/metrics", get(system::metrics))
        .route("/metrics/prometheus", get(system::prometheus))
        .route("/shutdown", post(system::shutdown))
        .with_state(shared)
        .into_make_service_with_connect_info()
}
