//! Consolidation: closed log files become part of a checkpoint, and what the memories in them have in common is found.
//!
//! One worker does it for all spaces, one cycle after the other, and `POST /api/v1/maintenance/compact` does it at once.
//! While it works it holds a lock on a file in the data directory. A backup holds the same one, so that no log file
//! goes away under it.

mod cycle;
mod lock;
mod patterns;
mod state;
mod worker;

use std::io;

pub(crate) use patterns::Pattern;
pub(crate) use state::{State, Stats};
pub(crate) use worker::{Consolidator, Refused};

use crate::wal::ReplayError;

/// Why a cycle consolidated nothing of a space.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The batch is too large for the time.
    #[error("pattern detection timeout")]
    Timeout,
    /// The batch is too large for the memory.
    #[error("pattern detection: Memory allocation failed: out of memory")]
    Memory,
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// The disk does not take it.
    #[error("I/O error: {0}")]
    Storage(#[source] io::Error),
    /// A log file or the checkpoint is damaged or cannot be read.
    #[error(transparent)]
    Log(#[from] ReplayError),
}

impl Failure {
    /// All values of the label `reason`.
    pub(crate) const REASONS: [&'static str; 4] = ["corruption", "memory", "storage", "timeout"];

    /// The value of the label `reason`; `None` if it is no failure that anybody should look at.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Timeout => Some("timeout"),
            Self::Memory => Some("memory"),
            Self::Stopped => None,
            Self::Storage(_) => Some("storage"),
            Self::Log(_) => Some("corruption"),
        }
    }
}
