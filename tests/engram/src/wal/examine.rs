//! Reading the log of a space without opening the space: nothing is changed, and the server may run.

use std::io;
use std::path::Path;

use super::checkpoint;
use super::damage::ReplayError;
use super::replay::{End, read, replay_file};

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

/// Reads the checkpoint of a space, and every log file to its end or to its first damaged record.
///
/// The end of the newest file may be a part of a record, as in a start: a crash leaves one there, and a running
/// server may be about to write the rest.
pub(crate) fn examine(root: &Path) -> Result<Vec<Remark>, ReplayError> {
    let directory = &root.join("wal");
    let files = match super::files(directory) {
        Ok(files) => files,
        // A space that was made and never opened.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => {
            return Err(ReplayError::List {
                path: directory.clone(),
                source,
            });
        }
    };
    let mut remarks = examine_checkpoint(root)?;
    for (index, path) in files.iter().enumerate() {
        remarks.extend(examine_file(path, index + 1 == files.len()));
    }
    Ok(remarks)
}

/// Only the newest one counts.
fn examine_checkpoint(root: &Path) -> Result<Vec<Remark>, ReplayError> {
    let path = root.join("warm");
    let files = match checkpoint::files(&path) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(ReplayError::List { path, source }),
    };
    let Some((_, newest)) = files.last() else {
        return Ok(Vec::new());
    };
    Ok(match checkpoint::examine(newest) {
        Ok(held) => vec![Remark::Whole(held.memories())],
        // A running server has replaced it since the directory was listed.
        Err(ReplayError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Vec::new()
        }
        Err(damage) => vec![Remark::Damage(damage)],
    })
}

fn examine_file(path: &Path, newest: bool) -> Vec<Remark> {
    let mut bytes = Vec::new();
    match read(path, &mut bytes) {
        Ok(()) => {}
        // A running server has made it superfluous since the directory was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(source) => {
            return vec![Remark::Damage(ReplayError::Read {
                path: path.to_path_buf(),
                source,
            })];
        }
    }
    let mut entries = 0;
    let end = replay_file(&bytes, newest, |_, _| entries += 1);
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
