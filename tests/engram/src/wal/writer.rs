//! Appending to the log: a record is on the disk before its write is acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Segment, record};

/// A write that takes longer than this is worth a line in the log.
const SLOW_WRITE: Duration = Duration::from_millis(10);

/// The log that a space writes to: one file that grows, and those that are closed.
#[derive(Debug)]
pub(crate) struct WalWriter {
    directory: PathBuf,
    limits: Limits,
    file: File,
    /// Its bytes and records are known to be whole on the disk.
    active: Segment,
    /// The seconds in its name.
    seconds: u64,
    closed: Vec<Segment>,
    /// Set if the file may end in something that is not a record and could not be cut off.
    broken: Option<String>,
    waiting: Arc<Mutex<Waiting>>,
}

/// When a new file is begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// At this size.
    pub(crate) bytes: u64,
    /// With so many records.
    pub(crate) records: u64,
}

/// What is in the log files of a space, and so waits for consolidation.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Waiting {
    /// Log files, with the one that is written to.
    pub(crate) files: usize,
    /// Bytes in them.
    pub(crate) bytes: u64,
    /// Records in them.
    pub(crate) records: u64,
    /// The time of the oldest record, in nanoseconds since 1970.
    pub(crate) oldest_ns: Option<u64>,
}

/// Why a record was not written. Nothing of it is left in the file, or the writer refuses all further writes.
#[derive(Debug, thiserror::Error)]
#[error("WAL batch write failed: {reason}")]
pub(crate) struct WriteError {
    /// In words, with the system's message.
    reason: String,
    /// Is there no space left for it?
    pub(crate) storage_full: bool,
}

impl WalWriter {
    /// Begins a new log file, younger by name than all that are in the directory, and than `after`.
    pub(crate) fn create(
        directory: &Path,
        limits: Limits,
        closed: Vec<Segment>,
        after: Option<u64>,
    ) -> io::Result<Self> {
        let (path, seconds, file) = begin(directory, after)?;
        let writer = Self {
            directory: directory.to_path_buf(),
            limits,
            file,
            active: Segment {
                path,
                ..Segment::default()
            },
            seconds,
            closed,
            broken: None,
            waiting: Arc::default(),
        };
        writer.count();
        Ok(writer)
    }

    /// Where it writes.
    pub(crate) fn path(&self) -> &Path {
        &self.active.path
    }

    /// What waits for consolidation. It can be read while a write hangs.
    pub(crate) fn waiting(&self) -> Arc<Mutex<Waiting>> {
        Arc::clone(&self.waiting)
    }

    /// The files that are no longer written to, oldest first.
    pub(crate) fn closed(&self) -> &[Segment] {
        &self.closed
    }

    /// Closes the file and begins a new one, unless there is nothing in it.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        if let Some(broken) = &self.broken {
            return Err(io::Error::other(broken.clone()));
        }
        if self.active.records == 0 {
            return Ok(());
        }
        let (path, seconds, file) = begin(&self.directory, Some(self.seconds))?;
        let begun = Segment {
            path,
            ..Segment::default()
        };
        self.closed.push(std::mem::replace(&mut self.active, begun));
        (self.file, self.seconds) = (file, seconds);
        self.count();
        Ok(())
    }

    /// Closed files are in a checkpoint now, and no longer in the log.
    pub(crate) fn forget(&mut self, paths: &[PathBuf]) {
        self.closed.retain(|segment| !paths.contains(&segment.path));
        self.count();
    }

    /// Appends one record and waits until the disk has it.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), WriteError> {
        if let Some(broken) = &self.broken {
            return Err(WriteError {
                reason: broken.clone(),
                storage_full: false,
            });
        }
        let full =
            self.active.bytes >= self.limits.bytes || self.active.records >= self.limits.records;
        if full && let Err(error) = self.rotate() {
            // The old file still takes records: that it grows is better than a write that fails.
            tracing::warn!(target: "engram_core::storage::wal", "WAL rotation failed: I/O error: {error}");
        }
        let started = Instant::now();
        let nanoseconds = now_ns();
        let record = record::encode(self.active.records, nanoseconds, payload);
        if let Err(error) = self.write(&record) {
            return Err(self.undo(&error));
        }
        self.active.bytes += record.len() as u64;
        self.active.records += 1;
        self.active.oldest_ns.get_or_insert(nanoseconds);
        self.count();
        let took = started.elapsed();
        if took > SLOW_WRITE {
            tracing::warn!(target: "engram_core::storage::wal", "WAL batch write took {}ms, target <10ms", took.as_millis());
        }
        Ok(())
    }

    fn count(&self) {
        let all = || self.closed.iter().chain([&self.active]);
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Waiting {
            files: self.closed.len() + 1,
            bytes: all().map(|segment| segment.bytes).sum(),
            records: all().map(|segment| segment.records).sum(),
            oldest_ns: all().filter_map(|segment| segment.oldest_ns).min(),
        };
    }

    /// Fails if the file at the path of the log is not the one that is written to: then writes would be lost.
    pub(crate) fn check_in_place(&self) -> io::Result<()> {
        let (named, open) = (std::fs::metadata(&self.active.path)?, self.file.metadata()?);
        if (named.dev(), named.ino()) == (open.dev(), open.ino()) {
            return Ok(());
        }
        Err(io::Error::other("the log file was replaced"))
    }

    /// Why it refuses all further writes, if it does.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Waits until the disk has everything.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        self.check_in_place()?;
        self.file.write_all(record)?;
        self.file.sync_data()
    }

    /// Removes what a failed write may have left, because the next record must follow the last whole one.
    fn undo(&mut self, error: &io::Error) -> WriteError {
        let storage_full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        let undone = self
            .file
            .set_len(self.active.bytes)
            .and_then(|()| self.file.sync_all());
        if let Err(undo_error) = undone {
            self.broken = Some(format!(
                "I/O error: {undo_error}; the space takes no writes until it is opened again"
            ));
        }
        let reason = format!("I/O error: {error}");
        tracing::error!(target: "engram_core::storage::wal", "WAL batch write failed: {reason}");
        WriteError {
            reason,
            storage_full,
        }
    }
}

/// Makes a file whose name is younger than those of all others and than `after`: its path, the seconds in its name.
fn begin(directory: &Path, after: Option<u64>) -> io::Result<(PathBuf, u64, File)> {
    let newest = super::files(directory)?
        .iter()
        .filter_map(|path| super::seconds_of(path))
        .max()
        .max(after);
    let now = now_ns() / 1_000_000_000;
    // The clock may have been set back: the order of the names is the order of the writes.
    let seconds = newest.map_or(now, |newest| now.max(newest.saturating_add(1)));
    let path = directory.join(format!("wal-{seconds:016x}.log"));
    let file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    File::open(directory)?.sync_all()?;
    Ok((path, seconds, file))
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
