//! One open space: its memories, and the log that makes them durable.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::SpaceId;
use super::registry::SpaceError;
use super::stream::Stream;
use super::tiers::{Tier, TierCounts, TierError, Tiers};
use crate::config::Config;
use crate::index::SpaceIndex;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::validation::{Guard, Refusal};
use crate::wal::checkpoint::Checkpoint;
use crate::wal::{self, Waiting, WalWriter, WriteError};

/// The directories of a space. `hot` stays empty; in `warm` is the checkpoint.
const DIRECTORIES: [&str; 4] = ["wal", "hot", "warm", "cold"];

/// An open space.
#[derive(Debug)]
pub(crate) struct Space {
    /// Its name.
    pub(crate) id: SpaceId,
    /// Its directory.
    pub(crate) root: PathBuf,
    /// When its directory was made.
    pub(crate) created_at: Timestamp,
    /// Which memories contain which word.
    pub(crate) index: SpaceIndex,
    /// What may be stored, and what should not have been.
    pub(crate) guard: Guard,
    memories: Tiers,
    stream: Stream,
    writer: Mutex<WalWriter>,
    /// What is in the log and not in the checkpoint. Beside the writer, which may hang.
    log: Arc<Mutex<Waiting>>,
    /// The checkpoint. Locked for as long as the space is consolidated.
    pub(crate) checkpoint: Mutex<Option<Checkpoint>>,
    /// When the oldest write that is not yet on the disk has come in.
    waiting: Mutex<Vec<Instant>>,
    last_write_failed: Mutex<Option<String>>,
}

/// Why a memory is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk did not take it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Space {
    /// Makes the directories that are missing, reads the log, and begins a new log file.
    pub(crate) fn open(
        id: &SpaceId,
        data_dir: &Path,
        config: &Config,
        metrics: &Metrics,
    ) -> Result<Self, SpaceError> {
        let root = data_dir.join(id.as_str());
        for path in std::iter::once(root.clone()).chain(DIRECTORIES.map(|name| root.join(name))) {
            prepare(&path).map_err(unprepared(id, &path))?;
        }
        let cold = root.join("cold");
        let memories = Tiers::create(&cold, config.hot_capacity).map_err(unprepared(id, &cold))?;
        let started = Instant::now();
        let guard = Guard::new(config.validation, config.read_only);
        let replayed = wal::replay(&root, |memory| {
            guard.note(&memory);
            memories.put(memory);
        });
        metrics.wal_recovery(replayed.is_ok(), started.elapsed());
        let report = replayed?;
        let create_error = |source| SpaceError::WalFile {
            path: root.join("wal"),
            source,
        };
        let after = report
            .checkpoint
            .as_ref()
            .and_then(Checkpoint::until_seconds);
        let files = report.segments.len();
        let limits = config.wal_limits();
        let writer = WalWriter::create(&root.join("wal"), limits, report.segments, after)
            .map_err(create_error)?;
        tracing::info!(
            target: "engram_core::store",
            space = %id,
            recovered = report.recovered,
            corrupted = 0,
            torn = report.torn,
            files,
            corruption_rate = 0.0,
            duration_ms = started.elapsed().as_millis(),
            "WAL recovery completed"
        );
        let space = Self {
            id: id.clone(),
            index: SpaceIndex::new(id, &root, config.indices),
            guard,
            created_at: created_at(&root),
            root,
            memories,
            stream: Stream::default(),
            log: writer.waiting(),
            writer: Mutex::new(writer),
            checkpoint: Mutex::new(report.checkpoint),
            waiting: Mutex::default(),
            last_write_failed: Mutex::default(),
        };
        space.sanitise();
        space
            .index
            .load(|offset, limit| space.list(Tier::All, offset, limit));
        Ok(space)
    }

    /// Stores a memory, or replaces the one with its id. Returns when it is on the disk, in the form that is there.
    pub(crate) fn store(&self, mut memory: Memory) -> Result<Memory, StoreError> {
        self.guard.admit(&self.id, &mut memory)?;
        self.write(memory.clone())?;
        Ok(memory)
    }

    /// Repairs what was stored before the configuration asked for it, on disk too.
    fn sanitise(&self) {
        for id in self.guard.flawed_ids() {
            let space = &self.id;
            let memory = match self.get(&id) {
                Ok(Some(memory)) => memory,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(target: "engram_core::validation", memory = %id, space = %space, "Not sanitised: {error}");
                    continue;
                }
            };
            let count = memory.nonfinite();
            match self.guard.repaired(&memory) {
                Some(repaired) => match self.write(repaired) {
                    Ok(()) => {
                        tracing::warn!(target: "engram_core::validation", memory = %id, space = %space, "Sanitised on load: {count} NaN or Infinity in the embedding, or confidence out of range");
                    }
                    Err(error) => {
                        tracing::error!(target: "engram_core::validation", memory = %id, space = %space, "Not sanitised: {error}");
                    }
                },
                None if self.guard.is_on() => {
                    tracing::warn!(target: "engram_core::validation", memory = %id, space = %space, "Invalid values are stored: {count} NaN or Infinity in the embedding, or confidence out of range");
                }
                None => {}
            }
        }
    }

    fn write(&self, memory: Memory) -> Result<(), WriteError> {
        let payload =
            serde_json::to_vec(&memory).expect("a struct of texts and numbers has a JSON form");
        let (id, content) = (memory.id.clone(), memory.content.clone());
        let arrived = Instant::now();
        lock(&self.waiting).push(arrived);
        let mut writer = lock(&self.writer);
        let written = writer.append(&payload);
        if written.is_ok() {
            self.guard.note(&memory);
            // Under the writer's lock, so that memory and log agree about which of two writes came last.
            self.stream.publish(&memory);
            self.memories.put(memory);
            self.index.put(&id, &content);
        }
        drop(writer);
        let mut waiting = lock(&self.waiting);
        if let Some(at) = waiting.iter().position(|other| *other == arrived) {
            waiting.swap_remove(at);
        }
        drop(waiting);
        *lock(&self.last_write_failed) = written.as_ref().err().map(ToString::to_string);
        written
    }

    /// The memory with an id.
    pub(crate) fn get(&self, id: &str) -> Result<Option<Arc<Memory>>, TierError> {
        self.memories.get(id)
    }

    /// A page of the memories of a tier in the order in which they were stored.
    pub(crate) fn list(
        &self,
        tier: Tier,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Arc<Memory>>, TierError> {
        self.memories.page(tier, offset, limit)
    }

    /// The first memories, in the order in which they were stored, that contain all words of a cue.
    ///
    /// The index says where to look; without it all memories are looked at.
    pub(crate) fn find(&self, cue: &str, limit: usize) -> Result<Vec<Arc<Memory>>, TierError> {
        let candidates = self.index.candidates(cue);
        self.memories
            .find(candidates.as_deref(), limit, |memory| memory.matches(cue))
    }

    /// Builds the index anew, after `index.begin_rebuild`.
    pub(crate) fn rebuild_index(&self) {
        self.index
            .rebuild(|offset, limit| self.list(Tier::All, offset, limit));
    }

    /// How many memories it holds.
    pub(crate) fn count(&self) -> usize {
        self.memories.len()
    }

    /// Where its memories are.
    pub(crate) fn tiers(&self) -> TierCounts {
        self.memories.counts()
    }

    /// Who listens to what is stored.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What is in the log and not in the checkpoint.
    pub(crate) fn log(&self) -> Waiting {
        *lock(&self.log)
    }

    /// Works on the log while nothing is written to it.
    pub(crate) fn with_log<T>(&self, work: impl FnOnce(&mut WalWriter) -> T) -> T {
        work(&mut lock(&self.writer))
    }

    /// How long the oldest write waits for the disk; zero if none does.
    pub(crate) fn write_wait(&self) -> Duration {
        lock(&self.waiting)
            .iter()
            .map(Instant::elapsed)
            .max()
            .unwrap_or_default()
    }

    /// Fails, with the reason, if a write that came now would not be kept.
    pub(crate) fn check_writable(&self) -> Result<(), String> {
        let directory = self.root.join("wal");
        let mut last_write_failed = lock(&self.last_write_failed);
        if let Some(failure) = last_write_failed.as_ref() {
            // Without traffic no write would ever tell that the fault is over.
            try_out(&directory).map_err(|error| {
                format!("the last write failed: {failure}; a probe too: {error}")
            })?;
            *last_write_failed = None;
        }
        drop(last_write_failed);
        rustix::fs::access(
            &directory,
            rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK,
        )
        .map_err(|error| {
            format!(
                "{} cannot be written: {}",
                directory.display(),
                io::Error::from(error)
            )
        })?;
        // A writer that is busy is alive. One that hangs shows up in the lag.
        let Ok(writer) = self.writer.try_lock() else {
            return Ok(());
        };
        if let Some(broken) = writer.broken() {
            return Err(broken.to_owned());
        }
        writer
            .check_in_place()
            .map_err(|error| format!("{}: {error}", writer.path().display()))
    }

    /// Waits until the disk has everything.
    pub(crate) fn flush(&self) -> io::Result<()> {
        lock(&self.writer).flush()
    }
}

/// The error of a space whose directory cannot be made or used.
fn unprepared(id: &SpaceId, path: &Path) -> impl FnOnce(io::Error) -> SpaceError {
    let (id, path) = (id.clone(), path.to_path_buf());
    move |source| SpaceError::Persistence { path, id, source }
}

/// When a directory was made, as far as the file system knows.
fn created_at(root: &Path) -> Timestamp {
    std::fs::metadata(root)
        .and_then(|metadata| metadata.created().or_else(|_| metadata.modified()))
        .ok()
        .and_then(|time| Timestamp::try_from(time).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Makes a directory unless it is there.
fn prepare(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if std::fs::metadata(path)?.is_dir() {
                Ok(())
            } else {
                Err(io::ErrorKind::NotADirectory.into())
            }
        }
        other => other,
    }
}

/// Writes and removes a small file.
fn try_out(directory: &Path) -> io::Result<()> {
    let path = directory.join(".probe");
    let written =
        std::fs::write(&path, [0; 8192]).and_then(|()| std::fs::File::open(&path)?.sync_all());
    std::fs::remove_file(&path)?;
    written
}

/// A panic elsewhere does not make these values wrong: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
