//! `GET /api/v1/system/introspect`: what the server knows about itself.
//!
//! The names are those of the real server, whose numbers are constants. Here each is measured, and what cannot be
//! measured is left out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::Shared;
use crate::process::Process;

/// All numbers, read now.
pub(crate) async fn introspect(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({
        "memory_statistics": memories(&shared),
        "system_processes": process(&Process::read()),
        "performance_metrics": performance(&shared),
    }))
}

fn memories(shared: &Shared) -> Value {
    let (mut total, mut hot, mut cold) = (0, 0, 0);
    let spaces = shared.registry.loaded();
    for space in &spaces {
        let tiers = space.tiers();
        total += space.count();
        hot += tiers.hot;
        cold += tiers.cold;
    }
    json!({
        "total_nodes": total,
        "spaces": spaces.len(),
        "tiers": { "hot": hot, "cold": cold },
    })
}

fn process(process: &Process) -> Value {
    json!({
        "pid": std::process::id(),
        "start_time_seconds": process.start_time_seconds,
        "cpu_seconds": process.cpu_seconds,
        "resident_bytes": process.resident_bytes,
        "anonymous_bytes": process.anonymous_bytes,
        "open_descriptors": process.open_fds,
        "descriptor_limit": process.max_fds,
    })
}

fn performance(shared: &Shared) -> Value {
    let mut operations = Map::new();
    let mut recall = None;
    for (operation, count, mean) in shared.metrics.means() {
        let milliseconds = mean * 1000.0;
        if operation == "recall" {
            recall = Some(milliseconds);
        }
        let numbers = json!({ "count": count, "avg_time_ms": milliseconds });
        operations.insert(operation.to_owned(), numbers);
    }
    json!({ "avg_recall_time_ms": recall, "operations": operations })
}
