//! Appending to the log: a record is on the disk before its write is acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::record;

/// A write that takes longer than this is worth a line in the log.
const SLOW_WRITE: Duration = Duration::from_millis(10);

/// The log file that a space writes to.
#[derive(Debug)]
pub(crate) struct WalWriter {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be whole records on the disk.
    length: u64,
    sequence: u64,
    /// Set if the file may end in something that is not a record and could not be cut off.
    broken: Option<String>,
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
    /// Begins a new log file, younger by name than all that are in the directory.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let newest = super::files(directory)?
            .iter()
            .filter_map(|path| super::seconds_of(path))
            .max();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        // The clock may have been set back: the order of the names is the order of the writes.
        let seconds = newest.map_or(now, |newest| now.max(newest.saturating_add(1)));
        let path = directory.join(format!("wal-{seconds:016x}.log"));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        File::open(directory)?.sync_all()?;
        Ok(Self {
            path,
            file,
            length: 0,
            sequence: 0,
            broken: None,
        })
    }

    /// Where it writes.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one record and waits until the disk has it.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), WriteError> {
        if let Some(broken) = &self.broken {
            return Err(WriteError {
                reason: broken.clone(),
                storage_full: false,
            });
        }
        let started = Instant::now();
        let nanoseconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let record = record::encode(
            self.sequence,
            u64::try_from(nanoseconds).unwrap_or(u64::MAX),
            payload,
        );
        if let Err(error) = self.write(&record) {
            return Err(self.undo(&error));
        }
        self.length += record.len() as u64;
        self.sequence += 1;
        let took = started.elapsed();
        if took > SLOW_WRITE {
            tracing::warn!(target: "engram_core::storage::wal", "WAL batch write took {}ms, target <10ms", took.as_millis());
        }
        Ok(())
    }

    /// Fails if the file at the path of the log is not the one that is written to: then writes would be lost.
    pub(crate) fn check_in_place(&self) -> io::Result<()> {
        let (named, open) = (std::fs::metadata(&self.path)?, self.file.metadata()?);
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
            .set_len(self.length)
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
