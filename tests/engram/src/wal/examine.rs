//! Reading the log of a space without opening the space: nothing is changed, and the server may run.

use std::io;
use std::path::Path;

use super::replay::{End, ReplayError, read, replay_file};

/// What is to be said of one file.
#[derive(Debug)]
pub(crate) enum Remark {
    /// It is whole, with so many entries.
    Whole(u64),
    /// It is usable, and this is what a start does with its end.
    Note(String),
    /// It cannot be read, or a record of it is damaged.
    Damage(ReplayError),
}

/// Reads every log file of the directory to its end or to its first damaged record.
///
/// The end of the newest file may be a part of a record, as in a start: a crash leaves one there, and a running
/// server may be about to write the rest.
pub(crate) fn examine(directory: &Path) -> Result<Vec<Remark>, ReplayError> {
    let files = match super::files(directory) {
        Ok(files) => files,
        // A space that was made and never opened.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => {
            return Err(ReplayError::List {
                path: directory.to_path_buf(),
                source,
            });
        }
    };
    let mut remarks = Vec::new();
    for (index, path) in files.iter().enumerate() {
        remarks.extend(examine_file(path, index + 1 == files.len()));
    }
    Ok(remarks)
}

fn examine_file(path: &Path, newest: bool) -> Vec<Remark> {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        // A running server has made it superfluous since the directory was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(source) => {
            return vec![Remark::Damage(ReplayError::Read {
                path: path.to_path_buf(),
                source,
            })];
        }
    };
    let mut entries = 0;
    let end = replay_file(&bytes, newest, |_| entries += 1);
    let mut remarks = vec![Remark::Whole(entries)];
    let name = path.display();
    match end {
        Ok(End::Whole) => {}
        Ok(End::ZeroPadding(offset)) => remarks.push(Remark::Note(format!(
            "Zero padding after the last record at offset {offset} in {name}: a start ignores it"
        ))),
        Ok(End::Torn(offset)) => remarks.push(Remark::Note(format!(
            "Torn record at offset {offset} in {name}: a start removes it, unless a running server completes it first"
        ))),
        Err((offset, source)) => {
            return vec![Remark::Damage(ReplayError::Damaged {
                offset,
                path: path.to_path_buf(),
                source,
            })];
        }
    }
    remarks
}
