//! What consolidation does now, and what it has done since the start.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Failure, Pattern};
use crate::space::SpaceId;

/// Over how long the rate is taken.
const RATE_WINDOW: Duration = Duration::from_secs(300);

/// What the worker does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// There is none: the configuration says so.
    #[default]
    Disabled,
    /// It waits for the next cycle.
    Idle,
    /// It is in a cycle.
    Running,
    /// Another process holds the lock.
    WaitingForLock,
}

impl State {
    /// As answers name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Idle => "idle",
            Self::Running => "running",
            Self::WaitingForLock => "waiting_for_lock",
        }
    }
}

/// What was done since the start.
#[derive(Debug)]
pub(crate) struct Stats {
    started: Instant,
    /// What is done now.
    pub(crate) state: State,
    /// Cycles that ended well, those with nothing to do among them.
    pub(crate) cycles: u64,
    /// Memories that were consolidated.
    pub(crate) memories: u64,
    /// How often a space could not be consolidated, by reason.
    pub(crate) failures: BTreeMap<&'static str, u64>,
    /// When the last cycle ended well.
    pub(crate) last_success: Option<Timestamp>,
    /// Why the last cycle did not; `None` if it did.
    pub(crate) last_error: Option<String>,
    /// What the last batch of each space had in common.
    pub(crate) patterns: BTreeMap<SpaceId, Vec<Pattern>>,
    recent: VecDeque<(Instant, SpaceId, u64)>,
}

impl Stats {
    /// Nothing was done.
    pub(super) fn new(state: State) -> Self {
        Self {
            started: Instant::now(),
            state,
            cycles: 0,
            memories: 0,
            failures: Failure::REASONS.iter().map(|reason| (*reason, 0)).collect(),
            last_success: None,
            last_error: None,
            patterns: BTreeMap::new(),
            recent: VecDeque::new(),
        }
    }

    /// Records of a space were consolidated.
    pub(super) fn consolidated(&mut self, space: &SpaceId, records: u64, patterns: Vec<Pattern>) {
        self.memories += records;
        self.patterns.insert(space.clone(), patterns);
        self.recent.retain(|(at, _, _)| at.elapsed() < RATE_WINDOW);
        self.recent
            .push_back((Instant::now(), space.clone(), records));
    }

    /// Memories a second over the last five minutes, or since the start; of one space or of all.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(crate) fn rate(&self, space: Option<&SpaceId>) -> f64 {
        let recent = self.recent.iter().filter(|(at, of, _)| {
            at.elapsed() < RATE_WINDOW && space.is_none_or(|space| space == of)
        });
        let records: u64 = recent.map(|(_, _, records)| records).sum();
        let window = self.started.elapsed().min(RATE_WINDOW).as_secs_f64();
        records as f64 / window.max(1.0)
    }
}
