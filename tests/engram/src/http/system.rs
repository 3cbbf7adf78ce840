//! Health, metrics, maintenance and shutdown.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::indices;
use super::memories::SpaceQuery;
use crate::health::Status;
use crate::metrics;
use crate::space::{Space, SpaceId};
use crate::validation::Settings;

/// `GET /health`: 503 if a check is unhealthy.
pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let (status, _) = shared.health.check().await;
    let body = json!({
        "service": "engram",
        "status": status.as_str(),
        "timestamp": Timestamp::now(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    (http_status(status), Json(body)).into_response()
}

/// `GET /health/alive`: 200 with an empty body. It checks nothing but that the server answers.
pub(crate) async fn alive() -> StatusCode {
    StatusCode::OK
}

/// `GET /health/spreading`: whether a recall finds what is stored; 503 if it does not, or takes a second.
pub(crate) async fn spreading(State(shared): State<Arc<Shared>>) -> Response {
    let (status, check) = shared.health.spreading().await;
    (http_status(status), Json(check)).into_response()
}

/// `GET /api/v1/system/health[?space=]`: each check, and each open space.
pub(crate) async fn system_health(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<SpaceQuery>,
) -> Result<Response, ApiError> {
    let mut spaces = shared.registry.loaded();
    if let Some(wanted) = query.space {
        let wanted: SpaceId = wanted.parse()?;
        spaces.retain(|space| space.id == wanted);
        if spaces.is_empty() {
            return Err(ApiError::space_not_found(wanted.as_str()));
        }
    }
    let (status, checks) = shared.health.check().await;
    let indices: Vec<Value> = spaces
        .iter()
        .map(|space| indices::description(space))
        .collect();
    let lag = spaces.iter().map(|space| lag_ms(&shared, space));
    let lag = lag.fold(0.0, f64::max);
    let spaces: Vec<Value> = spaces
        .iter()
        .map(|space| space_health(&shared, space))
        .collect();
    let body = json!({
        "status": status.as_str(),
        "timestamp": Timestamp::now(),
        "checks": checks,
        "read_only": shared.config.read_only,
        "validation": validation(shared.config.validation),
        "spaces": spaces,
        "indices": indices,
        "wal_lag_ms": lag,
        "consolidation_rate": shared.consolidator.stats().rate(None),
        "consolidation": super::consolidation::summary(&shared.consolidator),
        "cluster": null,
    });
    Ok((http_status(status), Json(body)).into_response())
}

fn validation(settings: Settings) -> Value {
    json!({
        "check_finite_embeddings": settings.check_embeddings,
        "check_finite_confidence": settings.check_confidence,
        "clamp_invalid_values": settings.repair.clamp,
        "replace_nan_with_zero": settings.repair.replace_nan,
    })
}

/// `pressure` is the share of the configured capacity that is used; `wal_lag_ms` how long its oldest record is overdue
/// for consolidation; `consolidation_rate` how many memories a second were consolidated in the last five minutes.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn space_health(shared: &Shared, space: &Space) -> Value {
    let memories = space.count();
    json!({
        "space": space.id.as_str(),
        "memories": memories,
        "pressure": memories as f64 / shared.config.hot_capacity as f64,
        "wal_lag_ms": lag_ms(shared, space),
        "consolidation_rate": shared.consolidator.stats().rate(Some(&space.id)),
    })
}

fn lag_ms(shared: &Shared, space: &Space) -> f64 {
    let lag = shared.consolidator.config.lag(space.log().oldest_ns);
    lag.as_secs_f64() * 1000.0
}

/// `GET /metrics`: JSON, unless the client asks for text as Prometheus does.
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.contains("text/plain") || accept.contains("openmetrics") {
        return prometheus(State(shared)).await;
    }
    Json(metrics::snapshot(&shared.metrics)).into_response()
}

/// `GET /metrics/prometheus`: always text.
pub(crate) async fn prometheus(State(shared): State<Arc<Shared>>) -> Response {
    let text = metrics::exposition(&shared.metrics, &shared.registry, &shared.consolidator);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

/// `POST /shutdown`: answers, then stops.
pub(crate) async fn shutdown(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.shutdown.notify_one();
    Json(json!({
        "status": "shutdown_initiated",
        "message": "Server is shutting down gracefully",
    }))
}

fn http_status(status: Status) -> StatusCode {
    if status == Status::Unhealthy {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}
