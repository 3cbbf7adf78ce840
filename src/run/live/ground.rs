//! What live drills find in the sandbox: the services' files with their times divided, and the site.

use crate::config::{Config, LiveConfig, Service};
use crate::run::Staging;
use crate::run::sandbox::Isolation;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where the files are seen inside.
pub(in crate::run) const FILES: &str = "/opt/runbook/live";

/// Where the built site is seen inside.
pub(in crate::run) const SITE: &str = "/opt/runbook/site";

/// Live drills cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A file of the services cannot be read, or not put where the sandbox sees it.
    #[error("cannot use {path} of `files` in `[preprocessor.runbook.live]`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A service's program is not installed: exit status 3.
    #[error(
        "`{program}` is not installed; the live drills of this book run it\n  install it: apt-get install {package}"
    )]
    Missing {
        /// The program.
        program: String,
        /// The package that has it.
        package: String,
    },
}

/// The services' files as they will be in the sandbox.
#[derive(Debug)]
pub struct LiveFiles {
    files: BTreeMap<String, String>,
    hash: blake3::Hash,
}

impl LiveFiles {
    /// Reads the files that `config` names and divides their times.
    pub fn collect(config: &Config) -> Result<Self, LiveError> {
        let live = &config.live;
        let mut files = BTreeMap::new();
        for entry in &live.files {
            let path = config.root.join(entry);
            let failed = |source| LiveError::File {
                path: path.clone(),
                source,
            };
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            let is_yaml = path.extension().is_some_and(|e| e == "yml" || e == "yaml");
            let text = if is_yaml {
                crate::rules::scaled(&text, live.scale)
                    .map_err(|words| failed(io::Error::other(words)))?
            } else {
                text
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.insert(name.into_owned(), text);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{live:?} {files:?}").as_bytes());
        Ok(Self {
            files,
            hash: hasher.finalize(),
        })
    }

    /// Hash of everything that live drills depend on and others do not: the files, how the services are
    /// run, and their `versions`.
    pub fn hash(&self, versions: &BTreeMap<String, String>) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.hash.as_bytes());
        hasher.update(format!("{versions:?}").as_bytes());
        hasher.finalize()
    }

    /// Puts the files beside the site, which was built into `site` with its pages in `root`.
    pub fn lay_out(
        &self,
        config: &Config,
        site: TempDir,
        root: PathBuf,
    ) -> Result<LiveGround, LiveError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LiveError::File { path, source }
        };
        let files = open_folder().map_err(failed(&std::env::temp_dir()))?;
        for (name, text) in &self.files {
            let path = files.path().join(name);
            std::fs::write(&path, text).map_err(failed(&path))?;
            let mode = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(&path, mode).map_err(failed(&path))?;
        }
        Ok(LiveGround {
            config: config.live.clone(),
            base_url: config.base_url.clone().unwrap_or_default(),
            annotation: config.rules.annotation.clone(),
            files,
            _site: site,
            root,
        })
    }
}

/// A temporary folder that any user may read, as the sandbox's must.
pub(in crate::run) fn open_folder() -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("mdbook-runbook-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
}

/// All that live drills share.
#[derive(Debug)]
pub struct LiveGround {
    pub(super) config: LiveConfig,
    pub(super) base_url: String,
    /// The annotation that holds the link.
    pub(super) annotation: String,
    files: TempDir,
    /// Kept, so that it is there as long as the drills.
    _site: TempDir,
    /// The pages.
    pub(super) root: PathBuf,
}

impl LiveGround {
    /// A folder for the site to be built in.
    pub fn folder() -> Result<TempDir, LiveError> {
        open_folder().map_err(|source| LiveError::File {
            path: std::env::temp_dir(),
            source,
        })
    }

    /// Host folders, and where they are seen inside.
    pub(in crate::run) fn binds(&self) -> [(PathBuf, &'static str); 2] {
        [
            (self.files.path().to_owned(), FILES),
            (self.root.clone(), SITE),
        ]
    }

    /// The same two folders as a session sees them.
    pub(super) fn seen(&self, isolation: Isolation) -> (PathBuf, PathBuf) {
        match isolation {
            Isolation::Full => (FILES.into(), SITE.into()),
            Isolation::None => (self.files.path().to_owned(), self.root.clone()),
        }
    }

    /// Whether all programs of `names` are there, on the sandbox's PATH.
    pub fn installed(
        config: &LiveConfig,
        names: &BTreeSet<&str>,
        staging: &Staging,
    ) -> Result<(), LiveError> {
        let services = names.iter().filter_map(|name| config.services.get(*name));
        let program = |service: &Service| {
            let program = service.program.clone()?;
            let package = service.package.clone().unwrap_or_else(|| program.clone());
            Some((program, package))
        };
        let asking = ("curl".to_owned(), "curl".to_owned());
        for (program, package) in services.filter_map(program).chain([asking]) {
            let found = crate::run::sandbox::SYSTEM_PATH
                .split(':')
                .any(|dir| Path::new(dir).join(&program).is_file());
            if !found && !staging.has(&program) {
                return Err(LiveError::Missing { program, package });
            }
        }
        Ok(())
    }
}
