//! Why a log or a checkpoint cannot be read, and how the log of the server tells it.

use std::io;
use std::path::{Path, PathBuf};

use super::record::MAGIC;

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The directory cannot be listed.
    #[error("Failed to list WAL directory '{path}'")]
    List {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("Failed to read WAL file '{path}'")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A record is damaged.
    #[error("Failed to deserialize WAL entry at offset {offset} in {path}")]
    Damaged {
        /// Where the record begins, in bytes.
        offset: usize,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    /// A checksum of the header or the payload does not fit.
    #[error("Checksum verification failed: expected {expected:08x}, got {got:08x}")]
    Checksum {
        /// As stored in the record.
        expected: u32,
        /// As computed from the bytes.
        got: u32,
        /// Is it the header's?
        in_header: bool,
    },
    /// It does not begin like a record.
    #[error("Corruption detected: Invalid magic number: expected {MAGIC:x}, got {0:x}")]
    Magic(u32),
    /// It ends before its time, and not because of a crash.
    #[error("I/O error: failed to fill whole buffer")]
    Cut,
    /// Its checksum fits, but it is not a memory.
    #[error("Corruption detected: Failed to deserialize WAL episode: {0}")]
    Episode(String),
}

/// Two lines: which part of which file, and where in it.
pub(super) fn log_damage(path: &Path, offset: usize, damage: &Damage) {
    let path = path.display();
    match damage {
        Damage::Checksum {
            in_header: true, ..
        }
        | Damage::Magic(_) => {
            tracing::warn!(target: "engram_core::storage::wal", "Corrupted header in {path}: {damage}");
        }
        Damage::Checksum {
            in_header: false, ..
        }
        | Damage::Cut
        | Damage::Episode(_) => {
            tracing::warn!(target: "engram_core::storage::wal", "Corrupted payload in {path}: {damage}");
        }
    }
    tracing::error!(target: "engram_core::storage::wal", "Failed to deserialize WAL entry at offset {offset} in {path}: {damage}");
}
