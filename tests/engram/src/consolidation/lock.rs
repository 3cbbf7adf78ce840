//! The lock file of consolidation, `.consolidation.lock` in the data directory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

/// How often a lock that another process holds is tried again.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// How often the log tells that it is waited for.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Where it is.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(".consolidation.lock")
}

/// Makes the file, so that others can lock it before the first cycle does.
pub(super) fn prepare(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Takes the lock for as long as the file is open, or not at all: `None` if another process holds it.
pub(super) fn try_take(path: &Path) -> io::Result<Option<File>> {
    let file = prepare(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the lock; `None` if the server stops meanwhile. `waits` is called once, if it has to wait.
pub(super) fn take(
    path: &Path,
    stop: &AtomicBool,
    waits: impl FnOnce(),
) -> io::Result<Option<File>> {
    let mut waits = Some(waits);
    let mut told: Option<Instant> = None;
    while !stop.load(Ordering::Relaxed) {
        if let Some(file) = try_take(path)? {
            return Ok(Some(file));
        }
        if let Some(waits) = waits.take() {
            waits();
        }
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            tracing::warn!(target: "engram_core::consolidation",
                "consolidation waits for the lock {}, held by another process", path.display());
            told = Some(Instant::now());
        }
        std::thread::sleep(TRY_EVERY);
    }
    Ok(None)
}
