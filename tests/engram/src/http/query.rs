//! `POST /api/v1/query`: the only route to memories that neither opens nor makes a space.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::memories::summary;
use super::operation::{count, space_of_query};
use crate::memory::Memory;
use crate::space::SpaceId;

const LIMIT: usize = 100;

/// The body.
#[derive(Debug, Deserialize)]
pub(crate) struct QueryBody {
    query_text: String,
    memory_space_id: Option<String>,
}

/// Understands `RECALL words`, and nothing else.
pub(crate) async fn query(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json<QueryBody>,
) -> Result<Json<Value>, ApiError> {
    let started = Instant::now();
    let space = space_of_query(&shared, &headers, body.memory_space_id.as_deref())?;
    let episodes = run(&shared, &space, &body.query_text)?;
    let lowest = episodes
        .iter()
        .map(|memory| memory.confidence)
        .reduce(f64::min)
        .unwrap_or(0.0);
    let highest = episodes
        .iter()
        .map(|memory| memory.confidence)
        .fold(0.0, f64::max);
    Ok(Json(json!({
        "episodes": episodes.iter().map(|memory| summary(memory, false)).collect::<Vec<_>>(),
        "aggregate_confidence": {
            "lower_bound": lowest,
            "mean": f64::midpoint(lowest, highest),
            "upper_bound": highest,
            "width": highest - lowest,
        },
        "total_count": episodes.len(),
        "execution_time_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })))
}

/// Runs and counts a query, over whichever protocol it came.
pub(crate) fn run(shared: &Shared, id: &SpaceId, text: &str) -> Result<Vec<Arc<Memory>>, ApiError> {
    let started = Instant::now();
    // Memories that are not in RAM are read from a file: other requests must not wait for that.
    let result = tokio::task::block_in_place(|| episodes(shared, id, text));
    count(shared, "query", id, &result, started.elapsed());
    result
}

fn episodes(shared: &Shared, id: &SpaceId, text: &str) -> Result<Vec<Arc<Memory>>, ApiError> {
    let space = shared
        .registry
        .get(id)
        .ok_or_else(|| ApiError::space_not_found(id.as_str()))?;
    let cue = text
        .trim()
        .strip_prefix("RECALL ")
        .map(str::trim)
        .filter(|cue| !cue.is_empty());
    let cue =
        cue.ok_or_else(|| ApiError::bad_request("Query not understood: write RECALL and a cue"))?;
    Ok(space.find(cue, LIMIT)?)
}
