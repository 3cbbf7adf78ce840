//! Finding memories by their embeddings.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::memories::{SpaceQuery, summary};
use super::operation::{on_space, space_of};
use super::recall::DEFAULT_LIMIT;
use crate::memory::EMBEDDING_DIMENSIONS;
use crate::space::{Space, Tier};

/// From this similarity on, something is recognised.
const DEFAULT_THRESHOLD: f64 = 0.8;
/// Memories that are looked at in one go.
const PAGE: usize = 64;

/// The body.
#[derive(Debug, Deserialize)]
pub(crate) struct Recognize {
    embedding: Vec<f32>,
    threshold: Option<f64>,
    limit: Option<usize>,
    memory_space_id: Option<String>,
}

/// `POST /api/v1/memories/recognize`: the memories whose embeddings are the most similar, best first.
///
/// Every embedding of the space is compared. A similarity that is NaN has no place in the order, and no form in
/// JSON: one memory with an infinite number in its embedding makes the whole answer fail.
pub(crate) async fn recognize(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<SpaceQuery>,
    Json(body): Json<Recognize>,
) -> Result<Json<Value>, ApiError> {
    let space = space_of(
        &shared,
        &headers,
        query.space.as_deref(),
        body.memory_space_id.as_deref(),
    )?;
    let sound = body.embedding.iter().all(|number| number.is_finite());
    if body.embedding.len() != EMBEDDING_DIMENSIONS || !sound {
        return Err(ApiError::invalid_memory(format!(
            "Embedding must have exactly {EMBEDDING_DIMENSIONS} finite numbers"
        )));
    }
    let embedding = body.embedding;
    let mut similar = on_space(&shared, "recognize", space, move |space| {
        similarities(space, &embedding)
    })
    .await?;
    similar.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    similar.truncate(body.limit.unwrap_or(DEFAULT_LIMIT));
    let best = similar.first().map(|(similarity, _)| *similarity);
    let threshold = body.threshold.unwrap_or(DEFAULT_THRESHOLD);
    let memories: Vec<Value> = similar.into_iter().map(|(_, memory)| memory).collect();
    Ok(Json(json!({
        "recognized": best.is_some_and(|best| best >= threshold),
        "similarity": best,
        "memories": memories,
    })))
}

fn similarities(space: &Space, embedding: &[f32]) -> Result<Vec<(f64, Value)>, ApiError> {
    let mut similar = Vec::new();
    let mut offset = 0;
    loop {
        let memories = space.list(Tier::All, offset, PAGE)?;
        if memories.is_empty() {
            return Ok(similar);
        }
        offset += memories.len();
        for memory in &memories {
            let Some(similarity) = memory.similarity(embedding) else {
                continue;
            };
            if similarity.is_nan() {
                let message = "Serialization failed: NaN values in embeddings";
                tracing::error!(target: "engram_core::query", memory = %memory.id, space = %space.id, "{message}");
                return Err(ApiError::internal(message));
            }
            let mut object = summary(memory, false);
            object["similarity"] = json!(similarity);
            similar.push((similarity, object));
        }
    }
}
