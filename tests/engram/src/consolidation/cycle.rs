//! Consolidating one space: a batch of its closed log files becomes part of its checkpoint.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::Failure;
use super::patterns::{self, Bounds, Pattern};
use crate::config::ConsolidationConfig;
use crate::space::Space;
use crate::wal::{self, Segment, checkpoint};

/// What a cycle has done for a space.
#[derive(Debug)]
pub(crate) struct Consolidated {
    /// Records that were taken out of the log.
    pub(crate) records: u64,
    /// Log files that were removed.
    pub(crate) files: usize,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// What they had in common.
    pub(crate) patterns: Vec<Pattern>,
}

/// Consolidates one batch of a space. `None` if nothing is due, or, if `forced`, if nothing is there.
///
/// If it fails, the space is as before.
pub(super) fn consolidate(
    space: &Space,
    config: &ConsolidationConfig,
    forced: bool,
    stop: &AtomicBool,
) -> Result<Option<Consolidated>, Failure> {
    let mut checkpoint = space
        .checkpoint
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let batch = batch(space, config, forced)?;
    if batch.is_empty() {
        return Ok(None);
    }
    let mut fresh = Vec::new();
    for segment in &batch {
        fresh.extend(wal::read_segment(&segment.path)?);
    }
    let bounds = Bounds {
        min_support: config.min_pattern_support,
        deadline: Instant::now() + config.pattern_timeout,
        stop,
    };
    let mut patterns = Vec::new();
    // Files of a time with another setting may hold more than one batch.
    for chunk in fresh.chunks(config.max_batch_size) {
        patterns.extend(patterns::detect(chunk, bounds)?);
    }
    let held = checkpoint
        .as_ref()
        .map(|checkpoint| checkpoint::read(&checkpoint.path))
        .transpose()?;
    let paths: Vec<PathBuf> = batch.iter().map(|segment| segment.path.clone()).collect();
    let warm = space.root.join("warm");
    let written =
        checkpoint::write(&warm, held.as_ref(), &paths, &fresh).map_err(Failure::Storage)?;
    let previous = checkpoint.replace(written);
    space.with_log(|log| log.forget(&paths));
    remove(&space.root, &paths, previous.as_ref().map(|it| &*it.path));
    Ok(Some(Consolidated {
        records: batch.iter().map(|segment| segment.records).sum(),
        files: batch.len(),
        bytes: batch.iter().map(|segment| segment.bytes).sum(),
        patterns,
    }))
}

/// The oldest closed files, as many as make one batch, but one at least. The file that is written to is closed first,
/// if there are too few others.
fn batch(
    space: &Space,
    config: &ConsolidationConfig,
    forced: bool,
) -> Result<Vec<Segment>, Failure> {
    let waiting = space.log();
    if waiting.records == 0 || !(forced || config.due(waiting.records, waiting.oldest_ns)) {
        return Ok(Vec::new());
    }
    let limit = config.max_batch_size as u64;
    space.with_log(|log| {
        let closed: u64 = log.closed().iter().map(|segment| segment.records).sum();
        if closed < limit {
            log.rotate().map_err(Failure::Storage)?;
        }
        let mut records = 0;
        let fits = |segment: &&Segment| {
            let first = records == 0;
            records += segment.records;
            first || records <= limit
        };
        Ok(log.closed().iter().take_while(fits).cloned().collect())
    })
}

/// Removes what is in the new checkpoint. What is left by a failure or a crash is removed when the space is opened.
fn remove(root: &Path, logs: &[PathBuf], previous: Option<&Path>) {
    for path in logs.iter().map(PathBuf::as_path).chain(previous) {
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(target: "engram_core::consolidation",
                "Failed to remove {}, which the checkpoint holds: {error}", path.display());
        }
    }
    for directory in ["wal", "warm"] {
        // A name that comes back after a power failure is removed at the next start.
        let _best_effort = File::open(root.join(directory)).and_then(|it| it.sync_all());
    }
}
