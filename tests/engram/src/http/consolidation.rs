//! What consolidation has found, and a cycle on demand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use crate::consolidation::{Consolidator, Refused};

/// `POST /api/v1/maintenance/compact`: one cycle now, over records that are not yet due, too. 409 if one is at work, or
/// if another process holds the lock.
pub(crate) async fn compact(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, ApiError> {
    if shared.config.read_only {
        return Err(ApiError::read_only());
    }
    let consolidator = Arc::clone(&shared.consolidator);
    let before = pressure(&shared);
    let outcome = tokio::task::spawn_blocking(move || consolidator.run_now())
        .await
        .map_err(|panic| ApiError::internal(panic.to_string()))?;
    let outcome = outcome.map_err(|refused| match refused {
        Refused::Io(_) => ApiError::internal(refused.to_string()),
        Refused::Running | Refused::Locked(_) => ApiError::busy(refused.to_string()),
    })?;
    if let Some(failure) = outcome.failed {
        return Err(ApiError::internal(failure));
    }
    let done = &outcome.done;
    let compaction = (!done.is_empty()).then(|| {
        json!({
            "spaces": done.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
            "records": done.iter().map(|(_, it)| it.records).sum::<u64>(),
            "files_removed": done.iter().map(|(_, it)| it.files).sum::<usize>(),
            "bytes_reclaimed": done.iter().map(|(_, it)| it.bytes).sum::<u64>(),
            "patterns": done.iter().map(|(_, it)| it.patterns.len()).sum::<usize>(),
        })
    });
    Ok(Json(json!({
        "maintenance_triggered": compaction.is_some(),
        "compaction": compaction,
        "pressure_before": before,
        "pressure_after": pressure(&shared),
    })))
}

/// The share of the log limit that is used by the fullest space: records that wait, against one batch.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn pressure(shared: &Shared) -> f64 {
    let waiting = shared
        .registry
        .loaded()
        .iter()
        .map(|it| it.log().records)
        .max();
    waiting.unwrap_or_default() as f64 / shared.consolidator.config.max_batch_size as f64
}

/// `GET /api/v1/consolidations`: the patterns in the last batch of each space.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let stats = shared.consolidator.stats();
    let beliefs: Vec<Value> = stats
        .patterns
        .iter()
        .flat_map(|(space, patterns)| patterns.iter().map(move |pattern| (space, pattern)))
        .map(|(space, pattern)| {
            json!({
                "memory_space": space.as_str(),
                "representative": pattern.representative.id,
                "content": pattern.representative.content,
                "support": pattern.support,
                "cohesion": pattern.cohesion,
            })
        })
        .collect();
    Json(json!({
        "generated_at": Timestamp::now(),
        "beliefs": beliefs,
        "stats": {
            "total_replays": stats.cycles,
            "failed_replays": stats.failures.values().sum::<u64>(),
            "memories_consolidated": stats.memories,
            "last_replay_timestamp": stats.last_success,
        },
    }))
}

/// The worker, as the health of the system shows it.
pub(super) fn summary(consolidator: &Consolidator) -> Value {
    let stats = consolidator.stats();
    json!({
        "state": stats.state.as_str(),
        "cycles": stats.cycles,
        "failures": stats.failures.values().sum::<u64>(),
        "last_success": stats.last_success,
        "last_error": stats.last_error,
    })
}
