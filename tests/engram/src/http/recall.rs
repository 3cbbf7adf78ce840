//! Finding memories by words. The real server compares embeddings; this one looks for the words in the text.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::memories::{category, summary};
use super::operation::{on_space, space_of};
use crate::memory::Memory;
use crate::space::SpaceId;

/// Memories that a cue finds if the client does not say how many it wants.
pub(crate) const DEFAULT_LIMIT: usize = 10;

/// The query of both routes.
#[derive(Debug, Deserialize)]
pub(crate) struct CueQuery {
    query: Option<String>,
    cue: Option<String>,
    limit: Option<usize>,
    max_results: Option<usize>,
    space: Option<String>,
}

/// `GET /api/v1/memories/recall?query=`.
pub(crate) async fn recall(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(cue): Query<CueQuery>,
) -> Result<Json<Value>, ApiError> {
    tracing::info!(target: "engram_cli::api", "Processing recall request");
    let (text, memories) = find(&shared, &headers, cue, "recall").await?;
    let confidence = memories
        .iter()
        .map(|memory| memory.confidence)
        .fold(0.0, f64::max);
    Ok(Json(json!({
        "memories": {
            "vivid": memories.iter().map(|memory| summary(memory, false)).collect::<Vec<_>>(),
            "associated": [],
            "reconstructed": [],
        },
        "recall_confidence": {
            "value": confidence,
            "category": category(confidence),
            "reasoning": "The highest confidence of the memories found",
        },
        "query_analysis": { "understood_intent": text, "search_strategy": "all words, case ignored" },
    })))
}

/// `GET /api/v1/memories/search?query=`.
pub(crate) async fn search(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(cue): Query<CueQuery>,
) -> Result<Json<Value>, ApiError> {
    let (_, memories) = find(&shared, &headers, cue, "search").await?;
    let memories: Vec<Value> = memories
        .iter()
        .map(|memory| summary(memory, false))
        .collect();
    Ok(Json(
        json!({ "count": memories.len(), "memories": memories }),
    ))
}

async fn find(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    cue: CueQuery,
    operation: &'static str,
) -> Result<(String, Vec<Arc<Memory>>), ApiError> {
    let space = space_of(shared, headers, cue.space.as_deref(), None)?;
    let text = cue
        .query
        .or(cue.cue)
        .ok_or_else(|| ApiError::bad_request("Give a cue: ?query=words"))?;
    let limit = cue.limit.or(cue.max_results).unwrap_or(DEFAULT_LIMIT);
    let memories = find_in(shared, space, operation, text.clone(), limit).await?;
    Ok((text, memories))
}

/// The memories of a space that a cue finds, over whichever protocol it came.
pub(crate) async fn find_in(
    shared: &Arc<Shared>,
    space: SpaceId,
    operation: &'static str,
    cue: String,
    limit: usize,
) -> Result<Vec<Arc<Memory>>, ApiError> {
    on_space(shared, operation, space, move |space| {
        Ok(space.find(&cue, limit)?)
    })
    .await
}
