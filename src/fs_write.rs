//! The one way to write a file: whole or not at all.

use rustix::fs::{Gid, Uid, fchown};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file could not be written; what was there before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {path}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What was being done.
    pub step: &'static str,
    /// Why it failed.
    pub source: io::Error,
}

/// Puts `bytes` into the file at `path` by writing beside it and renaming.
///
/// A symbolic link is followed, the mode is kept, the owner where that is allowed, and a file that
/// holds these bytes already is not touched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    replace(path, bytes, true)
}

/// The same for what can be made again: it may be gone after a power cut, but never in part.
pub fn write_cache(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    replace(path, bytes, false)
}

fn replace(path: &Path, bytes: &[u8], is_durable: bool) -> Result<(), WriteError> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = |step| {
        let path = path.clone();
        move |source| WriteError { path, step, source }
    };
    if fs::read(&path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let old = fs::metadata(&path).ok();
    let mode = old
        .as_ref()
        .map_or(0o644, |old| old.permissions().mode() & 0o7777);
    let mut temp = tempfile::Builder::new()
        .prefix(".mdbook-runbook-")
        .tempfile_in(dir)
        .map_err(failed("make a file beside"))?;
    temp.write_all(bytes).map_err(failed("write"))?;
    if let Some(old) = old {
        let (own, group) = (Uid::from_raw(old.uid()), Gid::from_raw(old.gid()));
        // Only root may give files away; anyone else wrote the old one too, or keeps the new one.
        let _ = fchown(temp.as_file(), Some(own), Some(group));
    }
    temp.as_file()
        .set_permissions(fs::Permissions::from_mode(mode))
        .map_err(failed("set the mode of"))?;
    if is_durable {
        temp.as_file().sync_all().map_err(failed("sync"))?;
    }
    temp.persist(&path)
        .map_err(|error| failed("rename to")(error.error))?;
    if is_durable {
        // The rename itself is lost in a crash until the folder is on disk.
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed("sync the folder of"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_link_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("no/such/folder"), b"x").unwrap_err();
        assert_eq!(error.step, "make a file beside");
    }
}
