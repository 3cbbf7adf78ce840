//! What the sandbox finds on its PATH: copies of the instance's programs, and their hash.

use crate::config::Config;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A program of the instance could not be put where the sandbox sees it.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} of the instance's `path`")]
pub struct StagingError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The instance's programs by name; the first of a name wins, as on a PATH.
#[derive(Debug)]
pub struct Staging {
    files: BTreeMap<String, PathBuf>,
    hash: blake3::Hash,
    dir: Option<TempDir>,
}

impl Staging {
    /// Finds the files that `config` names and hashes them; copies nothing yet.
    pub fn collect(config: &Config) -> Result<Self, StagingError> {
        let mut files = BTreeMap::new();
        for entry in config.instance.iter().flat_map(|instance| &instance.path) {
            let path = config.root.join(entry);
            let found = walkdir::WalkDir::new(&path)
                .max_depth(1)
                .follow_links(true)
                .sort_by_file_name();
            for file in found {
                let file = file.map_err(|error| StagingError {
                    path: path.clone(),
                    source: error.into(),
                })?;
                let name = file.file_name().to_string_lossy().into_owned();
                if file.file_type().is_file() && !name.starts_with('.') {
                    files.entry(name).or_insert_with(|| file.into_path());
                }
            }
        }
        let hash = hash(&files)?;
        Ok(Self {
            files,
            hash,
            dir: None,
        })
    }

    /// Hash of all names, modes and contents.
    pub fn hash(&self) -> &blake3::Hash {
        &self.hash
    }

    /// Whether a program of this name is among them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Copies the files to a temporary folder that any user may read; returns it.
    pub fn copy(&mut self) -> Result<&Path, StagingError> {
        let dir = match self.dir.take() {
            Some(dir) => dir,
            None => self.fill()?,
        };
        Ok(self.dir.insert(dir).path())
    }

    fn fill(&self) -> Result<TempDir, StagingError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StagingError { path, source }
        };
        let temp = std::env::temp_dir();
        let dir = tempfile::Builder::new()
            .prefix("mdbook-runbook-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .map_err(failed(&temp))?;
        for (name, from) in &self.files {
            let to = dir.path().join(name);
            // A hard link would show edits of a script to a drill that is under way.
            std::fs::copy(from, &to).map_err(failed(from))?;
            let mode = std::fs::metadata(from)
                .map_err(failed(from))?
                .permissions()
                .mode();
            let mode = 0o444 | if mode & 0o111 == 0 { 0 } else { 0o111 };
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode))
                .map_err(failed(&to))?;
        }
        Ok(dir)
    }
}

fn hash(files: &BTreeMap<String, PathBuf>) -> Result<blake3::Hash, StagingError> {
    let mut hasher = blake3::Hasher::new();
    for (name, path) in files {
        let failed = |source| StagingError {
            path: path.clone(),
            source,
        };
        let mode = std::fs::metadata(path)
            .map_err(failed)?
            .permissions()
            .mode()
            & 0o111;
        let bytes = std::fs::read(path).map_err(failed)?;
        hasher.update(name.as_bytes());
        hasher.update(&[0, u8::from(mode != 0)]);
        hasher.update(blake3::hash(&bytes).as_bytes());
    }
    Ok(hasher.finalize())
}
