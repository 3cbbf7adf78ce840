//! Rebuilding the word indices.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::memories::SpaceQuery;
use crate::space::{Registry, Space, SpaceError, SpaceId};

/// `POST /api/v1/system/rebuild-indices[?space=]`: begins, and does not wait for the end.
///
/// The health of the system tells when an index is healthy again. Without a space all spaces on disk are rebuilt;
/// those that cannot be opened are named in `failed`.
pub(crate) async fn rebuild(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<SpaceQuery>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if shared.config.read_only {
        return Err(ApiError::read_only());
    }
    let wanted: Option<SpaceId> = query.space.map(|id| id.parse()).transpose()?;
    let registry = Arc::clone(&shared.registry);
    let opened = tokio::task::spawn_blocking(move || open(&registry, wanted)).await;
    let opened = opened.map_err(|panic| ApiError::internal(panic.to_string()))??;
    let failed: Vec<Value> = opened
        .iter()
        .filter_map(|(id, space)| {
            let error = space.as_ref().err()?;
            Some(json!({ "space": id.as_str(), "reason": crate::error_chain::one_line(error) }))
        })
        .collect();
    let (begun, running): (Vec<_>, Vec<_>) = opened
        .into_iter()
        .filter_map(|(_, space)| space.ok())
        .partition(|space| space.index.begin_rebuild());
    let ids = |spaces: &[Arc<Space>]| -> Vec<String> {
        spaces.iter().map(|space| space.id.to_string()).collect()
    };
    let body = json!({
        "status": if begun.is_empty() && !running.is_empty() { "already_running" } else { "started" },
        "spaces": ids(&begun),
        "already_running": ids(&running),
        "failed": failed,
    });
    // One after the other: the server has other work to do as well.
    tokio::task::spawn_blocking(move || begun.iter().for_each(|space| space.rebuild_index()));
    Ok((StatusCode::ACCEPTED, Json(body)))
}

type Opened = (SpaceId, Result<Arc<Space>, SpaceError>);

/// Opens the wanted space, or all that are known. Fails if the wanted one is not known or does not open.
fn open(registry: &Registry, wanted: Option<SpaceId>) -> Result<Vec<Opened>, ApiError> {
    let known = registry.availability();
    let Some(id) = wanted else {
        let ids = known.into_keys();
        return Ok(ids
            .map(|id| (id.clone(), registry.open_or_create(&id)))
            .collect());
    };
    if !known.contains_key(&id) {
        return Err(ApiError::space_not_found(id.as_str()));
    }
    let space = registry.open_or_create(&id)?;
    Ok(vec![(id, Ok(space))])
}

/// An index in the health of the system.
pub(crate) fn description(space: &Space) -> Value {
    let report = space.index.report();
    json!({
        "space": space.id.as_str(),
        "name": "words",
        "status": report.status.as_str(),
        "entries": report.entries,
        "verified": report.verified,
        "reason": report.reason,
    })
}
