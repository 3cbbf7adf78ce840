//! The write-ahead log of one space: files `wal-<unix seconds, 16 hexadecimal digits>.log`.
//!
//! A new file is begun each time the space is opened; older ones are never changed, except that a record that a
//! crash has cut off at the very end of the newest one is removed. Reading is strict: a damaged record is an error.

mod examine;
mod record;
mod replay;
mod writer;

pub(crate) use examine::{Remark, examine};
pub(crate) use replay::{ReplayError, replay};
pub(crate) use writer::{WalWriter, WriteError};

use std::io;
use std::path::{Path, PathBuf};

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
