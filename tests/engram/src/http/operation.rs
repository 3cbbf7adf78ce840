//! One operation on the memories of one space: which space, done where it may block, counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;

use super::Shared;
use super::error::ApiError;
use crate::metrics::Outcome;
use crate::space::{Space, SpaceId};

/// The header that names the space. The real command line sends another one, which no server reads.
const SPACE_HEADER: &str = "x-memory-space";

/// The space that a request is about: header, then `?space=`, then the body, then the default.
pub(crate) fn space_of(
    shared: &Shared,
    headers: &HeaderMap,
    query: Option<&str>,
    body: Option<&str>,
) -> Result<SpaceId, ApiError> {
    match header(headers)?.or(query).or(body) {
        Some(id) => Ok(id.parse()?),
        None => Ok(shared.config.default_space.clone()),
    }
}

/// The space that a query is about: the body comes first.
pub(crate) fn space_of_query(
    shared: &Shared,
    headers: &HeaderMap,
    body: Option<&str>,
) -> Result<SpaceId, ApiError> {
    match body.or(header(headers)?) {
        Some(id) => Ok(id.parse()?),
        None => Ok(shared.config.default_space.clone()),
    }
}

fn header(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(SPACE_HEADER) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| ApiError::bad_request("X-Memory-Space is not plain text"))?;
    Ok(Some(text.trim()))
}

/// Opens or makes the space and works on it, on a thread that may wait for the disk.
pub(crate) async fn on_space<T: Send + 'static>(
    shared: &Arc<Shared>,
    operation: &'static str,
    id: SpaceId,
    work: impl FnOnce(&Space) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let started = Instant::now();
    let registry = Arc::clone(&shared.registry);
    let space = id.clone();
    let read_only = shared.config.read_only;
    let work = move || {
        if read_only && !registry.availability().contains_key(&space) {
            return Err(ApiError::read_only_space(&space));
        }
        work(&*registry.open_or_create(&space)?)
    };
    let done = tokio::task::spawn_blocking(work).await;
    let result = done.unwrap_or_else(|panic| Err(ApiError::internal(panic.to_string())));
    count(shared, operation, &id, &result, started.elapsed());
    result
}

/// Counts an operation that has ended.
pub(crate) fn count<T>(
    shared: &Shared,
    operation: &'static str,
    id: &SpaceId,
    result: &Result<T, ApiError>,
    took: Duration,
) {
    let outcome = match result {
        Ok(_) => Outcome::Ok,
        Err(error) if error.status.is_server_error() => Outcome::Error,
        Err(_) => Outcome::Rejected,
    };
    let took_ms = took.as_millis();
    match result {
        Ok(_) => {
            tracing::debug!(target: "engram_cli::api", space = %id, took_ms, "Operation {operation} done");
        }
        Err(error) => {
            tracing::debug!(target: "engram_cli::api", space = %id, took_ms, status = error.status.as_u16(),
                "Operation {operation} refused: {}", error.message.replace(char::is_control, "?"));
        }
    }
    shared
        .metrics
        .operation(id.as_str(), operation, outcome, took);
}
