//! Reports on disk: a folder each, with `report.json` and what scripts leave beside it.

use super::report::Report;
use crate::fs_write;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const NAME: &str = "report.json";

/// Files of scripts that a report names.
const MAX_FILES: usize = 100;

/// The folder of all reports. Held by one responder at a time.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    _lock: File,
}

/// Why the folder cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Another responder has it.
    Busy,
    Io(io::Error),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Store {
    /// Opens the folder, makes it where it is missing, and reads what is there. Reports that cannot
    /// be read are left alone.
    pub(super) fn open(dir: &Path) -> Result<(Self, Vec<Report>), Unusable> {
        make_private(dir)?;
        let dir = dir.canonicalize()?;
        let lock = File::create(dir.join(".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Unusable::Busy),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut reports = Vec::new();
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let read = fs::read(path.join(NAME)).ok();
            let report = read.and_then(|bytes| serde_json::from_slice::<Report>(&bytes).ok());
            // One that was moved or copied by hand is not ours to remove later.
            let is_ours =
                |report: &Report| path.file_name().is_some_and(|name| name == &*report.id);
            reports.extend(report.filter(is_ours));
        }
        reports.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((Self { dir, _lock: lock }, reports))
    }

    /// A report's own folder.
    pub(super) fn folder(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// Makes a report's folder. Others may not look into it: logs and settings can hold secrets.
    pub(super) fn make_folder(&self, id: &str) -> io::Result<PathBuf> {
        let folder = self.folder(id);
        make_private(&folder)?;
        Ok(folder)
    }

    /// Writes a report, whole or not at all.
    pub(super) fn save(&self, report: &Report) -> io::Result<()> {
        let folder = self.make_folder(&report.id)?;
        let json = serde_json::to_vec_pretty(report)?;
        fs_write::write(&folder.join(NAME), &json).map_err(|error| error.source)
    }

    /// Forgets a report, with all that is in its folder.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        fs::remove_dir_all(self.folder(id))
    }

    /// What scripts have left in a report's folder: full paths, sorted.
    pub(super) fn files(&self, id: &str) -> Vec<String> {
        let walk = walkdir::WalkDir::new(self.folder(id))
            .min_depth(1)
            .max_depth(3);
        walk.sort_by_file_name()
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy();
                name != NAME && !name.starts_with(fs_write::TEMP_PREFIX)
            })
            .take(MAX_FILES)
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .collect()
    }
}

fn make_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
