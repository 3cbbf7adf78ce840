//! The write-ahead log of one space: files `wal-<unix seconds, 16 hexadecimal digits>.log`.
//!
//! A new file is begun each time the space is opened, and when one has grown to its limit; older ones are never
//! changed, except that a record that a crash has cut off at the very end of the newest one is removed.
//! Reading is strict: a damaged record is an error.
//!
//! Consolidation turns closed files into a checkpoint and removes them. What is acknowledged is at every moment in a
//! log file or in the checkpoint, or in both.

pub(crate) mod checkpoint;
mod damage;
mod examine;
mod record;
mod replay;
mod writer;

pub(crate) use damage::ReplayError;
pub(crate) use examine::{Remark, examine};
pub(crate) use replay::{read_segment, replay};
pub(crate) use writer::{Limits, Waiting, WalWriter, WriteError};

use std::io;
use std::path::{Path, PathBuf};

/// What is known of one log file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Segment {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whole records in it.
    pub(crate) records: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// The time of its first record, in nanoseconds since 1970.
    pub(crate) oldest_ns: Option<u64>,
}

/// The log files in a directory, oldest first.
///
/// A directory with such a name is listed too: opening it fails, which is better than passing over it.
pub(crate) fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with("wal-") && path.extension().is_some_and(|extension| extension == "log")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The seconds in the name of a log file; `None` if the name holds no such number.
fn seconds_of(path: &Path) -> Option<u64> {
    let digits = path.file_stem()?.to_str()?.strip_prefix("wal-")?;
    u64::from_str_radix(digits, 16).ok()
}
