//! The one way to write a file: whole or not at all, and nothing else beside it.

use rustix::fs::{Gid, Uid, fchown};
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Every temporary file begins with this, so that one left by a killed run can be known.
pub const TEMP_PREFIX: &str = ".mdbook-runbook-";

/// A file was not written; what was there before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
pub struct WriteError {
    /// The file, with symbolic links followed.
    pub path: PathBuf,
    /// What was being done to it.
    pub step: Step,
    /// Why it failed.
    pub source: io::Error,
}

/// What was being done when a write failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Following symbolic links.
    Resolve,
    /// Reading what is there.
    Read,
    /// Making a temporary file in its directory.
    CreateBeside,
    /// Writing the new bytes.
    Write,
    /// Giving the new file the mode of the old one.
    SetMode,
    /// Making the new bytes durable.
    Sync,
    /// Checking that nobody else changed it meanwhile.
    Compare,
    /// Putting the new file in its place.
    Replace,
    /// Making the new name durable: the new bytes are in place, but a power cut may undo that.
    SyncDirectory,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "follow the links of",
            Self::Read => "read",
            Self::CreateBeside => "create a temporary file beside",
            Self::Write => "write the new text of",
            Self::SetMode => "set the mode of",
            Self::Sync => "flush to disk",
            Self::Compare => "go on with",
            Self::Replace => "replace",
            Self::SyncDirectory => "flush the directory of",
        })
    }
}

/// Puts `bytes` into the file at `path` by writing beside it and renaming.
///
/// A symbolic link is followed, the mode is kept, the owner where that is allowed, and a file that
/// holds these bytes already is not touched. A hard link is cut off from its other names.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let target = Replacement::of(path)?;
    if target.current()?.as_deref() == Some(bytes) {
        return Ok(());
    }
    target.put(bytes, None)
}

/// Like [`write()`], but only while the file still holds `old_bytes`.
///
/// The comparison is made right before the rename; an editor that saves in the moment between the
/// two still loses, which no file system here can prevent.
pub fn write_if_unchanged_since(
    path: &Path,
    old_bytes: &[u8],
    new_bytes: &[u8],
) -> Result<(), WriteError> {
    let target = Replacement::of(path)?;
    target.compare(old_bytes)?;
    if old_bytes == new_bytes {
        return Ok(());
    }
    target.put(new_bytes, Some(old_bytes))
}

/// A file to be replaced: its real path, and what it was like.
struct Replacement {
    path: PathBuf,
    old: Option<Metadata>,
}

impl Replacement {
    fn of(path: &Path) -> Result<Self, WriteError> {
        let failed = |source| WriteError {
            path: path.to_owned(),
            step: Step::Resolve,
            source,
        };
        let (path, old) = match fs::canonicalize(path) {
            Ok(real) => {
                let old = fs::metadata(&real).map_err(failed)?;
                (real, Some(old))
            }
            // A dangling link would be replaced by a file, so it is refused.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                (path.to_owned(), None)
            }
            Err(error) => return Err(failed(error)),
        };
        let target = Self { path, old };
        match &target.old {
            Some(old) if !old.is_file() => Err(target.error(
                Step::Replace,
                io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"),
            )),
            _ => Ok(target),
        }
    }

    fn error(&self, step: Step, source: io::Error) -> WriteError {
        WriteError {
            path: self.path.clone(),
            step,
            source,
        }
    }

    fn current(&self) -> Result<Option<Vec<u8>>, WriteError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // What may be replaced need not be readable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(self.error(Step::Read, error)),
        }
    }

    fn compare(&self, expected: &[u8]) -> Result<(), WriteError> {
        let now = fs::read(&self.path).map_err(|error| self.error(Step::Compare, error))?;
        if now == expected {
            return Ok(());
        }
        let meanwhile = io::Error::other("somebody changed it meanwhile; run this again");
        Err(self.error(Step::Compare, meanwhile))
    }

    fn dir(&self) -> &Path {
        match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        }
    }

    fn put(&self, bytes: &[u8], expected: Option<&[u8]>) -> Result<(), WriteError> {
        let mut temp = tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .tempfile_in(self.dir())
            .map_err(|error| self.error(Step::CreateBeside, error))?;
        temp.write_all(bytes)
            .map_err(|error| self.error(Step::Write, error))?;
        self.dress(&temp)
            .map_err(|error| self.error(Step::SetMode, error))?;
        temp.as_file()
            .sync_all()
            .map_err(|error| self.error(Step::Sync, error))?;
        if let Some(expected) = expected {
            self.compare(expected)?;
        }
        temp.persist(&self.path)
            .map_err(|error| self.error(Step::Replace, error.error))?;
        File::open(self.dir())
            .and_then(|dir| dir.sync_all())
            .map_err(|error| self.error(Step::SyncDirectory, error))
    }

    /// Gives the temporary file the owner and mode of the file that it will replace.
    fn dress(&self, temp: &NamedTempFile) -> io::Result<()> {
        let mut mode = 0o644;
        if let Some(old) = &self.old {
            mode = old.permissions().mode() & 0o7777;
            let owner = Some(Uid::from_raw(old.uid()));
            let group = Some(Gid::from_raw(old.gid()));
            // Only root may give files away; the group alone may still be kept.
            if fchown(temp.as_file(), owner, group).is_err()
                && fchown(temp.as_file(), None, group).is_err()
            {
                // Rights meant for the old group must not go to another.
                mode &= !0o7070;
            }
        }
        // After the owner, because a change of owner clears the set-user-id bits.
        temp.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = walkdir::WalkDir::new(dir)
            .min_depth(1)
            .into_iter()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_written_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yml");
        write(&path, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        assert_eq!(names(dir.path()), ["a.yml"]);
    }

    #[test]
    fn mode_owner_and_links_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("a.yml"), dir.path().join("l.yml"));
        fs::write(&path, b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let old = fs::metadata(&path).unwrap();
        symlink("a.yml", &link).unwrap();
        write(&link, b"two").unwrap();
        assert!(link.is_symlink());
        let new = fs::metadata(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(new.mode(), old.mode());
        assert_eq!((new.uid(), new.gid()), (old.uid(), old.gid()));
        assert_eq!(names(dir.path()), ["a.yml", "l.yml"]);
    }

    #[test]
    fn unchanged_content_leaves_the_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yml");
        fs::write(&path, b"one").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(long_ago).unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        write(&path, b"one").unwrap();
        write_if_unchanged_since(&path, b"one", b"one").unwrap();
        let now = fs::metadata(&path).unwrap();
        assert_eq!((now.modified().unwrap(), now.ino()), (long_ago, inode));
    }

    #[test]
    fn a_file_changed_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yml");
        fs::write(&path, b"theirs").unwrap();
        let error = write_if_unchanged_since(&path, b"read", b"ours").unwrap_err();
        assert_eq!(error.step, Step::Compare);
        assert!(error.to_string().starts_with("cannot go on with "));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        fs::write(&path, b"read").unwrap();
        write_if_unchanged_since(&path, b"read", b"ours").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ours");
        assert_eq!(names(dir.path()), ["a.yml"]);
    }

    #[test]
    fn what_is_not_a_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(dir.path(), b"x").unwrap_err();
        assert_eq!(error.step, Step::Replace);
        let dangling = dir.path().join("l");
        symlink("nowhere", &dangling).unwrap();
        assert_eq!(write(&dangling, b"x").unwrap_err().step, Step::Resolve);
        let missing = dir.path().join("no/such/dir");
        assert_eq!(write(&missing, b"x").unwrap_err().step, Step::CreateBeside);
    }
}
