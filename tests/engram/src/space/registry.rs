//! All spaces of a data directory. There is no registry file: the directories are the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{Space, SpaceId};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::wal::ReplayError;

/// The spaces that are open, and those that could not be opened.
#[derive(Debug)]
pub(crate) struct Registry {
    data_dir: PathBuf,
    config: Config,
    metrics: Arc<Metrics>,
    spaces: RwLock<BTreeMap<SpaceId, Arc<Space>>>,
    failed: Mutex<BTreeSet<SpaceId>>,
    /// Held while a space is opened, so that no space is opened twice.
    opening: Mutex<()>,
}

/// Why a space cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpaceError {
    /// It cannot be opened; the cause says why.
    #[error("Failed to initialise memory store for space '{id}'")]
    StoreInit {
        /// Which space.
        id: SpaceId,
        /// Why.
        source: Box<SpaceError>,
    },
    /// A directory of it cannot be made or used.
    #[error("Failed to prepare persistence directory '{path}' for space '{id}'")]
    Persistence {
        /// Which directory.
        path: PathBuf,
        /// Which space.
        id: SpaceId,
        /// Why.
        source: io::Error,
    },
    /// Its log cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// No new log file can be made.
    #[error("Failed to create WAL file in '{path}'")]
    WalFile {
        /// The directory of the log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Registry {
    /// A registry over a data directory, in which nothing is open yet.
    pub(crate) fn new(data_dir: &Path, config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            data_dir: data_dir.to_path_buf(),
            config: config.clone(),
            metrics,
            spaces: RwLock::default(),
            failed: Mutex::default(),
            opening: Mutex::default(),
        }
    }

    /// The directory in which the spaces are.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The space with an id: opened if it is not open, made if it is not there. Blocks.
    pub(crate) fn open_or_create(&self, id: &SpaceId) -> Result<Arc<Space>, SpaceError> {
        if let Some(space) = self.get(id) {
            return Ok(space);
        }
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(space) = self.get(id) {
            return Ok(space);
        }
        let opened = Space::open(id, &self.data_dir, &self.config, &self.metrics);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match opened {
            Ok(space) => {
                let space = Arc::new(space);
                failed.remove(id);
                self.spaces
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(id.clone(), Arc::clone(&space));
                Ok(space)
            }
            Err(source) => {
                failed.insert(id.clone());
                let error = SpaceError::StoreInit {
                    id: id.clone(),
                    source: Box::new(source),
                };
                tracing::error!(target: "engram_core::registry", "{}", crate::error_chain::one_line(&error));
                Err(error)
            }
        }
    }

    /// The space with an id, if it is open.
    pub(crate) fn get(&self, id: &SpaceId) -> Option<Arc<Space>> {
        self.spaces
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// All open spaces, by id.
    pub(crate) fn loaded(&self) -> Vec<Arc<Space>> {
        self.spaces
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Ends all listening to what is stored, because the server stops.
    pub(crate) fn close_streams(&self) {
        for space in self.loaded() {
            space.stream().close();
        }
    }

    /// Each known space, and whether its last opening failed.
    ///
    /// Known are those that are open, and those whose directory is in the data directory.
    pub(crate) fn availability(&self) -> BTreeMap<SpaceId, bool> {
        let failed = self
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut known: BTreeMap<SpaceId, bool> = self
            .loaded()
            .into_iter()
            .map(|space| (space.id.clone(), false))
            .collect();
        for id in self.on_disk(|_| {}).unwrap_or_default() {
            let unavailable = failed.contains(&id);
            known.insert(id, unavailable);
        }
        // Something that is no directory can be in a space's place.
        for id in failed {
            if self.data_dir.join(id.as_str()).symlink_metadata().is_ok() {
                known.insert(id, true);
            }
        }
        known
    }

    /// The ids of the directories in the data directory; names that are no ids go to `other`.
    pub(crate) fn on_disk(&self, other: impl FnMut(&str)) -> io::Result<Vec<SpaceId>> {
        ids_in(&self.data_dir, other)
    }
}

/// The ids of the directories in a data directory, in order; names that are no ids go to `other`.
pub(crate) fn ids_in(data_dir: &Path, mut other: impl FnMut(&str)) -> io::Result<Vec<SpaceId>> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(data_dir)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let name = entry.file_name();
        match name.to_string_lossy().parse::<SpaceId>() {
            Ok(id) => ids.push(id),
            Err(_) => other(&name.to_string_lossy()),
        }
    }
    ids.sort();
    Ok(ids)
}
