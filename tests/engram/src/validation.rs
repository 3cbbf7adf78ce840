//! What may be stored: numbers that are finite, if the configuration says so, and nothing in read-only mode.
//!
//! Without any setting the numbers of an embedding are stored as they are, infinite ones too, as the real server does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::memory::Memory;
use crate::space::SpaceId;

/// `[validation]` of the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    /// `check_finite_embeddings`: refuse a memory whose embedding holds a number that is not finite.
    pub(crate) check_embeddings: bool,
    /// `check_finite_confidence`: refuse a confidence that is not from 0 to 1.
    pub(crate) check_confidence: bool,
    /// What is repaired instead.
    pub(crate) repair: Repair,
}

/// What is done to numbers that are not allowed, when they come in and when they are read from the log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Repair {
    /// `clamp_invalid_values`: an infinite number of an embedding becomes 1 or -1, and a confidence 0 or 1.
    pub(crate) clamp: bool,
    /// `replace_nan_with_zero`: what is no number becomes 0.
    pub(crate) replace_nan: bool,
}

/// Why a memory is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nothing is.
    #[error("The server is in read-only mode")]
    ReadOnly,
    /// Its embedding.
    #[error(
        "Validation failed: embedding of memory '{id}' holds {count} numbers that are not finite"
    )]
    Embedding {
        /// Of the memory.
        id: String,
        /// Numbers that are not finite.
        count: usize,
    },
    /// Its confidence.
    #[error("Invalid confidence interval: mean={0:.3} not in range [0.000, 1.000]")]
    Confidence(f64),
}

/// Watches over the memories of one space.
#[derive(Debug)]
pub(crate) struct Guard {
    settings: Settings,
    read_only: bool,
    /// Ids of memories with numbers that are not allowed.
    flawed: Mutex<BTreeSet<String>>,
    stored: AtomicU64,
    sanitised: AtomicU64,
    refused: AtomicU64,
}

impl Guard {
    /// A guard that has seen nothing yet.
    pub(crate) fn new(settings: Settings, read_only: bool) -> Self {
        Self {
            settings,
            read_only,
            flawed: Mutex::default(),
            stored: AtomicU64::new(0),
            sanitised: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Judges a memory that a client wants to store, and repairs it if it may.
    pub(crate) fn admit(&self, space: &SpaceId, memory: &mut Memory) -> Result<(), Refusal> {
        if self.read_only {
            return Err(Refusal::ReadOnly);
        }
        if !self.settings.check_confidence {
            memory.confidence = memory.confidence.clamp(0.0, 1.0);
        }
        let (count, id) = (memory.nonfinite(), memory.id.clone());
        if !is_flawed(memory) {
            return Ok(());
        }
        self.settings.repair.apply(memory);
        let refusal = self.settings.refusal(memory);
        let (counter, action) = match (&refusal, is_flawed(memory)) {
            (Some(_), _) => (&self.refused, "refused"),
            (None, true) => (&self.stored, "stored"),
            (None, false) => (&self.sanitised, "sanitised"),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let what = refusal.as_ref().map_or_else(
            || format!("embedding with {count} NaN or Infinity, or confidence out of range"),
            ToString::to_string,
        );
        tracing::warn!(target: "engram_core::validation", memory = %id, space = %space, "Invalid values {action}: {what}");
        refusal.map_or(Ok(()), Err)
    }

    /// Takes note of a memory that is stored now, or was read from the log.
    pub(crate) fn note(&self, memory: &Memory) {
        let mut flawed = self.flawed();
        if is_flawed(memory) {
            flawed.insert(memory.id.clone());
        } else if !flawed.is_empty() {
            flawed.remove(&memory.id);
        }
    }

    /// The ids of memories with numbers that are not allowed.
    pub(crate) fn flawed_ids(&self) -> Vec<String> {
        self.flawed().iter().cloned().collect()
    }

    /// How many there are.
    pub(crate) fn flawed_count(&self) -> usize {
        self.flawed().len()
    }

    /// A stored memory in its repaired form; `None` if nothing may or can be repaired.
    pub(crate) fn repaired(&self, memory: &Memory) -> Option<Memory> {
        let mut repaired = memory.clone();
        self.settings.repair.apply(&mut repaired);
        (!self.read_only && !is_flawed(&repaired)).then_some(repaired)
    }

    /// Should somebody be told about flaws that are stored?
    pub(crate) fn is_on(&self) -> bool {
        let Settings { repair, .. } = self.settings;
        self.settings.check_embeddings
            || self.settings.check_confidence
            || repair.clamp
            || repair.replace_nan
    }

    /// Writes with such numbers: what was done, and how often since the start.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 3] {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("refused", count(&self.refused)),
            ("sanitised", count(&self.sanitised)),
            ("stored", count(&self.stored)),
        ]
    }

    fn flawed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.flawed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    fn refusal(self, memory: &Memory) -> Option<Refusal> {
        let count = memory.nonfinite();
        if self.check_embeddings && count > 0 {
            let id = memory.id.clone();
            return Some(Refusal::Embedding { id, count });
        }
        let confidence = memory.confidence;
        (self.check_confidence && !is_share(confidence)).then_some(Refusal::Confidence(confidence))
    }
}

impl Repair {
    fn apply(self, memory: &mut Memory) {
        for number in memory.embedding.iter_mut().flatten() {
            if self.clamp && number.is_infinite() {
                *number = number.signum();
            }
            if self.replace_nan && number.is_nan() {
                *number = 0.0;
            }
        }
        if self.clamp {
            memory.confidence = memory.confidence.clamp(0.0, 1.0);
        }
        if self.replace_nan && memory.confidence.is_nan() {
            memory.confidence = 0.0;
        }
    }
}

fn is_flawed(memory: &Memory) -> bool {
    memory.nonfinite() > 0 || !is_share(memory.confidence)
}

/// NaN is none.
fn is_share(number: f64) -> bool {
    (0.0..=1.0).contains(&number)
}
