//! The check `spreading`: does a recall find what is stored, and how fast?
//!
//! The real server's check of this name spreads activation through its graph. This server has no graph: it recalls by
//! words, and so this check takes a memory of each open space and recalls it by a word of its own.
//! It is made when somebody asks for it, and not with the other checks: without an index it looks at every memory.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Finding, Health, SLOW, Status, TOO_SLOW, broken, by_limits, measured};
use crate::space::{Space, Tier, TierError};

impl Health {
    /// Makes this check now: how it ended, and the check as JSON.
    pub(crate) async fn spreading(self: &Arc<Self>) -> (Status, Value) {
        let this = Arc::clone(self);
        let finding = tokio::task::spawn_blocking(move || this.recall())
            .await
            .unwrap_or_else(|panic| broken(&panic));
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let check = history.entry(finding.name).or_default().record(&finding);
        (finding.status, check)
    }

    fn recall(&self) -> Finding {
        measured("spreading", || {
            let mut slowest = Duration::ZERO;
            let mut recalled = 0;
            for space in self.registry.loaded() {
                let started = Instant::now();
                match recall_one(&space) {
                    Ok(Recalled::Found) => recalled += 1,
                    Ok(Recalled::NothingToRecall) => {}
                    Ok(Recalled::Missed(id)) => {
                        let message = format!(
                            "space '{}': a recall does not find memory '{id}', which is there",
                            space.id
                        );
                        return (Status::Unhealthy, message);
                    }
                    Err(error) => {
                        return (Status::Unhealthy, format!("space '{}': {error}", space.id));
                    }
                }
                slowest = slowest.max(started.elapsed());
            }
            let message = format!(
                "a memory of each of {recalled} spaces was recalled, the slowest after {:.1}ms",
                slowest.as_secs_f64() * 1000.0
            );
            (by_limits(slowest, SLOW, TOO_SLOW), message)
        })
    }
}

enum Recalled {
    Found,
    NothingToRecall,
    Missed(String),
}

/// Recalls the newest memory of a space by the longest of its words.
fn recall_one(space: &Space) -> Result<Recalled, TierError> {
    let newest = space.count().saturating_sub(1);
    let Some(memory) = space.list(Tier::All, newest, 1)?.pop() else {
        return Ok(Recalled::NothingToRecall);
    };
    let words = memory.content.split_whitespace();
    let Some(cue) = words.max_by_key(|word| word.len()) else {
        return Ok(Recalled::NothingToRecall);
    };
    if !space.find(cue, 1)?.is_empty() {
        return Ok(Recalled::Found);
    }
    // It may have been replaced by another text meanwhile; then there was nothing to find.
    let still_there = space
        .get(&memory.id)?
        .is_some_and(|now| now.content == memory.content);
    Ok(if still_there {
        Recalled::Missed(memory.id.clone())
    } else {
        Recalled::NothingToRecall
    })
}
