//! What is counted since the start, and what was measured in the last five minutes.
//!
//! Counters only grow, and a family is there from the first scrape on.

mod json;
mod recent;
mod storage;
mod text;
mod tiers;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use json::snapshot;
pub(crate) use recent::Recent;
pub(crate) use text::exposition;

/// How an operation on memories ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It did what was asked.
    Ok,
    /// The request was wrong, or what it asked for is not there: status 4xx.
    Rejected,
    /// The server could not do it: status 5xx.
    Error,
}

impl Outcome {
    /// The value of the label `status`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected => "rejected",
            Self::Error => "error",
        }
    }
}

/// One operation on memories, as a label tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct OperationKey {
    space: String,
    operation: &'static str,
    outcome: Outcome,
}

/// All numbers of the server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    operations: BTreeMap<OperationKey, u64>,
    durations: BTreeMap<&'static str, Histogram>,
    recovery_successes: u64,
    recovery_failures: u64,
    recovery_duration: Histogram,
    recent: Recent,
    grpc: Listening,
}

/// Whether the server listens for gRPC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Listening {
    /// The configuration says that it should not.
    #[default]
    Off,
    /// It should, but cannot, or does so no longer.
    Failed,
    /// It does.
    On,
}

impl Metrics {
    /// Counts one operation.
    pub(crate) fn operation(
        &self,
        space: &str,
        operation: &'static str,
        outcome: Outcome,
        took: Duration,
    ) {
        let mut inner = self.lock();
        let key = OperationKey {
            space: space.to_owned(),
            operation,
            outcome,
        };
        *inner.operations.entry(key).or_default() += 1;
        inner
            .durations
            .entry(operation)
            .or_default()
            .observe(took.as_secs_f64());
        inner.recent.push(operation, outcome, took);
    }

    /// Counts the reading of one space's log.
    pub(crate) fn wal_recovery(&self, succeeded: bool, took: Duration) {
        let mut inner = self.lock();
        if succeeded {
            inner.recovery_successes += 1;
        } else {
            inner.recovery_failures += 1;
        }
        inner.recovery_duration.observe(took.as_secs_f64());
    }

    /// Operations of the last `window` that ended with 5xx, and all of them.
    pub(crate) fn recent_errors(&self, window: Duration) -> (usize, usize) {
        self.lock().recent.errors(window)
    }

    /// Each operation that has ended: how often, and how long it took on average, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(crate) fn means(&self) -> Vec<(&'static str, u64, f64)> {
        let inner = self.lock();
        let ended = inner.durations.iter().filter(|(_, each)| each.count > 0);
        ended
            .map(|(operation, each)| (*operation, each.count, each.sum / each.count as f64))
            .collect()
    }

    /// Notes whether the server listens for gRPC.
    pub(crate) fn set_grpc(&self, grpc: Listening) {
        self.lock().grpc = grpc;
    }

    /// Does the server listen for gRPC?
    pub(crate) fn grpc(&self) -> Listening {
        self.lock().grpc
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Upper bounds of the buckets of every histogram, in seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// A Prometheus histogram. Each bucket counts only its own observations; the exposition adds them up.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn observe(&mut self, seconds: f64) {
        if let Some(index) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[index] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }
}
